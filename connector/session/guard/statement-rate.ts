// How many statements a session may still run: a window that slides over the last minute.

export interface StatementRate {
  /** Undefined: as many as it likes. */
  readonly perMinute: number | undefined;
  /** Another limit from now on; what was counted in the last minute counts against it. */
  limitTo(perMinute: number | undefined): void;
  /**
   * So many in one text. 0: they may run, and count. Otherwise milliseconds until more may; Infinity: so many never may
   * together.
   */
  take(count?: number): number;
}

const MINUTE_MS = 60_000;
/** Statements of one slot are counted together, so that memory does not grow with the limit. */
const SLOT_MS = 1_000;
/** A minute may begin in the middle of a slot, so the slot in which it begins counts whole. */
const SLOTS = MINUTE_MS / SLOT_MS + 1;

/** `now`: milliseconds, monotonic, not negative. */
export function createStatementRate(perMinute: number | undefined, now: () => number): StatementRate {
  const counts = new Float64Array(SLOTS);
  const slotOf = new Float64Array(SLOTS).fill(-1);
  let limit = perMinute;
  return {
    get perMinute() {
      return limit;
    },
    limitTo(next) {
      limit = next;
    },
    take(count = 1) {
      // Not counted either: a limit that comes later begins with what runs then.
      if (limit === undefined) return 0;
      if (count > limit) return Number.POSITIVE_INFINITY;
      const slot = Math.floor(now() / SLOT_MS);
      let total = 0;
      let oldest = slot;
      for (let i = 0; i < SLOTS; i++) {
        const at = slotOf[i] as number;
        if (at <= slot - SLOTS || counts[i] === 0) continue;
        total += counts[i] as number;
        if (at < oldest) oldest = at;
      }
      if (total + count > limit) return Math.max(1, (oldest + SLOTS) * SLOT_MS - now());
      const place = slot % SLOTS;
      if (slotOf[place] !== slot) {
        slotOf[place] = slot;
        counts[place] = 0;
      }
      counts[place] = (counts[place] as number) + count;
      return 0;
    },
  };
}
