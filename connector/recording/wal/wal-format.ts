// The write-ahead log's files. Numbered, written once from start to end, read by the archiver and
// after a crash. Not part of the recording format: only a release and its successor read the same log,
// so the version byte changes when the layout does and both are read for one release.
//
//   file     32 bytes "GHWAL" 00 00 02 | u32 BE file number | zeros
//            then batches back to back, one for each event-loop turn
//   batch     0  u32 BE  0x47485742 "GHWB"
//             4  u32 BE  file number
//             8  u32 BE  offset of this batch in its file
//            12  u32 BE  payload length
//            16  u32 BE  CRC-32 of the payload
//            20  u32 BE  CRC-32 of the 20 bytes before
//            24  payload: entries back to back
//   entry     0  u8      1: session; 2: frame; 3: original (from version 2 on)
//    session  1  u32 BE  slot, by which this batch's frames name the session
//             5  u8      length of the id, then the id in ASCII
//    frame    1  u32 BE  slot
//             5  u64 BE  place of the frame in its session, from 0
//            13  the frame as in a segment (core/recording/frame.ts): 18 byte header, body
//    original 1  u32 BE  slot
//             5  u64 BE  place of the frame that it is of, which follows it
//            13  u32 BE  number of the piece
//            17  u32 BE  length, then what is sealed (core/recording/originals)
//
// A batch stands alone: it names each session before the session's first frame in it, so what is
// lost to a bad disk is the batches it hit and no more. File number and offset in each batch tell a
// batch from bytes that look like one.

import { crc32 } from 'node:zlib';
import { FRAME_HEADER_BYTES, MAX_FRAME_BODY_BYTES } from '../../../core/recording/frame.ts';

export const WAL_FILE_HEADER_BYTES = 32;
export const BATCH_HEADER_BYTES = 24;
export const FRAME_ENTRY_BYTES = 13;
const BATCH_MAGIC = 0x47485742;
const FILE_MAGIC = Buffer.from('GHWAL\0\0\x02', 'latin1');
export const ENTRY_SESSION = 1;
export const ENTRY_FRAME = 2;
export const ENTRY_ORIGINAL = 3;
export const ORIGINAL_ENTRY_BYTES = 21;

/** The writer commits a batch that reached this, so a payload stays below twice this and one frame. */
export const BATCH_TARGET_BYTES = 1024 * 1024;
/** A declared length above this is damage and is not allocated. */
const MAX_BATCH_PAYLOAD_BYTES = 2 * BATCH_TARGET_BYTES + 2 * MAX_FRAME_BODY_BYTES;

export function walFileName(number: number): string {
  return `${String(number).padStart(10, '0')}.wal`;
}

export function parseWalFileName(name: string): number | undefined {
  const match = /^(\d{10})\.wal$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

export function walFileHeader(number: number): Buffer {
  const header = Buffer.alloc(WAL_FILE_HEADER_BYTES);
  FILE_MAGIC.copy(header);
  header.writeUInt32BE(number, 8);
  return header;
}

/** Whether this is a log's header, and of a later version of the layout. A header that a crash tore is neither. */
export function isLaterVersion(header: Buffer): boolean {
  const at = FILE_MAGIC.length - 1;
  return header.subarray(0, at).equals(FILE_MAGIC.subarray(0, at)) && header.readUInt8(at) > FILE_MAGIC.readUInt8(at);
}

/** Fills the header at the start of `first`, whose payload begins behind it and goes on in `rest`. */
export function writeBatchHeader(
  buffers: readonly Uint8Array[],
  payloadLength: number,
  file: number,
  offset: number,
): void {
  const first = buffers[0] as Buffer;
  let crc = crc32(first.subarray(BATCH_HEADER_BYTES));
  for (let i = 1; i < buffers.length; i++) crc = crc32(buffers[i] as Uint8Array, crc);
  first.writeUInt32BE(BATCH_MAGIC, 0);
  first.writeUInt32BE(file, 4);
  first.writeUInt32BE(offset, 8);
  first.writeUInt32BE(payloadLength, 12);
  first.writeUInt32BE(crc, 16);
  first.writeUInt32BE(crc32(first.subarray(0, 20)), 20);
}

/** The payload's length, or undefined when these 24 bytes do not begin the batch at `offset` of `file`. */
export function readBatchHeader(
  header: Buffer,
  file: number,
  offset: number,
): { payloadLength: number; crc: number } | undefined {
  if (header.length < BATCH_HEADER_BYTES || header.readUInt32BE(0) !== BATCH_MAGIC) return undefined;
  if (header.readUInt32BE(4) !== file || header.readUInt32BE(8) !== offset) return undefined;
  if (header.readUInt32BE(20) !== crc32(header.subarray(0, 20))) return undefined;
  const payloadLength = header.readUInt32BE(12);
  return payloadLength > MAX_BATCH_PAYLOAD_BYTES ? undefined : { payloadLength, crc: header.readUInt32BE(16) };
}

export interface WalEntries {
  session(slot: number, id: string): void;
  /** The frame stands from `start` to `end` of `bytes`, which are valid during the call only. */
  frame(slot: number, sequence: number, bytes: Buffer, start: number, end: number): void;
  /** A piece of what masks hid in the frame at `sequence`, which is yet to come; `sealed` is valid during the call only. */
  original(slot: number, sequence: number, number: number, sealed: Buffer): void;
}

/** Hands out the entries of a payload whose checksum was right. */
export function readEntries(payload: Buffer, entries: WalEntries): void {
  let at = 0;
  while (at < payload.length) {
    const kind = payload[at];
    const slot = payload.readUInt32BE(at + 1);
    if (kind === ENTRY_SESSION) {
      const end = at + 6 + payload.readUInt8(at + 5);
      entries.session(slot, payload.toString('latin1', at + 6, end));
      at = end;
    } else if (kind === ENTRY_FRAME) {
      const sequence = payload.readUInt32BE(at + 5) * 0x1_0000_0000 + payload.readUInt32BE(at + 9);
      const start = at + FRAME_ENTRY_BYTES;
      const end = start + FRAME_HEADER_BYTES + payload.readUInt32BE(start + 14);
      entries.frame(slot, sequence, payload, start, end);
      at = end;
    } else if (kind === ENTRY_ORIGINAL) {
      const sequence = payload.readUInt32BE(at + 5) * 0x1_0000_0000 + payload.readUInt32BE(at + 9);
      const start = at + ORIGINAL_ENTRY_BYTES;
      const end = start + payload.readUInt32BE(at + 17);
      entries.original(slot, sequence, payload.readUInt32BE(at + 13), payload.subarray(start, end));
      at = end;
    } else throw new Error(`log entry of kind ${kind}: written by a newer release`);
  }
}
