// Whether targets can be used, found out before somebody wants to: each is logged in to from time to time, unless a session
// has just been there. Logins and never half-open connections: a target may shut out an address that does not finish them.

import type { RefusalReason } from '../../core/refusal.ts';
import type { ResourceName } from '../../core/resource.ts';
import type { Trial } from '../trial.ts';

/** Of one target. Where a user is made for a login, it is a fifteenth of that. */
const DEFAULT_PERIOD_MS = 60_000;
const MADE_USER_PERIODS = 15;
/** A login that is refused again and again locks accounts and addresses. */
const MAX_REFUSED_MS = 60 * 60_000;
/** However many there are: a connector with 10,000 resources is no flood of logins. */
const APART_MS = 200;
const AT_ONCE = 4;
/** The first of each, so that whoever has just started a connector sees whether its targets answer. */
const FIRST_MS = 1_000;

export interface TargetProbes {
  /** A session was there, or could not be. */
  saw(resource: ResourceName, fault: string | undefined): void;
  start(): void;
  /** Resolves when none is under way. */
  stop(): Promise<void>;
}

interface Probed {
  readonly resource: ResourceName;
  readonly trial: () => Promise<Trial>;
  dueMs: number;
  /** In a row, of logins. */
  refusals: number;
  /** As the log was told. */
  fault: string | undefined;
}

/** None of them says anything about the login. */
const NOT_REFUSED: ReadonlySet<RefusalReason> = new Set([
  'upstream_unreachable',
  'too_many_sessions',
  'deadline_exceeded',
]);

export function createTargetProbes(deps: {
  /** As they are when it starts. None throws. */
  readonly trials: ReadonlyMap<ResourceName, () => Promise<Trial>>;
  /** Told of each probe; `fault`: in the words of a session that it would have kept out. */
  readonly onSeen: (resource: ResourceName, fault: string | undefined) => void;
  /** For the operator, when it is another than before; undefined: it can be used again. */
  readonly onChanged: (resource: ResourceName, detail: string | undefined) => void;
  readonly now: () => number;
  /** 0: none. */
  readonly periodMs?: number | undefined;
}): TargetProbes {
  const { now, periodMs = DEFAULT_PERIOD_MS } = deps;
  const running = new Map<ResourceName, Promise<void>>();
  const probed = new Map<ResourceName, Probed>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = true;

  /** A tenth sooner or later: replicas that were started together do not log in together for ever. */
  const later = (periods: number) =>
    now() + Math.min(periodMs * periods, Math.max(periodMs, MAX_REFUSED_MS)) * (0.9 + Math.random() / 5);

  async function run(one: Probed): Promise<void> {
    const { faults, refusal, madeUser } = await one.trial();
    if (stopped) return;
    const detail = refusal && (faults.map(({ message }) => message).join('; ') || refusal.message);
    const isRefused = refusal !== undefined && !NOT_REFUSED.has(refusal.reason);
    one.refusals = isRefused ? one.refusals + 1 : 0;
    one.dueMs = later(Math.max(madeUser ? MADE_USER_PERIODS : 1, 2 ** Math.max(0, Math.min(one.refusals - 1, 16))));
    if (detail !== one.fault) deps.onChanged(one.resource, detail);
    one.fault = detail;
    deps.onSeen(one.resource, refusal?.message);
  }

  function next(): void {
    timer = undefined;
    if (stopped) return;
    let first: Probed | undefined;
    for (const one of probed.values())
      if (!running.has(one.resource) && (first === undefined || one.dueMs < first.dueMs)) first = one;
    if (first && running.size < AT_ONCE && first.dueMs <= now()) {
      const { resource } = first;
      const work = run(first).finally(() => {
        running.delete(resource);
        wake(0);
      });
      running.set(resource, work);
      wake(APART_MS);
    } else if (first && running.size < AT_ONCE) wake(Math.min(first.dueMs - now(), periodMs));
  }

  function wake(inMs: number): void {
    if (stopped || timer) return;
    timer = setTimeout(next, Math.max(inMs, APART_MS)).unref();
  }

  return {
    saw(resource, fault) {
      const one = probed.get(resource);
      if (!one) return;
      if (fault === undefined) one.refusals = 0;
      one.dueMs = Math.max(one.dueMs, later(1));
    },
    start() {
      if (periodMs === 0 || !stopped) return;
      stopped = false;
      for (const [resource, trial] of deps.trials)
        probed.set(resource, { resource, trial, dueMs: now() + FIRST_MS, refusals: 0, fault: undefined });
      wake(FIRST_MS);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      timer = undefined;
      await Promise.all(running.values());
    },
  };
}
