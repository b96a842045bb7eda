// Users that live as long as a session: made at the target when it begins, by an administrator's connection, and dropped when
// it is over. A protocol's dialect knows the statements; here are their lives: a small pool of connections for each target,
// drops that are tried again, and the sweep of what a crash left.

import { randomBytes } from 'node:crypto';
import type { Session, TargetRefusal } from '../door.ts';
import type { Refusal } from '../../core/refusal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { secret, type Secret } from '../../core/secret.ts';
import type { MadeUser, SessionScope } from '../credentials/credential.ts';
import type { UpstreamTarget } from './dial.ts';
import { orAborted } from './or-aborted.ts';

/** What an administrator's connection could not do. */
export interface AdminFault {
  /** For the operator: what is lacking, and the statement that gives it. Holds no secret. */
  readonly message: string;
  /** The target's own code. */
  readonly code?: string | undefined;
}

export interface AdminConnection {
  /** It takes a statement. False for ever after one failed. */
  readonly usable: boolean;
  close(): void;
}

export interface WantedUser {
  /** `gh_` and the 26 letters of the session's id: whoever reads the target's log finds the recording. */
  readonly name: string;
  readonly password: Secret<string>;
  readonly template: string;
  readonly session: Pick<SessionScope, 'id' | 'untilMs' | 'owner'>;
}

interface CreatedUser {
  /** The wanted one, or one that begins with it and `_`. */
  readonly name: string;
  /** What is not as it is for the template; told to the operator. */
  readonly notes: readonly string[];
}

/** A kind of server. None of it throws; each has a deadline of its own. */
export interface UserDialect<C extends AdminConnection> {
  open(admin: UpstreamTarget): Promise<Result<C, AdminFault>>;
  create(connection: C, user: WantedUser): Promise<Result<CreatedUser, AdminFault>>;
  /** Ends what the user still runs (`name`: as it was wanted), keeps what it made (the template's from then on), and drops it. Ok where there is none. */
  drop(
    connection: C,
    user: Pick<WantedUser, 'name' | 'template'>,
    admin: UpstreamTarget,
  ): Promise<Result<undefined, AdminFault>>;
  /** Names of users that sessions which are over have left, at most MAX_SWEPT. `owner`: the connector that asks. */
  leftovers(connection: C, owner: string): Promise<Result<readonly string[], AdminFault>>;
}

interface SettledSession {
  readonly session: Session<UpstreamTarget>;
  /** undefined: none was made for it here. */
  readonly own: OwnUser | undefined;
}

interface OwnUser {
  /** As the session is to log in. */
  readonly target: UpstreamTarget;
  readonly name: string;
  readonly made: MadeUser;
}

/** Past the end of a session's grant: clocks differ, and its end takes a moment. */
export const VALID_AFTER_MS = 5 * 60_000;
/** A user younger than this may be that of a session which is about to log in. */
export const YOUNG_SECONDS = 300;
export const MAX_SWEPT = 50;
const USER_NAME = /^(gh_[0-9a-hjkmnp-tv-z]{26})(?:_[0-9a-v]+)?$/;

/** Connections to one target: its sessions wait for one, not for each other's statements. */
const MAX_CONNECTIONS = 4;
const MAX_WAITING = 256;
const KEPT_MS = 5 * 60_000;
const SWEEP_EVERY_MS = 10 * 60_000;
const DROP_AFTER_MS = [0, 5_000, 30_000, 120_000];

/** Of an AdminFault: another try now would be refused alike. */
export const REFUSED_FOR_GOOD = 'refused';
/** Of an AdminFault: nothing was asked of the target. */
export const NO_LOGIN = 'no login';

const NO_USER: TargetRefusal = {
  reason: 'upstream_login_failed',
  message: 'The gateway could not make a user for this session at the database. Tell an administrator.',
  ofTarget: true,
};

/** Those of one target. */
interface Place<C> {
  readonly admin: UpstreamTarget;
  readonly idle: C[];
  readonly waiting: (() => void)[];
  /** Users of sessions that live, or that are being dropped. */
  readonly users: Set<string>;
  /** Those that could not be dropped. */
  readonly told: Set<string>;
  open: number;
  hangUp: NodeJS.Timeout | undefined;
  sweptAt: number;
}

export class SessionUsers<C extends AdminConnection> {
  readonly #dialect: UserDialect<C>;
  readonly #places = new Map<string, Place<C>>();

  constructor(dialect: UserDialect<C>) {
    this.#dialect = dialect;
  }

  /**
   * The session with the target that it logs in at: as a user made for it, or as its target has it. Why not: the target's own
   * refusal, or what the session was given up for meanwhile.
   */
  async settle(entered: Session<UpstreamTarget>): Promise<Result<SettledSession, Refusal>> {
    const { signal, upstream } = entered;
    const made = await orAborted(
      this.#make(upstream).then((user) => ({ user })),
      signal,
    );
    if (!made) return err(signal.reason as Refusal);
    const { user } = made;
    if (!user) return ok({ session: entered, own: undefined });
    return user.ok ? ok({ session: { ...entered, upstream: user.value.target }, own: user.value }) : user;
  }

  /** Undefined: sessions there log in as they are told to. The user is dropped when `session.over` aborts. */
  async #make(target: UpstreamTarget): Promise<Result<OwnUser, TargetRefusal> | undefined> {
    const { sessionUser, ...admin } = target;
    if (!sessionUser) return undefined;
    const { template, session } = sessionUser;
    const place = this.#placeOf(admin, template);
    const name = `gh_${session.id.slice(-26)}`;
    const password = secret(randomBytes(32).toString('base64url'));
    place.users.add(name);
    const made = await this.#use(place, (connection) =>
      this.#dialect.create(connection, { name, password, template, session }),
    );
    if (!made.ok) {
      session.onFault(`the user of session ${session.id} could not be made: ${made.error.message}`);
      // It may be there all the same, where the answer was lost.
      if (made.error.code !== undefined) place.users.delete(name);
      else session.givingBack(this.#drop(place, name, template, session));
      return err(NO_USER);
    }
    for (const note of made.value.notes) session.onFault(note);
    const drop = () => session.givingBack(this.#drop(place, name, template, session));
    if (session.over.aborted) drop();
    else session.over.addEventListener('abort', drop, { once: true });
    if (place.sweptAt + SWEEP_EVERY_MS < performance.now()) session.givingBack(this.#sweep(place, template, session));
    return ok({
      target: { ...admin, user: made.value.name, password, keeper: undefined, administrator: admin },
      name: made.value.name,
      made: { by: 'gatehouse', role: template },
    });
  }

  async #drop(place: Place<C>, name: string, template: string, session: SessionScope): Promise<void> {
    let fault: AdminFault | undefined;
    for (const wait of DROP_AFTER_MS) {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait).unref());
      const dropped = await this.#use(place, (it) => this.#dialect.drop(it, { name, template }, place.admin));
      fault = dropped.ok ? undefined : dropped.error;
      // What the target says once it says again: a sweep tries it later.
      if (!fault || fault.code === REFUSED_FOR_GOOD) break;
    }
    place.users.delete(name);
    if (fault) place.told.add(name);
    if (fault)
      session.onFault(
        `user ${name} of session ${session.id} could not be dropped: ${fault.message}. It is tried again while the target is in use; see "Session users" in docs/runbook.md`,
      );
  }

  /** What a crash left, or an administrator's login that did not work at the end of a session. */
  async #sweep(place: Place<C>, template: string, session: SessionScope): Promise<void> {
    place.sweptAt = performance.now();
    const found = await this.#use(place, (it) => this.#dialect.leftovers(it, session.owner));
    if (!found.ok) return session.onFault(`users that sessions left could not be looked for: ${found.error.message}`);
    const faults = new Map<string, string>();
    for (const name of found.value.slice(0, MAX_SWEPT)) {
      const wanted = USER_NAME.exec(name)?.[1];
      if (wanted === undefined || place.users.has(wanted)) continue;
      const dropped = await this.#use(place, (it) => this.#dialect.drop(it, { name: wanted, template }, place.admin));
      if (dropped.ok || place.told.has(name)) continue;
      place.told.add(name);
      faults.set(dropped.error.message, name);
    }
    for (const [message, name] of faults)
      session.onFault(`user ${name}, which a session left, could not be dropped: ${message}`);
  }

  #placeOf(admin: UpstreamTarget, template: string): Place<C> {
    const key = JSON.stringify([admin.host, admin.port, admin.user, admin.database, template, admin.tls]);
    let place = this.#places.get(key);
    if (!place) {
      place = {
        ...{
          admin,
          idle: [],
          waiting: [],
          users: new Set<string>(),
          told: new Set<string>(),
          open: 0,
          hangUp: undefined,
        },
        sweptAt: Number.NEGATIVE_INFINITY,
      };
      this.#places.set(key, place);
    }
    return place;
  }

  async #use<T>(
    place: Place<C>,
    work: (connection: C) => Promise<Result<T, AdminFault>>,
  ): Promise<Result<T, AdminFault>> {
    if (place.open >= MAX_CONNECTIONS) {
      if (place.waiting.length >= MAX_WAITING) return err({ message: 'too many sessions wait for the target' });
      // Whoever leaves hands over their place.
      await new Promise<void>((resolve) => place.waiting.push(resolve));
    } else place.open++;
    clearTimeout(place.hangUp);
    try {
      for (;;) {
        const kept = place.idle.pop();
        if (kept && !kept.usable) continue;
        const opened = kept ? ok(kept) : await this.#dialect.open(place.admin);
        if (!opened.ok) return opened;
        const connection = opened.value;
        const done = await work(connection);
        if (connection.usable) place.idle.push(connection);
        else connection.close();
        // One that was kept may have been closed by the target meanwhile: that says nothing of what was asked.
        if (kept && !done.ok && done.error.code === undefined) continue;
        return done;
      }
    } finally {
      const next = place.waiting.shift();
      if (next) next();
      else this.#left(place);
    }
  }

  #left(place: Place<C>): void {
    place.open--;
    for (const more of place.idle.splice(1)) more.close();
    clearTimeout(place.hangUp);
    place.hangUp = setTimeout(() => {
      for (const connection of place.idle.splice(0)) connection.close();
    }, KEPT_MS).unref();
  }
}

/** Who the session is at its target, where that is a user of its own, so that the target's log and the recording can be joined. */
export function recordUser({ session: { lane, upstream }, own }: SettledSession): void {
  const made = own?.made ?? upstream.keeper?.made;
  if (made) lane.fact({ kind: 'user.created', user: own?.name ?? upstream.user, ...made });
}
