// Cursors: opaque, and tied to the query that they were made for. A cursor holds a position only;
// the partition that it is used in comes from the query, so even a forged one reaches nothing that
// the query itself does not. Hence a plain hash: it finds mistakes, it is no secret.

import { createHash } from 'node:crypto';
import { type Result, err, ok } from '../../core/result.ts';

const TAG_BYTES = 12;
const MAX_CURSOR = 2000;

function tagOf(query: string, position: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(['gatehouse cursor 1', query, position]))
    .digest()
    .subarray(0, TAG_BYTES);
}

/** `query`: everything that decides which rows there are and in what order; not the page's size. */
export function makeCursor(query: string, position: string): string {
  return Buffer.concat([tagOf(query, position), Buffer.from(position)]).toString('base64url');
}

export function readCursor(query: string, cursor: string): Result<string, 'bad_cursor'> {
  if (cursor.length > MAX_CURSOR) return err('bad_cursor');
  const bytes = Buffer.from(cursor, 'base64url');
  // Buffer ignores what is not base64url, and stray bits at the end.
  if (bytes.toString('base64url') !== cursor || bytes.length <= TAG_BYTES) return err('bad_cursor');
  const position = bytes.subarray(TAG_BYTES).toString();
  return tagOf(query, position).equals(bytes.subarray(0, TAG_BYTES)) ? ok(position) : err('bad_cursor');
}
