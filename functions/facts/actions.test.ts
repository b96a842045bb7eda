import { describe, expect, it } from 'vitest';
import { ActionEntry } from '../../core/catalogue.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import { joinEnds, withEnd } from './action-ends.ts';
import { beginningOf, endOf, titleOf } from './actions.ts';

const at = { direction: 'client' as const, lane: 3, offset: 0, length: 9 };

function listed(began: Fact, ...later: readonly Fact[]): ActionEntry {
  const entry = beginningOf(70, 3, began);
  if (!entry) throw new Error('no action began');
  return ActionEntry.parse(
    later.reduce<ActionEntry>((known, fact) => {
      const end = endOf(fact);
      return end ? withEnd(known, end) : known;
    }, entry),
  );
}

describe('an action is listed', () => {
  it('as a command, with its exit status', () => {
    const began = { kind: 'command.started', action: 4, form: 'exec', command: 'uptime  -p\n' } as const;
    expect(listed(began)).toEqual({
      ...{ action: 4, lane: 3, kind: 'command', timeUs: 70, title: 'uptime -p' },
      detail: { form: 'exec', command: 'uptime  -p\n' },
    });
    expect(listed(began, { kind: 'command.finished', action: 4, exit: 2, durationUs: 9 })).toMatchObject({
      ...{ durationUs: 9, outcome: 'exit 2', detail: { form: 'exec', exit: 2 } },
    });
    expect(listed(began, { kind: 'command.finished', action: 4, signal: 'KILL', durationUs: 9 }).outcome).toBe(
      'signal KILL',
    );
    expect(listed(began, { kind: 'command.finished', action: 4, durationUs: 9 }).outcome).toBe('unknown');
    expect(listed({ ...began, form: 'shell', command: '' }).title).toBe('shell');
    const died = {
      kind: 'command.finished',
      action: 4,
      signal: 'SEGV',
      coreDumped: true,
      message: 'oh',
      durationUs: 9,
    } as const;
    expect(listed(began, died)).toMatchObject({
      outcome: 'signal SEGV (core dumped)',
      detail: { signal: 'SEGV', coreDumped: true, message: 'oh' },
    });
    const set = { environment: ['LANG=C', `LC_ALL=${'x'.repeat(900)}`], terminal: { type: 'xterm', modes: 'gQ==' } };
    expect(listed({ ...began, ...set }).detail).toMatchObject({
      environment: ['LANG=C', `LC_ALL=${'x'.repeat(193)}`],
      terminal: { type: 'xterm' },
    });
    const typed = listed({ kind: 'command.typed', action: 5, line: 'ls  -l', reconstructed: true });
    expect(typed).toMatchObject({
      kind: 'command',
      title: 'ls -l',
      outcome: 'typed',
      detail: { form: 'typed', command: 'ls  -l' },
    });
    const long = listed({ ...began, command: 'é'.repeat(5000) });
    expect(long.detail).toMatchObject({ command: 'é'.repeat(4000), commandBytes: 10_000 });
  });

  it('as an exchange, with its status', () => {
    const url = 'https://shop.internal/orders?page=2';
    const began = { kind: 'exchange.started', action: 5, method: 'GET', url, at } as const;
    expect(listed(began, { kind: 'exchange.finished', action: 5, status: 404, bytes: 12, durationUs: 9 })).toEqual({
      ...{ action: 5, lane: 3, kind: 'exchange', timeUs: 70, title: `GET ${url}`, durationUs: 9, outcome: '404' },
      detail: { method: 'GET', url, status: 404, bytes: 12 },
    });
    expect(listed(began, { kind: 'exchange.finished', action: 5, bytes: 0, durationUs: 9 }).outcome).toBe(
      'no response',
    );
  });

  it('as what was done to a file, with what went over while it was open', () => {
    const began = { kind: 'file.accessed', action: 7, operation: 'open', path: '/srv/a', durationUs: 3 } as const;
    const opened = listed({ ...began, flags: ['read', 'write'] });
    expect(opened).toEqual({
      ...{ action: 7, lane: 3, kind: 'file', timeUs: 70, title: 'open /srv/a to read and write' },
      detail: { operation: 'open', path: '/srv/a', flags: ['read', 'write'] },
    });
    const up = { kind: 'file.transferred', action: 7, path: '/srv/a', direction: 'upload', size: 2048 } as const;
    const ends = [
      { ...up, durationUs: 9 },
      { ...up, direction: 'download', durationUs: 9, partial: ['gaps'] },
    ] as const;
    const both = listed({ ...began, flags: ['read', 'write'] }, ...ends.map((one) => ({ ...one, partial: undefined })));
    expect(both).toMatchObject({ durationUs: 9, outcome: 'upload 2 KiB, download 2 KiB' });
    expect(both.detail).toMatchObject({ transfers: [{ direction: 'upload' }, { direction: 'download' }] });
    // Also where both came in a later segment.
    const [first, second] = ends.map((one) => endOf({ ...one, partial: undefined }));
    if (!first || !second) throw new Error('nothing ended');
    expect(withEnd(opened, joinEnds(first, second))).toEqual(both);
    const failed = listed({ ...began, error: { code: 3, message: 'Permission denied' } });
    expect(failed).toMatchObject({ durationUs: 3, outcome: 'Permission denied' });
    const removed = listed({ ...began, operation: 'remove', unanswered: true });
    expect(removed).toMatchObject({ title: 'remove /srv/a', outcome: 'not answered' });
    const named = listed({ ...began, operation: 'rename', to: 'x'.repeat(5000) });
    expect(named).toMatchObject({ outcome: 'done', detail: { to: 'x'.repeat(4000) } });
  });

  it('with what the policy made of it, whatever it is', () => {
    const began = { kind: 'command.started', action: 6, form: 'exec', command: 'rm -rf /' } as const;
    const refused = {
      kind: 'action.refused',
      action: 6,
      reason: 'blocked',
      message: 'Blocked by rule hosts.',
    } as const;
    expect(listed(began, refused).verdict).toEqual({ outcome: 'refused', message: 'Blocked by rule hosts.' });
  });

  it('as one statement, though its rows were fetched in parts', () => {
    const began = { kind: 'statement.started', action: 8, form: 'extended', text: 'select', at } as const;
    const part = (rows: number, last?: object): Fact =>
      ({
        kind: 'statement.finished',
        action: 8,
        rows,
        bytes: 10,
        durationUs: 5,
        tags: [],
        suspended: true,
        ...last,
      }) as Fact;
    expect(listed(began, part(10), part(10))).toMatchObject({
      ...{ outcome: 'rows left', durationUs: 10, detail: { rows: 20, bytes: 20, tags: [], suspended: true } },
    });
    const whole = listed(began, part(10), part(10), part(3, { tags: ['SELECT 3'], suspended: undefined }));
    expect(whole).toMatchObject({ outcome: 'SELECT 23', durationUs: 15, detail: { rows: 23, tags: ['SELECT 3'] } });
    expect(whole.detail).not.toHaveProperty('suspended');
    const error = { code: '57014', severity: 'ERROR', message: 'cancelled' };
    expect(listed(began, part(10), part(0, { error, suspended: undefined }))).toMatchObject({
      ...{ outcome: 'ERROR 57014', detail: { rows: 10, error } },
    });
  });

  it('as skipped, in a word, where it never ran', () => {
    const began = { kind: 'statement.started', action: 9, form: 'extended', text: 'select', at } as const;
    const error = { code: 'skipped', severity: 'SKIPPED', message: 'Not run.' };
    const end = { kind: 'statement.finished', action: 9, rows: 0, bytes: 0, durationUs: 5, error } as const;
    expect(listed(began, { ...end, tags: [] }).outcome).toBe('skipped');
  });

  it('as what it began as, though another kind of end has its number', () => {
    const began = { kind: 'command.started', action: 7, form: 'exec', command: 'ls' } as const;
    const end = { kind: 'exchange.finished', action: 7, status: 200, bytes: 0, durationUs: 1 } as const;
    expect(listed(began, end)).toEqual(listed(began));
  });
});

it('a title is one line, and the beginning of a long one', () => {
  expect(titleOf('  select 1,\n\t2  ')).toBe('select 1, 2');
  expect(titleOf('x'.repeat(500))).toBe(`${'x'.repeat(119)}…`);
});
