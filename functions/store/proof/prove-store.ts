// Whether a store can keep an archive, found out by trying: several S3 servers take the calls for locks, conditions and
// checksums, and do nothing. Tried by whoever may delete, since one who may not is refused whether there is a lock or not
// (docs/adr/0054). Leaves nothing behind but, in compliance mode, one small object for a minute, which the next trial takes.

import type { S3Client } from '@aws-sdk/client-s3';
import { err, ok, type Result } from '../../../core/result.ts';
import { bucketFlaws } from './bucket.ts';
import { flaw, isWeakness, type StoreFlaw } from './flaw.ts';
import { lockFlaws } from './locks.ts';
import { type LockMode, Probe, StoreAway } from './probe.ts';
import { putFlaws } from './puts.ts';

interface ProveOptions {
  /** How objects will be locked. */
  readonly mode: LockMode;
  readonly now: () => number;
  /** For all of it, tries anew of a store that is away included. */
  readonly deadlineMs: number;
  /** Between two tries. */
  readonly retryMs?: number;
}

export interface StoreProof {
  /** How far the store's clock is ahead of this machine's. */
  readonly aheadMs: number;
  readonly tookMs: number;
  /** What it does worse than S3, and an archive can live with; a sentence each. */
  readonly weaknesses: readonly string[];
}

/** Retention ends by the store's clock and is set by ours. */
const MAX_CLOCKS_MS = 60_000;

/** Every flaw that was found, at least one; of a store that does not answer in time that alone. */
export async function proveStore(
  client: S3Client,
  bucket: string,
  options: ProveOptions,
): Promise<Result<StoreProof, readonly [StoreFlaw, ...StoreFlaw[]]>> {
  const began = performance.now();
  const deadline = AbortSignal.timeout(options.deadlineMs);
  let why = 'no answer';
  for (;;) {
    try {
      const { flaws, aheadMs } = await tryOnce(client, bucket, deadline, options);
      const [first, ...more] = flaws.filter((each) => !isWeakness(each));
      if (first) return err([first, ...more]);
      const weaknesses = flaws.filter(isWeakness).map(({ message }) => message);
      return ok({ aheadMs, tookMs: Math.round(performance.now() - began), weaknesses });
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      if (error.message !== 'AbortError') why = error.message;
      if (deadline.aborted) {
        const seconds = Math.round(options.deadlineMs / 1_000);
        return err([
          flaw(
            'unreachable',
            `it did not answer within ${seconds} s (${why}): is the address right, and is it running?`,
          ),
        ]);
      }
      await pause(options.retryMs ?? 500, deadline);
    }
  }
}

async function tryOnce(client: S3Client, bucket: string, deadline: AbortSignal, { mode, now }: ProveOptions) {
  const probe = new Probe(client, bucket, deadline);
  const clock = watchClock(client, now);
  try {
    const unfit = await bucketFlaws(probe);
    if (unfit.length > 0) return { flaws: [...unfit, ...clock.flaws()], aheadMs: clock.aheadMs() };
    await probe.clearEarlier(now() + clock.aheadMs());
    const flaws = [...(await putFlaws(probe)), ...clock.flaws()];
    // By clocks that differ nobody can say what is retained.
    if (clock.flaws().length === 0) flaws.push(...(await lockFlaws(probe, mode, () => now() + clock.aheadMs())));
    return { flaws: unique(flaws), aheadMs: clock.aheadMs() };
  } finally {
    clock.stop();
    // What stays is taken by the next trial.
    await probe.clear().catch(() => undefined);
  }
}

/** By the Date of its answers (RFC 9110, section 6.6.1), which has whole seconds. */
function watchClock(client: S3Client, now: () => number) {
  let aheadMs = 0;
  const name = 'gatehouseClock';
  client.middlewareStack.add(
    (next) => async (args) => {
      const answered = await next(args);
      const { headers } = answered.response as { headers?: Readonly<Record<string, string>> };
      const date = Date.parse(headers?.date ?? '');
      if (!Number.isNaN(date)) aheadMs = date - now();
      return answered;
    },
    { step: 'deserialize', name, priority: 'low', override: true },
  );
  return {
    aheadMs: () => aheadMs,
    flaws: (): readonly StoreFlaw[] => {
      if (Math.abs(aheadMs) <= MAX_CLOCKS_MS) return [];
      const seconds = Math.round(Math.abs(aheadMs) / 1_000);
      const differ = `its clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
      return [flaw('clock_differs', `${differ}, so retention would end too early or too late: set both by NTP`)];
    },
    stop: () => void client.middlewareStack.remove(name),
  };
}

/** One defect may show in two trials. */
const unique = (flaws: readonly StoreFlaw[]): readonly StoreFlaw[] => [
  ...new Map(flaws.map((each) => [each.message, each])).values(),
];

function pause(ms: number, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      until.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    until.addEventListener('abort', wake, { once: true });
  });
}
