// The audit log's pieces over HTTP, beside the sessions:
//
//   POST /audit/NAME  the piece's bytes, with its SHA-256 in Content-Digest (RFC 9530)
//                     200 stored, also when the same bytes were there already; 409 others were; 400 no piece
//   GET  /audit       names and sizes, a page at a time
//   GET  /audit/NAME  the bytes; with ?lock also until when nobody can delete it
//
// Nothing changes or deletes one.

import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ApiError, AuditPiecePage, StoredAuditPiece } from '../core/api.ts';
import { decodeAuditPiece, LOCK_HEADER, MAX_PIECE_BYTES, parseAuditPieceName } from '../core/audit/audit-archive.ts';
import { gapBefore, noticesOf } from './audit-notices.ts';
import type { ApiReporter } from './faults.ts';
import type { AuditStore } from './store/audit-store.ts';

export function auditArchiveRoutes(store: AuditStore, report: ApiReporter): Hono {
  const app = new Hono();

  app.get('/', async (c) => {
    const after = c.req.query('after');
    if (after !== undefined && !parseAuditPieceName(after)) {
      return c.json(problem('bad_request', 'after: expected the name of a piece'), 400);
    }
    const { pieces, after: next } = await store.list(after);
    return c.json({ pieces: [...pieces], ...(next !== undefined && { after: next }) } satisfies AuditPiecePage);
  });

  app.get('/:name', async (c) => {
    const name = c.req.param('name');
    const bytes = parseAuditPieceName(name) && (await store.get(name));
    if (!bytes) return c.json(problem('not_found', 'there is no such piece'), 404);
    if (bytes === 'too_large') return c.json(problem('not_found', 'what is stored there is no piece'), 404);
    const until = c.req.query('lock') === undefined ? undefined : await store.lockedUntil(name);
    return c.body(Uint8Array.from(bytes), 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(bytes.length),
      ...(until !== undefined && { [LOCK_HEADER]: until }),
    });
  });

  app.post(
    '/:name',
    bodyLimit({
      maxSize: MAX_PIECE_BYTES,
      onError: (c) => c.json(problem('bad_request', `a piece is at most ${MAX_PIECE_BYTES} bytes`), 413),
    }),
    async (c) => {
      const name = c.req.param('name');
      let piece: Awaited<ReturnType<typeof decodeAuditPiece>> | undefined;
      const answer = await keepPiece(c, name, store, report, async (bytes) => {
        piece = await decodeAuditPiece(name, bytes);
        return piece.ok ? undefined : piece.error;
      });
      if (answer.ok && piece?.ok) {
        const gap = await gapBefore(piece.value.header.first, store);
        for (const notice of [...noticesOf(piece.value.entries), ...(gap ? [gap] : [])]) report(notice);
      }
      return answer;
    },
  );
  return app;
}

const problem = (reason: string, message: string): ApiError => ({ error: { reason, message } });

/** Stores the body under `name`, once. `mistakeIn` says what is wrong with it: what is kept for years must be readable then. */
export async function keepPiece(
  c: Context,
  name: string,
  store: AuditStore,
  report: ApiReporter,
  mistakeIn: (bytes: Uint8Array) => Promise<string | undefined>,
): Promise<Response> {
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  const sha256 = createHash('sha256').update(bytes).digest();
  const said = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(c.req.header('content-digest') ?? '')?.[1];
  if (said === undefined || !timingSafeEqual(Buffer.from(said, 'base64'), sha256)) {
    return c.json(problem('bad_request', 'Content-Digest: expected the SHA-256 of the body'), 400);
  }
  const mistake = await mistakeIn(bytes);
  if (mistake !== undefined) return c.json(problem('bad_request', mistake), 400);
  const digest = sha256.toString('hex');
  if ((await store.create({ name, bytes, sha256 })) === 'created') {
    return c.json({ digest, already: false } satisfies StoredAuditPiece);
  }
  const there = await store.get(name);
  if (there && there !== 'too_large' && Buffer.compare(there, bytes) === 0) {
    return c.json({ digest, already: true } satisfies StoredAuditPiece);
  }
  report({ kind: 'audit.contradicted', object: name });
  return c.json(problem('conflict', 'another piece of this name is stored, and stays'), 409);
}
