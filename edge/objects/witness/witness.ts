// The witness's log of sessions, in another company's cloud than the recordings (law 5), and which days there are of what
// connectors said they stored. Rows of an earlier release, which had this object alone, are here too.
// The contract of each call: ports/witness.ts, ports/witness-objects.ts.

import { DurableObject } from 'cloudflare:workers';
import type { LogContinues, LogProofs, Witnessed, WitnessPage } from '../../../core/api.ts';
import type { AuditEvent } from '../../../core/audit/audit.ts';
import type { ConnectorId, SessionId } from '../../../core/ids.ts';
import { bundleName } from '../../../core/tlog/log-archive.ts';
import { parseNoteKey, showNoteKey } from '../../../core/tlog/note.ts';
import { OTHER_DAYS } from '../../../core/tlog/witness-rows.ts';
import { logSigner } from '../../authority/log-signer.ts';
import type { Env } from '../../env.ts';
import type { Serves } from '../../ports/object.ts';
import type { Admission, LeftOfPerson, WitnessAnswer } from '../../ports/witness.ts';
import type { NewHead, NewManifest, WitnessLogPort } from '../../ports/witness-objects.ts';
import { type EdgeSettings, parseSettings } from '../../settings.ts';
import { remote } from '../rpc.ts';
import { AlarmClock } from './alarm-clock.ts';
import { FirstRows } from './first-rows.ts';
import { archiveOf, KeptRows } from './kept-rows.ts';
import { LOG_EXPORT_SCHEMA, LogExport } from './log-export.ts';
import { LogWitnesses, type OutsideWitness, WITNESSES_SCHEMA } from './log-witnesses.ts';
import { LOG_SCHEMA, type LogSigner, type NewLogEntry, TransparencyLog } from './transparency-log.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS days (day TEXT PRIMARY KEY) WITHOUT ROWID;
`;

/** How long an entry waits for others before it is cosigned and exported with them. */
const PUBLISH_AFTER_MS = 60_000;
/** Freed in one alarm; what is left goes on in the next. */
const BUNDLES_A_RUN = 50;

export class Witness extends DurableObject<Env> implements Serves<WitnessLogPort> {
  readonly #sql: SqlStorage;
  readonly #kept: KeptRows;
  readonly #first: FirstRows;
  readonly #log: TransparencyLog;
  readonly #export: LogExport;
  readonly #witnesses: LogWitnesses;
  readonly #clock: AlarmClock;
  #signer: Promise<LogSigner> | undefined;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    const { storage } = context;
    this.#sql = storage.sql;
    this.#clock = new AlarmClock(storage);
    this.#kept = new KeptRows({ storage, env, place: () => 'first', enter: (entries) => this.enter(entries) });
    this.#sql.exec(SCHEMA + LOG_SCHEMA + WITNESSES_SCHEMA + LOG_EXPORT_SCHEMA);
    this.#log = new TransparencyLog(
      storage,
      () => this.#signs(),
      () => archiveOf(env),
    );
    this.#log.addEarlier();
    this.#first = new FirstRows(this.#sql, this.#log);
    this.#export = new LogExport(this.#sql, Date.now, (from, count) => this.#log.entries(from, count));
    this.#witnesses = new LogWitnesses(this.#sql, Date.now, (request) => fetch(request));
  }

  /** Has the log cosigned, then exported, then frees what is in the store. A failure is tried again later and never thrown. */
  override async alarm(): Promise<void> {
    this.#clock.rang();
    const events: AuditEvent[] = [];
    try {
      events.push(...(await this.#publish()));
      await this.#first.place();
      if (this.#first.isPlaced()) {
        events.push(...(await this.#free()));
        if (!this.#first.isBare()) events.push(...(await this.#kept.run()));
      }
      if (events.length > 0) await remote(this.env.AUDIT_LOG).appendAll(events);
    } catch (error) {
      console.error(`the log of sessions is not published: ${error instanceof Error ? error.name : 'unknown'}`);
      this.#clock.wake(Date.now() + PUBLISH_AFTER_MS);
    }
    const retries = [this.#export.nextMs(), this.#witnesses.nextMs(), this.#kept.attempts.nextMs()];
    const rows = this.#first.isBare() ? undefined : this.#kept.nextMs();
    const isBehind = this.#log.entryCount() > this.#export.storedSize();
    const due = [...retries, rows, isBehind ? Date.now() + PUBLISH_AFTER_MS : undefined].filter(
      (each) => each !== undefined,
    );
    if (!this.#first.isPlaced() || this.#canFree()) due.push(Date.now());
    // A moment at least between two runs, whatever is due.
    if (due.length > 0) this.#clock.wake(Math.max(Math.min(...due), Date.now() + 1_000));
  }

  async #publish(): Promise<AuditEvent[]> {
    const settings = parseSettings(this.env);
    const newest = await this.#log.newest();
    if (newest.size === 0) return [];
    const proof = (earlier: number) => this.#log.proof(earlier, newest.size);
    const events = await this.#witnesses.ask(await outsideWitnesses(settings), { ...newest, proof });
    const { store } = archiveOf(this.env);
    return [...events, ...(await this.#export.run(this.#log.withCosignatures(newest), store))];
  }

  #canFree(): boolean {
    return this.#kept.attempts.isDue(FREED) && this.#log.canFree(this.#export.storedSize(), this.#kept.isLarge());
  }

  async #free(): Promise<AuditEvent[]> {
    this.#log.dropCheckpoints();
    const events: AuditEvent[] = [];
    for (let count = 0; count < BUNDLES_A_RUN && this.#canFree(); count++) {
      const name = bundleName(this.#log.freedBundles());
      const freed = await this.#log.freeNext();
      if (freed.ok) events.push(...this.#kept.attempts.succeeded(FREED, name));
      else events.push(...this.#kept.attempts.failed(FREED, name, freed.error));
    }
    return events;
  }

  openDay(day: string): void {
    this.#sql.exec('INSERT OR IGNORE INTO days (day) VALUES (?)', day);
  }

  hasDay(day: string): boolean {
    return this.#sql.exec('SELECT 1 FROM days WHERE day = ?', day).toArray().length > 0;
  }

  daysFrom(day: string, direction: 'up' | 'down', limit: number): string[] {
    const [is, order] = direction === 'up' ? ['>=', 'ASC'] : ['<=', 'DESC'];
    return this.#sql
      .exec(`SELECT day FROM days WHERE day ${is} ? AND day <> ? ORDER BY day ${order} LIMIT ?`, day, OTHER_DAYS, limit)
      .toArray()
      .map((row) => String(row.day));
  }

  isBare(): boolean {
    return this.#first.isBare();
  }

  ownersOf(sessions: readonly SessionId[]): Promise<(ConnectorId | undefined)[]> {
    return this.#kept.rows.ownersOf(sessions);
  }

  async enter(entries: readonly NewLogEntry[]): Promise<number[]> {
    const indices = await this.#log.enter(entries);
    this.#clock.wake(Date.now() + PUBLISH_AFTER_MS);
    return indices;
  }

  admissions(sessions: readonly SessionId[]): Promise<(Admission | undefined)[]> {
    return this.#kept.rows.admissions(sessions);
  }

  recordHead(connector: ConnectorId, head: NewHead): Promise<WitnessAnswer> {
    this.#clock.wake(Date.now() + PUBLISH_AFTER_MS);
    return this.#kept.rows.recordHead(connector, head);
  }

  recordManifest(connector: ConnectorId, manifest: NewManifest): Promise<WitnessAnswer> {
    return this.#kept.rows.recordManifest(connector, manifest);
  }

  recordNeverBegan(connector: ConnectorId, what: { session: SessionId; reason: string }): Promise<WitnessAnswer> {
    return this.#kept.rows.recordNeverBegan(connector, what.session, what.reason);
  }

  recordPurgeOrdered(session: SessionId, audit: number): void {
    this.#kept.rows.recordPurgeOrdered(session, audit);
  }

  dropPurgeOrder(session: SessionId, audit: number): void {
    this.#kept.rows.dropPurgeOrder(session, audit);
  }

  async recordPurged(session: SessionId, audit: number): Promise<void> {
    await this.#kept.rows.recordPurged(session, audit);
    this.#clock.wake(Math.max(this.#kept.nextMs() ?? 0, Date.now() + PUBLISH_AFTER_MS));
  }

  leftOf(email: string, after: string, limit: number): LeftOfPerson {
    return this.#kept.rows.leftOf(email, after, limit);
  }

  witnessed(session: SessionId): Promise<Witnessed | undefined> {
    return this.#kept.rows.witnessed(session);
  }

  list(cursor: string, limit: number): Promise<WitnessPage> {
    return this.#kept.rows.list(cursor, limit);
  }

  async entriesOf(session: SessionId): Promise<number[] | undefined> {
    if (this.#first.isPlaced()) return this.#kept.rows.indicesOf(session);
    // Until then the log has freed nothing.
    return (await this.#log.indicesOf(session)).map(({ index }) => index);
  }

  async logKey(): Promise<string> {
    return showNoteKey((await this.#signs()).key);
  }

  checkpoint(): Promise<string> {
    return this.#log.checkpoint();
  }

  proofs(indices: readonly number[]): Promise<LogProofs> {
    return this.#log.proofs(indices);
  }

  continues(earlier: number): Promise<LogContinues | undefined> {
    return this.#log.continues(earlier);
  }

  logEntries(index: number): Promise<string[]> {
    return this.#log.entries(index);
  }

  #signs(): Promise<LogSigner> {
    const { EDGE_SECRET, PUBLIC_URL } = parseSettings(this.env);
    this.#signer ??= logSigner(EDGE_SECRET, PUBLIC_URL);
    return this.#signer;
  }
}

/** In the table of attempts. */
const FREED = 'freed';

/** One whose key cannot be read is told of in the log and left out; the others are asked. */
async function outsideWitnesses({ TLOG_WITNESSES }: EdgeSettings): Promise<OutsideWitness[]> {
  const parsed = await Promise.all(TLOG_WITNESSES.map(async ({ key, url }) => ({ key: await parseNoteKey(key), url })));
  return parsed.flatMap(({ key, url }) => {
    if (key.ok && key.value.type === 'witness') return [{ key: key.value, url }];
    console.error(`TLOG_WITNESSES: ${key.ok ? `the key of ${key.value.name} is not that of a witness` : key.error}`);
    return [];
  });
}
