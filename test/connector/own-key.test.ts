// A connector's own key: changed, whatever stops the process on the way, and taken away.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAuthorizer } from '../../connector/control/edge-token.ts';
import { requestCertificate } from '../../connector/control/edge-http.ts';
import { ensureJoined, type JoinedIdentity } from '../../connector/control/join.ts';
import { keepOwnKey, type OwnKey } from '../../connector/control/rotate-key.ts';
import { createLogger } from '../../connector/logger.ts';
import { maskingHash } from '../../connector/masking/masking-key.ts';
import { loadIdentity } from '../../connector/state/identity.ts';
import { newId, type SessionId } from '../../core/ids.ts';
import { type FakeEdge, JOIN_TOKEN, startFakeEdge } from './fake-edge.ts';
import { startLinkParts } from './link-parts.ts';

let state: string;
let edge: FakeEdge;
let faults: string[];
let running: OwnKey[];
const log = createLogger(() => {}, { level: 'error' });

beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'gatehouse-own-key-'));
  edge = await startFakeEdge();
  faults = [];
  running = [];
});
afterEach(async () => {
  for (const key of running) key.stop();
  await edge.close();
  rmSync(state, { recursive: true });
});

async function identity(): Promise<JoinedIdentity> {
  const loaded = loadIdentity(state);
  if (!loaded.ok) throw new Error(loaded.error);
  const config = { name: 'test', edge: edge.origin, state, join: { kind: 'env', name: 'TOKEN' } as const };
  const joined = await ensureJoined({ identity: loaded.value, config, environment: { TOKEN: JOIN_TOKEN }, log });
  if (!joined.ok) throw new Error(joined.error.message);
  return joined.value;
}

/** As a process starts with what is on disk. */
async function start(): Promise<OwnKey> {
  const key = keepOwnKey({
    ...{ state, identity: await identity(), edge: edge.origin, log, retryMs: 5 },
    onChanged: () => {},
    onFault: (message) => faults.push(message),
  });
  running.push(key);
  key.start();
  return key;
}
const onDisk = () => JSON.parse(readFileSync(join(state, 'identity.json'), 'utf8'));
/** Whether the edge takes what this key signs: its certificate request is answered, though not granted for nonsense. */
async function isTaken(key: OwnKey): Promise<boolean> {
  const { joined, privateKey } = key.current();
  const authorize = createAuthorizer({ connector: joined.connector, privateKey, edge: edge.origin });
  const answer = await requestCertificate(edge.origin, '', authorize);
  return answer.ok || answer.error.message !== 'no';
}
const masked = async ({ derived }: JoinedIdentity) => {
  const hash = await maskingHash({ config: { maskingKey: undefined }, environment: {}, log }, derived.masking);
  if (!hash.ok) throw new Error(hash.error);
  return Buffer.from(hash.value(Buffer.from('alice@example.com'))).toString('hex');
};

describe('changing the key', () => {
  test('the new one is the edge’s and the disk’s, the old one’s private half is gone, and what was made of it stays', async () => {
    const key = await start();
    const before = key.current();
    const word = await masked(before);
    const oldPem = onDisk().privateKey;
    key.change();
    await expect.poll(() => key.current().publicKey).not.toBe(before.publicKey);
    const after = key.current();
    expect(edge.keys.get(after.joined.connector)).toBe(after.publicKey);
    expect(after.earlierKeys).toEqual([before.publicKey]);
    expect(readFileSync(join(state, 'identity.json'), 'utf8')).not.toContain(oldPem.split('\n')[1]);
    for (const again of [after, (await start()).current()]) {
      expect(await masked(again)).toBe(word);
      expect(Buffer.from(again.derived.salts)).toEqual(Buffer.from(before.derived.salts));
    }
    // And a second time.
    key.change();
    await expect.poll(() => key.current().earlierKeys).toHaveLength(2);
    expect(await masked(key.current())).toBe(word);
    expect(await isTaken(key)).toBe(true);
    expect(faults).toEqual([]);
  });

  test.each([
    ['before the edge heard of it', 'drop'],
    ['after the edge took it and before it was known here', 'lose'],
  ] as const)('a process that dies %s leaves a connector that the next start finishes', async (_, mode) => {
    edge.rotation = mode;
    const first = await start();
    const before = first.current().publicKey;
    first.change();
    await expect.poll(() => edge.rotations.length).toBeGreaterThan(0);
    first.stop();
    expect(onDisk().next).toBeDefined();
    edge.rotation = 'take';
    const second = await start();
    await expect.poll(() => second.current().publicKey).toBe(edge.rotations[0]?.newKey);
    expect(await isTaken(second)).toBe(true);
    expect(second.current().earlierKeys).toEqual([before]);
    expect(onDisk().next).toBeUndefined();
    // One new key, however often it was asked for.
    expect(new Set(edge.rotations.map(({ newKey }) => newKey)).size).toBe(1);
  });

  test('a process that dies before its disk has the new key in its place asks again, and is answered alike', async () => {
    edge.rotation = 'lose';
    const first = await start();
    first.change();
    await expect.poll(() => edge.rotations.length).toBeGreaterThan(0);
    first.stop();
    const before = readFileSync(join(state, 'identity.json'), 'utf8');
    edge.rotation = 'take';
    const second = await start();
    await expect.poll(() => second.current().earlierKeys).toHaveLength(1);
    second.stop();
    // The edge answered, and the rename on disk never happened.
    writeFileSync(join(state, 'identity.json'), before);
    const third = await start();
    await expect.poll(() => third.current().earlierKeys).toHaveLength(1);
    expect(third.current().publicKey).toBe(second.current().publicKey);
    expect(await isTaken(third)).toBe(true);
  });

  test('an edge that says no leaves the key as it is, and the new one for another time', async () => {
    edge.rotation = 'refuse';
    const key = await start();
    const before = key.current().publicKey;
    key.change();
    await expect.poll(() => faults).toEqual(['the edge did not take the new key: not this key']);
    expect(key.current().publicKey).toBe(before);
    expect(await isTaken(key)).toBe(true);
    edge.rotation = 'take';
    key.change();
    await expect.poll(() => key.current().publicKey).toBe(edge.rotations[0]?.newKey);
  });
});

describe('a connector that is revoked', () => {
  const live = newId('ses');
  async function linked() {
    const parts = await startLinkParts(() => [live]);
    const link = parts.makeLink();
    const told: { session: SessionId; by: string; reason: string }[] = [];
    link.onSessionEnd((session, by, reason) => told.push({ session, by, reason }));
    return { parts, link, told };
  }

  test('ends its sessions, says why, and dials no more', async () => {
    const { parts, link, told } = await linked();
    link.start();
    await link.firstLinked;
    const { dials } = parts.edge;
    parts.edge.send({ kind: 'connector.revoked', by: 'bob@example.com', reason: 'stolen' });
    await expect.poll(() => told).toEqual([{ session: live, by: 'bob@example.com', reason: 'stolen' }]);
    expect(link.status()).toMatchObject({ state: 'stopped', problem: 'revoked by bob@example.com' });
    expect(
      await link.openSession({ session: newId('ses'), grant: newId('grt'), client: { address: '::1' } }),
    ).toMatchObject({
      ok: false,
      error: { reason: 'edge_unreachable' },
    });
    await expect.poll(() => parts.edge.open).toBe(0);
    expect(parts.edge.dials).toBe(dials);
    await link.stop(0);
    await parts.edge.close();
  });

  test('and was away then, ends them when it comes back and is refused as one', async () => {
    const { parts, link, told } = await linked();
    Object.assign(parts.edge, { refuseDials: 403, refuseReason: 'connector_revoked' });
    link.start();
    await expect.poll(() => told).toHaveLength(1);
    expect(link.status().state).toBe('stopped');
    expect(parts.edge.dials).toBe(1);
    await link.stop(0);
    await parts.edge.close();
  });

  test('is not taken for one by a refusal that anything between could give', async () => {
    const { parts, link, told } = await linked();
    parts.edge.refuseDials = 403;
    link.start();
    await expect.poll(() => parts.edge.dials).toBeGreaterThan(2);
    expect(told).toEqual([]);
    await link.stop(0);
    await parts.edge.close();
  });
});
