// Retention as the functions serve it, as far as the edge's tests ask. `POST /plan-retention` says what there is and how calls are
// answered, `GET /plan-retention` what was called that changes something, in order.

import { Hono } from 'hono';
import { getRequestListener } from '@hono/node-server';
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Plan {
  readonly purges: readonly object[];
  /** Of purges; missing: all of them. */
  readonly pageSize?: number;
  readonly session?: object;
  readonly report?: { readonly proposed: readonly string[] };
  readonly due?: readonly object[];
  /** Statuses of the next calls; then they succeed. */
  readonly answers?: Readonly<Record<'order' | 'settled' | 'holds', number[]>>;
}

export function retentionOfTests(): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const app = new Hono();
  let plan: Plan = { purges: [] };
  const told: object[] = [];
  app.post('/plan-retention', async (c) => {
    plan = await c.req.json();
    told.length = 0;
    return c.json({});
  });
  app.get('/plan-retention', (c) => c.json(told));
  app.get('/retention/purges', (c) => {
    const { purges, pageSize = purges.length } = plan;
    const idOf = (purge: object | undefined) => (purge as { session?: string } | undefined)?.session;
    const from = purges.findIndex((purge) => idOf(purge) === c.req.query('after')) + 1;
    const page = purges.slice(from, from + pageSize);
    const more = from + pageSize < purges.length;
    return c.json({ purges: page, ...(more && { after: idOf(page.at(-1)) }) });
  });
  app.get('/retention/holds', (c) => c.json({ holds: [] }));
  app.get('/retention/sessions/:session', (c) => (plan.session ? c.json(plan.session) : c.json({}, 503)));
  app.get('/retention/due', (c) => (plan.due ? c.json({ days: plan.due }) : c.json({}, 503)));
  app.get('/retention/report', (c) => {
    if (!plan.report) return c.json({}, 503);
    const of = c.req.query('session');
    return c.json({ ...plan.report, proposed: plan.report.proposed.filter((each) => (of ?? each) === each) });
  });
  app.all('/retention/*', async (c) => {
    const path = c.req.path.slice('/retention'.length);
    const kind = path.startsWith('/holds') ? 'holds' : path.endsWith('/order') ? 'order' : 'settled';
    told.push({ method: c.req.method, path, body: await c.req.json() });
    const status = plan.answers?.[kind]?.shift() ?? 200;
    return c.json({ error: { reason: 'planned', message: '[]' } }, status === 204 ? 200 : (status as 200));
  });
  return getRequestListener(app.fetch);
}
