// Exponential back-off with full jitter: after an outage of the edge its connectors come back spread
// out instead of all at once.

interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** 0 inclusive to 1 exclusive. */
  readonly random: () => number;
}

interface Backoff {
  /** How long to wait before the next try: 0 to min(cap, base * 2^tries). */
  nextMs(): number;
  reset(): void;
}

export function createBackoff(options: BackoffOptions): Backoff {
  let tries = 0;
  return {
    nextMs() {
      const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(tries, 30));
      tries++;
      return Math.floor(options.random() * ceiling);
    },
    reset() {
      tries = 0;
    },
  };
}
