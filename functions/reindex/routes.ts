// A reindex over HTTP, for the edge, which has asked who may and has written it down before it calls:
//
//   GET  /reindex    the last one, or the one under way
//   POST /reindex    begins one, unless one is under way
//
// The work is done by a function of its own: whoever asks for it needs no right to write the catalogue.

import { type Context, Hono } from 'hono';
import { OrderReindex, type ReindexStanding } from '../../core/search/reindex.ts';
import type { ReindexLedger } from './ledger.ts';

export interface ReindexRoutesDeps {
  readonly ledger: ReindexLedger;
  readonly now: () => number;
}

export function reindexArchiveRoutes({ ledger, now }: ReindexRoutesDeps): Hono {
  const app = new Hono();
  app.get('/', async (c) => {
    const reindex = await ledger.read();
    return c.json({ ...(reindex && { reindex }) } satisfies ReindexStanding);
  });
  app.post('/', async (c: Context) => {
    const order = OrderReindex.safeParse(await c.req.json().catch(() => undefined));
    if (!order.success) return c.json({ error: { reason: 'bad_request', message: 'expected { drop }' } }, 400);
    return c.json({ reindex: await ledger.order(order.data.drop, now()) } satisfies ReindexStanding);
  });
  return app;
}
