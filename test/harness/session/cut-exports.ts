// An export as functions write it in parts, in runs that are cut short and killed wherever that can be: what comes of it, and what each
// run read. Clocks and the store are the test's own.

import type { SessionEntry } from '../../../core/catalogue.ts';
import type { ExportQuery } from '../../../core/replay/exports.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { recordingOf, type RenderJob } from '../../../functions/rendered/job.ts';
import { LEASE_MS, readProgress } from '../../../functions/rendered/progress.ts';
import { render, type RenderDeps } from '../../../functions/rendered/render.ts';
import { type RenderedName, type RenderedStore, renderedKeyOf } from '../../../functions/rendered/rendered-store.ts';
import { decodePoint } from '../../../functions/rendered/resume-points.ts';
import type { RecordingPart } from '../../../functions/store/read-recording.ts';
import type { RecordingReader } from '../../../functions/store/recording-reader.ts';
import { memoryReader } from '../memory-reader.ts';
import type { RecordingBuilder } from '../recording-builder.ts';

export class MemoryRenderedStore implements RenderedStore {
  readonly objects: Map<string, Uint8Array>;
  /** Called before an object is there; throw to end the run before it is. */
  putting: (name: RenderedName, bytes: Uint8Array) => void = () => undefined;
  puts = 0;

  constructor(objects = new Map<string, Uint8Array>()) {
    this.objects = objects;
  }

  async put(...[place, name, bytes]: Parameters<RenderedStore['put']>): Promise<void> {
    this.putting(name, bytes);
    this.puts++;
    this.objects.set(renderedKeyOf(place, name), Uint8Array.from(bytes));
  }

  async get(...[place, name]: Parameters<RenderedStore['get']>): Promise<Uint8Array | undefined> {
    return this.objects.get(renderedKeyOf(place, name));
  }

  async remove(): Promise<void> {
    this.objects.clear();
  }

  async *sessions(): ReturnType<RenderedStore['sessions']> {}

  link(): Promise<string> {
    throw new Error('there are no links here');
  }
}

export class Killed extends Error {}

interface RunLog {
  readonly ran: string;
  /** The first segment that it asked for. */
  readonly first: number | undefined;
  /** It began with the recording's first. */
  readonly anew: boolean;
  /** The segment that it was to go on from; undefined: from the beginning. */
  readonly from: number | undefined;
}

export interface CutExport {
  readonly bytes: Buffer;
  readonly runs: readonly RunLog[];
  readonly job: RenderJob;
  readonly store: MemoryRenderedStore;
  /** The largest that was kept to go on from, without bytes of the file. */
  readonly stateBytes: number;
}

interface Cuts {
  /** Borders of segments until a run's time is over, by the number of the run. */
  readonly borders: (run: number) => number;
  /** Objects that a run may write before it is killed. */
  readonly puts?: (run: number) => number;
  readonly partBytes?: number;
  /** Of two that are made at once. */
  readonly store?: MemoryRenderedStore;
  /** Its clock is so much ahead. */
  readonly laterMs?: number;
  /** After each run. */
  readonly meanwhile?: (cut: {
    readonly run: number;
    readonly job: RenderJob;
    readonly store: MemoryRenderedStore;
  }) => void;
}

const KEY = 'c'.repeat(64);
const MAX_RUNS = 2_000;

export const segmentsOf = ({ objects }: RecordingBuilder): number =>
  [...objects.keys()].filter((key) => key.endsWith('.seg')).length;

/** Throws where it does not come to its end. */
export async function exportedInCuts(
  builder: RecordingBuilder,
  query: ExportQuery,
  session: SessionEntry,
  { borders, puts = () => Infinity, partBytes = 4096, store = new MemoryRenderedStore(), laterMs = 0, meanwhile }: Cuts,
): Promise<CutExport> {
  const { connector, session: id } = builder;
  const segments = segmentsOf(builder);
  const place = { session: id, key: KEY };
  const job: RenderJob = { place, connector: connector.id, query, session, segments };
  const runs: RunLog[] = [];
  let nowMs = Date.parse('2026-11-20T12:00:00Z') + laterMs;
  let stateBytes = 0;
  const pointOf = (slot: 'resume-0' | 'resume-1') => {
    const stored = store.objects.get(renderedKeyOf(place, slot));
    const point = stored && decodePoint(place, stored);
    if (point) stateBytes = Math.max(stateBytes, (stored?.length ?? 0) - point.bytes.length);
    return point;
  };
  while (runs.length < MAX_RUNS) {
    const run = runs.length;
    let passed = 0;
    const read: number[] = [];
    const reader = reading(memoryReader(builder.objects), (number) => read.push(number));
    const open: RenderDeps['open'] = (made) => (from) =>
      counted(recordingOf(reader, nodeRecordingPlatform)(made)(from), () => passed++);
    const before = store.puts;
    store.putting = () => {
      if (store.puts - before >= puts(run)) throw new Killed();
    };
    const points = [pointOf('resume-0'), pointOf('resume-1')].filter((point) => point !== undefined);
    const from = points.sort((a, b) => b.segments - a.segments)[0]?.segment.number;
    const untilMs = () => (passed > borders(run) ? nowMs - 1 : Number.POSITIVE_INFINITY);
    let ran: string;
    try {
      ran = await render(job, {
        ...{ store, open, untilMs, partBytes, now: () => nowMs, points: { takeMs: 0, storeMs: 0 } },
        table: { get: async () => ({ connector: 'x' }) },
      });
    } catch (fault) {
      if (!(fault instanceof Killed)) throw fault;
      ran = 'killed';
    }
    runs.push({ ran, first: read[0], anew: read.includes(0), from });
    store.putting = () => undefined;
    if (ran === 'refused' || ran === 'failed')
      throw new Error(`${ran}: ${(await readProgress(place, store))?.message}`);
    meanwhile?.({ run, job, store });
    // Whoever finds another at it asks again.
    if (ran === 'busy') await new Promise(setImmediate);
    else nowMs += LEASE_MS + 1;
    if (ran !== 'ready') continue;
    const parts = (await readProgress(place, store))?.parts ?? [];
    const bytes = await Promise.all(parts.map(async (_, number) => (await store.get(place, number)) ?? Buffer.of()));
    return { bytes: Buffer.concat(bytes), runs, job, store, stateBytes };
  }
  throw new Error(`it did not end within ${MAX_RUNS} runs`);
}

const reading = (reader: RecordingReader, seen: (segment: number) => void): RecordingReader => ({
  ...reader,
  get(key) {
    if (key.kind === 'segment') seen(key.number);
    return reader.get(key);
  },
});

async function* counted(
  recording: AsyncIterable<RecordingPart>,
  begun: () => void,
): AsyncGenerator<RecordingPart, void, undefined> {
  let known: number | undefined;
  for await (const part of recording) {
    if (part.kind === 'frame' && part.segment.number !== known) {
      known = part.segment.number;
      begun();
    }
    yield part;
  }
}
