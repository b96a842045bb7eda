// Retention at the edge: the holds, and the purge's other half. Every few minutes it tells the functions of the holds, writes each
// proposed purge into the audit log and orders it, and writes down what is done (law 7). The contract of each call: ports/retention.ts.

import { DurableObject } from 'cloudflare:workers';
import type { AuditEvent } from '../../core/audit/audit.ts';
import type { HoldId, HoldSearchId, SessionId } from '../../core/ids.ts';
import { type HoldSearch, LegalHold, listedHold } from '../../core/retention/hold.ts';
import { type Purge, tombstoneOf } from '../../core/retention/purge.ts';
import { iso } from '../clock.ts';
import type { Env } from '../env.ts';
import type { Serves } from '../ports/object.ts';
import type { FoundToHold, RetentionPort, WaitingAct } from '../ports/retention.ts';
import { createRetentionArchive, type RetentionArchive } from '../retention-archive.ts';
import { parseSettings } from '../settings.ts';
import { HOLD_SEARCHES_SCHEMA, HoldSearches } from '../storage/hold-searches.ts';
import { remote } from './rpc.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS holds (id TEXT PRIMARY KEY, document TEXT NOT NULL, told INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS waiting (act TEXT PRIMARY KEY, by TEXT NOT NULL, reason TEXT NOT NULL, until_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS written (session TEXT NOT NULL, what TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (session, what));
`;

const EVERY_MS = 5 * 60_000;
/** Of one run; what is left goes on in the next. */
const MOST = 500;

export class Retention extends DurableObject<Env> implements Serves<RetentionPort> {
  readonly #sql: SqlStorage;
  readonly #searches: HoldSearches;
  /** Runs come one after the other: two would write the same entry twice. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA + HOLD_SEARCHES_SCHEMA);
    this.#searches = new HoldSearches(this.#sql);
  }

  async wake(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + EVERY_MS);
  }

  holds(): LegalHold[] {
    const holds: LegalHold[] = [];
    // One after the other: thousands of sessions in each are a lot for an answer, and for memory.
    for (const row of this.#sql.exec('SELECT document FROM holds ORDER BY id DESC'))
      holds.push(listedHold(holdOf(row)));
    return holds;
  }

  hold(id: HoldId): LegalHold | undefined {
    return this.#sql.exec('SELECT document FROM holds WHERE id = ?', id).toArray().map(holdOf)[0];
  }

  async putHold(hold: LegalHold, before: LegalHold | undefined): Promise<boolean> {
    if (JSON.stringify(this.hold(hold.id)) !== JSON.stringify(before)) return false;
    this.#sql.exec('INSERT OR REPLACE INTO holds (id, document, told) VALUES (?, ?, 0)', hold.id, JSON.stringify(hold));
    await this.wake();
    return true;
  }

  tellHoldsAgain(): void {
    this.#sql.exec('UPDATE holds SET told = 0');
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
    const rows = this.#sql.exec('SELECT document FROM holds').toArray();
    for (const hold of rows.map(holdOf)) {
      if (!hold.lifted) continue;
      const text = JSON.stringify(hold);
      const without = text.replaceAll(addressIn(email), pseudonym);
      if (without !== text) this.#sql.exec('UPDATE holds SET document = ?, told = 0 WHERE id = ?', without, hold.id);
    }
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
    const admissions = await remote(this.env.WITNESS).admissions(due);
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
    for (const { document } of this.#sql.exec('SELECT document FROM holds WHERE told = 0').toArray()) {
      const told = await archive.putHold(LegalHold.parse(JSON.parse(String(document))));
      if (!told.ok) return false;
      this.#sql.exec('UPDATE holds SET told = 1 WHERE document = ?', document ?? null);
    }
    return true;
  }

  async #order(
    purge: Pick<Purge, 'session' | 'connector' | 'retention' | 'evidence'>,
    archive: RetentionArchive,
  ): Promise<boolean> {
    const { session, connector } = purge;
    const [admission] = await remote(this.env.WITNESS).admissions([session]);
    const granted = admission?.retainDays;
    const details = { mode: 'due', ...tombstoneOf(purge) };
    const audit = await this.#write('ordered', { kind: 'purge.ordered', actor: 'gatehouse', object: session, details });
    const told = await archive.order(session, { mode: 'due', at: iso(Date.now()), audit, connector, granted });
    // What the entry says did not come about.
    if (!told.ok && told.error.reason === 'conflict') {
      const why = { why: told.error.against.slice(0, 500), order: audit };
      await remote(this.env.AUDIT_LOG).append({
        kind: 'purge.refused',
        actor: 'gatehouse',
        object: session,
        details: why,
      });
    }
    if (told.ok || told.error.reason === 'conflict') this.#forget(session, 'ordered');
    return told.ok;
  }

  async #settle(purge: Purge, archive: RetentionArchive): Promise<void> {
    const { session, order } = purge;
    const details = { ...tombstoneOf(purge), mode: order?.mode ?? 'due', ...(order && { order: order.audit }) };
    await this.#write('done', { kind: 'purge.done', actor: 'gatehouse', object: session, details });
    // So that a proof tells a purged session from a vanished one.
    if (order) await remote(this.env.WITNESS).recordPurged(session, order.audit);
    if ((await archive.settled(session)).ok) this.#forget(session, 'done');
  }

  /** Once, also where what follows is tried again. */
  async #write(what: 'ordered' | 'done', event: AuditEvent): Promise<number> {
    const known = this.#sql
      .exec('SELECT sequence FROM written WHERE session = ? AND what = ?', event.object, what)
      .toArray()[0];
    if (known) return Number(known.sequence);
    const { sequence } = await remote(this.env.AUDIT_LOG).append(event);
    this.#sql.exec('INSERT INTO written (session, what, sequence) VALUES (?, ?, ?)', event.object, what, sequence);
    return sequence;
  }

  #forget(session: SessionId, what: 'ordered' | 'done'): void {
    this.#sql.exec('DELETE FROM written WHERE session = ? AND what = ?', session, what);
  }
}

/** In JSON, in any case of letters. */
const addressIn = (email: string): RegExp =>
  new RegExp(
    JSON.stringify(email)
      .slice(1, -1)
      .replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'),
    'gi',
  );

const holdOf = ({ document }: Record<string, SqlStorageValue>): LegalHold =>
  LegalHold.parse(JSON.parse(String(document)));
