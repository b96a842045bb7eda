// Writes an export in parts, in as many runs as that takes: a function has fifteen minutes, and an export any size. A run makes the
// file from its beginning, which gives the same bytes each time, leaves out the parts that are there, and goes on behind them; how far it
// is is stored after each part. Runs may be killed anywhere and may overlap: they write the same.
//
// A purge may come meanwhile. It marks the session's row, and deletes what was rendered after that; so a run looks at the row behind each
// object that it wrote, and takes all of it away again when the mark is there: whichever of the two comes last deletes.

import { createHash, randomUUID } from 'node:crypto';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { exportSession } from '../export/registry.ts';
import type { OpenRecording } from '../replay/registry.ts';
import type { Chunks } from '../stream-text.ts';
import { type RenderJob, upTo } from './job.ts';
import { MAX_IDLE_RUNS, type RenderProgress, readProgress, wantsRun, writeProgress } from './progress.ts';
import type { RenderedStore } from './rendered-store.ts';

export const PART_BYTES = 32 * 1024 * 1024;
/** How often a run that has no new part says that it is at it. */
const HEARTBEAT_MS = 20_000;

export interface RenderDeps {
  readonly store: RenderedStore;
  readonly table: Pick<CatalogueTable, 'get'>;
  readonly open: (job: RenderJob) => OpenRecording;
  readonly now: () => number;
  /** No more is made after it. */
  readonly untilMs: () => number;
  readonly partBytes?: number;
}

type Ran = 'ready' | 'failed' | 'refused' | 'to_go_on' | 'busy' | 'purged';

/** Throws RetriableFault where a store does not answer: run it again. */
export async function render(job: RenderJob, deps: RenderDeps): Promise<Ran> {
  const { place } = job;
  const { store, now } = deps;
  if (await isPurged(job, deps)) return takeAway(job, deps);
  const known = await readProgress(place, store);
  if (!wantsRun(known, now())) return known?.end ?? 'busy';
  const goesOn = known && known.end === undefined;
  const run = new Run(job, deps, {
    ...{ parts: [], fileName: '', contentType: '' },
    ...(goesOn ? known : {}),
    ...{ run: randomUUID(), atMs: now(), idleRuns: (goesOn ? known.idleRuns : 0) + 1 },
  });
  if (run.progress.idleRuns > MAX_IDLE_RUNS) return run.end('failed');
  if (!(await run.save())) return takeAway(job, deps);
  return run.go();
}

class Run {
  progress: RenderProgress;
  readonly #job: RenderJob;
  readonly #deps: RenderDeps;
  readonly #partBytes: number;

  constructor(job: RenderJob, deps: RenderDeps, progress: RenderProgress) {
    this.#job = job;
    this.#deps = deps;
    this.#partBytes = deps.partBytes ?? PART_BYTES;
    this.progress = progress;
  }

  async go(): Promise<Ran> {
    const { session, query, segments } = this.#job;
    const made = await exportSession(session, upTo(segments, this.#deps.open(this.#job)), query);
    if (!made.ok) return this.end('refused', made.error);
    const { fileName, contentType, chunks } = made.value;
    this.progress = { ...this.progress, fileName, contentType };
    try {
      const outcome = await this.#write(chunks);
      if (outcome !== undefined) return outcome;
    } finally {
      await chunks.return();
    }
    return this.end('ready');
  }

  /** undefined: all of it is written. */
  async #write(chunks: Chunks): Promise<Ran | undefined> {
    const done = this.progress.parts.length;
    const part = Buffer.alloc(this.#partBytes);
    let number = 0;
    let filled = 0;
    for await (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      for (let at = 0; at < bytes.length; ) {
        const share = Math.min(bytes.length - at, part.length - filled);
        if (number >= done) part.set(bytes.subarray(at, at + share), filled);
        at += share;
        filled += share;
        if (filled < part.length) continue;
        const outcome = number >= done ? await this.#put(number, part) : undefined;
        if (outcome !== undefined) return outcome;
        number++;
        filled = 0;
      }
      const outcome = await this.#beat();
      if (outcome !== undefined) return outcome;
    }
    return filled > 0 && number >= done ? this.#put(number, part.subarray(0, filled)) : undefined;
  }

  async #put(number: number, bytes: Uint8Array): Promise<Ran | undefined> {
    await this.#deps.store.put(this.#job.place, number, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const parts = [...this.progress.parts, { bytes: bytes.length, sha256 }];
    this.progress = { ...this.progress, parts, idleRuns: 0 };
    return this.#keep();
  }

  /** Says from time to time that it is at it; and leaves the rest to the next run when its time is over. */
  async #beat(): Promise<Ran | undefined> {
    const nowMs = this.#deps.now();
    if (nowMs > this.#deps.untilMs()) {
      this.progress = { ...this.progress, atMs: 0 };
      return (await this.save()) ? 'to_go_on' : takeAway(this.#job, this.#deps);
    }
    return nowMs - this.progress.atMs > HEARTBEAT_MS ? this.#keep() : undefined;
  }

  async #keep(): Promise<Ran | undefined> {
    const stored = await readProgress(this.#job.place, this.#deps.store);
    // Another run took it over, since this one was thought dead.
    if (stored && stored.run !== this.progress.run && stored.atMs >= this.progress.atMs) return 'busy';
    this.progress = { ...this.progress, atMs: this.#deps.now() };
    return (await this.save()) ? undefined : takeAway(this.#job, this.#deps);
  }

  async end(end: 'ready' | 'failed' | 'refused', message?: string): Promise<Ran> {
    this.progress = { ...this.progress, end, atMs: this.#deps.now(), ...(message !== undefined && { message }) };
    return (await this.save()) ? end : takeAway(this.#job, this.#deps);
  }

  /** false: the session was purged. */
  async save(): Promise<boolean> {
    await writeProgress(this.#job.place, this.progress, this.#deps.store);
    return !(await isPurged(this.#job, this.#deps));
  }
}

async function isPurged({ session }: RenderJob, { table }: Pick<RenderDeps, 'table'>): Promise<boolean> {
  const row = await table.get({ pk: sessionPartition(session.id), sk: SESSION_ROW });
  return row?.purged !== undefined;
}

async function takeAway({ place }: RenderJob, { store }: Pick<RenderDeps, 'store'>): Promise<'purged'> {
  await store.remove(place.session);
  return 'purged';
}
