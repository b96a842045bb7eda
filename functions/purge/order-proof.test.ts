// What is deleted only by the edge's own word: orders that somebody wrote into the table, and classes that a recording claims.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { type Purge, type PurgeOrder, SessionRetention } from '../../core/retention/purge.ts';
import { newOrderSigner } from '../../test/harness/purge/edge-orders.ts';
import { AFTER, KEPT_UNTIL, PurgeArchive, recorded, STORED } from '../../test/harness/purge/purge-archive.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { retentionArchiveRoutes } from './retention-routes.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const at = (ms: number) => new Date(ms).toISOString();

describe('an order that somebody wrote into the table', () => {
  const NOW = STORED + 10 * DAY_MS;
  const early: PurgeOrder = { mode: 'early', at: at(NOW), audit: 3 };
  type Forge = (archive: PurgeArchive, purge: Purge) => Promise<PurgeOrder>;
  it.each<[string, Forge]>([
    ['is not signed', async () => early],
    ['is signed by somebody else', async (_, purge) => (await newOrderSigner()).sign(purge, early)],
    ['is of another session', async ({ edge }, purge) => edge.sign({ ...purge, session: newId('ses') }, early)],
    ['is of another connector', async ({ edge }, purge) => edge.sign({ ...purge, connector: newId('con') }, early)],
    [
      'was to be carried out in time',
      async ({ edge }, purge) => ({ ...(await edge.sign(purge, { ...early, mode: 'due' })), mode: 'early' }),
    ],
    ['is two days old', async ({ edge }, purge) => edge.sign(purge, { ...early, at: at(NOW - 2 * DAY_MS) })],
    ['is of a time to come', async ({ edge }, purge) => edge.sign(purge, { ...early, at: at(NOW + 5 * 60_000 + 1) })],
    ['has a note that is none', async () => ({ ...early, note: 'signed' })],
  ])('deletes nothing where it %s, and is told', async (_, forge) => {
    const archive = await PurgeArchive.make(client);
    const session = recorded();
    await archive.upload(session, 'GOVERNANCE');
    archive.at(NOW);
    const of = { session: session.session, connector: session.connector.id };
    const purge: Purge = { ...of, state: 'proposed', at: at(NOW), evidence: { versions: 1, markers: 0, bytes: 1 } };
    await archive.ledger.order(purge, await forge(archive, purge));
    expect((await archive.run({}, true)).refused).toHaveLength(1);
    expect(await archive.run()).toMatchObject({ purged: [], refused: [{ refusals: [{ why: 'not_ordered' }] }] });
    expect(archive.store.kept).toHaveLength(session.objects.size);
    expect(archive.events).toContainEqual({ kind: 'purge.refused', session: session.session, why: ['not_ordered'] });
    // The edge's own goes through, until the last moment, and where its clock is a little ahead.
    for (const ms of [NOW + 5 * 60_000, NOW - 2 * DAY_MS + 1]) {
      const copy = await archive.copy(client);
      await copy.ledger.order(purge, await archive.edge.sign(purge, { ...early, at: at(ms) }));
      expect(await copy.run()).toMatchObject({ purged: [session.session] });
    }
  });

  it("is told to be none before anybody asks for one, where nobody knows the edge's key", async () => {
    const archive = await PurgeArchive.make(client);
    const { session, connector, ...builder } = recorded();
    for (const [key, bytes] of builder.objects) archive.store.put(key, bytes, { mode: 'GOVERNANCE', untilMs: AFTER });
    archive.at(NOW);
    const early = async (edgeKey: string | undefined) => {
      const routes = retentionArchiveRoutes(archive.deps({ edgeKey }));
      const answer = await routes.request(`/sessions/${session}?connector=${connector.id}`);
      return SessionRetention.parse(await answer.json()).early;
    };
    expect(await early(undefined)).toEqual([{ why: 'not_ordered' }]);
    expect(await early(archive.edge.key)).toEqual([]);
  });

  it("is not carried out before its time where nobody knows the edge's key, nor with one that cannot be read", async () => {
    for (const edgeKey of [undefined, 'edge.example+00000000+AAAA']) {
      const archive = await PurgeArchive.make(client);
      const session = recorded();
      await archive.upload(session, 'GOVERNANCE');
      archive.at(NOW);
      const of = { session: session.session, connector: session.connector.id };
      const purge: Purge = { ...of, state: 'proposed', at: at(NOW), evidence: { versions: 1, markers: 0, bytes: 1 } };
      await archive.ledger.order(purge, await archive.edge.sign(purge, early));
      expect(await archive.run({ edgeKey })).toMatchObject({ purged: [], refused: [{ session: session.session }] });
      // What is due goes by what recording, locks and holds say.
      archive.at(AFTER);
      await archive.run({ edgeKey });
      await archive.orderAll();
      const { purged } = await archive.run({ edgeKey });
      expect(purged).toEqual(edgeKey === undefined ? [session.session] : []);
    }
  });
});

describe('holds in the table that are not those of the edge', () => {
  const scope = { of: 'session' as const, session: newId('ses') };
  const hold = { id: newId('hld'), scope, placed: { by: 'carol@example.com', at: at(STORED), reason: 'case' } };
  const lifted = { by: 'dave@example.com', at: at(STORED + DAY_MS) };
  type Change = (archive: PurgeArchive) => Promise<void>;
  const KEY = { pk: 'holds', sk: hold.id };
  it.each<[string, Change]>([
    ['is missing', ({ table }) => table.deleteAll([KEY])],
    ['is lifted', ({ ledger }) => ledger.putHold({ ...hold, lifted })],
    ['covers something else', ({ ledger }) => ledger.putHold({ ...hold, scope: { ...scope, session: newId('ses') } })],
    ['was placed later', ({ ledger }) => ledger.putHold({ ...hold, placed: { ...hold.placed, at: at(AFTER * 2) } })],
  ])('stop every purge where one %s, until they are told again', async (_, change) => {
    const archive = await PurgeArchive.make(client);
    const session = recorded();
    await archive.upload(session);
    await archive.ledger.putHold(hold);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll();
    await change(archive);
    const refused = { session: session.session, refusals: [{ why: 'holds_differ' }] };
    expect((await archive.run({}, true)).refused).toEqual([refused]);
    expect(await archive.run()).toMatchObject({ purged: [], refused: [refused] });
    expect(archive.events).toContainEqual({ kind: 'purge.holds_differ', session: session.session });
    await archive.ledger.putHold(hold);
    expect(await archive.run()).toMatchObject({ proposed: [session.session] });
    await archive.orderAll();
    expect(await archive.run()).toMatchObject({ purged: [session.session] });
  });

  it('count against an order that was signed before they were placed, also when they are lifted', async () => {
    const archive = await PurgeArchive.make(client);
    const one = recorded();
    await archive.upload(one, 'GOVERNANCE');
    const place = { session: one.session, connector: one.connector.id };
    archive.at(STORED + 10 * DAY_MS);
    const order = await archive.edge.sign(place, { mode: 'early', at: at(archive.nowMs), audit: 5 });
    const evidence = { versions: 1, markers: 0, bytes: 1 };
    const base: Purge = { ...place, at: order.at, evidence, state: 'proposed' };
    const ms = archive.nowMs + 1_000;
    const later = { ...hold, scope: { ...scope, session: one.session }, placed: { ...hold.placed, at: at(ms) } };
    await archive.ledger.putHold(later);
    await archive.ledger.putHold({ ...later, lifted: { ...lifted, at: at(ms + 1_000) } });
    for (const hours of [1, 20 * 24]) {
      archive.at(STORED + 10 * DAY_MS + hours * 3_600_000);
      await archive.ledger.order(base, order);
      expect((await archive.run()).purged).toEqual([]);
    }
  });

  it('are unknown where a signed order does not say them, and do not count where they were lifted as it was signed', async () => {
    const archive = await PurgeArchive.make(client);
    const one = recorded();
    await archive.upload(one);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll('due', { holds: undefined });
    expect(await archive.run()).toMatchObject({ purged: [], refused: [{ refusals: [{ why: 'holds_differ' }] }] });
    const own = { ...hold, scope: { ...scope, session: one.session } };
    await archive.ledger.putHold({ ...own, lifted: { ...lifted, at: at(AFTER) } });
    await archive.run();
    await archive.orderAll();
    expect(await archive.run()).toMatchObject({ purged: [one.session] });
  });

  it.each<[string, Partial<PurgeOrder>, isPurged: boolean]>([
    ['says none, as those of an earlier release', { holds: undefined }, true],
    ['says others', { holds: 'ab'.repeat(32) as PurgeOrder['holds'] }, false],
  ])("count also where nobody knows the edge's key and an order %s", async (_, order, isPurged) => {
    const archive = await PurgeArchive.make(client);
    const one = recorded();
    await archive.upload(one);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll('due', order);
    expect((await archive.run({ edgeKey: undefined })).purged).toEqual(isPurged ? [one.session] : []);
  });

  it('cover whom the edge admitted, whoever the recording names', async () => {
    const archive = await PurgeArchive.make(client);
    const one = recorded({ email: 'nobody@example.com' });
    await archive.upload(one);
    archive.at(AFTER);
    await archive.run();
    const admitted = { email: 'alice@example.com', resource: 'demo', startedAt: at(STORED) };
    await archive.orderAll('due', { admitted });
    // Placed while the order was under way.
    const placed = { ...hold.placed, at: at(AFTER + 1) };
    await archive.ledger.putHold({ ...hold, placed, scope: { of: 'user', email: 'alice@example.com' } });
    const refusals = [{ why: 'held', holds: [hold.id] }];
    expect(await archive.run()).toMatchObject({ purged: [], refused: [{ refusals }] });
  });
});

describe('a recording that claims a shorter class than the edge granted', () => {
  const GRANTED = 400;
  async function claimed() {
    const archive = await PurgeArchive.make(client);
    // It says 90 days, and its locks are as short.
    const session = recorded();
    await archive.upload(session);
    archive.at(AFTER);
    await archive.run();
    const of = { session: session.session, connector: session.connector.id };
    const order = async (granted: number | undefined, ms = archive.nowMs) => {
      const body = {
        ...(await archive.edge.sign(of, { mode: 'due', at: at(ms), audit: 5, granted })),
        connector: of.connector,
      };
      const routes = retentionArchiveRoutes(archive.deps());
      return routes.request(`/purges/${of.session}/order`, { method: 'POST', body: JSON.stringify(body) });
    };
    const kept = async (granted: number) => {
      const path = `/sessions/${of.session}?connector=${of.connector}&granted=${granted}`;
      return (await retentionArchiveRoutes(archive.deps()).request(path)).json() as Promise<Record<string, unknown>>;
    };
    return { archive, session, order, kept };
  }
  const until = at(STORED + GRANTED * DAY_MS);
  const refusal = { why: 'contradicted', claimed: 90, granted: GRANTED, until };

  it('is kept as long as it was granted for, with an alarm, once', async () => {
    const { archive, session, order, kept } = await claimed();
    expect(await kept(GRANTED)).toMatchObject({
      granted: GRANTED,
      keptUntil: until,
      refusals: [refusal],
      possibleFrom: until,
    });
    const refused = await order(GRANTED);
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining('contradicted')]);
    const told = { kind: 'purge.contradicted', session: session.session, claimed: 90, granted: GRANTED };
    expect(archive.events.filter(({ kind }) => kind === 'purge.contradicted')).toEqual([told]);
    // The edge is not asked for it again, today or on any day before.
    for (const days of [0, 2, 200]) {
      archive.at(AFTER + days * DAY_MS);
      expect((await archive.run()).proposed).toEqual([]);
    }
    archive.at(STORED + (GRANTED + 1) * DAY_MS);
    expect(await archive.run()).toMatchObject({ proposed: [session.session] });
    expect((await order(GRANTED)).status).toBe(200);
    expect(await archive.run()).toMatchObject({ purged: [session.session] });
  });

  it('is not deleted either where the order stands in the table already', async () => {
    const { archive, session } = await claimed();
    await archive.orderAll('due', { granted: GRANTED });
    expect(await archive.run()).toMatchObject({ purged: [], refused: [{ refusals: [refusal] }] });
    expect(archive.store.kept).toHaveLength(session.objects.size);
  });

  it.each([
    ['says the same', 90],
    ['says more', 30],
    ['is of an edge that noted nothing', undefined],
  ])('goes at its time where it %s', async (_, granted) => {
    const { archive, session, order } = await claimed();
    archive.at(KEPT_UNTIL + DAY_MS);
    expect((await order(granted)).status).toBe(200);
    expect(await archive.run()).toMatchObject({ purged: [session.session] });
  });
});
