// Exports that one answer cannot carry, as the edge asks for them: begins what nobody is at, says how far it is, and hands out links to
// parts. The edge has authorised and audited the look before.

import type { ExportParts, ExportQuery } from '../../core/replay/exports.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { RenderJob } from './job.ts';
import { readProgress, wantsRun } from './progress.ts';
import type { AskForTurn } from './render-queue.ts';
import type { RenderedStore } from './rendered-store.ts';

export interface Rendering {
  readonly store: RenderedStore;
  readonly turn: AskForTurn;
  /** Resolves once a run will begin, and not when it is over. */
  readonly start: (job: RenderJob) => Promise<void>;
  readonly isLarge: (session: SessionEntry, query: ExportQuery) => boolean;
  readonly now: () => number;
}

/** A function's streamed answer ends at 200 MB (docs.aws.amazon.com/lambda, response streaming). */
export const MAX_ANSWER_BYTES = 190 * 1000 * 1000;
/** What a recorded byte becomes at most, unless somebody means to: a control character as an escape; an empty line with its time. */
const GROWS: Readonly<Partial<Record<ExportQuery['format'], number>>> = { text: 15, ndjson: 4 / 3, file: 1 };
const USUAL_GROWTH = 6;
/** Around a frame, in NDJSON. */
const FRAME_BYTES = 250;

/** Whether it may become too large for one answer. What grows more than was thought breaks off there (app.ts), and comes in parts when asked so. */
export function mayBeTooLarge({ counts }: SessionEntry, { format }: ExportQuery): boolean {
  const { client, target, gateway } = counts.bytes;
  const recorded = client + target + gateway;
  return recorded * (GROWS[format] ?? USUAL_GROWTH) + counts.frames * FRAME_BYTES > MAX_ANSWER_BYTES;
}

const LINK_MS = 5 * 60_000;
/** Links end in whole seconds: what is less is no time to hand one out for. */
const SHORTEST_LINK_MS = 1_000;
const PARTS_AN_ANSWER = 50;

interface PartsAsked {
  /** The first part that is wanted. */
  readonly from: number;
  /** Whose turn it takes. */
  readonly asker: string | undefined;
  /** When the right to the recording ends; no link outlives it. */
  readonly rightUntil?: number | undefined;
}

/** An error is why there is no such file. */
export async function exportInParts(
  job: RenderJob,
  { from, asker, rightUntil = Infinity }: PartsAsked,
  { store, turn, start, now }: Rendering,
): Promise<Result<ExportParts, string>> {
  const progress = await readProgress(job.place, store);
  if (rightUntil - now() < SHORTEST_LINK_MS) return err('the time to watch it is over: ask for another approval');
  if (progress?.end === 'refused') return err(progress.message ?? 'there is no such file');
  const begins = wantsRun(progress, now());
  const answer = begins ? await turn(job, asker) : 'under_way';
  if (answer === 'begin') await start(job);
  const { parts: written = [], fileName = '', contentType = '', end } = progress ?? {};
  const standing = {
    ...{ fileName, contentType, count: written.length },
    bytes: written.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  if (end !== 'ready')
    return ok({
      ...standing,
      state: end === 'failed' && !begins ? 'failed' : 'rendering',
      parts: [],
      ...(typeof answer === 'object' && { waits: answer }),
    });
  const untilMs = Math.min(now() + LINK_MS, rightUntil);
  const parts = await Promise.all(
    written.slice(from, from + PARTS_AN_ANSWER).map(async (part, i) => {
      const number = from + i;
      const name = written.length === 1 ? fileName : `${fileName}.${String(number + 1).padStart(3, '0')}`;
      return { ...part, number, url: await store.link(job.place, number, name, untilMs) };
    }),
  );
  return ok({ ...standing, state: 'ready', parts, until: new Date(untilMs).toISOString() });
}
