import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { ReplayEvent } from '../../core/catalogue.ts';
import { Output } from '../output.ts';
import { listMarkers } from './markers.ts';

async function* stream(events: readonly ReplayEvent[]): AsyncGenerator<ReplayEvent> {
  yield* events;
}

const EVENTS: readonly ReplayEvent[] = [
  { kind: 'statement', timeUs: 1_000_000, statement: 1, text: 'grant all\u001b[2J\non x' },
  { kind: 'notice', timeUs: 1_000_000, severity: 'HELD', message: 'Held.', statement: 1 },
  { kind: 'notice', timeUs: 8_500_000, severity: 'DENIED', message: 'Denied by bob.', statement: 1 },
  { kind: 'notice', timeUs: 9_000_000, severity: 'REFUSED', message: 'Blocked.', statement: 2 },
];

async function listed(json: boolean, fromUs = 0) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const terminal = { stdin: new PassThrough(), stdout, stderr, env: { NO_COLOR: '1' } };
  await listMarkers(stream(EVENTS), { one: 'statement', many: 'statements' }, fromUs, new Output(terminal, json));
  return { out: String(stdout.read() ?? ''), noted: String(stderr.read() ?? '') };
}

it('lists what happened and when, a hold with who decided and how long it waited', async () => {
  const { out, noted } = await listed(false);
  expect(out).toBe(
    [
      '[0:01.000] statement 1> grant all\\x1b[2J\\non x',
      '[0:01.000] hold      1> Denied by bob. It waited 8 s.',
      '[0:09.000] refused   2> Blocked.',
      '',
    ].join('\n'),
  );
  expect(noted).toBe('1 statement, 1 refused, 1 hold\n');
});

it('is one JSON value a line for programs, from the moment that was named', async () => {
  const { out } = await listed(true, 5_000_000);
  expect(JSON.parse(out)).toEqual({ kind: 'refusal', timeUs: 9_000_000, words: 'Blocked.', action: 2 });
});
