// Secrets of a session without rules, however its bytes are cut into chunks and however long its texts are:
// all goes on as it came, and what is recorded is as long and holds none.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SecretCopies } from '../../../connector/protocols/postgres/requests/secret-copies.ts';
import { StatementEchoes } from '../../../connector/protocols/postgres/requests/statement-echoes.ts';
import { Statements } from '../../../connector/protocols/postgres/pipeline/statements.ts';
import { UnguardedClient } from '../../../connector/protocols/postgres/session/unguarded-client.ts';
import { Lanes } from '../../../connector/session/lanes.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { bind, execute, parse, query, run, sync } from '../../harness/postgres/client-messages.ts';
import { MemoryLog, MemoryRecording } from '../../harness/memory-log.ts';

const SECRET = 'Hunter2-hunter';

function play(chunks: readonly Buffer[]) {
  const recording = new MemoryRecording({ kind: 'session.opened' } as Fact as never, new MemoryLog(), () => {});
  const lane = new Lanes(recording, false).first;
  const statements = new Statements(lane);
  statements.settings.set('standard_conforming_strings', 'on');
  const forwarded: Buffer[] = [];
  const relay = {
    toTarget: (bytes: Buffer) => {
      forwarded.push(Buffer.from(bytes));
      // Not recorded, not forwarded (law 1).
      const ahead = forwarded.reduce((sum, { length }) => sum + length, 0);
      expect(recording.wire('client').length).toBeGreaterThanOrEqual(ahead);
    },
  };
  const copies = new SecretCopies(statements, new StatementEchoes(), () => undefined);
  const client = new UnguardedClient({ relay, lane, statements, copies });
  // The relay uses a chunk's memory again.
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk);
    client.take(lent);
    lent.fill(0xff);
    expect(client.fault).toBeUndefined();
  }
  return { client, recording, forwarded: Buffer.concat(forwarded), recorded: recording.wire('client') };
}

const WIRE = Buffer.concat([
  query('select 1'),
  query(`alter role bob password '${SECRET}'`),
  query('select 2'),
  run('insert into users (a, password) values ($1, $2)', 'ann', SECRET),
  sync(),
  parse('s', 'update users set token = $1 where id = $2'),
  bind('', 's', SECRET, '1'),
  execute(),
  bind('', 's', SECRET, '2'),
  execute(),
  sync(),
  run('select $1', 'shown'),
  sync(),
  query(`do $$ begin perform set_config('app.secret', '${SECRET}', false); end $$`),
]);

it('however the bytes are cut', () => {
  const whole = play([WIRE]);
  expect(whole.recorded.length).toBe(WIRE.length);
  expect(whole.recorded.toString()).not.toContain(SECRET);
  expect(whole.recorded.toString()).toContain('select 2');
  const facts = JSON.stringify(whole.recording.facts('statement.started'));
  expect(facts).not.toContain(SECRET);
  const same = (chunks: readonly Buffer[]) => {
    const played = play(chunks);
    expect(played.forwarded.equals(WIRE)).toBe(true);
    expect(played.recorded.equals(whole.recorded)).toBe(true);
    expect(JSON.stringify(played.recording.facts('statement.started'))).toBe(facts);
  };
  same([...WIRE].map((byte) => Buffer.from([byte])));
  for (let at = 1; at < WIRE.length; at++) same([WIRE.subarray(0, at), WIRE.subarray(at)]);
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: WIRE.length - 1 }), { maxLength: 12 });
  fc.assert(
    fc.property(cuts, (points) => {
      const at = [0, ...points.sort((a, b) => a - b), WIRE.length];
      same(at.slice(1).map((end, index) => WIRE.subarray(at[index], end)));
    }),
    { numRuns: 100 },
  );
});

const chunksOf = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
const filler = (bytes: number): string => "(1, 'a value', 2.5), ".repeat(Math.ceil(bytes / 21));

it.each([
  ['at its beginning', `alter role bob password '${SECRET}' -- ${filler(1_500_000)}`, 100],
  [
    'far behind',
    `select ${filler(1_500_000)} 1; alter role bob password '${SECRET}'; select ${filler(200_000)} 2`,
    1e6,
  ],
  ['in an address', `select ${filler(1_500_000)} 'postgres://bob:${SECRET}@host/x' ${filler(200_000)}`, 1e6],
  ['behind ports', `select '${"http://host:8080/path', '".repeat(60_000)}'; set x.token = '${SECRET}'`, 1e6],
])('in a text too long to be kept, with a secret %s', (_where, text, shown) => {
  const bytes = query(text);
  expect(bytes.length).toBeGreaterThan(1024 * 1024);
  // Every border of two chunks falls somewhere else in what matters.
  for (const size of [16_384, 16_411, 65_536, 131_071]) {
    const { forwarded, recorded, recording } = play([...chunksOf(bytes, size), query('select 3')]);
    expect(forwarded.equals(Buffer.concat([bytes, query('select 3')]))).toBe(true);
    expect(recorded.length).toBe(forwarded.length);
    expect(recorded.includes(SECRET)).toBe(false);
    expect(recorded.includes('unter2')).toBe(false);
    expect(recorded.includes('select 3')).toBe(true);
    expect(JSON.stringify(recording.facts('statement.started'))).not.toContain(SECRET);
    let same = 0;
    while (recorded[same] === bytes[same]) same++;
    if (!text.includes('http')) expect(same).toBeGreaterThan(Math.min(shown, 20));
    const kept = recorded.filter((byte, at) => byte === bytes[at]).length;
    expect(kept).toBeGreaterThan(shown);
  }
});

it('an address that a border cuts anywhere', () => {
  const before = `select ${filler(1_200_000)} '`;
  const text = `${before}postgres://bob:${SECRET}@host/x' ${filler(100_000)}`;
  const bytes = query(text);
  const from = bytes.indexOf('postgres://');
  for (let at = from - 2; at < from + 45; at++) {
    const chunks = [...chunksOf(bytes.subarray(0, at), 65_536), ...chunksOf(bytes.subarray(at), 65_536)];
    const { recorded, forwarded } = play(chunks);
    expect(forwarded.equals(bytes)).toBe(true);
    for (let part = 0; part + 4 <= SECRET.length; part++)
      expect(recorded.includes(SECRET.slice(part, part + 4)), `cut at ${at - from}`).toBe(false);
  }
});

it('a text without one is recorded as it came, of any length, and chunks without one are not taken apart', () => {
  const bytes = query(`insert into t values ${filler(3_000_000)} (1)`);
  const { recorded, forwarded } = play(chunksOf(bytes, 65_536));
  expect(recorded.equals(bytes)).toBe(true);
  expect(forwarded.equals(bytes)).toBe(true);
  const plain = Buffer.concat([query('select 1'), run('select $1', 'x'), sync()]);
  const { recording } = play([plain]);
  expect(recording.frames.filter(({ bytes: chunk }) => chunk)).toHaveLength(1);
});

it('parameters too long to be kept are written over', () => {
  const long = `${SECRET}${'x'.repeat(1_500_000)}`;
  const wire = Buffer.concat([run('update t set password = $1 where a = $2', long, 'a'), sync()]);
  const { recorded, forwarded } = play(chunksOf(wire, 65_536));
  expect(forwarded.equals(wire)).toBe(true);
  expect(recorded.length).toBe(wire.length);
  expect(recorded.includes(SECRET)).toBe(false);
  expect(recorded.includes('xxxx')).toBe(false);
});

it('when rules come, what is on its way goes on, and the next message is handed over whole', () => {
  const first = query(`select ${'1, '.repeat(300_000)} 1`);
  const next = query(`alter role bob password '${SECRET}'`);
  const { client, forwarded: before } = play([first.subarray(0, 500_000)]);
  expect(before.length).toBe(0);
  const released = client.release(Buffer.concat([first.subarray(500_000), next]));
  expect(released).toMatchObject({ position: 0 });
  expect(released?.rest.equals(Buffer.concat([first, next]))).toBe(true);

  const long = query(`select ${'1, '.repeat(600_000)} 1`);
  const started = play([...chunksOf(long.subarray(0, 1_300_000), 65_536)]);
  expect(started.forwarded.length).toBe(1_300_000);
  const behind = started.client.release(Buffer.concat([long.subarray(1_300_000), next]));
  expect(behind).toMatchObject({ position: long.length });
  expect(behind?.rest.equals(next)).toBe(true);
});
