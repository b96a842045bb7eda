// Text and Markdown: what they say, and that nothing recorded can look like a word of ours, end a block or become markup.

import { describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { entryOf, exportedText } from '../../test/harness/session/exported.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { plain } from './markdown/markup.ts';

const REQUEST = newId('req');
const utf8 = (text: string) => new TextEncoder().encode(text);
/** Moves a cursor, reverses text, ends a fence of any length, closes markup, imitates our lines and a damaged end. */
const HOSTILE =
  '\u001b[2J\u202egnp.exe\u0000\r\n````````\n[0:00.000] #9: DROP\nThe recording is damaged from here on: no\n**The recording is damaged from here on:** no\n---\n# h\n| a | <script>alert(1)</script> [x](javascript:1) https://evil www.evil.com';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028]/;

const statements = () =>
  new RecordingBuilder({ reason: `why: "${HOSTILE}"`, task: 'OPS-1', startedAt: '2026-11-20T12:00:00.000Z' })
    .query(
      `select * from customers -- ${HOSTILE}`,
      answer(
        [HOSTILE, 'b'],
        Array.from({ length: 12 }, () => [HOSTILE, null]),
      ),
      {
        rows: 12,
        tags: ['SELECT 12'],
      },
    )
    .fact({ kind: 'notice.received', severity: 'NOTICE', code: '00000', message: HOSTILE })
    .fact({ kind: 'action.refused', action: 2, reason: 'blocked', message: `Blocked: ${HOSTILE}`, rule: 'x' })
    .fact({
      kind: 'hold.resolved',
      action: 3,
      request: REQUEST,
      outcome: 'approved',
      by: ['bob@example.com'],
      comment: HOSTILE,
    })
    .query('update orders set a = 1', new Uint8Array(), {
      error: { code: '42703', severity: 'ERROR', message: HOSTILE },
      rows: 0,
    })
    .end();

describe('text of a database session', () => {
  it('says who, what, what came of it and what the policy did', async () => {
    const text = await exportedText(statements(), { format: 'text' });
    const lines = text.split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'Gatehouse session',
      expect.stringMatching(/^session {4}ses_/),
      'person     alice@example.com',
      'resource   demo (PostgreSQL)',
    ]);
    for (const line of [
      'task       OPS-1',
      '[0:00.000] #1',
      '[0:00.001] #1: SELECT 12 · 12 rows · 1 ms',
      '[0:00.004] session ended: the client closed the connection',
    ])
      expect(lines).toContain(line);
    expect(text).toMatch(/^\[0:00\.002\] #2 REFUSED: Blocked: /m);
    expect(text).toMatch(/^\[0:00\.002\] #3 APPROVED: The request req_\w+ was approved by bob@example\.com: /m);
    expect(text).toMatch(/^\[0:00\.003\] #2: ERROR 42703: /m);
  });

  it('keeps what was recorded off the margin', async () => {
    const text = await exportedText(statements(), { format: 'text' });
    expect(text).not.toMatch(CONTROLS);
    expect(text.match(/^\[0:00\.000\] #9/gm)).toBeNull();
    expect(text.match(/^The recording is damaged/gm)).toBeNull();
    expect(text.match(/^ {4}The recording is damaged/gm)).not.toBeNull();
  });

  it('is the same each time', async () => {
    const builder = statements();
    expect(await exportedText(builder, { format: 'text' })).toBe(await exportedText(builder, { format: 'text' }));
  });
});

const esc = '\u001b';
const terminal = () =>
  new RecordingBuilder({ protocol: 'ssh' })
    .fact({ kind: 'lane.opened', lane: 1, of: 'shell', label: 'shell' }, 1)
    .fact({ kind: 'command.started', action: 1, form: 'shell', command: '', terminal: { type: 'xterm', modes: '' } }, 1)
    .fact({ kind: 'terminal.resized', columns: 20, rows: 4 }, 1)
    .wait(1_000_000)
    // Typed, corrected, run; a bar that grows; a line that wraps; colours.
    .bytes('target', utf8(`${esc}]0;title\u0007$ lx\b \bs\r\n`), 1)
    .wait(1_000_000)
    .bytes('target', utf8(`10%\r50%\r100%\r\n${esc}[31m${'w'.repeat(30)}${esc}[0m\r\n\r\n`), 1)
    .wait(1_000_000)
    .bytes('target', utf8(`$ vim\r\n${esc}[?1049h${esc}[2Jfull\r\nscreen`), 1)
    .wait(2_500_000)
    .bytes('target', utf8(`${esc}[?1049l$ exi`), 1)
    .fact({ kind: 'command.typed', action: 2, line: 'ls', reconstructed: true }, 1)
    .fact(
      {
        kind: 'file.transferred',
        action: 3,
        path: `/srv/${HOSTILE}`,
        direction: 'download',
        size: 7,
        sha256: 'ab'.repeat(32),
      },
      1,
    )
    .fact({ kind: 'command.finished', action: 1, exit: 0, durationUs: 5_500_000 }, 1)
    .fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1)
    .fact({ kind: 'lane.opened', lane: 2, of: 'exec', label: 'exec' }, 2)
    .fact({ kind: 'command.started', action: 4, form: 'exec', command: `cat x; ${HOSTILE}` }, 2)
    .bytes('target', utf8(`${esc}[1mbold${esc}[0m\n${HOSTILE}\nlast`), 2)
    .fact({ kind: 'command.finished', action: 4, signal: 'KILL', durationUs: 5 }, 2)
    .fact({ kind: 'lane.closed', lane: 2, recorded: 'full' }, 2)
    .fact({ kind: 'lane.opened', lane: 3, of: 'direct-tcpip', label: 'forward to db:5432' }, 3)
    .bytes('client', utf8('12345'), 3)
    .fact({ kind: 'lane.closed', lane: 3, recorded: 'full' }, 3)
    .end();

describe('text of a terminal session', () => {
  it('has the lines as they were read, without escapes, with their times', async () => {
    const text = await exportedText(terminal(), { format: 'text' });
    expect(text).not.toMatch(CONTROLS);
    const shown = text.split('\n').filter((line) => /^\[[\d:.]+\] (1\||lane 1: )/.test(line));
    expect(shown).toEqual([
      '[0:01.000] 1| $ ls',
      '[0:02.000] 1| 100%',
      `[0:02.000] 1| ${'w'.repeat(30)}`,
      '[0:02.000] 1|',
      '[0:03.000] 1| $ vim',
      '[0:05.500] lane 1: a program had the whole screen for 2.5 s: see the replay',
      '[0:05.500] 1| $ exi',
    ]);
  });

  it('says what was run and how it ended, files and forwards', async () => {
    const lines = (await exportedText(terminal(), { format: 'text' })).split('\n');
    for (const line of [
      '[0:05.500] #2 typed, as the screen had it: ls',
      '[0:05.500] #1 ended: exit 0 · 5.5 s',
      '[0:05.500] 2| bold',
      '[0:05.500] 2| last',
      '[0:05.500] #4 ended: signal KILL · 5 µs',
      '[0:05.500] lane 3 opened: forward to db:5432',
      '[0:05.500] lane 3 closed (forward to db:5432), recorded full, 5 bytes from the client and 0 from the target',
    ])
      expect(lines).toContain(line);
    expect(lines.filter((line) => line.startsWith('The recording'))).toEqual([]);
  });

  it('tells what clients and channels do by themselves with all, and what is to be said of a channel always', async () => {
    const builder = () =>
      new RecordingBuilder({ protocol: 'ssh' })
        .fact({ kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec: deploy' }, 1)
        .fact(
          {
            ...{ kind: 'command.started', action: 1, form: 'exec', command: 'deploy' },
            environment: ['LANG=de_DE.UTF-8', 'LC_TIME=C', 'STAGE=prod'],
            terminal: { type: 'xterm', modes: '' },
          },
          1,
        )
        .fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1)
        .fact({ kind: 'lane.opened', lane: 2, of: 'shell', label: 'shell' }, 2)
        .fact({ kind: 'lane.closed', lane: 2, recorded: 'partial', note: 'files by keystrokes' }, 2)
        .end();
    const noise = /lane [12] opened|lane 1 closed|LANG=|LC_TIME=|TERM=/;
    for (const format of ['text', 'markdown'] as const) {
      const short = await exportedText(builder(), { format });
      expect(short).not.toMatch(noise);
      expect(short).toContain('STAGE=prod');
      expect(short).toMatch(/lane 2 closed.*files by keystrokes/);
      const whole = await exportedText(builder(), { format, all: 'true' });
      for (const told of ['lane 1 opened: exec: deploy', 'lane 1 closed', 'LANG=', 'TERM=xterm'])
        expect(whole.replaceAll('\\', '')).toContain(told);
    }
  });
});

describe('what a client asked by itself', () => {
  const story = () => {
    const builder = new RecordingBuilder();
    for (const text of [
      'select 1 from shop',
      "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(shop)$'",
      'SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a',
      'SELECT * FROM information_schema.tables',
      'select rolpassword from pg_catalog.pg_authid',
      "select pg_read_file('/etc/passwd') from pg_catalog.pg_class",
      'select * from pg_catalog.pg_class, shop',
    ])
      builder.query(text, answer(['a'], [['1']]), { rows: 1, tags: ['SELECT 1'] });
    return builder
      .fact({ kind: 'mask.applied', masked: [{ rule: 'shop#1', count: 30 }] })
      .query('SELECT 1 FROM pg_catalog.pg_type', new Uint8Array(), {
        error: { code: '57014', severity: 'ERROR', message: 'canceled' },
        rows: 0,
      })
      .end();
  };

  it('is one line, where nothing else was read, no secret, no function that acts, and nothing failed', async () => {
    const text = await exportedText(story(), { format: 'text' });
    expect(text).toMatch(/3 queries of the database's own catalogue, as clients ask by themselves \(#2 to #4\)/);
    for (const kept of ['from shop', 'pg_authid', 'pg_read_file', 'pg_class, shop', 'pg_type'])
      expect(text).toContain(kept);
    expect(text).not.toContain('information_schema');
    const page = await exportedText(story(), { format: 'markdown' });
    expect(page).toContain('3 queries of the database');
    expect(page).toMatch(/- Tables named:\n {2}- shop\n- System tables named:/);
  });

  it('is one line too where its rows cannot be read', async () => {
    const text = 'select table_name from information_schema.tables';
    const cut = Uint8Array.of(1, 0, 0);
    const builder = new RecordingBuilder().query(text, cut).query(text, cut).end();
    const session = { ...entryOf(builder.opened), protocol: 'mysql' as const };
    const told = await exportedText(builder, { format: 'text' }, session);
    expect(told).toContain('2 queries of the database');
    expect(told).not.toContain('ROWS');
    const all = await exportedText(builder, { format: 'markdown', all: 'true' }, session);
    expect(all.match(/ROWS/g)).toHaveLength(2);
  });

  it('is there with all, and one statement alone where it is asked for', async () => {
    expect(await exportedText(story(), { format: 'text', all: 'true' })).toContain('information_schema.tables');
    const one = await exportedText(story(), { format: 'text', statement: 4 });
    expect(one).toContain('information_schema.tables');
    expect(one).not.toContain('pg_authid');
    expect(await exportedText(story(), { format: 'markdown', statement: 4 })).not.toContain('### #5');
  });

  it('is there from one statement through another', async () => {
    const numbers = async (statement: number, through: number) =>
      (await exportedText(story(), { format: 'text', statement, through })).match(/#\d+$/gm);
    expect(await numbers(2, 5)).toEqual(['#2', '#3', '#4', '#5']);
    expect(await numbers(7, 900)).toEqual(['#7', '#8']);
    const page = await exportedText(story(), { format: 'markdown', statement: 5, through: 6 });
    expect(page.match(/^### #\d+/gm)).toEqual(['### #5', '### #6']);
  });

  it.each(['text', 'markdown'] as const)(
    'refuses statements that are not there, and names the last, as %s',
    async (format) => {
      const asked = (statement: number, through?: number) => exportedText(story(), { format, statement, through });
      await expect(asked(200, 300)).rejects.toThrow('nothing of #200 to #300 is there: the last is #8');
      await expect(asked(9)).rejects.toThrow('#9 is not there: the last is #8');
    },
  );

  it('masks: how many values, by which rule', async () => {
    for (const format of ['text', 'markdown'] as const)
      expect(await exportedText(story(), { format })).toMatch(/30 values masked by rule shop\b(?!#)/);
  });

  it('what is not shown: how many values, in words of its own', async () => {
    for (const protocol of ['postgres', 'ssh'] as const) {
      const builder = new RecordingBuilder({ protocol })
        .fact({ kind: 'values.hidden', hidden: [{ by: 'shop', count: 2 }] })
        .fact({ kind: 'mask.applied', masked: [{ rule: 'shop#1', count: 3 }] })
        .end();
      const text = await exportedText(builder, { format: 'text' });
      expect(text).toMatch(/^\[[\d:.]+\] (#\d+ )?not shown here: 2 values that the client sent: rule shop$/m);
      expect(text).toMatch(/^\[[\d:.]+\] (#\d+ )?3 values masked by rule shop$/m);
    }
  });
});

describe('Markdown', () => {
  it('has front matter of quoted strings, and a summary', async () => {
    const page = await exportedText(statements(), { format: 'markdown' });
    const [, matter] = page.split(/^---$/m);
    for (const line of (matter ?? '').trim().split('\n').slice(0, -1))
      expect(() => JSON.parse(line.slice(line.indexOf(': ') + 2)), line).not.toThrow();
    expect(matter).toContain('tags: [gatehouse, postgres]');
    expect(page).toContain('- 2 statements, 12 rows\n- Tables named:\n  - customers\n');
    expect(page).toContain('\n  - orders\n');
    expect(page).toMatch(/- What the policy did, and who approved:\n {2}- \\#2 REFUSED: Blocked: /);
    expect(page).toContain('was approved by bob&#64;example.com');
    expect(page).toMatch(/- Errors:\n {2}- \\#2 ERROR 42703: /);
    expect(page).toContain('*2 rows more not shown.*');
  });

  it.each([
    ['statements', statements],
    ['terminal', terminal],
  ])('lets nothing of %s out of its block', async (_name, story) => {
    const page = await exportedText(story(), { format: 'markdown' });
    expect(page).not.toMatch(CONTROLS);
    let fence: string | undefined;
    const outside: string[] = [];
    for (const line of page.split('\n')) {
      const [run] = /^`{3,}/.exec(line) ?? [];
      // CommonMark: a fence is closed by one at least as long, with nothing behind it.
      if (fence === undefined && run) fence = run;
      else if (fence !== undefined && run && run.length >= fence.length && line === run) fence = undefined;
      else if (fence === undefined) outside.push(line);
    }
    expect(fence).toBeUndefined();
    const said = outside.join('\n').split(/^---$/m).at(-1) ?? '';
    expect(said).not.toMatch(
      /(?<!\\)<script|(?<!\\)\]\(javascript|^# h|^\*\*The recording is damaged|(?<!\\):\/\/evil|www\.evil/m,
    );
    expect(outside.filter((line) => line === '---')).toHaveLength(2);
  });

  it('escapes what would be markup at the beginning of a text', () => {
    expect(['- a', '1. a', '+ a', '===', '# a', '> a', '| a', 'a_b*c`d'].map(plain)).toEqual([
      ...['\\- a', '1\\. a', '\\+ a', '\\===', '\\# a', '\\> a', '\\| a', 'a\\_b\\*c\\`d'],
    ]);
  });
});

it.each(['text', 'markdown'] as const)('a damaged recording ends its %s with the damage', async (format) => {
  for (const builder of [
    new RecordingBuilder().query('select 1', new Uint8Array(1)),
    new RecordingBuilder({ protocol: 'ssh' }),
  ]) {
    builder.cut().wait(1).fact({ kind: 'cancel.requested' }).end();
    const [, last] = [...builder.objects.keys()];
    builder.objects.delete(last ?? '');
    expect((await exportedText(builder, { format })).trimEnd().split('\n').at(-1)).toMatch(
      /^(?:\*\*)?The recording is damaged from here on:(?:\*\*)? segment 1 is missing$/,
    );
  }
});
