// A long recording is read, replayed and exported without being held: in a process of its own, whose memory is measured.

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeSegment, type RecordingKey } from '../../core/recording/segment.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
import { entryOf } from '../harness/session/exported.ts';
import { message, RecordingBuilder } from '../harness/recording-builder.ts';
import { openingOf } from '../../core/session-evidence.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { directoryRenderedStore } from '../../functions/rendered/directory-rendered-store.ts';
import { readProgress } from '../../functions/rendered/progress.ts';
import { PART_BYTES, render } from '../../functions/rendered/render.ts';
import type { RenderedStore } from '../../functions/rendered/rendered-store.ts';
import { replaySession } from '../../functions/replay/registry.ts';
import { readRecording, type SegmentPlace } from '../../functions/store/read-recording.ts';
import type { RecordingReader } from '../../functions/store/recording-reader.ts';
import { streamText } from '../../functions/stream-text.ts';
import { exportNdjson } from '../../functions/export/ndjson.ts';

const SEGMENTS = 300;

/** A live session of 300 MB whose segments are made when they are read: what stays in memory is the reader's doing. */
function endlessRecording() {
  const builder = new RecordingBuilder().cut();
  const [opening] = [...builder.objects.values()];
  const row = message('D', Uint8Array.of(0, 1, 0, 0, 3, 232), 'x'.repeat(1000));
  const chunk = Buffer.concat(Array.from({ length: 16 }, () => row));
  const frame = new RecordingBuilder({ connector: builder.connector, session: builder.session });
  for (let i = 0; i < 64; i++) frame.bytes('target', chunk);
  const block = frame.cut().objects;
  const raw = nodeRecordingPlatform.zstdDecompress(bodyOf([...block.values()][0]), 4 * 1024 * 1024);
  // Without its first frame, which opens the session.
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const frames = raw.subarray(18 + view.getUint32(14));
  let made = { number: 0, digest: '' };
  const read: number[] = [];
  const reader: RecordingReader = {
    list: async () => ({ objects: [], after: undefined }),
    async *walk() {},
    async get(key: RecordingKey) {
      if (key.kind === 'manifest') return undefined;
      read.push(key.number);
      if (key.number === 0) {
        made = { number: 0, digest: digestOf(opening) };
        return opening;
      }
      if (key.number > SEGMENTS || key.number !== made.number + 1) return undefined;
      const { bytes, digest } = encodeSegment(
        {
          session: builder.session,
          connector: builder.connector.id,
          number: key.number,
          previous: made.digest,
          firstFrame: 1 + (key.number - 1) * 64,
          frames: 64,
          firstTimeUs: 0,
          lastTimeUs: 0,
          rawBytes: frames.length,
        },
        frames,
        nodeRecordingPlatform,
      );
      made = { number: key.number, digest };
      return bytes;
    },
    tail: async () => undefined,
    stream: async () => undefined,
  };
  const place = { connector: builder.connector.id, session: builder.session };
  const recording = (from?: SegmentPlace) => {
    if (from && from.number > 0) made = { number: from.number - 1, digest: from.previous ?? '' };
    return readRecording(place, reader, nodeRecordingPlatform, from);
  };
  return { read, builder, recording };
}

const digestOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes?.subarray(-32) ?? []).toString('hex');

function bodyOf(bytes: Uint8Array | undefined): Uint8Array {
  if (!bytes) throw new Error('no segment');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const start = 16 + view.getUint32(8);
  return bytes.subarray(start, bytes.length - 32);
}

describe('a recording of 300 MB', () => {
  it('is replayed and exported in bounded memory', async () => {
    const { builder, recording } = endlessRecording();
    const counts = {
      frames: 0,
      actions: 0,
      statements: 0,
      errors: 0,
      rows: 0,
      bytes: { client: 0, target: 0, gateway: 0 },
    };
    const entry: SessionEntry = { ...openingOf(builder.opened), state: 'live', segments: SEGMENTS, counts };
    const before = process.memoryUsage.rss();
    let most = 0;
    let bytes = 0;
    for await (const _ of replaySession(entry, recording())) most = Math.max(most, process.memoryUsage.rss());
    for await (const chunk of await streamText(exportNdjson(builder.opened.startedAt, recording()))) {
      bytes += chunk.length;
      most = Math.max(most, process.memoryUsage.rss());
    }
    expect(bytes).toBeGreaterThan(400_000_000);
    // What was kept whole would be above 400 MB; how much of what is garbage waits to be collected differs from run to run.
    expect(most - before).toBeLessThan(300 * 1024 * 1024);
  }, 60_000);

  it('is written in parts by three runs, in bounded memory', async () => {
    const { builder, recording, read } = endlessRecording();
    const root = await mkdtemp(join(tmpdir(), 'gatehouse-parts-'));
    const store = directoryRenderedStore(root, () => 'http://none.test');
    const job = {
      place: { session: builder.session, key: 'ab'.repeat(32) },
      ...{ connector: builder.connector.id, query: { format: 'ndjson' as const }, segments: SEGMENTS + 1 },
      session: entryOf(builder.opened),
    };
    const before = process.memoryUsage.rss();
    let most = 0;
    let written = 0;
    let run = 0;
    const counting: RenderedStore = {
      ...store,
      put: async (place, name, bytes) => {
        if (typeof name === 'number') written += bytes.length;
        most = Math.max(most, process.memoryUsage.rss());
        return store.put(place, name, bytes);
      },
    };
    for (let ran = 'to_go_on'; ran === 'to_go_on'; run++)
      ran = await render(job, {
        ...{ store: counting, table: { get: async () => undefined }, open: () => recording, now: Date.now },
        // The first two end after some parts.
        untilMs: () => (run < 2 && written > (run + 1) * 150_000_000 ? 0 : Number.POSITIVE_INFINITY),
      });
    expect(run).toBe(3);
    const progress = await readProgress(job.place, store);
    expect(progress?.parts.length).toBe(Math.ceil(written / PART_BYTES));
    expect(written).toBeGreaterThan(400_000_000);
    // A run goes on where the one before was left, and reads no more again than a part comes of.
    expect(read.length).toBeLessThan(SEGMENTS + 2 * 30);
    // Each part is there as it is noted, and they are the export.
    const whole = createHash('sha256');
    for (const [number, { sha256 }] of (progress?.parts ?? []).entries()) {
      const part = (await store.get(job.place, number)) ?? new Uint8Array(0);
      expect(createHash('sha256').update(part).digest('hex')).toBe(sha256);
      whole.update(part);
    }
    const wanted = createHash('sha256');
    for await (const line of exportNdjson(builder.opened.startedAt, recording())) wanted.update(line);
    expect(whole.digest('hex')).toBe(wanted.digest('hex'));
    expect(most - before).toBeLessThan(300 * 1024 * 1024);
    await rm(root, { recursive: true });
  }, 120_000);

  it('is read no faster than its reader reads, and no further when that one leaves', async () => {
    const { builder, recording, read } = endlessRecording();
    const stream = await streamText(exportNdjson(builder.opened.startedAt, recording()));
    const reader = stream.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read.length).toBeLessThanOrEqual(3);
    await reader.cancel();
    const far = read.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read.length).toBe(far);
  });
});
