// No request is answered without the edge's ticket for it, where the edge's key is known: an AWS key that may call the
// functions reads nothing by itself.

import type { MiddlewareHandler } from 'hono';
import { LOOK_TICKET_HEADER, lookTicketFault } from '../core/tlog/look-ticket.ts';
import { parseNoteKey } from '../core/tlog/note.ts';
import type { ApiReporter } from './faults.ts';

/** `edgeKey`: `NAME+ID+KEY` of the edge's log of sessions. One that cannot be read allows nothing. */
export function requireLookTickets(edgeKey: string, report: ApiReporter): MiddlewareHandler {
  const parsed = parseNoteKey(edgeKey);
  return async (c, next) => {
    const key = await parsed;
    const fault = key.ok
      ? await lookTicketFault(
          c.req.header(LOOK_TICKET_HEADER),
          {
            method: c.req.method,
            url: new URL(c.req.url),
            body: new Uint8Array(await c.req.raw.clone().arrayBuffer()),
          },
          { key: key.value, nowMs: Date.now() },
        )
      : 'key_unreadable';
    if (fault === undefined) return next();
    report({ kind: 'look.refused', fault });
    const message = `only the edge's requests are answered (${fault}): docs/runbook.md, Look refused`;
    return c.json({ error: { reason: 'not_permitted', message } }, 403);
  };
}
