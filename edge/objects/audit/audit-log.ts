// The audit log: append-only, each entry hashed over the one before it (core/audit/audit.ts).
// The contract of each call: ports/audit.ts.

import { DurableObject } from 'cloudflare:workers';
import type { AuditExportStanding, AuditPage } from '../../../core/audit/audit-page.ts';
import {
  type AuditChainReport,
  type AuditEntry,
  type AuditEvent,
  AuditKind,
  chainAuditEntry,
  verifyAuditChain,
} from '../../../core/audit/audit.ts';
import { type AuditMonth, auditKeyOf, signMonth } from '../../../core/audit/audit-months.ts';
import { lower } from '../../../core/audit/addresses.ts';
import { pseudonymised, pseudonymsIn } from '../../../core/audit/names.ts';
import { signedArchiveFetch } from '../../archive-fetch.ts';
import { logSigner } from '../../authority/log-signer.ts';
import { createAuditArchive } from '../../audit-archive.ts';
import type { Env } from '../../env.ts';
import type { AuditPort, AuditQuery, UnreadAudit } from '../../ports/audit.ts';
import type { Serves } from '../../ports/object.ts';
import { parseSettings } from '../../settings.ts';
import { COUNTED_SCHEMA, CountedEvents, INTERVAL_MS, type Taken } from '../../storage/counted-events.ts';
import { PERSON_NAMES_SCHEMA, PersonNames } from '../../storage/people/person-names.ts';
import { AuditExport, EXPORT_SCHEMA } from './audit-export.ts';
import { AuditMonths, MONTHS_SCHEMA } from './audit-months.ts';
import { AuditReader, type FreedQuery } from './audit-reader.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    object TEXT NOT NULL,
    details TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS entries_actor ON entries (actor, sequence);
  CREATE INDEX IF NOT EXISTS entries_kind ON entries (kind, sequence);
  CREATE TRIGGER IF NOT EXISTS entries_keep BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
`;
/** An earlier release's refuses what was freed too. */
const STAY = `
  CREATE TRIGGER entries_stay BEFORE DELETE ON entries WHEN OLD.sequence > coalesce((SELECT through FROM freed), 0)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
`;

export class AuditLog extends DurableObject<Env> implements Serves<AuditPort> {
  readonly #sql: SqlStorage;
  /** Hashing is asynchronous, so appends queue here: two must never link to the same entry. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #export: AuditExport;
  readonly #counts: CountedEvents;
  readonly #names: PersonNames;
  readonly #months: AuditMonths;
  readonly #reader: AuditReader;
  /** When the alarm rings, as far as this object knows since it woke. */
  #alarmMs: number | undefined;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA + EXPORT_SCHEMA + COUNTED_SCHEMA + PERSON_NAMES_SCHEMA + MONTHS_SCHEMA);
    this.#keepEntries();
    this.#names = new PersonNames(this.#sql);
    this.#counts = new CountedEvents(this.#sql);
    this.#export = new AuditExport(this.#sql, readEntry, () => Date.now());
    this.#months = new AuditMonths({
      storage: context.storage,
      append: (events, settle) => this.#enqueue(() => this.#append(events, settle)),
      sign: (month) => this.#sign(month),
      exportedThrough: () => this.#export.standing().exportedThrough,
      readEntry,
      now: () => Date.now(),
      mostEntries: entriesOfMonth(env),
    });
    this.#reader = new AuditReader(this.#sql);
  }

  async append(event: AuditEvent): Promise<AuditEntry> {
    const [entry] = await this.appendAll([event]);
    if (!entry) throw new Error('nothing was appended');
    return entry;
  }

  appendCounted(event: AuditEvent): Promise<void> {
    return this.#appendTaken(() => this.#counts.take(event, Date.now()));
  }

  appendLook(event: AuditEvent, shown: string): Promise<void> {
    return this.#appendTaken(() => this.#counts.takeLook(event, shown, Date.now()));
  }

  appendAll(events: readonly AuditEvent[]): Promise<AuditEntry[]> {
    return this.#enqueue(() => this.#append(events));
  }

  knowsName(address: string): boolean {
    return this.#names.find(address.toLowerCase()) !== undefined;
  }

  eraseName(address: string): Promise<void> {
    return this.#enqueue(async () => {
      // What is counted and not written yet would bring it back.
      const { due, settle } = this.#counts.over(Date.now() + INTERVAL_MS);
      await this.#append(due, () => {
        settle();
        this.#names.erase(lower(address), (pseudonym) => this.#hasActed(pseudonym));
      });
    });
  }

  async list(query: AuditQuery): Promise<AuditPage & { unread?: UnreadAudit }> {
    const kind = query.kind === undefined ? undefined : AuditKind.safeParse(query.kind);
    if (kind && !kind.success) return { entries: [], names: {} };
    const cursor = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : Number.parseInt(query.cursor, 10);
    const since = query.since === undefined ? undefined : new Date(query.since).toISOString();
    // Entries of an earlier release name people as they are.
    const actors =
      query.actor === undefined ? undefined : [query.actor, this.#names.find(lower(query.actor)) ?? query.actor];
    const wanted: FreedQuery = {
      ...{ before: Number.isSafeInteger(cursor) ? cursor : 0, actors, since, limit: query.limit },
      kind: kind?.data,
    };
    // In this order, and nothing awaited between: what is freed meanwhile was read already.
    const kept = this.#kept(wanted);
    const freed = this.#months.freed().sequence;
    if (kept.length > query.limit || freed === 0) return this.#page(kept, query.limit);
    const settings = parseSettings(this.env);
    const { entries, next, unread } = await this.#reader.read(
      { ...wanted, before: Math.min(wanted.before, freed + 1), limit: query.limit - kept.length },
      createAuditArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings)),
    );
    const page = this.#page([...kept, ...entries], query.limit);
    return { ...page, ...(next !== undefined && { cursor: String(next) }), ...(unread && { unread }) };
  }

  /** One more than wanted, where there are. */
  #kept({ before, actors, kind, since, limit }: FreedQuery): AuditEntry[] {
    const conditions = ['sequence < ?'];
    const values: (string | number)[] = [before];
    if (since !== undefined) {
      conditions.push('at >= ?');
      values.push(since);
    }
    if (actors !== undefined) {
      conditions.push('actor IN (SELECT value FROM json_each(?))');
      values.push(JSON.stringify(actors));
    }
    if (kind !== undefined) {
      conditions.push('kind = ?');
      values.push(kind);
    }
    return this.#sql
      .exec(
        `SELECT * FROM entries WHERE ${conditions.join(' AND ')} ORDER BY sequence DESC LIMIT ?`,
        ...values,
        limit + 1,
      )
      .toArray()
      .map(readEntry);
  }

  #page(rows: readonly AuditEntry[], limit: number): AuditPage {
    const entries = rows.slice(0, limit);
    const last = entries.at(-1);
    const names = this.#names.of(entries.flatMap(pseudonymsIn));
    const page = { entries, names, export: this.exportStanding() };
    return rows.length > limit && last ? { ...page, cursor: String(last.sequence) } : page;
  }

  /** A row at a time. */
  async verify(): Promise<AuditChainReport> {
    const broken = await this.#months.broken();
    if (broken) return broken;
    const sql = this.#sql;
    const freed = this.#months.freed();
    return verifyAuditChain(
      (function* () {
        const page = 500;
        for (let after = freed.sequence; ; ) {
          const rows = sql
            .exec('SELECT * FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?', after, page)
            .toArray();
          for (const row of rows) yield readEntry(row);
          const last = rows.at(-1);
          if (!last || rows.length < page) return;
          after = Number(last.sequence);
        }
      })(),
      freed,
    );
  }

  exportStanding(): AuditExportStanding {
    return { ...this.#export.standing(), ...this.#months.standing() };
  }

  /** Exports what is due. A failure is tried again later and never thrown. */
  override async alarm(): Promise<void> {
    this.#alarmMs = undefined;
    try {
      const settings = parseSettings(this.env);
      const archive = createAuditArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings));
      const events = await this.#export.run(archive);
      if (events.length > 0) await this.appendAll(events);
      await this.#months.run(archive);
    } catch (error) {
      console.error(`the audit log's export failed: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    try {
      await this.#appendTaken(() => this.#counts.over(Date.now()));
    } catch (error) {
      console.error(`counted entries could not be written: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    // A moment at least between two runs, whatever is due.
    // What months have to do comes of pieces, which are cut here.
    this.#wake(Date.now() + 100, this.#months.nextMs());
  }

  /** The log goes on when no alarm can be set; the next entry tries again. */
  #wake(notBefore = 0, monthsMs?: number): void {
    const due = [this.#export.nextMs(), this.#counts.nextMs(), monthsMs].filter((each) => each !== undefined);
    if (due.length === 0) return;
    const next = Math.min(...due);
    const at = Math.max(next, notBefore);
    if (this.#alarmMs !== undefined && this.#alarmMs <= at) return;
    this.#alarmMs = at;
    this.ctx.storage.setAlarm(at).catch(() => {
      this.#alarmMs = undefined;
    });
  }

  /** What is taken is settled in the transaction that writes what is due, or not at all. */
  async #appendTaken(take: () => Taken): Promise<void> {
    await this.#enqueue(() => {
      const { due, settle } = take();
      return this.#append(due, settle);
    });
  }

  #enqueue<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #append(
    events: readonly AuditEvent[],
    settle?: (entries: readonly AuditEntry[]) => void,
  ): Promise<AuditEntry[]> {
    let head: Pick<AuditEntry, 'sequence' | 'digest'> | undefined = this.#sql
      .exec('SELECT * FROM entries ORDER BY sequence DESC LIMIT 1')
      .toArray()
      .map(readEntry)[0];
    if (!head) head = this.#freedHead();
    const at = new Date(Date.now()).toISOString();
    const entries: AuditEntry[] = [];
    for (const event of events) {
      const unnamed = pseudonymised(event, this.#names);
      const entry = await chainAuditEntry(head, unnamed, at);
      entries.push(entry);
      head = entry;
    }
    this.ctx.storage.transactionSync(() => {
      for (const entry of entries) this.#insert(entry);
      this.#names.keep();
      settle?.(entries);
    });
    this.#wake();
    return entries;
  }

  #hasActed(pseudonym: string): boolean {
    if (this.#months.hasActed(pseudonym)) return true;
    return this.#sql.exec('SELECT 1 FROM entries WHERE actor = ? LIMIT 1', pseudonym).toArray().length > 0;
  }

  /** Of a log whose rows are all freed, the entry behind which it goes on. */
  #freedHead(): Pick<AuditEntry, 'sequence' | 'digest'> | undefined {
    const freed = this.#months.freed();
    return freed.sequence > 0 ? freed : undefined;
  }

  /** What the bindings say, and not what a table says: whoever holds the edge's secret signs. */
  async #sign(month: AuditMonth): Promise<string> {
    const { EDGE_SECRET, PUBLIC_URL } = parseSettings(this.env);
    const { key, sign } = await logSigner(EDGE_SECRET, PUBLIC_URL);
    return signMonth(month, await auditKeyOf(key), sign);
  }

  #keepEntries(): void {
    const [row] = this.#sql
      .exec(`SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'entries_stay'`)
      .toArray();
    if (String(row?.sql ?? '').includes('freed')) return;
    this.#sql.exec(`DROP TRIGGER IF EXISTS entries_stay; ${STAY}`);
  }

  #insert(entry: AuditEntry): void {
    this.#sql.exec(
      'INSERT INTO entries (sequence, at, kind, actor, object, details, previous, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      entry.sequence,
      entry.at,
      entry.kind,
      entry.actor,
      entry.object,
      JSON.stringify(entry.details),
      entry.previous,
      entry.digest,
    );
  }
}

/** Settings may be wrong: the log is written all the same. */
function entriesOfMonth(env: Env): number {
  try {
    return parseSettings(env).AUDIT_MONTH_ENTRIES;
  } catch {
    return Number.MAX_SAFE_INTEGER;
  }
}

/** No schema here: a damaged row must reach the verifier as it is. */
function readEntry(row: Record<string, SqlStorageValue>): AuditEntry {
  return { ...row, details: JSON.parse(String(row.details)) } as AuditEntry;
}
