// Writes an export in parts, in as many runs as that takes: a function has fifteen minutes, and an export any size. A run goes on
// where the one before left it (resume-points.ts), at the last place that can be proven, and otherwise makes the file from its beginning,
// which gives the same bytes each time, and leaves out the parts that are there. Runs may be killed anywhere and may overlap: they
// write the same.
//
// A purge may come meanwhile. It marks the session's row, and deletes what was rendered after that; so a run looks at the row behind each
// object that it wrote, and takes all of it away again when the mark is there: whichever of the two comes last deletes.

import { createHash, randomUUID } from 'node:crypto';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { StateMisfit } from '../checkpoints.ts';
import { exportSession } from '../export/registry.ts';
import type { OpenRecording } from '../replay/registry.ts';
import type { Chunks } from '../stream-text.ts';
import { type RenderJob, upTo } from './job.ts';
import { type KeptStates, StateKeeper } from './kept-states.ts';
import { MAX_IDLE_RUNS, type RenderProgress, readProgress, wantsRun, writeProgress } from './progress.ts';
import type { RenderedStore } from './rendered-store.ts';
import {
  dropPoints,
  encodePoint,
  otherSlot,
  pointText,
  readPoints,
  type ResumePoint,
  type Slot,
} from './resume-points.ts';

export const PART_BYTES = 32 * 1024 * 1024;
/** How often a run that has no new part says that it is at it. */
const HEARTBEAT_MS = 20_000;
/** What a run that is within a segment when its time is over may take until the next. */
const GRACE_MS = 20_000;
/** How often the states of its steps are taken, and stored where no part is: what a run that is killed did since is done again. */
const POINTS = { takeMs: 1_000, storeMs: 30_000 };
/** Taking them has one part in so many of a run's time at most. */
const TAKING_SHARE = 20;

export interface RenderDeps {
  readonly store: RenderedStore;
  readonly table: Pick<CatalogueTable, 'get'>;
  readonly open: (job: RenderJob) => OpenRecording;
  readonly now: () => number;
  /** No more is made after it. */
  readonly untilMs: () => number;
  readonly partBytes?: number;
  readonly points?: typeof POINTS;
}

type Ran = 'ready' | 'failed' | 'refused' | 'to_go_on' | 'busy' | 'purged';

/** Ends a run, from wherever its file is made. */
class Over extends Error {
  readonly ran: Ran;

  constructor(ran: Ran) {
    super(ran);
    this.ran = ran;
  }
}

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
  try {
    if (run.progress.idleRuns > MAX_IDLE_RUNS) return await run.end('failed');
    await run.save();
    return await run.go(goesOn === true);
  } catch (fault) {
    if (!(fault instanceof Over)) throw fault;
    return fault.ran === 'purged' ? takeAway(job, deps) : fault.ran;
  }
}

interface TakenPoint {
  readonly text: string;
  readonly offset: number;
  readonly segments: number;
}

class Run {
  progress: RenderProgress;
  readonly #job: RenderJob;
  readonly #deps: RenderDeps;
  readonly #points: typeof POINTS;
  /** Of the part that is made, from its beginning. */
  readonly #part: Buffer;
  #filled = 0;
  /** Bytes of the file that were made, and how many of those that come are in parts already. */
  #offset = 0;
  #skip = 0;
  /** Borders that were passed. */
  #segments = 0;
  #taken: TakenPoint | undefined;
  #nextTakeMs = 0;
  #stored = { segments: 0, atMs: 0 };
  #slot: Slot | undefined;

  constructor(job: RenderJob, deps: RenderDeps, progress: RenderProgress) {
    this.#job = job;
    this.#deps = deps;
    this.#points = deps.points ?? POINTS;
    this.#part = Buffer.alloc(deps.partBytes ?? PART_BYTES);
    this.progress = progress;
  }

  /** Throws Over. */
  async go(goesOn: boolean): Promise<Ran> {
    const points = goesOn ? await readPoints(this.#job.place, this.#made, this.#deps.store) : [];
    for (const { point, slot } of points) {
      try {
        return await this.#makeFrom(point, slot);
      } catch (fault) {
        if (!(fault instanceof StateMisfit)) throw fault;
      }
    }
    return this.#makeFrom(undefined, undefined);
  }

  get #made(): number {
    return this.progress.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #makeFrom(point: ResumePoint | undefined, slot: Slot | undefined): Promise<Ran> {
    const { session, query, segments } = this.#job;
    const made = this.#made;
    const { offset = 0, from = 0, bytes = new Uint8Array(0) } = point ?? {};
    this.#filled = 0;
    this.#offset = Math.min(offset, made);
    this.#skip = Math.max(0, made - offset);
    this.#segments = point?.segments ?? 0;
    this.#taken = undefined;
    this.#stored = { segments: this.#segments, atMs: this.#deps.now() };
    this.#slot = slot;
    const states = new StateKeeper(point, (take) => this.#atBorder(take));
    let chunks: Chunks | undefined;
    try {
      const exported = await exportSession(
        session,
        upTo(segments, this.#deps.open(this.#job)),
        query,
        states.checkpoints(),
      );
      if (!exported.ok) return this.end('refused', exported.error);
      const { fileName, contentType } = exported.value;
      chunks = exported.value.chunks;
      this.progress = { ...this.progress, fileName, contentType };
      if (offset > made) await this.#add(bytes.subarray(made - from));
      for await (const chunk of chunks) {
        if (states.resuming) throw new StateMisfit('it begins before it was left');
        await this.#add(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
        await this.#beat(GRACE_MS);
      }
      if (states.resuming) throw new StateMisfit('nothing of the recording was read');
      if (this.#filled > 0) await this.#put(this.#part.subarray(0, this.#filled));
    } finally {
      await chunks?.return();
    }
    return this.end('ready');
  }

  async #add(bytes: Uint8Array): Promise<void> {
    let at = Math.min(this.#skip, bytes.length);
    this.#skip -= at;
    this.#offset += at;
    while (at < bytes.length) {
      const share = Math.min(bytes.length - at, this.#part.length - this.#filled);
      this.#part.set(bytes.subarray(at, at + share), this.#filled);
      at += share;
      this.#filled += share;
      this.#offset += share;
      if (this.#filled === this.#part.length) await this.#put(this.#part);
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    await this.#deps.store.put(this.#job.place, this.progress.parts.length, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const parts = [...this.progress.parts, { bytes: bytes.length, sha256 }];
    this.progress = { ...this.progress, parts, idleRuns: 0 };
    this.#filled = 0;
    await this.#keep();
    await this.#storePoint();
  }

  async #atBorder(take: () => KeptStates | undefined): Promise<void> {
    this.#segments++;
    const { now, untilMs } = this.#deps;
    const made = this.#offset - (this.#taken?.offset ?? 0);
    if (now() >= this.#nextTakeMs || now() > untilMs() || made >= this.#part.length / 2) {
      const beganMs = performance.now();
      const [offset, segments] = [this.#offset, this.#segments];
      const kept = take();
      const text = kept && pointText({ ...kept, offset, segments });
      if (text !== undefined) this.#taken = { text, offset, segments };
      const tookMs = (performance.now() - beganMs) * TAKING_SHARE;
      this.#nextTakeMs = now() + (this.#points.takeMs === 0 ? 0 : Math.max(this.#points.takeMs, tookMs));
    }
    await this.#beat(0);
  }

  /** Where a run can go on from; it is stored once, and counts as having come further. */
  async #storePoint(): Promise<void> {
    const taken = this.#taken;
    if (!taken || taken.segments <= this.#stored.segments) return;
    const { place } = this.#job;
    const made = this.#made;
    const bytes = this.#part.subarray(0, Math.max(0, taken.offset - made));
    await this.#hold();
    this.#slot = otherSlot(this.#slot);
    await this.#deps.store.put(place, this.#slot, encodePoint(place, taken.text, made, bytes));
    this.#stored = { segments: taken.segments, atMs: this.#deps.now() };
    if (taken.segments > (this.progress.reached ?? 0))
      this.progress = { ...this.progress, reached: taken.segments, idleRuns: 0 };
    this.progress = { ...this.progress, atMs: this.#deps.now() };
    await this.save();
  }

  /** Says from time to time that it is at it; and leaves the rest to the next run when its time is over. */
  async #beat(graceMs: number): Promise<void> {
    const nowMs = this.#deps.now();
    if (nowMs > this.#deps.untilMs() + graceMs) {
      await this.#storePoint();
      this.progress = { ...this.progress, atMs: 0 };
      await this.save();
      throw new Over('to_go_on');
    }
    if (nowMs - this.#stored.atMs >= this.#points.storeMs) await this.#storePoint();
    if (nowMs - this.progress.atMs > HEARTBEAT_MS) await this.#keep();
  }

  /** Throws where another run took it over, since this one was thought dead. */
  async #hold(): Promise<void> {
    const stored = await readProgress(this.#job.place, this.#deps.store);
    if (stored && stored.run !== this.progress.run && stored.atMs >= this.progress.atMs) throw new Over('busy');
  }

  async #keep(): Promise<void> {
    await this.#hold();
    this.progress = { ...this.progress, atMs: this.#deps.now() };
    await this.save();
  }

  async end(end: 'ready' | 'failed' | 'refused', message?: string): Promise<Ran> {
    this.progress = { ...this.progress, end, atMs: this.#deps.now(), ...(message !== undefined && { message }) };
    await this.save();
    if (this.progress.reached === undefined) return end;
    await dropPoints(this.#job.place, this.#deps.store);
    if (await isPurged(this.#job, this.#deps)) throw new Over('purged');
    return end;
  }

  async save(): Promise<void> {
    await writeProgress(this.#job.place, this.progress, this.#deps.store);
    if (await isPurged(this.#job, this.#deps)) throw new Over('purged');
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
