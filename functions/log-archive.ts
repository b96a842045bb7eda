// The log of sessions over HTTP (core/tlog/log-archive.ts): POST /log/NAME keeps an object, as POST /audit/NAME does a piece
// of the audit log; GET /log/NAME gives it back to the edge, which frees what it has read there.

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ApiError } from '../core/api.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { decodeBundle, MAX_LOG_OBJECT_BYTES, parseLogObjectName } from '../core/tlog/log-archive.ts';
import { parseLogEntry } from '../core/tlog/session-entry.ts';
import { decodeRows } from '../core/tlog/witness-rows.ts';
import { keepPiece } from './audit-archive.ts';
import type { ApiReporter } from './faults.ts';
import type { AuditStore } from './store/audit-store.ts';

export function logArchiveRoutes(store: AuditStore, report: ApiReporter): Hono {
  const app = new Hono();
  const tooLarge = { error: { reason: 'bad_request', message: `at most ${MAX_LOG_OBJECT_BYTES} bytes` } };
  app.get('/:name{.+}', async (c) => {
    const name = c.req.param('name');
    const bytes = parseLogObjectName(name) && (await store.get(name));
    if (!bytes || bytes === 'too_large') {
      const message = 'there is no such object of the log of sessions';
      return c.json({ error: { reason: 'not_found', message } } satisfies ApiError, 404);
    }
    return c.body(Uint8Array.from(bytes), 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(bytes.length),
    });
  });
  app.post(
    '/:name{.+}',
    bodyLimit({ maxSize: MAX_LOG_OBJECT_BYTES, onError: (c) => c.json(tooLarge satisfies ApiError, 413) }),
    (c) => {
      const name = c.req.param('name');
      return keepPiece(c, name, store, report, async (bytes) => mistakeIn(name, bytes));
    },
  );
  return app;
}

function mistakeIn(name: string, bytes: Uint8Array): string | undefined {
  const place = parseLogObjectName(name);
  if (!place) return 'nothing of the log of sessions is called so';
  if (place.kind === 'checkpoint') {
    const checkpoint = parseCheckpoint(new TextDecoder().decode(bytes));
    if (!checkpoint.ok) return checkpoint.error;
    return checkpoint.value.size === place.size ? undefined : 'it is the checkpoint of another size';
  }
  if (place.kind === 'rows') {
    const rows = decodeRows(bytes);
    return rows.ok ? undefined : rows.error;
  }
  const entries = decodeBundle(bytes);
  if (!entries.ok) return entries.error;
  if (entries.value.length !== place.count) return `it has ${entries.value.length} entries`;
  for (const entry of entries.value) {
    const read = parseLogEntry(entry);
    if (!read.ok) return read.error;
  }
  return undefined;
}
