// Sessions that later connections may join (HTTP, kubectl), by what those must have in common.

import type { Refusal } from '../../core/refusal.ts';
import { ok, type Result } from '../../core/result.ts';
import type { OpenSession, OwnSession } from './open-session.ts';

type Opening = Promise<Result<OpenSession<unknown>, Refusal>>;

export class Joinable {
  readonly #sessions = new Map<string, Opening>();

  /**
   * Enters the session of this key; opened by `begin` where there is none, or it is over or about to be. Connections that
   * come while it opens wait for it.
   */
  async join<Upstream>(
    key: string,
    begin: () => Promise<Result<OpenSession<Upstream>, Refusal>>,
  ): Promise<Result<OwnSession<Upstream>, Refusal>> {
    for (;;) {
      const known = this.#sessions.get(key);
      if (!known) break;
      const opened = await known.catch(() => undefined);
      if (opened?.ok && opened.value.open) return ok((opened.value as OpenSession<Upstream>).enter());
      if (this.#sessions.get(key) === known) this.#sessions.delete(key);
    }
    const opening = begin();
    this.#sessions.set(key, opening as Opening);
    const forget = () => {
      if (this.#sessions.get(key) === opening) this.#sessions.delete(key);
    };
    opening.then((opened) => (opened.ok ? opened.value.onOver(forget) : forget()), forget);
    const opened = await opening;
    return opened.ok ? ok(opened.value.enter()) : opened;
  }
}
