// Where a rendered export can be gone on with: how much of the file was made, what its steps kept there (kept-states.ts), and the
// file's bytes up to there of the part that was not full. Two are kept in turn, so that one that cannot be read has one before it.
//
//   32 bytes SHA-256 of the export's key and of all that follows | uint64 where its bytes begin | uint32 length, JSON with zstd | bytes
//
// Whoever could make one up could write the parts themselves. What is damaged, cut, of another export or of another release is none.

import { createHash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { Digest } from '../../core/recording/segment.ts';
import type { RenderedPlace, RenderedStore } from './rendered-store.ts';

/** Raise it whenever a step keeps otherwise than before. */
const VERSION = 1;
const DIGEST_BYTES = 32;
const HEAD_BYTES = 12;
/** Of the states of all steps as JSON. Usual are some KB; a row of 16 MiB that is half there has 22. */
const MAX_STATES_CHARS = 48 * 1024 * 1024;

const Count = z.number().int().min(0);

const Point = z.object({
  version: z.literal(VERSION),
  segment: z.object({ number: Count, previous: Digest.nullable(), firstFrame: Count }),
  reading: z.string(),
  states: z.record(z.string(), z.unknown()),
  /** Borders of segments that were passed until there, in all readings. */
  segments: Count,
  /** Bytes of the file that were made. */
  offset: Count,
});
type Point = z.infer<typeof Point>;

export interface ResumePoint extends Point {
  /** Where its bytes begin, which go to `offset`; none where that is in a part. */
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** As JSON. undefined: it is larger than what is kept. */
export function pointText(point: Omit<Point, 'version'>): string | undefined {
  const json = JSON.stringify({ version: VERSION, ...point } satisfies Point);
  return json.length <= MAX_STATES_CHARS ? json : undefined;
}

const SLOTS = ['resume-0', 'resume-1'] as const;
export type Slot = (typeof SLOTS)[number];

/** `text`: of `pointText`. */
export function encodePoint({ key }: RenderedPlace, text: string, from: number, bytes: Uint8Array): Uint8Array {
  const packed = zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeBigUInt64BE(BigInt(from));
  head.writeUInt32BE(packed.length, 8);
  return Buffer.concat([digestOf(key, [head, packed, bytes]), head, packed, bytes]);
}

/** undefined: it is none. */
export function decodePoint({ key }: RenderedPlace, stored: Uint8Array): ResumePoint | undefined {
  const whole = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const rest = whole.subarray(DIGEST_BYTES);
  if (rest.length < HEAD_BYTES || !digestOf(key, [rest]).equals(whole.subarray(0, DIGEST_BYTES))) return undefined;
  const from = Number(rest.readBigUInt64BE(0));
  const end = HEAD_BYTES + rest.readUInt32BE(8);
  try {
    const json = zstdDecompressSync(rest.subarray(HEAD_BYTES, end), { maxOutputLength: 4 * MAX_STATES_CHARS });
    const point = Point.parse(JSON.parse(json.toString()));
    const bytes = rest.subarray(end);
    return bytes.length === Math.max(0, point.offset - from) ? { ...point, from, bytes } : undefined;
  } catch {
    return undefined;
  }
}

/** The furthest first. `made`: bytes in the parts that are there; where a point is beyond them without the bytes between, it is of no use. */
export async function readPoints(
  place: RenderedPlace,
  made: number,
  store: RenderedStore,
): Promise<{ readonly slot: Slot; readonly point: ResumePoint }[]> {
  const found = await Promise.all(
    SLOTS.map(async (slot) => {
      const stored = await store.get(place, slot);
      const point = stored && decodePoint(place, stored);
      return point && (point.offset <= made || point.from <= made) ? [{ slot, point }] : [];
    }),
  );
  return found.flat().sort((a, b) => b.point.segments - a.point.segments);
}

export const otherSlot = (slot: Slot | undefined): Slot => (slot === SLOTS[0] ? SLOTS[1] : SLOTS[0]);

/** What is over keeps none. */
export async function dropPoints(place: RenderedPlace, store: RenderedStore): Promise<void> {
  for (const slot of SLOTS) await store.put(place, slot, new Uint8Array(0));
}

function digestOf(key: string, parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(key);
  for (const part of parts) hash.update(part);
  return hash.digest();
}
