import { createHash } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../ids.ts';
import { DIRECTION_CODE, FRAME_HEADER_BYTES, FrameDamage, KIND_CODE, readFrames, writeFrameHeader } from './frame.ts';
import {
  decodeSegment,
  encodeSegment,
  framesOf,
  parseRecordingKey,
  type RecordingPlatform,
  SegmentDamage,
  segmentKey,
} from './segment.ts';

const platform: RecordingPlatform = {
  sha256: (data) => createHash('sha256').update(data).digest(),
  zstdCompress: (data) => zstdCompressSync(data),
  zstdDecompress: (data, maxOutputLength) => zstdDecompressSync(data, { maxOutputLength }),
  verifyEd25519: () => false,
};

const frame = fc.record({
  timeUs: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  direction: fc.constantFrom('gateway', 'client', 'target'),
  kind: fc.constantFrom('bytes', 'fact'),
  lane: fc.integer({ min: 0, max: 0xffff_ffff }),
  body: fc.uint8Array({ maxLength: 200 }),
});

type Written = { timeUs: number; direction: string; kind: string; lane: number; body: Uint8Array };

function blockOf(frames: readonly Written[]): Uint8Array {
  return Buffer.concat(
    frames.map(({ timeUs, direction, kind, lane, body }) => {
      const bytes = Buffer.alloc(FRAME_HEADER_BYTES + body.length);
      const directionCode = DIRECTION_CODE[direction as keyof typeof DIRECTION_CODE];
      writeFrameHeader(bytes, 0, timeUs, directionCode, KIND_CODE[kind as keyof typeof KIND_CODE], lane, body.length);
      bytes.set(body, FRAME_HEADER_BYTES);
      return bytes;
    }),
  );
}

function segmentOf(frames: readonly Written[]) {
  const block = blockOf(frames);
  const header = {
    session: newId('ses'),
    connector: newId('con'),
    number: 0,
    previous: null,
    firstFrame: 0,
    frames: frames.length,
    firstTimeUs: 0,
    lastTimeUs: 0,
    rawBytes: block.length,
  };
  return encodeSegment(header, block, platform);
}

describe('frames', () => {
  test('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), (frames) => {
        const read = [...readFrames(blockOf(frames), 7)];
        expect(read.map(({ sequence, ...rest }) => ({ ...rest, body: Uint8Array.from(rest.body) }))).toEqual(frames);
        expect(read.map(({ sequence }) => sequence)).toEqual(frames.map((_, index) => index + 7));
      }),
    );
  });

  test('that are cut anywhere are damage, never an invention', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), fc.nat(), (frames, at) => {
        const block = blockOf(frames);
        const borders = new Set<number>([0]);
        let end = 0;
        for (const { body } of frames) {
          end += FRAME_HEADER_BYTES + body.length;
          borders.add(end);
        }
        const cut = at % block.length;
        fc.pre(!borders.has(cut));
        expect(() => [...readFrames(block.subarray(0, cut), 0)]).toThrow(FrameDamage);
      }),
    );
  });
});

describe('a segment', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 20 }), (frames) => {
        const { bytes, digest } = segmentOf(frames);
        const segment = decodeSegment(bytes, platform);
        expect(segment.digest).toBe(digest);
        expect([...framesOf(segment)]).toHaveLength(frames.length);
      }),
    );
  });

  test('with any one byte changed is refused', () => {
    const { bytes } = segmentOf([
      { timeUs: 1, direction: 'client', kind: 'bytes', lane: 0, body: Buffer.from('select 1') },
    ]);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect(() => decodeSegment(changed, platform), `byte ${at}`).toThrow(SegmentDamage);
    }
  });

  test('that decompresses to more than its header says is refused', () => {
    const { bytes } = segmentOf([
      { timeUs: 1, direction: 'client', kind: 'bytes', lane: 0, body: new Uint8Array(5000) },
    ]);
    const bomb: RecordingPlatform = { ...platform, sha256: () => new Uint8Array(32) };
    const head = JSON.parse(Buffer.from(bytes.subarray(12, 12 + Buffer.from(bytes).readUInt32BE(8))).toString());
    const block = new Uint8Array(4_000_000);
    const lying = encodeSegment({ ...head, rawBytes: 100 }, block, bomb);
    expect(() => decodeSegment(lying.bytes, bomb)).toThrow(/decompress/);
  });

  test('is named so that its connector, session and number can be read back, and nothing else can', () => {
    const connector = newId('con');
    const session = newId('ses');
    expect(parseRecordingKey(segmentKey(connector, session, 12))).toEqual({
      kind: 'segment',
      connector,
      session,
      number: 12,
    });
    for (const key of [
      '',
      'recordings/../x',
      `recordings/${connector}/${session}/1.seg`,
      `x/${connector}/${session}/manifest.json`,
    ])
      expect(parseRecordingKey(key)).toBeUndefined();
  });
});
