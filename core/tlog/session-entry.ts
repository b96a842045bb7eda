// What the edge's transparency log says of sessions: digests and no names, so that a purged session leaves nothing there
// that says whose it was. A session's id has 80 random bits: its digest tells nobody which id it is of.
//
//   opened SESSION                 before its connector was told that it may begin
//   manifest SESSION DIGEST        its manifest was stored
//   never-began SESSION            it was refused before anything of it was recorded or forwarded
//   rows NAME DIGEST               the edge put a piece of what it witnessed into the object store (witness-rows.ts)
//
// SESSION and DIGEST are SHA-256 in hex: of the id in ASCII, and of the manifest as it is stored. NAME is that of the
// piece's name below `log/`.

import { err, ok, type Result } from '../result.ts';

export type SessionEvent = 'opened' | 'manifest' | 'never-began' | 'rows';

export interface SessionLogEntry {
  readonly event: SessionEvent;
  /** SHA-256 of the session's id, in hex; of `rows` of the piece's name. */
  readonly session: string;
  /** Of a manifest, or a piece. */
  readonly digest?: string;
}

const ENTRY = /^(?:(opened|never-began) ([0-9a-f]{64})|(manifest|rows) ([0-9a-f]{64}) ([0-9a-f]{64}))$/;

export const showLogEntry = ({ event, session, digest }: SessionLogEntry): string =>
  digest === undefined ? `${event} ${session}` : `${event} ${session} ${digest}`;

export function parseLogEntry(text: string): Result<SessionLogEntry, string> {
  const [, event, session, named, of, digest] = ENTRY.exec(text) ?? [];
  if ((event === 'opened' || event === 'never-began') && session !== undefined) return ok({ event, session });
  if ((named === 'manifest' || named === 'rows') && of !== undefined && digest !== undefined)
    return ok({ event: named, session: of, digest });
  return err(`${JSON.stringify(text.slice(0, 100))} is no entry of the log of sessions`);
}

/** SHA-256 of a session's id, or of a piece's name, in hex. */
export async function sessionDigest(id: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(id));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
