// CopyData messages around pieces of rewritten COPY data.

import { OutputChunks } from '../../../sql/output.ts';

export const COPY_DATA = 0x64;

export function givePart(given: Buffer[], pieces: readonly Uint8Array[]): void {
  const out = new OutputChunks(1024);
  writeCopyData(out, pieces);
  if (out.length > 0) given.push(out.take());
}

export function writeCopyData(out: OutputChunks, pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    out.byte(COPY_DATA);
    out.int32(piece.length + 4);
    out.put(piece);
  }
}
