import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { fromBase64 } from '../../../core/scram.ts';
import { isProven, parseCheckpoint, parseLogProof } from '../../../core/tlog/checkpoint.ts';
import { bundleName } from '../../../core/tlog/log-archive.ts';
import { hashLeaf, isContinued } from '../../../core/tlog/merkle.ts';
import { audit } from '../../test/grants.ts';
import { remote } from '../rpc.ts';
import type { Witness } from './witness.ts';

const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
const authorization = 'Bearer only-for-tests-only-for-tests';
const plan = () => fetch(`${archive}/plan-audit`, { method: 'POST', body: '[]' });
const read = async (name: string) =>
  new Uint8Array(await (await fetch(`${archive}/log/${name}`, { headers: { authorization } })).arrayBuffer());
const forge = (name: string, body: BodyInit) => fetch(`${archive}/log/${name}`, { method: 'PUT', body });

function logCalled(name: string) {
  const stub = env.WITNESS.get(env.WITNESS.idFromName(name));
  const log = remote(env.WITNESS, name);
  return {
    log,
    add: (count: number) =>
      log.enter(Array.from({ length: count }, () => ({ event: 'opened', session: newId('ses') }))),
    /** Publishes, and frees, as one that is small. */
    ring: (bytes = '10000') =>
      runInDurableObject(stub, async (object, state) => {
        const small = { ...env, WITNESS_OBJECT_BYTES: bytes };
        await new (object.constructor as new (state: DurableObjectState, env: unknown) => Witness)(
          state,
          small,
        ).alarm();
      }),
    rows: () =>
      runInDurableObject(stub, (_object, { storage: { sql } }) => ({
        entries: Number(sql.exec('SELECT count(*) AS n FROM log_entries').one().n),
        nodes: Number(sql.exec('SELECT count(*) AS n FROM log_nodes').one().n),
      })),
    sql: (act: (sql: SqlStorage) => void) => runInDurableObject(stub, (_object, { storage }) => act(storage.sql)),
  };
}

function headOf(note: string) {
  const parsed = parseCheckpoint(note);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

beforeEach(async () => {
  await plan();
});

test('what is in the object store is freed, and the log grows and proves all of it as before', async () => {
  const { log, add, ring, rows } = logCalled('freed');
  const heads = [];
  for (const count of [1, 299, 300, 200]) {
    await add(count);
    heads.push(headOf(await log.checkpoint()));
    await ring();
  }
  // 800 entries: three bundles are freed, and of their hashes the roots stay.
  expect((await rows()).entries).toBe(32);
  expect((await rows()).nodes).toBeLessThan(70);
  const entries = [...(await log.logEntries(0)), ...(await log.logEntries(1_000))];
  expect(entries).toHaveLength(800);
  expect(await log.logEntries(700)).toEqual(entries.slice(700));
  const newest = headOf(await log.checkpoint());
  for (const { size, root } of heads) {
    const answer = await log.continues(size);
    const proof = (answer?.proof ?? []).map(fromBase64);
    const shown = { earlier: size, earlierRoot: root, size: newest.size, root: newest.root, proof };
    expect(await isContinued(shown), `${size}`).toBe(true);
  }
  for (const { entry, proof } of await log.proofs([0, 255, 256, 511, 767, 768, 799])) {
    const parsed = parseLogProof(proof);
    if (!parsed.ok) throw new Error(parsed.error);
    expect(entry).toBe(entries[parsed.value.index]);
    expect(await isProven(await hashLeaf(new TextEncoder().encode(entry)), parsed.value)).toBe(true);
  }
  // What was entered and is here still is entered once.
  const session = newId('ses');
  const [index] = await log.enter([{ event: 'opened', session }]);
  expect(await log.enter([{ event: 'opened', session }])).toEqual([index]);
});

test('nothing is freed that the store does not give back as it was, nor while there is room', async () => {
  const { add, ring, rows, sql } = logCalled('kept');
  await add(300);
  await ring('4000000000');
  expect((await rows()).entries).toBe(300);
  const good = await read(bundleName(0));
  await forge(bundleName(0), good.with(5, 0));
  await ring();
  expect((await rows()).entries).toBe(300);
  const events = (await audit.list({ limit: 20 })).entries.filter(({ kind }) => kind === 'log.export_failed');
  expect(events[0]).toMatchObject({ object: bundleName(0), details: { reason: 'other_content' } });
  await sql((storage) => {
    for (const statement of ['DELETE FROM log_entries', 'DELETE FROM log_nodes', 'UPDATE log_freed SET entries = -1'])
      expect(() => storage.exec(statement), statement).toThrow(/append-only|not there any more/);
    storage.exec('UPDATE attempts SET next_ms = 0');
  });
  await forge(bundleName(0), good);
  await ring();
  expect((await rows()).entries).toBe(44);
});

test('a proof is not made of a bundle that was changed', async () => {
  const { log, add, ring } = logCalled('changed');
  await add(300);
  await ring();
  const good = await read(bundleName(0));
  // A digit of the first entry's digest.
  await forge(bundleName(0), good.with(20, good[20] === 0x61 ? 0x62 : 0x61));
  // Awaited here: a promise of a call to an object is one for each of its properties, too.
  const told = async (asked: PromiseLike<unknown>) => {
    try {
      return await asked;
    } catch (error) {
      return String(error);
    }
  };
  expect(await told(log.proofs([0]))).toContain('is not what the log of sessions has there');
  expect(await told(log.logEntries(0))).toContain('is not what the log of sessions has there');
  await forge(bundleName(0), good);
  expect(await log.logEntries(0)).toHaveLength(300);
});

test('checkpoints that nobody is given any more are dropped; the newest stays', async () => {
  const { log, add, ring, sql } = logCalled('checkpoints');
  for (let count = 0; count < 4; count++) {
    await add(1);
    await ring();
  }
  await sql((storage) => {
    storage.exec('DROP TRIGGER checkpoints_keep');
    storage.exec(`UPDATE checkpoints SET at = '2026-01-01T00:00:00.000Z'`);
  });
  await ring();
  await sql((storage) => {
    expect(storage.exec('SELECT size FROM checkpoints').toArray()).toEqual([{ size: 4 }]);
    expect(storage.exec('SELECT size FROM log_exports').toArray()).toEqual([{ size: 4 }]);
  });
  expect(headOf(await log.checkpoint()).size).toBe(4);
});
