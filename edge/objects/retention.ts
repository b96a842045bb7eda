// Retention at the edge: the holds, and the purge's other half. Every few minutes it tells the functions of the holds, writes each
// proposed purge into the audit log and orders it, and writes down what is done (law 7). The contract of each call: ports/retention.ts.

import { DurableObject } from 'cloudflare:workers';
import { withoutAddress } from '../../core/audit/addresses.ts';
import type { AuditEntry, AuditEvent } from '../../core/audit/audit.ts';
import type { HoldId, HoldSearchId, SessionId } from '../../core/ids.ts';
import type { HoldSearch, LegalHold } from '../../core/retention/hold.ts';
import { type Purge, tombstoneOf } from '../../core/retention/purge.ts';
import type { Env } from '../env.ts';
import type { Serves } from '../ports/object.ts';
import type { BeforeOrder, FoundToHold, RetentionPort, WaitingAct } from '../ports/retention.ts';
import { createRetentionArchive, type RetentionArchive } from '../retention-archive.ts';
import { parseSettings } from '../settings.ts';
import { HOLD_SEARCHES_SCHEMA, HoldSearches } from '../storage/hold-searches.ts';
import { StoredHolds, HOLDS_SCHEMA } from '../storage/holds.ts';
import { remote } from './rpc.ts';
import { witnessOf } from './witness/days.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS waiting (act TEXT PRIMARY KEY, by TEXT NOT NULL, reason TEXT NOT NULL, until_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS written (session TEXT NOT NULL, what TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (session, what));
`;

type Written = 'ordered' | 'done' | 'held' | 'unordered' | 'stored';

const EVERY_MS = 5 * 60_000;
/** In an entry of the audit log. */
const HOLDS_NOTED = 20;
/** Of one run; what is left goes on in the next. */
const MOST = 500;

export class Retention extends DurableObject<Env> implements Serves<RetentionPort> {
  readonly #sql: SqlStorage;
  readonly #holds: StoredHolds;
  readonly #searches: HoldSearches;
  /** Runs come one after the other: two would write the same entry twice. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA + HOLDS_SCHEMA + HOLD_SEARCHES_SCHEMA);
    this.#holds = new StoredHolds(this.#sql);
    this.#searches = new HoldSearches(this.#sql);
  }

  async wake(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + EVERY_MS);
  }

  holds(): LegalHold[] {
    return this.#holds.list();
  }

  hold(id: HoldId): LegalHold | undefined {
    return this.#holds.find(id);
  }

  async putHold(hold: LegalHold, before: LegalHold | undefined): Promise<boolean> {
    if (JSON.stringify(this.hold(hold.id)) !== JSON.stringify(before)) return false;
    this.#holds.put(hold);
    await this.wake();
    return true;
  }

  tellHoldsAgain(): void {
    this.#holds.tellAgain();
  }

  async beforeOrder(session: SessionId): Promise<BeforeOrder> {
    const [admission] = await witnessOf(this.env).admissions([session]);
    return this.#holds.beforeOrder(session, admission);
  }

  beginHoldSearch(search: Pick<HoldSearch, 'id' | 'query'>, by: string): void {
    this.#searches.begin(search, by, Date.now());
  }
  holdSearch(id: HoldSearchId) {
    return this.#searches.find(id, Date.now());
  }
  addToHoldSearch(id: HoldSearchId, found: FoundToHold): void {
    this.ctx.storage.transactionSync(() => this.#searches.add(id, found));
  }
  foundToHold(id: HoldSearchId): SessionId[] {
    return this.#searches.sessions(id);
  }
  dropHoldSearch(id: HoldSearchId): void {
    this.#searches.drop(id);
  }

  forgetPerson(email: string, pseudonym: string): void {
    this.#holds.forgetPerson(email, pseudonym);
    this.#searches.forgetPerson(email);
    this.#sql.exec('DELETE FROM waiting WHERE lower(by) = ?', email);
    for (const { act, reason } of this.#sql.exec('SELECT act, reason FROM waiting').toArray())
      this.#sql.exec(
        'UPDATE waiting SET reason = ? WHERE act = ?',
        withoutAddress(String(reason), email, pseudonym),
        String(act),
      );
  }

  waiting(act: string): WaitingAct | undefined {
    const row = this.#sql.exec('SELECT * FROM waiting WHERE act = ?', act).toArray()[0];
    const untilMs = Number(row?.until_ms);
    return row && untilMs > Date.now() ? { by: String(row.by), reason: String(row.reason), untilMs } : undefined;
  }

  putWaiting(act: string, waiting: WaitingAct | undefined): void {
    this.#sql.exec('DELETE FROM waiting WHERE act = ? OR until_ms < ?', act, Date.now());
    if (!waiting) return;
    const { by, reason, untilMs } = waiting;
    this.#sql.exec('INSERT INTO waiting (act, by, reason, until_ms) VALUES (?, ?, ?, ?)', act, by, reason, untilMs);
  }

  run(now?: { readonly session?: SessionId | undefined }): Promise<SessionId[]> {
    const done = this.#last.then(() => this.#run(now));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** A failure is made good by the next one. */
  override async alarm(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + EVERY_MS);
    this.#searches.cleanUp(Date.now());
    try {
      await this.run();
    } catch (error) {
      console.error(`the purge could not be looked after: ${error instanceof Error ? error.name : 'unknown'}`);
    }
  }

  async #run(now: { readonly session?: SessionId | undefined } | undefined): Promise<SessionId[]> {
    const archive = createRetentionArchive(parseSettings(this.env));
    // Before all else: nothing is ordered while the functions do not know of a hold.
    if (!(await this.#tellHolds(archive))) return [];
    if (now) return this.#orderNow(now.session, archive);
    const ordered: SessionId[] = [];
    let after: SessionId | undefined;
    for (let looked = 0; looked < MOST; ) {
      const page = await archive.purges(after);
      if (!page.ok) return ordered;
      for (const purge of page.value.purges) {
        if (purge.state === 'proposed' && (await this.#order(purge, archive))) ordered.push(purge.session);
        if (purge.state === 'done') await this.#settle(purge, archive);
        // Somebody else has written there.
        if (purge.refusals?.some(({ why }) => why === 'holds_differ')) this.#holds.tellAgain();
        looked++;
      }
      after = page.value.after;
      if (after === undefined) break;
    }
    return ordered;
  }

  async #orderNow(session: SessionId | undefined, archive: RetentionArchive): Promise<SessionId[]> {
    const report = await archive.report(session);
    if (!report.ok) throw new Error('the functions do not answer');
    const due = report.value.proposed;
    const admissions = await witnessOf(this.env).admissions(due);
    const ordered: SessionId[] = [];
    for (const [index, each] of due.entries()) {
      const admission = admissions[index];
      const kept = admission && (await archive.session(each, admission));
      if (kept?.ok && (await this.#order(kept.value, archive))) ordered.push(each);
    }
    return ordered;
  }

  tellHolds(): Promise<boolean> {
    const told = this.#last.then(() => this.#tellHolds(createRetentionArchive(parseSettings(this.env))));
    this.#last = told.catch(() => undefined);
    return told;
  }

  async #tellHolds(archive: RetentionArchive): Promise<boolean> {
    for (const { document, hold } of this.#holds.untold()) {
      if (!(await archive.putHold(hold)).ok) return false;
      this.#holds.told(document);
    }
    return true;
  }

  async #order(
    purge: Pick<Purge, 'session' | 'connector' | 'retention' | 'evidence'>,
    archive: RetentionArchive,
  ): Promise<boolean> {
    const { session, connector } = purge;
    const { held, order } = await this.beforeOrder(session);
    if (held.length > 0) {
      // The functions find nothing against it: they have not these holds, or the recording says otherwise whose it is.
      const details = { why: 'held', holds: held.slice(0, HOLDS_NOTED).join(' ') };
      await this.#write('held', { kind: 'purge.refused', actor: 'gatehouse', object: session, details });
      this.#holds.tellAgain();
      return false;
    }
    const details = { mode: 'due', ...tombstoneOf(purge) };
    const audit = await this.#write('ordered', { kind: 'purge.ordered', actor: 'gatehouse', object: session, details });
    // Before the functions may delete: what a proof misses from then on, it misses by this order.
    await witnessOf(this.env).recordPurgeOrdered(session, audit);
    const told = await archive.order(session, { ...order, mode: 'due', audit, connector });
    // What the entry says did not come about.
    if (!told.ok && told.error.reason === 'conflict') {
      await witnessOf(this.env).dropPurgeOrder(session, audit);
      const why = { why: told.error.against.slice(0, 500), order: audit };
      await remote(this.env.AUDIT_LOG).append({
        kind: 'purge.refused',
        actor: 'gatehouse',
        object: session,
        details: why,
      });
    }
    if (told.ok || told.error.reason === 'conflict')
      for (const what of ['ordered', 'held'] as const) this.#forget(session, what);
    return told.ok;
  }

  /** What is done by an order that the log has, and of which nothing is left that was there when it was given. */
  async #settle(purge: Purge, archive: RetentionArchive): Promise<void> {
    const { session, order } = purge;
    const ordered = order && (await this.#ordered(session, order.audit));
    if (!order || !ordered) {
      const details = { why: 'not_ordered', ...(order && { order: order.audit }) };
      await this.#write('unordered', { kind: 'purge.refused', actor: 'gatehouse', object: session, details });
      return;
    }
    const left = await this.#isLeft(session, ordered.at, archive);
    if (left === undefined) return;
    if (left) {
      const details = { why: 'stored', order: order.audit };
      await this.#write('stored', { kind: 'purge.refused', actor: 'gatehouse', object: session, details });
      return;
    }
    const details = { ...tombstoneOf(purge), mode: order.mode, order: order.audit };
    await this.#write('done', { kind: 'purge.done', actor: 'gatehouse', object: session, details });
    // So that a proof tells a purged session from a vanished one.
    await witnessOf(this.env).recordPurged(session, order.audit);
    if ((await archive.settled(session)).ok)
      for (const what of ['done', 'stored'] as const) this.#forget(session, what);
  }

  async #ordered(session: SessionId, audit: number): Promise<AuditEntry | undefined> {
    const query = { kind: 'purge.ordered', cursor: String(audit + 1), limit: 1 };
    const [entry] = (await remote(this.env.AUDIT_LOG).list(query)).entries;
    return entry?.sequence === audit && entry.object === session ? entry : undefined;
  }

  /** What its connector stored after the order goes at a time of its own. undefined: nobody tells. */
  async #isLeft(session: SessionId, orderedAt: string, archive: RetentionArchive): Promise<boolean | undefined> {
    const [admission] = await witnessOf(this.env).admissions([session]);
    if (!admission) return false;
    const kept = await archive.session(session, admission);
    if (!kept.ok) return undefined;
    const { evidence, storedAt } = kept.value;
    return evidence.versions > 0 && !(storedAt !== undefined && Date.parse(storedAt) > Date.parse(orderedAt));
  }

  /** Once, also where what follows is tried again. */
  async #write(what: Written, event: AuditEvent): Promise<number> {
    const known = this.#sql
      .exec('SELECT sequence FROM written WHERE session = ? AND what = ?', event.object, what)
      .toArray()[0];
    if (known) return Number(known.sequence);
    const { sequence } = await remote(this.env.AUDIT_LOG).append(event);
    this.#sql.exec('INSERT INTO written (session, what, sequence) VALUES (?, ?, ?)', event.object, what, sequence);
    return sequence;
  }

  #forget(session: SessionId, what: Written): void {
    this.#sql.exec('DELETE FROM written WHERE session = ? AND what = ?', session, what);
  }
}
