// Sessions that later connections may join (HTTP, kubectl), by what those must have in common.

import type { Refusal } from '../../core/refusal.ts';
import { ok, type Result } from '../../core/result.ts';
import type { OpenSession } from './open-session.ts';

type Opening = Promise<Result<OpenSession<unknown>, Refusal>>;

export class Joinable {
  readonly #sessions = new Map<string, Opening>();

  /** The session of this key; opened by `begin` where there is none, or it is over. Connections that come while it opens wait for it. */
  async join<Upstream>(
    key: string,
    begin: () => Promise<Result<OpenSession<Upstream>, Refusal>>,
  ): Promise<Result<OpenSession<Upstream>, Refusal>> {
    for (;;) {
      const known = this.#sessions.get(key);
      if (!known) break;
      const opened = await known.catch(() => undefined);
      if (opened?.ok && !opened.value.over) return ok(opened.value as OpenSession<Upstream>);
      if (this.#sessions.get(key) === known) this.#sessions.delete(key);
    }
    const opening = begin();
    this.#sessions.set(key, opening as Opening);
    const forget = () => {
      if (this.#sessions.get(key) === opening) this.#sessions.delete(key);
    };
    opening.then((opened) => (opened.ok ? opened.value.onOver(forget) : forget()), forget);
    return opening;
  }
}
