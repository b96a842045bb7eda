// The audit log: append-only, each entry hashed over the one before it (core/audit/audit.ts).
// The contract of each call: ports/audit.ts.

import { DurableObject } from 'cloudflare:workers';
import type { AuditExportStanding, AuditPage } from '../../core/api.ts';
import {
  type AuditChainReport,
  type AuditEntry,
  type AuditEvent,
  AuditKind,
  chainAuditEntry,
  verifyAuditChain,
} from '../../core/audit/audit.ts';
import { lower } from '../../core/audit/addresses.ts';
import { pseudonymised, pseudonymsIn } from '../../core/audit/names.ts';
import { signedArchiveFetch } from '../archive-fetch.ts';
import { createAuditArchive } from '../audit-archive.ts';
import type { Env } from '../env.ts';
import type { AuditPort, AuditQuery } from '../ports/audit.ts';
import type { Serves } from '../ports/object.ts';
import { parseSettings } from '../settings.ts';
import { COUNTED_SCHEMA, CountedEvents, INTERVAL_MS, type Taken } from '../storage/counted-events.ts';
import { PERSON_NAMES_SCHEMA, PersonNames } from '../storage/person-names.ts';
import { AuditExport, EXPORT_SCHEMA } from './audit-export.ts';

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
  CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  CREATE TRIGGER IF NOT EXISTS entries_keep BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
`;

export class AuditLog extends DurableObject<Env> implements Serves<AuditPort> {
  readonly #sql: SqlStorage;
  /** Hashing is asynchronous, so appends queue here: two must never link to the same entry. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #export: AuditExport;
  readonly #counts: CountedEvents;
  readonly #names: PersonNames;
  /** When the alarm rings, as far as this object knows since it woke. */
  #alarmMs: number | undefined;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA + EXPORT_SCHEMA + COUNTED_SCHEMA + PERSON_NAMES_SCHEMA);
    this.#names = new PersonNames(this.#sql);
    this.#counts = new CountedEvents(this.#sql);
    this.#export = new AuditExport(this.#sql, readEntry, () => Date.now());
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

  list(query: AuditQuery): AuditPage {
    const kind = query.kind === undefined ? undefined : AuditKind.safeParse(query.kind);
    if (kind && !kind.success) return { entries: [], names: {} };
    const before = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : Number.parseInt(query.cursor, 10);
    const conditions = ['sequence < ?'];
    const values: (string | number)[] = [Number.isSafeInteger(before) ? before : 0];
    if (query.since !== undefined) {
      conditions.push('at >= ?');
      values.push(new Date(query.since).toISOString());
    }
    if (query.actor !== undefined) {
      // Entries of an earlier release name people as they are.
      conditions.push('actor IN (?, ?)');
      values.push(query.actor, this.#names.find(lower(query.actor)) ?? query.actor);
    }
    if (kind) {
      conditions.push('kind = ?');
      values.push(kind.data);
    }
    const rows = this.#sql
      .exec(
        `SELECT * FROM entries WHERE ${conditions.join(' AND ')} ORDER BY sequence DESC LIMIT ?`,
        ...values,
        query.limit + 1,
      )
      .toArray()
      .map(readEntry);
    const entries = rows.slice(0, query.limit);
    const last = entries.at(-1);
    const page = { entries, names: this.#names.of(entries.flatMap(pseudonymsIn)) };
    return rows.length > query.limit && last ? { ...page, cursor: String(last.sequence) } : page;
  }

  /** A row at a time. */
  verify(): Promise<AuditChainReport> {
    const sql = this.#sql;
    return verifyAuditChain(
      (function* () {
        const page = 500;
        for (let after = 0; ; ) {
          const rows = sql
            .exec('SELECT * FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?', after, page)
            .toArray();
          for (const row of rows) yield readEntry(row);
          const last = rows.at(-1);
          if (!last || rows.length < page) return;
          after = Number(last.sequence);
        }
      })(),
    );
  }

  exportStanding(): AuditExportStanding {
    return this.#export.standing();
  }

  /** Exports what is due. A failure is tried again later and never thrown. */
  override async alarm(): Promise<void> {
    this.#alarmMs = undefined;
    try {
      const settings = parseSettings(this.env);
      const archive = createAuditArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings));
      const events = await this.#export.run(archive);
      if (events.length > 0) await this.appendAll(events);
    } catch (error) {
      console.error(`the audit log's export failed: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    try {
      await this.#appendTaken(() => this.#counts.over(Date.now()));
    } catch (error) {
      console.error(`counted entries could not be written: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    // A moment at least between two runs, whatever is due.
    this.#wake(Date.now() + 100);
  }

  /** The log goes on when no alarm can be set; the next entry tries again. */
  #wake(notBefore = 0): void {
    const due = [this.#export.nextMs(), this.#counts.nextMs()].filter((each) => each !== undefined);
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

  async #append(events: readonly AuditEvent[], settle?: () => void): Promise<AuditEntry[]> {
    let head = this.#sql.exec('SELECT * FROM entries ORDER BY sequence DESC LIMIT 1').toArray().map(readEntry)[0];
    const at = new Date(Date.now()).toISOString();
    const entries: AuditEntry[] = [];
    for (const event of events) {
      const unnamed = pseudonymised(event, this.#names);
      head = await chainAuditEntry(head, unnamed, at);
      entries.push(head);
    }
    this.ctx.storage.transactionSync(() => {
      for (const entry of entries) this.#insert(entry);
      this.#names.keep();
      settle?.();
    });
    this.#wake();
    return entries;
  }

  #hasActed(pseudonym: string): boolean {
    return this.#sql.exec('SELECT 1 FROM entries WHERE actor = ? LIMIT 1', pseudonym).toArray().length > 0;
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

/** No schema here: a damaged row must reach the verifier as it is. */
function readEntry(row: Record<string, SqlStorageValue>): AuditEntry {
  return { ...row, details: JSON.parse(String(row.details)) } as AuditEntry;
}
