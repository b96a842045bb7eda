// Where the audit log's pieces are kept: created once, read, never changed or deleted. A place is a
// parsed name, so no name leads elsewhere.

import { AUDIT_PREFIX, MAX_PIECE_BYTES, parseAuditPieceName } from '../../core/audit/audit-archive.ts';
import { LOG_PREFIX, MAX_LOG_OBJECT_BYTES, parseLogObjectName } from '../../core/tlog/log-archive.ts';

interface PuttingPiece {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes; the store takes no others. */
  readonly sha256: Uint8Array;
}

interface StoredPieces {
  /** By name, ascending. Anything else there is not shown. */
  readonly pieces: readonly { readonly name: string; readonly bytes: number }[];
  /** Hand it to `list` for the rest; undefined: that was all. */
  readonly after: string | undefined;
}

/** Names are of one PieceKind. Every method throws RetriableFault when the store does not answer. */
export interface AuditStore {
  /** Durable when it resolves. `exists`: something of this name was there, and was left as it is. */
  create(piece: PuttingPiece): Promise<'created' | 'exists'>;
  /** At most 1,000 a page. */
  list(after?: string): Promise<StoredPieces>;
  /** `too_large`: beyond what a piece can have, nothing was read. undefined: there is none. */
  get(name: string): Promise<Uint8Array | 'too_large' | undefined>;
  /** Until when nobody can delete it, ISO 8601; `none`: this store has no locks. undefined: it can be deleted, or is not there. */
  lockedUntil(name: string): Promise<string | undefined>;
}

/** What is kept, and where. Names may have folders in them. */
export interface PieceKind {
  readonly prefix: string;
  readonly maxBytes: number;
  readonly contentType: string;
  isName(name: string): boolean;
}

export const AUDIT_PIECES: PieceKind = {
  prefix: AUDIT_PREFIX,
  maxBytes: MAX_PIECE_BYTES,
  contentType: 'application/x-ndjson',
  isName: (name) => parseAuditPieceName(name) !== undefined,
};

/** The log of sessions. */
export const LOG_OBJECTS: PieceKind = {
  prefix: LOG_PREFIX,
  maxBytes: MAX_LOG_OBJECT_BYTES,
  contentType: 'application/octet-stream',
  isName: (name) => parseLogObjectName(name) !== undefined,
};
