// Names that the catalogue did not have: each is asked for once in a while, not with every result.

/** A name that was not there is asked for again after this. */
const ASK_AGAIN_MS = 1_000;
const MAX_ASKED = 1_000;

export class AskedNames {
  readonly #asked = new Map<string, number>();

  isWorthIt(missing: readonly string[], now: number): boolean {
    const again = missing.filter((name) => now - (this.#asked.get(name) ?? Number.NEGATIVE_INFINITY) > ASK_AGAIN_MS);
    if (again.length === 0) return false;
    if (this.#asked.size > MAX_ASKED) this.#asked.clear();
    for (const name of again) this.#asked.set(name, now);
    return true;
  }
}
