// A frame is the recording's unit: one chunk of wire bytes, or one fact about them.
//
//    0  u64 BE  time: microseconds since the session's start
//    8  u8      direction: 0 gateway, 1 client, 2 target (who sent it)
//    9  u8      kind: 0 bytes, 1 fact
//   10  u32 BE  lane: SSH or Kubernetes channel, HTTP exchange; 0 for databases
//   14  u32 BE  body length
//   18  body    bytes: as on the wire, after masking; fact: UTF-8 JSON, see facts.ts
//
// docs/recording-format.md is the specification; a second reader can be written from it alone.

import { FORMAT_VERSION, type FormatVersion } from './format-version.ts';

export const FRAME_HEADER_BYTES = 18;
/** A socket read never exceeds 64 KiB and a fact is cut at 64 KiB of text; anything far above is damage. */
export const MAX_FRAME_BODY_BYTES = 1024 * 1024;

export type Direction = 'gateway' | 'client' | 'target';
export type FrameKind = 'bytes' | 'fact';

export const DIRECTION_CODE: Readonly<Record<Direction, number>> = { gateway: 0, client: 1, target: 2 };
export const KIND_CODE: Readonly<Record<FrameKind, number>> = { bytes: 0, fact: 1 };
const DIRECTIONS: readonly Direction[] = ['gateway', 'client', 'target'];
const KINDS: readonly FrameKind[] = ['bytes', 'fact'];

export interface Frame {
  /** Position in the session, from 0. Not stored: segment header's `firstFrame` plus place. */
  readonly sequence: number;
  readonly timeUs: number;
  readonly direction: Direction;
  readonly kind: FrameKind;
  readonly lane: number;
  readonly body: Uint8Array;
  /** Of its segment. Missing: the current one. */
  readonly format?: FormatVersion;
}

/** Writes a frame's header at `offset` of `target`, which must have FRAME_HEADER_BYTES left there. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  timeUs: number,
  directionCode: number,
  kindCode: number,
  lane: number,
  bodyLength: number,
): void {
  const high = Math.floor(timeUs / 0x1_0000_0000);
  writeU32(target, offset, high);
  writeU32(target, offset + 4, timeUs - high * 0x1_0000_0000);
  target[offset + 8] = directionCode;
  target[offset + 9] = kindCode;
  writeU32(target, offset + 10, lane);
  writeU32(target, offset + 14, bodyLength);
}

export class FrameDamage extends Error {}

/** Frames of one decompressed block, in order. Throws FrameDamage when it is not whole frames. Bodies are views, not copies. */
export function* readFrames(
  block: Uint8Array,
  firstSequence: number,
  format: FormatVersion = FORMAT_VERSION,
): Generator<Frame, void, undefined> {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let offset = 0;
  for (let sequence = firstSequence; offset < block.length; sequence++) {
    if (block.length - offset < FRAME_HEADER_BYTES) throw new FrameDamage(`frame ${sequence} is cut in its header`);
    const direction = DIRECTIONS[view.getUint8(offset + 8)];
    const kind = KINDS[view.getUint8(offset + 9)];
    const length = view.getUint32(offset + 14);
    if (!direction || !kind) throw new FrameDamage(`frame ${sequence} has an unknown direction or kind`);
    if (length > MAX_FRAME_BODY_BYTES) throw new FrameDamage(`frame ${sequence} declares ${length} bytes`);
    const start = offset + FRAME_HEADER_BYTES;
    if (start + length > block.length) throw new FrameDamage(`frame ${sequence} is cut in its body`);
    yield {
      sequence,
      timeUs: view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4),
      direction,
      kind,
      lane: view.getUint32(offset + 10),
      body: block.subarray(start, start + length),
      ...(format !== FORMAT_VERSION && { format }),
    };
    offset = start + length;
  }
}

function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}
