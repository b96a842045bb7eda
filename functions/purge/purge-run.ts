// One run of the purge: carries out what the edge has ordered, and proposes what is due. Runs come again and again, may be killed
// anywhere and may overlap; each leaves what the other would.

import type { SessionId } from '../../core/ids.ts';
import { dayOf } from '../../core/retention/due-day.ts';
import type { LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS, mayPurge, possibleFrom, type PurgeRefusal } from '../../core/retention/may-purge.ts';
import type { Purge, PurgeRan, PurgeReport } from '../../core/retention/purge.ts';
import { HELD_SESSIONS, sessionPartition } from '../catalogue-table/schema.ts';
import { BusyFault, RetriableFault } from '../faults.ts';
import type { DueSession, DueSessions } from './due.ts';
import type { PurgeLedger } from './ledger.ts';
import { underHolds } from './order-proof.ts';
import { purgeSession, type PurgeSessionDeps, removeDerived, rowKeys } from './purge-session.ts';
import { allVersions, readStoredFacts } from './stored-facts.ts';

/** Alarms count these lines by `kind` (docs/runbook.md). */
export type PurgeEvent =
  | { readonly kind: 'purge.done'; readonly session: string; readonly versions: number }
  /** Something other than a date stands against it. Told when it is found and each day again, of holds only when they are found. */
  | { readonly kind: 'purge.refused'; readonly session: string; readonly why: readonly string[] }
  /** The holds here are not those that the edge has: nothing is purged until they are. */
  | { readonly kind: 'purge.holds_differ'; readonly session: string }
  /** The recording says that it is kept for fewer days than the edge granted, and those are not over. */
  | {
      readonly kind: 'purge.contradicted';
      readonly session: string;
      readonly claimed: number;
      readonly granted: number;
    }
  | { readonly kind: 'purge.failed'; readonly session: string; readonly fault: string }
  /** A fold of the search index is under way; the next run finishes it. */
  | { readonly kind: 'purge.postponed'; readonly session: string; readonly fault: string }
  /** The edge has not answered to a proposal, or to a purge that is done, for two days. */
  | { readonly kind: 'purge.waiting'; readonly session: string; readonly state: string }
  | {
      readonly kind: 'purge.ran';
      readonly purged: number;
      readonly proposed: number;
      readonly refused: number;
      readonly failed: number;
      /** Time or number of sessions ended it, and more is due. */
      readonly more: boolean;
    };

export interface PurgeRunDeps extends PurgeSessionDeps {
  readonly ledger: PurgeLedger;
  readonly due: DueSessions;
  readonly report: (event: PurgeEvent) => void;
  /** `NAME+ID+KEY` that signs the edge's orders; undefined: nothing is purged before its time. */
  readonly edgeKey: string | undefined;
  /** Sessions that one run looks at. */
  readonly maxSessions: number;
  /** No session is begun after it. Milliseconds since 1970. */
  readonly beginUntilMs: number;
}

interface Asked {
  readonly dryRun: boolean;
  /** This one alone. */
  readonly session?: SessionId | undefined;
}

const LISTED = 1_000;
const FAILED_NOTED = 100;
/** Longer than any function runs: whoever began to write rows before the purge is through. */
const SETTLED_MS = 3_600_000;
/** Runs come hourly, and what a killed fold leaves is cleaned up in half an hour: behind it somebody has to look. */
const POSTPONED_MS = 6 * 3_600_000;
const UNANSWERED_MS = 2 * DAY_MS;

export async function purgeRun({ dryRun, session }: Asked, deps: PurgeRunDeps): Promise<PurgeReport> {
  const run = new Run(dryRun, deps, await deps.ledger.holds());
  let after: string | undefined;
  do {
    const page = await deps.ledger.page(after);
    for (const purge of page.purges) if (session === undefined || purge.session === session) await run.goOn(purge);
    await run.finishDeleted();
    after = page.after;
  } while (after !== undefined && !run.over);
  if (!run.over)
    for await (const due of deps.due.upTo(deps.now())) {
      if (session === undefined || due.session === session) await run.look(due);
      if (run.over) break;
    }
  if (!dryRun && session === undefined) await deps.ledger.noteRun(run.amounts());
  return run.end();
}

class Run {
  readonly #dryRun: boolean;
  readonly #deps: PurgeRunDeps;
  readonly #holds: readonly LegalHold[];
  readonly #inForce: ReadonlySet<string>;
  readonly #purged: SessionId[] = [];
  /** Their objects and rows are gone. */
  readonly #deleted: Purge[] = [];
  readonly #proposed: SessionId[] = [];
  readonly #refused = new Map<SessionId, PurgeRefusal[]>();
  readonly #failed: SessionId[] = [];
  #looked = 0;

  constructor(dryRun: boolean, deps: PurgeRunDeps, holds: readonly LegalHold[]) {
    this.#dryRun = dryRun;
    this.#deps = deps;
    this.#holds = holds;
    this.#inForce = new Set(holds.flatMap(({ id, lifted }) => (lifted ? [] : [id])));
  }

  get over(): boolean {
    return this.#looked >= this.#deps.maxSessions || this.#deps.now() > this.#deps.beginUntilMs;
  }

  amounts(): PurgeRan {
    return {
      at: this.#at(),
      ...this.#counts(),
      failedSessions: this.#failed.slice(0, FAILED_NOTED),
      more: this.over,
    };
  }

  #counts(): Pick<PurgeRan, 'purged' | 'proposed' | 'refused' | 'failed'> {
    const [purged, proposed] = [this.#purged.length, this.#proposed.length];
    return { purged, proposed, refused: this.#refused.size, failed: this.#failed.length };
  }

  end(): PurgeReport {
    const [purged, proposed, failed] = [this.#purged, this.#proposed, this.#failed];
    const refused = [...this.#refused].map(([session, refusals]) => ({ session, refusals }));
    if (!this.#dryRun) this.#deps.report({ kind: 'purge.ran', ...this.#counts(), more: this.over });
    return {
      at: this.#at(),
      dryRun: this.#dryRun,
      purged: purged.slice(0, LISTED),
      proposed: proposed.slice(0, LISTED),
      refused: refused.slice(0, LISTED),
      failed: failed.slice(0, LISTED),
      more: this.over,
    };
  }

  /** A purge of the ledger. */
  async goOn(purge: Purge): Promise<void> {
    const { report, now } = this.#deps;
    const age = now() - Date.parse(purge.at);
    const { session, state } = purge;
    if ((state === 'proposed' || state === 'done') && age > UNANSWERED_MS && !this.#dryRun)
      report({ kind: 'purge.waiting', session, state });
    if (this.over) return;
    if (state === 'ordered') await this.#guarded(session, () => this.#carryOut(purge));
    if (state === 'settled' && age > SETTLED_MS && !this.#dryRun)
      await this.#guarded(session, () => this.#close(purge));
  }

  async #carryOut(purge: Purge): Promise<void> {
    const { session, order } = purge;
    // The ledger writes none without it: somebody else did.
    if (!order) return this.#refuseOrdered(purge, [{ why: 'not_ordered' }]);
    const { mode, granted, admitted } = order;
    // Not the run's own: a hold that came while others were purged counts.
    const standing = async () => underHolds({ ...purge, order }, await this.#deps.ledger.holds(), this.#deps);
    const { counting, wrong } = await standing();
    if (this.#dryRun) {
      const { facts } = await readStoredFacts(purge, this.#deps);
      const known = { ...facts, retention: facts.retention ?? purge.retention, granted, admitted };
      const refusals = [...wrong, ...mayPurge(known, counting, this.#deps.now(), mode)];
      if (refusals.length > 0) return this.#refuseOrdered(purge, refusals);
      this.#purged.push(session);
      return;
    }
    const outcome =
      wrong.length === 0
        ? await purgeSession({ ...purge, granted, admitted }, mode, standing, this.#deps)
        : { state: 'refused' as const, refusals: wrong };
    if (outcome.state === 'refused') return this.#refuseOrdered(purge, [...outcome.refusals]);
    this.#deleted.push(purge);
  }

  async #refuseOrdered(purge: Purge, refusals: PurgeRefusal[]): Promise<void> {
    const { ledger } = this.#deps;
    if (!this.#dryRun) await ledger.finish({ ...purge, state: 'refused', at: this.#at(), refusals });
    this.#refuse(purge.session, refusals, true);
  }

  /** What was made of them goes too, and then they are done. */
  async finishDeleted(): Promise<void> {
    const { ledger, report } = this.#deps;
    const deleted = this.#deleted.splice(0);
    const sessions = deleted.map(({ session }) => session);
    if (sessions.length === 0) return;
    try {
      await removeDerived(sessions, this.#deps);
    } catch (error) {
      for (const { session, at } of deleted) this.#tryAgain(session, error, Date.parse(at));
      return;
    }
    for (const purge of deleted) {
      const { session } = purge;
      try {
        await ledger.finish({ ...purge, state: 'done', at: this.#at() });
        this.#purged.push(session);
        report({ kind: 'purge.done', session, versions: purge.evidence.versions });
      } catch (error) {
        this.#tryAgain(session, error);
      }
    }
  }

  /** What an event that was under way wrote after the rows were deleted goes now, and what was stored late comes up again. */
  async #close(purge: Purge): Promise<void> {
    const { table, store, due, ledger } = this.#deps;
    const pk = sessionPartition(purge.session);
    await table.deleteAll(await rowKeys(pk, table));
    if ((await allVersions(purge, store)).length > 0) await due.add(purge, dayOf(this.#deps.now()));
    await ledger.forget(purge.session);
  }

  /** A session whose day has come. */
  async look(due: DueSession): Promise<void> {
    const { ledger } = this.#deps;
    const known = await ledger.get(due.session);
    if (known?.state === 'ordered' || known?.state === 'done') return;
    const fresh = known !== undefined && this.#isFresh(known);
    if (known?.state === 'proposed' && fresh) {
      this.#proposed.push(due.session);
      return;
    }
    if (known?.state === 'refused' && fresh && this.#standsAsBefore(known.refusals ?? [])) {
      this.#refused.set(due.session, known.refusals ?? []);
      return;
    }
    await this.#guarded(due.session, () => this.#judge(due, known));
  }

  /** Of the last day. A time to come is none: a clock that was ahead must not put off the next look. */
  #isFresh({ at }: Purge): boolean {
    const age = this.#deps.now() - Date.parse(at);
    return age >= 0 && age < DAY_MS;
  }

  /** A hold that was lifted makes what it kept due now, not tomorrow; the objects' own is taken off a little later. */
  #standsAsBefore(refusals: readonly PurgeRefusal[]): boolean {
    return refusals.every(
      (each) =>
        each.why !== 'held_objects' &&
        each.why !== 'holds_differ' &&
        (each.why !== 'held' || each.holds.every((id) => this.#inForce.has(id))),
    );
  }

  async #judge(due: DueSession, known: Purge | undefined): Promise<void> {
    const { session, connector } = due;
    const { ledger, table } = this.#deps;
    const { facts, evidence } = await readStoredFacts(due, this.#deps);
    if (evidence.versions + evidence.markers === 0 && (await rowKeys(sessionPartition(session), table)).length === 0) {
      if (!this.#dryRun) await this.#deps.due.remove(due);
      return;
    }
    const granted = known?.granted;
    const refusals = mayPurge({ ...facts, granted }, this.#holds, this.#deps.now(), 'due');
    const purge = {
      session,
      connector,
      at: this.#at(),
      evidence,
      ...(facts.retention && { retention: facts.retention }),
      ...(granted !== undefined && { granted }),
    };
    if (refusals.length === 0) {
      this.#proposed.push(session);
      if (!this.#dryRun) await ledger.note({ ...purge, state: 'proposed' }, known);
      return;
    }
    const from = possibleFrom(refusals);
    if (from !== undefined) {
      // The day on which it has become possible, and not the one in which it will.
      if (!this.#dryRun) await this.#deps.due.move(due, dayOf(Date.parse(from) + DAY_MS - 1));
      return;
    }
    const isNew = JSON.stringify(known?.refusals) !== JSON.stringify(refusals);
    const isFresh = known?.state === 'refused' && this.#isFresh(known);
    // Objects that Gatehouse itself holds are no news: they are held, or about to be released.
    const ours = (await table.get({ pk: HELD_SESSIONS, sk: session })) !== undefined;
    if (!this.#dryRun && (isNew || !isFresh)) await ledger.note({ ...purge, state: 'refused', refusals }, known);
    const told = refusals.map(({ why }) => why).filter((why) => !(ours && why === 'held_objects'));
    this.#refuse(session, refusals, told.length > 0 && (isNew || (!isFresh && told.some((why) => why !== 'held'))));
  }

  #refuse(session: SessionId, refusals: PurgeRefusal[], isTold: boolean): void {
    this.#refused.set(session, refusals);
    if (!isTold || this.#dryRun) return;
    const why = refusals.map((each) => each.why);
    this.#deps.report(
      why.includes('holds_differ') ? { kind: 'purge.holds_differ', session } : { kind: 'purge.refused', session, why },
    );
  }

  async #guarded(session: SessionId, work: () => Promise<void>): Promise<void> {
    this.#looked++;
    try {
      await work();
    } catch (error) {
      this.#tryAgain(session, error);
    }
  }

  /** By the next run. Throws what is none of its kind. */
  #tryAgain(session: SessionId, error: unknown, sinceMs = 0): void {
    if (!(error instanceof RetriableFault)) throw error;
    this.#failed.push(session);
    const passes = error instanceof BusyFault && this.#deps.now() - sinceMs < POSTPONED_MS;
    const kind = passes ? 'purge.postponed' : 'purge.failed';
    if (!this.#dryRun) this.#deps.report({ kind, session, fault: error.message });
  }

  #at(): string {
    return new Date(this.#deps.now()).toISOString();
  }
}
