// What the edge asks of the functions about retention, where something stands against it: each of these tests fails without one guard.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { holdLine, holdsDigest, type LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { type PurgeOrder, PurgePage, PurgeReport, SessionRetention } from '../../core/retention/purge.ts';
import { AFTER, PurgeArchive, recorded, STORED } from '../../test/harness/purge/purge-archive.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { PurgeLedger } from './ledger.ts';
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

const iso = (ms: number) => new Date(ms).toISOString();

/** One session whose days are over. */
async function stored(mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE') {
  const archive = await PurgeArchive.make(client);
  const builder = recorded();
  await archive.upload(builder, mode);
  archive.at(AFTER);
  const { session } = builder;
  const connector = builder.connector.id;
  const routes = (change = {}) => retentionArchiveRoutes(archive.deps(change));
  const sign = async (order: Partial<PurgeOrder> = {}) => ({
    ...(await archive.edge.sign({ session, connector }, { mode: 'due', at: iso(archive.nowMs), audit: 5, ...order })),
    connector,
  });
  const send = (body: object, change = {}) =>
    routes(change).request(`/purges/${session}/order`, { method: 'POST', body: JSON.stringify(body) });
  /** What stands against it; undefined: it is ordered. */
  const against = async (body: object, change = {}): Promise<{ why: string }[] | undefined> => {
    const answer = await send(body, change);
    if (answer.status === 200) return undefined;
    expect(answer.status).toBe(409);
    return JSON.parse(((await answer.json()) as { error: { message: string } }).error.message);
  };
  const placed = { by: 'carol@example.com', at: iso(STORED), reason: 'a dispute' };
  const hold: LegalHold = { id: newId('hld'), scope: { of: 'session', session }, placed };
  const kept = async () =>
    SessionRetention.parse(await (await routes().request(`/sessions/${session}?connector=${connector}`)).json());
  return { archive, builder, session, connector, routes, sign, send, against, hold, kept };
}

describe('an order', () => {
  it('of no session, or with a body beyond what any has, is none', async () => {
    const { routes, sign } = await stored();
    const send = (path: string, body: string) => routes().request(path, { method: 'POST', body });
    expect((await send('/purges/nobody/order', JSON.stringify(await sign()))).status).toBe(400);
    const long = await send('/purges/nobody/order', 'x'.repeat(512 * 1024 + 1));
    expect([long.status, await long.text()]).toEqual([400, expect.stringContaining('at most')]);
  });

  it('does not stand against a hold, whoever signed it, in force or lifted since', async () => {
    const { archive, sign, against, hold } = await stored();
    const holds = await holdsDigest([await holdLine(hold)]);
    const order = await sign({ holds });
    await archive.ledger.putHold(hold);
    expect(await against(order)).toEqual([{ why: 'held', holds: [hold.id] }]);
    await archive.ledger.putHold({ ...hold, lifted: { by: 'dave@example.com', at: iso(AFTER + 1) } });
    expect(await against(order)).toEqual([{ why: 'held', holds: [hold.id] }]);
    // Of one that was never proposed nothing is noted.
    expect((await archive.ledger.page()).purges).toEqual([]);
    archive.at(AFTER + 2);
    expect(await against(await sign())).toBeUndefined();
  });

  it('does not stand against a hold on whom the edge admitted, whoever the recording names', async () => {
    const { archive, sign, against, hold } = await stored();
    await archive.ledger.putHold({ ...hold, scope: { of: 'user', email: 'erin@example.com' } });
    const holds = await holdsDigest([await holdLine({ ...hold, scope: { of: 'user', email: 'erin@example.com' } })]);
    const admitted = { email: 'erin@example.com', resource: 'demo', startedAt: iso(STORED) };
    expect(await against(await sign({ holds, admitted }))).toEqual([{ why: 'held', holds: [hold.id] }]);
    expect(await against(await sign({ holds }))).toBeUndefined();
  });

  it('under other holds is refused, and told', async () => {
    const { archive, session, sign, against, hold } = await stored();
    await archive.ledger.putHold({ ...hold, scope: { of: 'session', session: newId('ses') } });
    expect(await against(await sign())).toEqual([{ why: 'holds_differ' }]);
    expect(archive.events).toContainEqual({ kind: 'purge.holds_differ', session });
  });

  it('before the time passes a governance lock where it is early, and no other', async () => {
    for (const [lock, isPassed] of [
      ['GOVERNANCE', true],
      ['COMPLIANCE', false],
    ] as const) {
      const { archive, sign, against } = await stored(lock);
      archive.at(STORED + 8 * DAY_MS);
      expect((await against(await sign()))?.map(({ why }) => why)).toEqual(['kept', 'locked']);
      const early = await against(await sign({ mode: 'early' }));
      expect(early?.map(({ why }) => why)).toEqual(isPassed ? undefined : ['locked']);
    }
  });

  it("of an early purge is refused once where nobody knows the edge's key", async () => {
    const { sign, against } = await stored('GOVERNANCE');
    expect(await against(await sign({ mode: 'early' }), { edgeKey: undefined })).toEqual([{ why: 'not_ordered' }]);
  });

  it('is given once: again it is the same, another one is refused, and of two at once each has its answer', async () => {
    const { archive, session, send, sign } = await stored();
    const [one, other] = [await sign(), await sign({ audit: 6 })];
    class Twice extends PurgeLedger {
      override async order(...args: Parameters<PurgeLedger['order']>): Promise<boolean> {
        await super.order(...args);
        return super.order(...args);
      }
    }
    const ledger = new Twice(archive.table);
    expect((await send(one, { ledger })).status).toBe(200);
    expect((await send(one)).status).toBe(200);
    expect((await send(other)).status).toBe(409);
    expect((await archive.ledger.get(session))?.order?.audit).toBe(5);
  });
});

describe('what is asked', () => {
  it('is a report that deletes nothing, orders or not, and is of one session where it is asked for one', async () => {
    const { archive, builder, session, routes } = await stored();
    await archive.run();
    await archive.orderAll();
    const rows = await archive.rows();
    const report = async (of = '') => PurgeReport.parse(await (await routes().request(`/report${of}`)).json());
    expect(await report()).toMatchObject({ dryRun: true, purged: [session] });
    expect((await report(`?session=${newId('ses')}`)).purged).toEqual([]);
    expect([await archive.rows(), archive.store.kept.length]).toEqual([rows, builder.objects.size]);
  });

  it('of a purge that there is none of is not found', async () => {
    const { routes } = await stored();
    expect((await routes().request(`/purges/${newId('ses')}/settled`, { method: 'POST' })).status).toBe(404);
  });

  it('tells of the last run on the first page alone, and of days up to thirty from now', async () => {
    const { archive, session, routes } = await stored();
    await archive.run();
    const page = async (after = '') => PurgePage.parse(await (await routes().request(`/purges${after}`)).json());
    expect(await page()).toMatchObject({ purges: [{ session }], lastRun: { proposed: 1 } });
    expect(await page(`?after=${session}`)).toEqual({ purges: [] });
    const place = { session, connector: newId('con') };
    const day = (days: number) => iso(AFTER + days * DAY_MS).slice(0, 10);
    for (const days of [30, 31]) await archive.due.add(place, day(days));
    const { days } = (await (await routes().request('/due')).json()) as { days: { day: string }[] };
    expect(days.map((each) => each.day)).toContain(day(30));
    expect(days.map((each) => each.day)).not.toContain(day(31));
  });

  it('says of a held session that it is, for either kind of purge, and no day for what tells none', async () => {
    const { archive, hold, kept } = await stored();
    await archive.ledger.putHold(hold);
    const held = { why: 'held', holds: [hold.id] };
    expect(await kept()).toMatchObject({ holds: [hold.id], refusals: [held], early: [held] });
    expect((await kept()).keptUntil).toBeDefined();
    const none = await stored();
    for (const version of none.archive.store.kept) {
      none.archive.at(2 * AFTER);
      await none.archive.store.remove(version, false);
      none.archive.store.put(version.key, Uint8Array.of(1));
    }
    const unknown = await none.kept();
    expect([unknown.keptUntil, unknown.refusals.map(({ why }) => why)]).toEqual([
      undefined,
      expect.arrayContaining(['unknown']),
    ]);
  });
});
