// What masks hid, where a rule keeps it: the recording of a masked session, with that put back, is what the same session leaves
// without masks, byte for byte. Secrets of the client stay hidden in both (ADR 8, 52).

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { MemoryRecording } from '../../harness/memory-log.ts';
import { RULES, SCHEMA } from '../live/live-schema.ts';
import { connect, found, hangUp, leave, type Place, place, use } from '../place.ts';

const WITHOUT = { policyVersion: 1, rule: 'people-prod', limits: {} };
let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
  at.gateway.edge.originals = [await identityToRecipient(await generateX25519Identity())];
});
beforeEach(() => use(at, RULES));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

/** The same, once under masks and once without. */
async function twice(work: (client: pg.Client) => Promise<void>): Promise<[MemoryRecording, MemoryRecording]> {
  const recordings: MemoryRecording[] = [];
  for (const rules of [RULES, WITHOUT]) {
    use(at, rules);
    const client = await connect(at);
    await work(client);
    await client.end();
    const { last } = at.gateway.log;
    await expect.poll(() => last.ended).toBeDefined();
    recordings.push(last);
  }
  return recordings as [MemoryRecording, MemoryRecording];
}

/** Behind the sign-in, which is never the same. */
function behindSignIn(bytes: Buffer, direction: 'client' | 'target'): Buffer {
  let from = 0;
  if (direction === 'target') while (bytes[from] !== 0x5a) from += 1 + bytes.readInt32BE(from + 1);
  else while (bytes[from] !== 0x51 && bytes[from] !== 0x50) from += 1 + bytes.readInt32BE(from + 1);
  return bytes.subarray(from);
}
const same = (masked: MemoryRecording, plain: MemoryRecording, direction: 'client' | 'target') => {
  const [clear, wire] = [masked.clear(direction), plain.wire(direction)].map((all) => behindSignIn(all, direction));
  return { length: clear?.length, equals: wire && clear?.equals(wire) };
};

const undo = async (client: pg.Client, work: () => Promise<unknown>): Promise<void> => {
  await client.query('begin');
  await work();
  await client.query('rollback');
};

test('rows, parameters, statements, errors and notices', async () => {
  const [masked, plain] = await twice(async (client) => {
    await client.query('select * from people order by id');
    await client.query('select id, upper(email), note from people order by id; select 1');
    await client.query({
      text: 'select email, ssn from people where email = $1',
      values: ['secretsecret@example.com'],
    });
    await client.query("select note from people where note like '%4111111111111111%'");
    await undo(client, async () => {
      await client.query(
        "update people set email = 'secretsecret9@example.com', note = '4111111111111111' where id = 1",
      );
      await client.query('insert into people (id, email, ssn) values ($1, $2, $3) returning *', [
        70,
        'secretsecret70@x',
        7,
      ]);
    });
    await client.query("insert into people (id, email) values (71, 'secretsecret@example.com')").catch(() => undefined);
    await client.query("do $$ begin raise notice 'card 4111111111111111'; end $$");
  });
  expect(found(masked.wire('target').toString('latin1'))).toEqual([]);
  expect(found(masked.wire('client').toString('latin1'))).toEqual([]);
  expect(same(masked, plain, 'client')).toMatchObject({ equals: true });
  expect(same(masked, plain, 'target')).toMatchObject({ equals: true });
});

/** What node-postgres asks of a query of somebody else's making. */
function copied(client: pg.Client, text: string, lines: readonly string[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    const ignored = () => undefined;
    client.query({
      submit: (connection: pg.Connection) => void connection.query(text),
      handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
        for (const line of lines) connection.sendCopyFromChunk(Buffer.from(line));
        connection.endCopyFrom();
      },
      handleCopyData: ignored,
      handleCommandComplete: ignored,
      handleReadyForQuery: resolve,
      handleError: reject,
    } as unknown as pg.Submittable);
  });
}

test('COPY, both ways', async () => {
  const [masked, plain] = await twice(async (client) => {
    for (const form of ['', ' with (format csv, header)'])
      await copied(client, `copy (select id, email, note from people order by id) to stdout${form}`);
    await undo(client, () =>
      copied(client, 'copy people (id, email, note) from stdin', [
        '80\tsecretsecret80@x\tcard 4111111111111111\n81\tsecr',
        'etsecret81@x\tnothing\n',
      ]),
    );
  });
  expect(found(masked.wire('target').toString('latin1'))).toEqual([]);
  expect(found(masked.wire('client').toString('latin1'))).toEqual([]);
  expect(same(masked, plain, 'client')).toMatchObject({ equals: true });
  expect(same(masked, plain, 'target')).toMatchObject({ equals: true });
});

test('a row that is masked while it passes', async () => {
  await at.direct.query('insert into app.big (id, email, note) values (1, $1, $2)', [
    `secretsecret${'x'.repeat(5_000_000)}`,
    `4111111111111111 ${'y'.repeat(2_000_000)} 4111111111111111`,
  ]);
  const [masked, plain] = await twice(async (client) => {
    await client.query('select * from big');
  });
  expect(found(masked.wire('target').toString('latin1'))).toEqual([]);
  expect(same(masked, plain, 'target')).toMatchObject({ equals: true });
});

test('secrets of the client, and what answers a statement that says one, are in no original', async () => {
  const [masked] = await twice(async (client) => {
    await client.query(
      "alter role postgres password 'hunter2hunter2'; select email from people where email = 'secretsecret@example.com'",
    );
    await client
      .query("select set_config('x.password', 'hunter2hunter2', false), email from people")
      .catch(() => undefined);
    await client
      .query({
        text: "select set_config('x.password', $1, false), email from people where email = $2",
        values: ['hunter2hunter2', 'secretsecret@example.com'],
      })
      .catch(() => undefined);
    // Between two hidden columns, so that what stood there would have it with them.
    await client.query("select email, 'password=hunter2hunter2' as dsn, born from people");
  });
  const clear = masked.clear('client').toString('latin1');
  expect(clear).toContain('secretsecret@example.com');
  expect(clear).not.toContain('hunter2');
  expect(masked.clear('target').toString('latin1')).not.toContain('hunter2');
});

test('what was refused stays refused: the client was shown none of it', async () => {
  use(at, RULES);
  const client = await connect(at);
  await client.query('select length(email) from people').catch(() => undefined);
  await client.query('select id from people order by id');
  await client.end();
  const { last } = at.gateway.log;
  await expect.poll(() => last.ended).toBeDefined();
  expect(last.facts('mask.withheld').length + last.facts('statement.finished').length).toBeGreaterThan(0);
  expect(last.clear('target').equals(last.wire('target'))).toBe(true);
});

test('what a rule refuses is answered by the gateway: what stood in for it is in no original', async () => {
  use(at, { ...RULES, statements: [{ block: ['truncate'] }] });
  const client = await connect(at);
  await expect(client.query('truncate people')).rejects.toThrow('Gatehouse');
  await client.query('select id from people order by id');
  await client.end();
  const { last } = at.gateway.log;
  await expect.poll(() => last.ended).toBeDefined();
  expect(last.clear('target').equals(last.wire('target'))).toBe(true);
});
