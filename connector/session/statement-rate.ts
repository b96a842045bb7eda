// How many statements a session may still run: a window that slides over the last minute.

export interface StatementRate {
  readonly perMinute: number;
  /** 0: it may run. Otherwise milliseconds until one may. */
  take(): number;
}

const MINUTE_MS = 60_000;
/** Statements of one slot are counted together, so that memory does not grow with the limit. */
const SLOTS = 60;

/** `perMinute` undefined: no limit. `now`: milliseconds, monotonic. */
export function createStatementRate(perMinute: number | undefined, now: () => number): StatementRate {
  if (perMinute === undefined) return { perMinute: Number.POSITIVE_INFINITY, take: () => 0 };
  const slotMs = MINUTE_MS / SLOTS;
  const counts = new Float64Array(SLOTS);
  const slotOf = new Float64Array(SLOTS).fill(-1);
  return {
    perMinute,
    take() {
      const slot = Math.floor(now() / slotMs);
      let total = 0;
      let oldest = slot;
      for (let i = 0; i < SLOTS; i++) {
        const at = slotOf[i] as number;
        if (at <= slot - SLOTS || counts[i] === 0) continue;
        total += counts[i] as number;
        if (at < oldest) oldest = at;
      }
      if (total >= perMinute) return Math.max(1, (oldest + SLOTS) * slotMs - now());
      const place = slot % SLOTS;
      if (slotOf[place] !== slot) {
        slotOf[place] = slot;
        counts[place] = 0;
      }
      counts[place] = (counts[place] as number) + 1;
      return 0;
    },
  };
}
