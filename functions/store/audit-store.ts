// Where the audit log's pieces are kept: created once, read, never changed or deleted. A place is a
// parsed name, so no name leads elsewhere.

import { parseAuditPieceName } from '../../core/audit/audit-archive.ts';

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

/** Names are of `parseAuditPieceName`. Every method throws RetriableFault when the store does not answer. */
export interface AuditStore {
  /** Durable when it resolves. `exists`: something of this name was there, and was left as it is. */
  create(piece: PuttingPiece): Promise<'created' | 'exists'>;
  /** At most 1,000 a page. */
  list(after?: string): Promise<StoredPieces>;
  /** `too_large`: beyond what a piece can have, nothing was read. undefined: there is none. */
  get(name: string): Promise<Uint8Array | 'too_large' | undefined>;
}

export const isPieceName = (name: string): boolean => parseAuditPieceName(name) !== undefined;
