// How far a rendered export is, as it is stored beside its parts.

import { z } from 'zod';
import { Digest } from '../../core/recording/segment.ts';
import type { RenderedPlace, RenderedStore } from './rendered-store.ts';

export const RenderProgress = z.object({
  /** The run that is at it, and when it last said so; 0: it has left it to the next. */
  run: z.string(),
  atMs: z.number(),
  /** Runs that were begun since one came further. */
  idleRuns: z.number().int(),
  /** Borders of segments that were passed until the furthest place that can be gone on from. */
  reached: z.number().int().optional(),
  /** In their order, from the first. */
  parts: z.array(z.object({ bytes: z.number().int(), sha256: Digest })),
  /** How it ended; missing: it goes on. `refused`: why there is no such file, in words for whoever asked. */
  end: z.enum(['ready', 'failed', 'refused']).optional(),
  message: z.string().optional(),
  /** Once they are known. */
  fileName: z.string().default(''),
  contentType: z.string().default(''),
});
export type RenderProgress = z.infer<typeof RenderProgress>;

/** A run that has not said for so long that it is at it has died. */
export const LEASE_MS = 60_000;
/** Runs in a row that come no further before nobody tries any more. */
export const MAX_IDLE_RUNS = 3;
/** What failed may be tried again then. */
const FAILED_MS = 600_000;

export async function readProgress(place: RenderedPlace, store: RenderedStore): Promise<RenderProgress | undefined> {
  const bytes = await store.get(place, 'progress');
  if (!bytes) return undefined;
  try {
    return RenderProgress.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    // Of another release: begun anew.
    return undefined;
  }
}

export const writeProgress = (place: RenderedPlace, progress: RenderProgress, store: RenderedStore): Promise<void> =>
  store.put(place, 'progress', Buffer.from(JSON.stringify(progress)));

/** Whether a run should be begun: none is at it, and it is not over. */
export function wantsRun(progress: RenderProgress | undefined, nowMs: number): boolean {
  if (!progress) return true;
  if (progress.end === 'failed') return nowMs - progress.atMs > FAILED_MS;
  return progress.end === undefined && nowMs - progress.atMs > LEASE_MS;
}
