// A segment: a stretch of one session's frames, compressed, hashed, chained to the one before.
//
//    0  8 bytes  "GHSEG" 00 00 02          the last byte is the format version
//    8  u32 BE   length of the header
//   12  header   UTF-8 JSON, see SegmentHeader
//    .  u32 BE   length of the block
//    .  block    one zstd frame; decompressed: frames back to back (frame.ts)
//    .  32 bytes SHA-256 of everything before it: the segment's digest

import { z } from 'zod';
import { ConnectorId, SessionId } from '../ids.ts';
import { FORMAT_VERSION, FormatVersion } from './format-version.ts';
import { type Frame, readFrames } from './frame.ts';

/** Decompressed size at which the writer cuts: two that cannot be compressed are read with less than 2 MiB (docs/adr/0036). */
export const SEGMENT_TARGET_BYTES = 1_000_000;
/** What a reader accepts: one frame may straddle the target. Guards against decompression bombs. */
export const MAX_SEGMENT_RAW_BYTES = 4 * 1024 * 1024;
/** Longest time between a frame of a session's first minute and its segment's upload. */
export const SEGMENT_MAX_AGE_MS = 5_000;
/** And of every later frame: with upload and index it is found within ten seconds, for less money (docs/adr/0068). */
export const LATER_SEGMENT_MAX_AGE_MS = 7_000;

const MAGIC = Uint8Array.of(0x47, 0x48, 0x53, 0x45, 0x47, 0, 0, FORMAT_VERSION);
const DIGEST_BYTES = 32;

export const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 digest in hex');

/** What masks hid in a segment's frames, sealed, in an object of its own beside it (originals.ts). */
export const SealedOriginal = z.object({
  /** Of the whole object. */
  digest: Digest,
  bytes: z.number().int().min(1),
  /** Frames of which something is kept. */
  frames: z.number().int().min(1),
});
export type SealedOriginal = z.infer<typeof SealedOriginal>;

export const SegmentHeader = z.object({
  session: SessionId,
  connector: ConnectorId,
  /** From 0, without a gap. */
  number: z.number().int().min(0),
  /** Digest of segment number - 1; null for number 0. */
  previous: Digest.nullable(),
  firstFrame: z.number().int().min(0),
  frames: z.number().int().min(1),
  firstTimeUs: z.number().int().min(0),
  lastTimeUs: z.number().int().min(0),
  /** Size of the decompressed block. */
  rawBytes: z.number().int().min(1).max(MAX_SEGMENT_RAW_BYTES),
  /** Missing: none is kept. */
  original: SealedOriginal.optional(),
});
export type SegmentHeader = z.infer<typeof SegmentHeader>;

/** What the platform brings: Node's crypto and zlib in the connector, the functions and the CLI. */
export interface RecordingPlatform {
  sha256(data: Uint8Array): Uint8Array;
  /** One zstd frame; throws when damaged or longer than `maxBytes`. */
  zstdDecompress(data: Uint8Array, maxBytes: number): Uint8Array;
  zstdCompress(data: Uint8Array): Uint8Array;
  /** Ed25519 over `message`; `publicKey` and `signature` raw (32 and 64 bytes). */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export interface Segment {
  readonly format: FormatVersion;
  readonly header: SegmentHeader;
  /** Hex. */
  readonly digest: string;
  /** Decompressed frames. */
  readonly block: Uint8Array;
}

export class SegmentDamage extends Error {}

export function encodeSegment(
  header: SegmentHeader,
  block: Uint8Array,
  platform: RecordingPlatform,
  format: FormatVersion = FORMAT_VERSION,
): { bytes: Uint8Array; digest: string } {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const body = platform.zstdCompress(block);
  const bytes = new Uint8Array(MAGIC.length + 4 + head.length + 4 + body.length + DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  bytes[7] = format;
  view.setUint32(8, head.length);
  bytes.set(head, 12);
  view.setUint32(12 + head.length, body.length);
  bytes.set(body, 16 + head.length);
  const digest = platform.sha256(bytes.subarray(0, bytes.length - DIGEST_BYTES));
  bytes.set(digest, bytes.length - DIGEST_BYTES);
  return { bytes, digest: toHex(digest) };
}

/** Checks magic, lengths, digest, header and size; throws SegmentDamage that says which failed. The chain is the caller's. */
export function decodeSegment(bytes: Uint8Array, platform: RecordingPlatform): Segment {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16 + DIGEST_BYTES) throw new SegmentDamage('too short to be a segment');
  for (let i = 0; i < 7; i++) if (bytes[i] !== MAGIC[i]) throw new SegmentDamage('does not begin as a segment does');
  const format = FormatVersion.safeParse(bytes[7]);
  if (!format.success) throw new SegmentDamage(`format version ${bytes[7]} is not known to this reader`);
  const computed = platform.sha256(bytes.subarray(0, bytes.length - DIGEST_BYTES));
  const stored = bytes.subarray(bytes.length - DIGEST_BYTES);
  if (toHex(computed) !== toHex(stored)) throw new SegmentDamage('its SHA-256 does not match its content');
  const headLength = view.getUint32(8);
  if (12 + headLength + 4 + DIGEST_BYTES > bytes.length) throw new SegmentDamage('its header length is beyond its end');
  const blockLength = view.getUint32(12 + headLength);
  if (16 + headLength + blockLength + DIGEST_BYTES !== bytes.length)
    throw new SegmentDamage('its block length disagrees with its size');
  const header = parseHeader(bytes.subarray(12, 12 + headLength));
  const start = 16 + headLength;
  let block: Uint8Array;
  try {
    block = platform.zstdDecompress(bytes.subarray(start, start + blockLength), header.rawBytes);
  } catch {
    throw new SegmentDamage('its block does not decompress');
  }
  if (block.length !== header.rawBytes) throw new SegmentDamage('its block has another size than its header says');
  return { format: format.data, header, digest: toHex(computed), block };
}

export function framesOf(segment: Segment): Generator<Frame, void, undefined> {
  return readFrames(segment.block, segment.header.firstFrame, segment.format);
}

function parseHeader(bytes: Uint8Array): SegmentHeader {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    throw new SegmentDamage('its header is not JSON');
  }
  const parsed = SegmentHeader.safeParse(json);
  if (!parsed.success)
    throw new SegmentDamage(`its header is wrong at ${parsed.error.issues[0]?.path.join('.') ?? '?'}`);
  return parsed.data;
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Objects of a session: connectors may create under their own id only, so a stolen key reaches no other connector's sessions. */
export const segmentKey = (connector: ConnectorId, session: SessionId, number: number): string =>
  `recordings/${connector}/${session}/${segmentName(number)}`;
export const segmentName = (number: number): string => `${String(number).padStart(8, '0')}.seg`;
export const originalKey = (connector: ConnectorId, session: SessionId, number: number): string =>
  `recordings/${connector}/${session}/${originalName(number)}`;
/** Before its segment's in every list. */
export const originalName = (number: number): string => `${String(number).padStart(8, '0')}.original`;
export const manifestKey = (connector: ConnectorId, session: SessionId): string =>
  `recordings/${connector}/${session}/manifest.json`;

export type RecordingKey =
  | { readonly kind: 'segment'; readonly connector: ConnectorId; readonly session: SessionId; readonly number: number }
  | { readonly kind: 'original'; readonly connector: ConnectorId; readonly session: SessionId; readonly number: number }
  | { readonly kind: 'manifest'; readonly connector: ConnectorId; readonly session: SessionId };

export function parseRecordingKey(key: string): RecordingKey | undefined {
  const match = /^recordings\/([^/]+)\/([^/]+)\/(?:(\d{8})\.(seg|original)|manifest\.json)$/.exec(key);
  const connector = ConnectorId.safeParse(match?.[1]);
  const session = SessionId.safeParse(match?.[2]);
  if (!match || !connector.success || !session.success) return undefined;
  const place = { connector: connector.data, session: session.data };
  if (match[3] === undefined) return { kind: 'manifest', ...place };
  const number = Number(match[3]);
  return match[4] === 'seg' ? { kind: 'segment', ...place, number } : { kind: 'original', ...place, number };
}
