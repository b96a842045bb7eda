// Sessions that are being opened, and those that later connections may join (HTTP, kubectl), by what these must have in
// common.

import type { Refusal } from '../../core/refusal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { orAborted } from '../net/or-aborted.ts';
import { HUNG_UP } from './client-watch.ts';
import type { Entering, OpenSession, OwnSession } from './open-session.ts';

/** `abandoned`: nobody waits for it any more. */
type Begin<Upstream> = (abandoned: AbortSignal) => Promise<Result<OpenSession<Upstream>, Refusal>>;

/** One session, for all connections that wait until it is open. */
export class Opening<Upstream> {
  readonly #abandoned = new AbortController();
  readonly opened: Promise<Result<OpenSession<Upstream>, Refusal>>;
  #opening = true;
  #waiting = 0;

  constructor(begin: Begin<Upstream>) {
    this.opened = begin(this.#abandoned.signal);
    // Runs ahead of those who wait.
    const settled = (opened?: Result<OpenSession<Upstream>, Refusal>) => {
      this.#opening = false;
      if (this.#waiting === 0 && opened?.ok) opened.value.abandoned();
    };
    this.opened.then(settled, () => settled());
  }

  /** Rejects as `begin` does. */
  async enter(who: Entering): Promise<Result<OwnSession<Upstream>, Refusal>> {
    const { watch } = who;
    this.#waiting++;
    const opened = await orAborted(this.opened, watch.signal).finally(() => this.#waiting--);
    if (opened?.ok) {
      if (opened.value.open) return ok(opened.value.enter(who));
      opened.value.abandoned();
      return err(opened.value.refusal);
    }
    if (!opened && this.#opening && this.#waiting === 0) this.#abandoned.abort();
    return opened ?? err(watch.refusal ?? HUNG_UP);
  }
}

export class Joinable {
  readonly #sessions = new Map<string, Opening<unknown>>();

  /**
   * Enters the session of this key; opened by `begin` where there is none, or it is over or about to be. Connections that
   * come while it opens wait for it.
   */
  async join<Upstream>(
    key: string,
    who: Entering,
    begin: Begin<Upstream>,
  ): Promise<Result<OwnSession<Upstream>, Refusal>> {
    const { watch } = who;
    for (;;) {
      const known = this.#sessions.get(key) as Opening<Upstream> | undefined;
      if (!known) break;
      const entered = await known.enter(who).catch(() => undefined);
      if (entered?.ok || watch.signal.aborted) return entered ?? err(watch.refusal ?? HUNG_UP);
      this.#forget(key, known);
    }
    const opening = new Opening(begin);
    this.#sessions.set(key, opening as Opening<unknown>);
    const forget = () => this.#forget(key, opening);
    opening.opened.then((opened) => (opened.ok ? opened.value.onOver(forget) : forget()), forget);
    return opening.enter(who);
  }

  #forget<Upstream>(key: string, opening: Opening<Upstream>): void {
    if (this.#sessions.get(key) === opening) this.#sessions.delete(key);
  }
}
