import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { bundleName, checkpointName, decodeBundle } from '../../../core/tlog/log-archive.ts';
import { readWholeLog } from '../../../core/tlog/whole-log.ts';
import { witnessOf } from './days.ts';
import type { Witness } from './witness.ts';
import { audit } from '../../test/grants.ts';

const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
const authorization = 'Bearer only-for-tests-only-for-tests';
const connector = newId('con');
const opened = {
  user: { email: 'alice@example.com' },
  resource: { name: 'orders', protocol: 'postgres' },
  rule: 'r',
} as never;

/** The next answers; all others are as the functions give them. Also empties the store. */
const plan = (...answers: { status: number; keep?: boolean }[]) =>
  fetch(`${archive}/plan-audit`, { method: 'POST', body: JSON.stringify(answers) });
const stored = async (): Promise<string[]> =>
  ((await (await fetch(`${archive}/log`, { headers: { authorization } })).json()) as string[])
    .map((name) => name.replace('log/', ''))
    .toSorted();
const read = async (name: string) =>
  new Uint8Array(await (await fetch(`${archive}/log/${name}`, { headers: { authorization } })).arrayBuffer());

function logCalled(name: string) {
  const stub = env.WITNESS.get(env.WITNESS.idFromName(name));
  const object = witnessOf(env, name);
  return {
    admit: (count: number) =>
      object.admitAll(
        Array.from({ length: count }, () => ({ session: newId('ses'), opened, viewOwn: true, retainDays: 30 })),
        connector,
      ),
    checkpoint: () => object.checkpoint(),
    ring: () => runDurableObjectAlarm(stub),
    alarm: () => runInDurableObject(stub, (_object, state) => state.storage.getAlarm()),
    /** As if what failed had waited long enough. */
    age: () =>
      runInDurableObject(stub, (_object, state) => {
        state.storage.sql.exec('UPDATE log_exports SET next_ms = 0');
      }),
  };
}
const told = async () => (await audit.list({ limit: 50 })).entries.filter(({ kind }) => kind.startsWith('log.export'));

beforeEach(async () => {
  await plan();
});

describe('the log of sessions goes into the object store', () => {
  test('a minute after its first entry, so that it can be proven from there alone; then it is at rest', async () => {
    const log = logCalled('stored');
    await log.admit(300);
    const rings = (await log.alarm()) ?? 0;
    expect(rings - Date.now()).toBeGreaterThan(30_000);
    expect(rings - Date.now()).toBeLessThanOrEqual(60_000);
    await log.ring();
    const names = [checkpointName(300), bundleName(0), bundleName(1, 44)];
    expect(await stored()).toEqual(names.toSorted());
    const note = new TextDecoder().decode(await read(checkpointName(300)));
    expect(note).toBe(await log.checkpoint());
    const checkpoint = parseCheckpoint(note);
    const bundles = await Promise.all(
      [bundleName(0), bundleName(1, 44)].map(async (name) => decodeBundle(await read(name))),
    );
    const entries = bundles.flatMap((bundle) => (bundle.ok ? bundle.value : []));
    expect(checkpoint.ok && (await readWholeLog([checkpoint.value], entries))).toMatchObject({ ok: true });
    expect(await log.alarm()).toBeNull();
  });

  test('when it was said, however often the object is made anew and whatever comes meanwhile', async () => {
    const log = logCalled('anew');
    await log.admit(1);
    const rings = await log.alarm();
    const stub = env.WITNESS.get(env.WITNESS.idFromName('anew'));
    await runInDurableObject(stub, async (object, state) => {
      const made = new (object.constructor as new (state: DurableObjectState, env: unknown) => Witness)(state, env);
      const real = Date.now;
      Date.now = () => real() + 20_000;
      await made.enter([{ event: 'opened', session: newId('ses') }]);
      Date.now = real;
    });
    expect(await log.alarm()).toBe(rings);
  });

  test('what is there already is not sent again', async () => {
    const log = logCalled('again');
    await log.admit(256);
    await log.ring();
    expect(await stored()).toEqual([checkpointName(256), bundleName(0)].toSorted());
    await plan();
    await log.admit(1);
    await log.ring();
    expect(await stored()).toEqual([checkpointName(257), bundleName(1, 1)].toSorted());
  });
});

describe('a store that does not take it', () => {
  test('keeps no session waiting, is tried again with the same, and is told of once', async () => {
    const log = logCalled('away');
    await log.admit(2);
    const before = (await told()).length;
    await plan(...Array.from({ length: 4 }, () => ({ status: 503 })));
    for (let count = 0; count < 4; count++) {
      await log.ring();
      expect(await log.admit(1)).toEqual([true]);
      await log.age();
    }
    expect(await stored()).toEqual([]);
    const failed = (await told()).slice(0, -before || undefined);
    expect(failed).toMatchObject([
      { kind: 'log.export_failed', object: checkpointName(2), details: { reason: 'unavailable', tries: 3 } },
    ]);
    await log.ring();
    expect(await stored()).toEqual([checkpointName(2), bundleName(0, 2)].toSorted());
    expect((await told())[0]).toMatchObject({ kind: 'log.export_resumed', object: checkpointName(2) });
    await log.ring();
    expect(await stored()).toContain(checkpointName(6));
  });

  test('whose answer was lost gets the same bytes again', async () => {
    const log = logCalled('lost');
    await log.admit(1);
    await plan({ status: 502, keep: true });
    await log.ring();
    await log.admit(1);
    await log.age();
    await log.ring();
    expect(await stored()).toEqual([checkpointName(1), bundleName(0, 1)].toSorted());
    // Not that of the log as it is by now.
    const note = new TextDecoder().decode(await read(checkpointName(1)));
    expect(parseCheckpoint(note)).toMatchObject({ ok: true, value: { size: 1 } });
  });

  test('that holds something else under that name is told of at once', async () => {
    const log = logCalled('contradiction');
    await log.admit(1);
    await fetch(`${archive}/log/${checkpointName(1)}`, { method: 'PUT', body: 'forged' });
    await log.ring();
    expect((await told())[0]).toMatchObject({ details: { reason: 'contradiction', tries: 1 } });
  });
});
