// Waits that can be ended early: by whoever brings news, or when everything closes.

export class Sleepers {
  readonly #wakers = new Set<() => void>();

  /** Resolves after `ms`, or at the next wakeAll. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#wakers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wakers.add(wake);
    });
  }

  wakeAll(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}
