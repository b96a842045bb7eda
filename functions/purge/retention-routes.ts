// Retention over HTTP, for the edge, which has asked who may and has written it down before it calls:
//
//   GET  /retention/purges                   purges under way, a page at a time
//   POST /retention/purges/SESSION/order     carry it out (409: it does not wait for that, or something stands against it)
//   POST /retention/purges/SESSION/settled   the edge has written down that it is done
//   GET  /retention/sessions/SESSION         what keeps it
//   GET  /retention/due                      how many sessions come up on which day of the next thirty
//   GET  /retention/report                   what a run would do now
//   GET  /retention/holds                    holds as they were given, and how far objects are held
//   PUT  /retention/holds/HOLD               a hold as the edge has it
//
// Nothing here deletes an object: the purge's function does, which alone may.

import '../../core/text/schema-words.ts';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { ConnectorId, HoldId, SessionId } from '../../core/ids.ts';
import { DAY_MS, type PurgeRefusal } from '../../core/retention/may-purge.ts';
import { LegalHold, listedHold } from '../../core/retention/hold.ts';
import type { DueDays } from '../../core/retention/overview.ts';
import { type HoldList, HoldStanding, PurgeOrder, type PurgePage } from '../../core/retention/purge.ts';
import { HOLD_STANDINGS } from '../catalogue-table/schema.ts';
import { underHolds } from './order-proof.ts';
import { purgeRun, type PurgeRunDeps } from './purge-run.ts';
import { sessionRetention } from './session-retention.ts';

const DUE_WITHIN_DAYS = 30;
/** A hold names up to 10,000 sessions. */
const MAX_BODY_BYTES = 512 * 1024;
const Order = PurgeOrder.extend({ connector: ConnectorId });
const Granted = z.coerce.number().int().min(1).optional();

export function retentionArchiveRoutes(deps: PurgeRunDeps): Hono {
  const app = new Hono();
  const problem = (c: Context, status: 400 | 404 | 409, message: string) => {
    const reason = { 400: 'bad_request', 404: 'not_found', 409: 'conflict' }[status];
    return c.json({ error: { reason, message } }, status);
  };
  const sessionIn = (c: Context) => SessionId.safeParse(c.req.param('session')).data;
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => problem(c, 400, `a body has at most ${MAX_BODY_BYTES} bytes`),
    }),
  );

  app.get('/purges', async (c) => {
    const after = SessionId.optional().safeParse(c.req.query('after'));
    if (!after.success) return problem(c, 400, 'after: expected the id of a session');
    const [page, lastRun] = await Promise.all([
      deps.ledger.page(after.data),
      after.data === undefined ? deps.ledger.lastRun() : undefined,
    ]);
    const next = page.after === undefined ? {} : { after: SessionId.parse(page.after) };
    return c.json({ purges: page.purges, ...next, ...(lastRun && { lastRun }) } satisfies PurgePage);
  });

  app.post('/purges/:session/order', async (c) => {
    const session = sessionIn(c);
    const order = Order.safeParse(await c.req.json().catch(() => undefined));
    if (!session || !order.success) return problem(c, 400, 'expected an order and its session');
    const { connector, ...rest } = order.data;
    const known = await deps.ledger.get(session);
    // Again, as its first answer was lost.
    if (known?.order?.audit === rest.audit) return c.json(known);
    const { granted, admitted } = rest;
    const { counting, wrong } = await underHolds({ session, connector, order: rest }, await deps.ledger.holds(), deps);
    const asked = { holds: counting, purge: known, granted, admitted };
    const found = await sessionRetention({ session, connector }, asked, deps);
    const against: PurgeRefusal[] = [
      ...(rest.mode === 'due' ? found.refusals : found.early).filter(({ why }) => why !== 'not_ordered'),
      ...wrong,
    ];
    const { retention, evidence } = found;
    const purge = {
      session,
      connector,
      state: 'proposed' as const,
      at: rest.at,
      evidence,
      ...(retention && { retention }),
      ...(granted !== undefined && { granted }),
    };
    if (against.length > 0) {
      // So that it is not proposed again, and with what the edge says of it.
      if (known?.state === 'proposed') await deps.ledger.note({ ...purge, state: 'refused', refusals: against }, known);
      if (against.some(({ why }) => why === 'holds_differ')) deps.report({ kind: 'purge.holds_differ', session });
      for (const each of against)
        if (each.why === 'contradicted')
          deps.report({ kind: 'purge.contradicted', session, claimed: each.claimed, granted: each.granted });
      return problem(c, 409, JSON.stringify(against));
    }
    await deps.ledger.order(purge, rest);
    // Or another call with the same order was first.
    const ordered = await deps.ledger.get(session);
    return ordered?.order?.audit === rest.audit ? c.json(ordered) : problem(c, 409, 'it does not wait for an order');
  });

  app.post('/purges/:session/settled', async (c) => {
    const session = sessionIn(c);
    const known = session && (await deps.ledger.get(session));
    if (!known) return problem(c, 404, 'there is no such purge');
    const settled = known.state === 'settled' || (await deps.ledger.settle(known, new Date(deps.now()).toISOString()));
    return settled ? c.body(null, 204) : problem(c, 409, 'it is not done');
  });

  app.get('/sessions/:session', async (c) => {
    const session = sessionIn(c);
    const connector = ConnectorId.safeParse(c.req.query('connector')).data;
    const granted = Granted.safeParse(c.req.query('granted'));
    if (!session || !connector || !granted.success)
      return problem(c, 400, 'expected a session, its connector, and the days granted');
    const [holds, purge] = await Promise.all([deps.ledger.holds(), deps.ledger.get(session)]);
    return c.json(await sessionRetention({ session, connector }, { holds, purge, granted: granted.data }, deps));
  });

  app.get('/due', async (c) =>
    c.json({ days: await deps.due.countUpTo(deps.now() + DUE_WITHIN_DAYS * DAY_MS) } satisfies DueDays),
  );

  app.get('/report', async (c) => {
    const session = SessionId.optional().safeParse(c.req.query('session'));
    if (!session.success) return problem(c, 400, 'session: expected an id');
    return c.json(await purgeRun({ dryRun: true, session: session.data }, deps));
  });

  app.get('/holds', async (c) => {
    const holds = await deps.ledger.holds();
    const rows = await deps.table.getAll(holds.map(({ id }) => ({ pk: HOLD_STANDINGS, sk: id })));
    const standings = new Map(rows.map((row) => [row.sk, HoldStanding.safeParse(row).data]));
    const listed = holds.map((hold) => ({ ...listedHold(hold), standing: standings.get(hold.id) }));
    return c.json({ holds: listed } satisfies HoldList);
  });

  app.put('/holds/:hold', async (c) => {
    const id = HoldId.safeParse(c.req.param('hold')).data;
    const hold = LegalHold.safeParse(await c.req.json().catch(() => undefined));
    if (!hold.success || hold.data.id !== id) return problem(c, 400, 'expected a hold under its own id');
    await deps.ledger.putHold(hold.data);
    return c.body(null, 204);
  });
  return app;
}
