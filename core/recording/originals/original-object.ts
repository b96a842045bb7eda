// What masks hid in the frames of one segment, sealed (ADR 52). The object stands beside the segment, whose header has its digest.
//
//    0  8 bytes  "GHORI" 00 00 01          the last byte is the version
//    8  pieces   back to back, in the order of their frames
//
//   piece  0  u64 BE  the frame that it is of, by its place in the session
//          8  u32 BE  number of the piece in the session: its nonce
//         12  u32 BE  length of what is sealed
//         16  sealed  AES-256-GCM under the session's key; nonce: the number as 96 bits, big-endian; authenticated beside it:
//                     the session's id in ASCII, then the frame's body as it is recorded; the tag is the last 16 bytes
//
// Sealed are replacements in that body: numbers as LEB128, each
//
//    gap      bytes of the body that stay, behind the replacement before
//    length   bytes of the body that are replaced
//    clear    length of what stood there, and that
//
// One frame may have several pieces: the next one's gap counts from where the one before it stopped. The key is random, made for
// the session alone, and stands in its first frame as an age file: `originals.key` of session.opened.

import { MAX_FRAME_BODY_BYTES } from '../frame.ts';

export const ORIGINAL_MAGIC = Uint8Array.of(0x47, 0x48, 0x4f, 0x52, 0x49, 0, 0, 1);
export const PIECE_HEADER_BYTES = 16;
const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
export const ORIGINAL_KEY_BYTES = 32;
/** A longer original is divided into several pieces. */
export const MAX_PIECE_CLEAR_BYTES = MAX_FRAME_BODY_BYTES;
/** A piece's replacements take at most so much beside what is in them; anything above is damage. */
const MAX_SEALED_BYTES = 4 * MAX_FRAME_BODY_BYTES;
/** What a writer keeps of one frame: the rest is not kept, and counted. Sealing stalls everybody, and a segment is cut between frames alone. */
export const MAX_FRAME_ORIGINAL_BYTES = 4 * MAX_FRAME_BODY_BYTES;
/** What a reader takes an object to have at most. */
export const MAX_ORIGINAL_BYTES = 96 * 1024 * 1024;

/** In place of `length` bytes of a body from `at` on stood `clear`. */
export interface Replacement {
  readonly at: number;
  readonly length: number;
  readonly clear: Uint8Array;
}

/** What is kept of what is hidden in one frame: all, or nothing where that is more than a frame may have. */
export function withinFrame(hid: readonly Replacement[], leftOut: (values: number) => void): readonly Replacement[] {
  if (hid.reduce((sum, { clear }) => sum + clear.length, 0) <= MAX_FRAME_ORIGINAL_BYTES) return hid;
  leftOut(hid.length);
  return [];
}

export interface SealedPiece {
  readonly frame: number;
  readonly number: number;
  readonly sealed: Uint8Array;
}

export class OriginalDamage extends Error {}

/** Pieces of an object, as views. Throws OriginalDamage when it is not whole pieces. */
export function* readPieces(bytes: Uint8Array): Generator<SealedPiece, void, undefined> {
  if (bytes.length < ORIGINAL_MAGIC.length || ORIGINAL_MAGIC.some((byte, at) => bytes[at] !== byte))
    throw new OriginalDamage('does not begin as sealed originals do');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = ORIGINAL_MAGIC.length; at < bytes.length; ) {
    const start = at + PIECE_HEADER_BYTES;
    const length = start <= bytes.length ? view.getUint32(at + 12) : 0;
    if (start + length > bytes.length || length < TAG_BYTES || length > MAX_SEALED_BYTES)
      throw new OriginalDamage('a piece of it is cut or has no sound length');
    const frame = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    yield { frame, number: view.getUint32(at + 8), sealed: bytes.subarray(start, start + length) };
    at = start + length;
  }
}

/** Nonce of a piece. */
export function nonceOf(number: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  new DataView(nonce.buffer).setUint32(NONCE_BYTES - 4, number);
  return nonce;
}

/** Replacements as they are sealed. `from`: where the ones before of the same body stopped. Ascending, and none overlaps another. */
export function encodeReplacements(replacements: readonly Replacement[], from: number): Uint8Array {
  let size = 0;
  let at = from;
  for (const { at: start, length, clear } of replacements) {
    size += sizeOf(start - at) + sizeOf(length) + sizeOf(clear.length) + clear.length;
    at = start + length;
  }
  const out = new Uint8Array(size);
  let to = 0;
  at = from;
  for (const { at: start, length, clear } of replacements) {
    if (start < at) throw new Error('replacements overlap');
    to = put(out, to, start - at);
    to = put(out, to, length);
    to = put(out, to, clear.length);
    out.set(clear, to);
    to += clear.length;
    at = start + length;
  }
  return out;
}

/** A body with what its pieces, opened and in their order, put back. Throws OriginalDamage when they do not fit it. */
export function restoreBody(body: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const gap = take(piece, from);
      const length = take(piece, gap.next);
      const clear = take(piece, length.next);
      const stop = at + gap.value + length.value;
      if (stop > body.length || clear.next + clear.value > piece.length)
        throw new OriginalDamage('what it replaces is beyond its frame');
      parts.push(body.subarray(at, at + gap.value), piece.subarray(clear.next, clear.next + clear.value));
      at = stop;
      from = clear.next + clear.value;
    }
  }
  parts.push(body.subarray(at));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const part of parts) {
    whole.set(part, to);
    to += part.length;
  }
  return whole;
}

function sizeOf(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function put(out: Uint8Array, to: number, value: number): number {
  let at = to;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  return at;
}

function take(bytes: Uint8Array, from: number): { readonly value: number; readonly next: number } {
  let value = 0;
  // Five of seven bits are more than any length here.
  for (let count = 0; count < 5; count++) {
    const byte = bytes[from + count];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * count);
    if (byte < 0x80) return { value, next: from + count + 1 };
  }
  throw new OriginalDamage('a number in it is cut or too long');
}
