// An object's one alarm, set to the earliest of what is due.

export class AlarmClock {
  readonly #storage: DurableObjectStorage;
  /** When it rings, as far as this object knows since it woke. */
  #atMs: number | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  rang(): void {
    this.#atMs = undefined;
  }

  /**
   * Nothing waits for this. One that is set already stays, where it is earlier: an object that is made anew for each entry,
   * as one that rests in between is, would put it off for ever. Never from the constructor, which runs before each alarm.
   */
  wake(at: number): void {
    if (this.#atMs !== undefined && this.#atMs <= at) return;
    const isKnown = this.#atMs !== undefined;
    this.#atMs = at;
    const set = async (): Promise<void> => {
      const before = isKnown ? null : await this.#storage.getAlarm();
      if (before !== null && before <= at) this.#atMs = before;
      else await this.#storage.setAlarm(at);
    };
    set().catch(() => {
      this.#atMs = undefined;
    });
  }
}
