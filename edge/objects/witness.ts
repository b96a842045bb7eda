// The witness: what connectors said they stored, kept in another company's cloud than the recordings
// (law 5). Heads are append-only; a second, different head for one number is evidence, not an update.
// The contract of each call: ports/witness.ts.

import { DurableObject } from 'cloudflare:workers';
import { z } from 'zod';
import type { LogContinues, LogProofs, Witnessed, WitnessPage } from '../../core/api.ts';
import type { AuditEvent } from '../../core/audit/audit.ts';
import { ConnectorId, SessionId } from '../../core/ids.ts';
import { AdmittedSession } from '../../core/session-evidence.ts';
import { parseNoteKey, showNoteKey } from '../../core/tlog/note.ts';
import { signedArchiveFetch } from '../archive-fetch.ts';
import { createLogArchive } from '../audit-archive.ts';
import { logSigner } from '../authority/log-signer.ts';
import type { Env } from '../env.ts';
import type { Serves } from '../ports/object.ts';
import type { AdmittedTo, Admission, LeftOfPerson, WitnessAnswer, WitnessPort } from '../ports/witness.ts';
import { type EdgeSettings, parseSettings } from '../settings.ts';
import { LOG_EXPORT_SCHEMA, LogExport } from './log-export.ts';
import { LogWitnesses, type OutsideWitness, WITNESSES_SCHEMA } from './log-witnesses.ts';
import { remote } from './rpc.ts';
import { LOG_SCHEMA, type LogSigner, TransparencyLog } from './transparency-log.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    session TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    admitted_at TEXT NOT NULL,
    opened TEXT
  );
  CREATE TABLE IF NOT EXISTS heads (
    session TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    frames INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (session, number)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS manifests (
    session TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    segments INTEGER NOT NULL,
    at TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS never_began (
    session TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    at TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS purged (session TEXT PRIMARY KEY, audit INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TRIGGER IF NOT EXISTS purged_keep BEFORE UPDATE ON purged
    BEGIN SELECT RAISE(ABORT, 'purged is append-only'); END;
  CREATE TABLE IF NOT EXISTS purge_orders (session TEXT PRIMARY KEY, audit INTEGER NOT NULL, at TEXT NOT NULL);
  DROP TRIGGER IF EXISTS sessions_keep;
  CREATE TRIGGER sessions_keep BEFORE UPDATE ON sessions
    WHEN NEW.opened IS NOT NULL OR NEW.session <> OLD.session OR NEW.connector <> OLD.connector
      OR NEW.admitted_at <> OLD.admitted_at OR NOT EXISTS (SELECT 1 FROM purged WHERE purged.session = OLD.session)
    BEGIN SELECT RAISE(ABORT, 'sessions are append-only, but for whose a purged one was'); END;
  CREATE TRIGGER IF NOT EXISTS heads_keep BEFORE UPDATE ON heads
    BEGIN SELECT RAISE(ABORT, 'heads are append-only'); END;
  CREATE TRIGGER IF NOT EXISTS manifests_keep BEFORE UPDATE ON manifests
    BEGIN SELECT RAISE(ABORT, 'manifests are append-only'); END;
  CREATE TRIGGER IF NOT EXISTS never_began_keep BEFORE UPDATE ON never_began
    BEGIN SELECT RAISE(ABORT, 'never_began is append-only'); END;
`;

/** A purged session has no person any more, and leaves it. */
const OF_PERSONS = `
  CREATE INDEX IF NOT EXISTS sessions_of_persons ON sessions (lower(json_extract(opened, '$.email')), session)
    WHERE opened IS NOT NULL;
`;

/** The column `opened`. */
const Opened = AdmittedSession.extend({ viewOwn: z.boolean().optional(), retainDays: z.number().int().optional() });

function readOpened(column: string): Pick<Admission, 'admitted' | 'viewOwn' | 'retainDays'> {
  const { viewOwn, retainDays, ...admitted } = Opened.parse(JSON.parse(column));
  return { admitted, viewOwn, retainDays };
}

const PAGE = 200;
/** Rows that are counted, and not answered with. */
const COUNTED_PAGE = 5_000;
/** What an earlier release admitted says no days: more than any rule has. */
const EARLIER_DAYS = 36_500;
/** How long an entry waits for others before it is cosigned and exported with them. */
const PUBLISH_AFTER_MS = 60_000;

export class Witness extends DurableObject<Env> implements Serves<WitnessPort> {
  readonly #sql: SqlStorage;
  readonly #log: TransparencyLog;
  readonly #export: LogExport;
  readonly #witnesses: LogWitnesses;
  /** When the alarm rings, as far as this object knows since it woke. */
  #alarmMs: number | undefined;
  #signer: Promise<LogSigner> | undefined;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA);
    this.#addOpenings();
    this.#sql.exec(OF_PERSONS);
    this.#sql.exec(LOG_SCHEMA + WITNESSES_SCHEMA + LOG_EXPORT_SCHEMA);
    this.#log = new TransparencyLog(context.storage, () => this.#signs());
    this.#log.addEarlier();
    this.#export = new LogExport(this.#sql, Date.now, (from, count) => this.#log.entries(from, count));
    this.#witnesses = new LogWitnesses(this.#sql, Date.now, (request) => fetch(request));
  }

  /** Has the log cosigned, then exported. A failure is tried again later and never thrown. */
  override async alarm(): Promise<void> {
    this.#alarmMs = undefined;
    const events: AuditEvent[] = [];
    try {
      const settings = parseSettings(this.env);
      const newest = await this.#log.newest();
      if (newest.size > 0) {
        const proof = (earlier: number) => this.#log.proof(earlier, newest.size);
        events.push(...(await this.#witnesses.ask(await outsideWitnesses(settings), { ...newest, proof })));
        const store = createLogArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings));
        events.push(...(await this.#export.run(this.#log.withCosignatures(newest), store)));
      }
      if (events.length > 0) await remote(this.env.AUDIT_LOG).appendAll(events);
    } catch (error) {
      console.error(`the log of sessions is not published: ${error instanceof Error ? error.name : 'unknown'}`);
      this.#wake(Date.now() + PUBLISH_AFTER_MS);
    }
    const retries = [this.#export.nextMs(), this.#witnesses.nextMs()].filter((each) => each !== undefined);
    const isBehind = this.#log.entryCount() > this.#export.storedSize();
    const due = [...retries, ...(isBehind ? [Date.now() + PUBLISH_AFTER_MS] : [])];
    // A moment at least between two runs, whatever is due.
    if (due.length > 0) this.#wake(Math.max(Math.min(...due), Date.now() + 1_000));
  }

  /**
   * No entry waits for this. One that is set already stays, where it is earlier: an object that is made anew for each entry,
   * as one that rests in between is, would put it off for ever. Never from the constructor, which runs before each alarm.
   */
  #wake(at: number): void {
    if (this.#alarmMs !== undefined && this.#alarmMs <= at) return;
    const isKnown = this.#alarmMs !== undefined;
    this.#alarmMs = at;
    const { storage } = this.ctx;
    const set = async (): Promise<void> => {
      const before = isKnown ? null : await storage.getAlarm();
      if (before !== null && before <= at) this.#alarmMs = before;
      else await storage.setAlarm(at);
    };
    set().catch(() => {
      this.#alarmMs = undefined;
    });
  }

  #enter(...entry: Parameters<TransparencyLog['add']>): void {
    this.#log.add(...entry);
    this.#wake(Date.now() + PUBLISH_AFTER_MS);
  }

  admitAll(sessions: readonly AdmittedTo[], connector: ConnectorId): boolean[] {
    const at = new Date(Date.now()).toISOString();
    return sessions.map(({ session, opened, viewOwn, retainDays }) => {
      const { rowsWritten } = this.#sql.exec(
        'INSERT OR IGNORE INTO sessions (session, connector, admitted_at, opened) VALUES (?, ?, ?, ?)',
        session,
        connector,
        at,
        JSON.stringify({ ...opened, viewOwn, retainDays } satisfies z.input<typeof Opened>),
      );
      if (rowsWritten > 0) this.#enter('opened', session);
      return this.#isOwner(session, connector);
    });
  }

  admissions(sessions: readonly SessionId[]): (Admission | undefined)[] {
    return sessions.map((session) => {
      const row = this.#sql
        .exec(
          `SELECT connector, opened, admitted_at, manifests.digest AS manifest, manifests.at AS ended_by,
              purged.at AS purged_at, purged.audit AS purged_by, purge_orders.at AS ordered_at, purge_orders.audit AS ordered_by
             FROM sessions LEFT JOIN manifests USING (session) LEFT JOIN purged USING (session)
             LEFT JOIN purge_orders USING (session) WHERE session = ?`,
          session,
        )
        .toArray()[0];
      if (!row) return undefined;
      return {
        connector: ConnectorId.parse(row.connector),
        admittedAt: String(row.admitted_at),
        ...(row.opened !== null && readOpened(String(row.opened))),
        ...(row.manifest !== null && { manifest: String(row.manifest), endedBy: String(row.ended_by) }),
        ...(row.purged_by !== null && { purged: { at: String(row.purged_at), audit: Number(row.purged_by) } }),
        ...(row.ordered_by !== null && { purgeOrdered: { at: String(row.ordered_at), audit: Number(row.ordered_by) } }),
      };
    });
  }

  recordHead(
    connector: ConnectorId,
    head: { session: SessionId; number: number; digest: string; frames: number },
  ): WitnessAnswer {
    if (!this.#isOwner(head.session, connector)) return 'foreign';
    const known = this.#sql
      .exec('SELECT digest FROM heads WHERE session = ? AND number = ?', head.session, head.number)
      .toArray()[0];
    if (known) return known.digest === head.digest ? 'known' : 'contradicts';
    const manifest = this.#sql.exec('SELECT segments FROM manifests WHERE session = ?', head.session).toArray()[0];
    if (manifest && head.number >= Number(manifest.segments)) return 'contradicts';
    if (this.#neverBegan(head.session)) return 'contradicts';
    this.#sql.exec(
      'INSERT INTO heads (session, number, digest, frames, at) VALUES (?, ?, ?, ?, ?)',
      head.session,
      head.number,
      head.digest,
      head.frames,
      new Date(Date.now()).toISOString(),
    );
    return 'witnessed';
  }

  recordManifest(
    connector: ConnectorId,
    manifest: { session: SessionId; digest: string; segments: number },
  ): WitnessAnswer {
    if (!this.#isOwner(manifest.session, connector)) return 'foreign';
    const known = this.#sql.exec('SELECT digest FROM manifests WHERE session = ?', manifest.session).toArray()[0];
    if (known) return known.digest === manifest.digest ? 'known' : 'contradicts';
    const beyond = this.#sql
      .exec('SELECT number FROM heads WHERE session = ? AND number >= ? LIMIT 1', manifest.session, manifest.segments)
      .toArray()[0];
    if (beyond || this.#neverBegan(manifest.session)) return 'contradicts';
    this.#sql.exec(
      'INSERT INTO manifests (session, digest, segments, at) VALUES (?, ?, ?, ?)',
      manifest.session,
      manifest.digest,
      manifest.segments,
      new Date(Date.now()).toISOString(),
    );
    this.#enter('manifest', manifest.session, manifest.digest);
    return 'witnessed';
  }

  recordNeverBegan(connector: ConnectorId, { session, reason }: { session: SessionId; reason: string }): WitnessAnswer {
    if (!this.#isOwner(session, connector)) return 'foreign';
    if (this.#neverBegan(session)) return 'known';
    const recorded = this.#sql
      .exec(
        'SELECT session FROM heads WHERE session = ? UNION ALL SELECT session FROM manifests WHERE session = ?',
        session,
        session,
      )
      .toArray();
    if (recorded.length > 0) return 'contradicts';
    const at = new Date(Date.now()).toISOString();
    this.#sql.exec('INSERT INTO never_began (session, reason, at) VALUES (?, ?, ?)', session, reason, at);
    this.#enter('never-began', session);
    return 'witnessed';
  }

  recordPurgeOrdered(session: SessionId, audit: number): void {
    const at = new Date(Date.now()).toISOString();
    this.#sql.exec('INSERT OR REPLACE INTO purge_orders (session, audit, at) VALUES (?, ?, ?)', session, audit, at);
  }

  dropPurgeOrder(session: SessionId, audit: number): void {
    this.#sql.exec('DELETE FROM purge_orders WHERE session = ? AND audit = ?', session, audit);
  }

  recordPurged(session: SessionId, audit: number): void {
    const at = new Date(Date.now()).toISOString();
    this.#sql.exec('INSERT OR IGNORE INTO purged (session, audit, at) VALUES (?, ?, ?)', session, audit, at);
    this.#sql.exec('UPDATE sessions SET opened = NULL WHERE session = ? AND opened IS NOT NULL', session);
    this.#sql.exec('DELETE FROM purge_orders WHERE session = ?', session);
  }

  leftOf(email: string, cursor: SessionId | undefined): LeftOfPerson {
    const rows = this.#sql
      .exec(
        `SELECT session,
            EXISTS (SELECT 1 FROM heads WHERE heads.session = sessions.session)
              OR EXISTS (SELECT 1 FROM manifests WHERE manifests.session = sessions.session)
              OR NOT EXISTS (SELECT 1 FROM never_began WHERE never_began.session = sessions.session)
                AND unixepoch(admitted_at) + 86400 * coalesce(json_extract(opened, '$.retainDays'), ${EARLIER_DAYS}) > ?
              AS is_left
           FROM sessions
          WHERE opened IS NOT NULL AND lower(json_extract(opened, '$.email')) = ? AND session > ?
          ORDER BY session LIMIT ?`,
        Date.now() / 1000,
        email,
        cursor ?? '',
        COUNTED_PAGE,
      )
      .toArray();
    const left = rows.filter(({ is_left }) => is_left === 1);
    const last = rows.at(-1);
    return {
      sessions: left.map(({ session }) => SessionId.parse(session)),
      ...(rows.length === COUNTED_PAGE && last && { cursor: SessionId.parse(last.session) }),
    };
  }

  witnessed(session: SessionId): Witnessed | undefined {
    const owner = this.#sql.exec('SELECT connector FROM sessions WHERE session = ?', session).toArray()[0];
    if (!owner) return undefined;
    const heads = this.#sql
      .exec('SELECT number, digest, at FROM heads WHERE session = ? ORDER BY number', session)
      .toArray()
      .map((row) => ({ number: Number(row.number), digest: String(row.digest), at: String(row.at) }));
    const manifest = this.#sql
      .exec('SELECT digest, segments, at FROM manifests WHERE session = ?', session)
      .toArray()[0];
    const neverBegan = this.#neverBegan(session);
    const purged = this.#sql.exec('SELECT audit, at FROM purged WHERE session = ?', session).toArray()[0];
    const order = this.#sql.exec('SELECT audit, at FROM purge_orders WHERE session = ?', session).toArray()[0];
    return {
      session,
      connector: ConnectorId.parse(owner.connector),
      heads,
      ...(neverBegan && { neverBegan }),
      ...(purged && { purged: { at: String(purged.at), audit: Number(purged.audit) } }),
      ...(order && { purgeOrdered: { at: String(order.at), audit: Number(order.audit) } }),
      ...(manifest && {
        manifest: { digest: String(manifest.digest), segments: Number(manifest.segments), at: String(manifest.at) },
      }),
    };
  }

  list(cursor: string | undefined): WitnessPage {
    const rows = this.#sql
      .exec(
        `SELECT session, connector, (SELECT count(*) FROM heads WHERE heads.session = sessions.session) AS heads
           FROM sessions WHERE session < ? ORDER BY session DESC LIMIT ?`,
        cursor ?? '~',
        PAGE + 1,
      )
      .toArray();
    const sessions = rows.slice(0, PAGE).map((row) => ({
      session: SessionId.parse(row.session),
      connector: ConnectorId.parse(row.connector),
      heads: Number(row.heads),
    }));
    const last = sessions.at(-1);
    return rows.length > PAGE && last ? { sessions, cursor: last.session } : { sessions };
  }

  async logKey(): Promise<string> {
    return showNoteKey((await this.#signs()).key);
  }

  checkpoint(): Promise<string> {
    return this.#log.checkpoint();
  }

  proofsOf(session: SessionId): Promise<LogProofs> {
    return this.#log.proofsOf(session);
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

  /** Tables of an earlier release have none: of those sessions only a manifest says whose they are. */
  #addOpenings(): void {
    const columns = this.#sql.exec('PRAGMA table_info(sessions)').toArray();
    if (!columns.some(({ name }) => name === 'opened')) this.#sql.exec('ALTER TABLE sessions ADD COLUMN opened TEXT');
  }

  #neverBegan(session: SessionId): { reason: string; at: string } | undefined {
    const row = this.#sql.exec('SELECT reason, at FROM never_began WHERE session = ?', session).toArray()[0];
    return row && { reason: String(row.reason), at: String(row.at) };
  }

  #isOwner(session: SessionId, connector: ConnectorId): boolean {
    const row = this.#sql.exec('SELECT connector FROM sessions WHERE session = ?', session).toArray()[0];
    return row?.connector === connector;
  }
}

/** One whose key cannot be read is told of in the log and left out; the others are asked. */
async function outsideWitnesses({ TLOG_WITNESSES }: EdgeSettings): Promise<OutsideWitness[]> {
  const parsed = await Promise.all(TLOG_WITNESSES.map(async ({ key, url }) => ({ key: await parseNoteKey(key), url })));
  return parsed.flatMap(({ key, url }) => {
    if (key.ok && key.value.type === 'witness') return [{ key: key.value, url }];
    console.error(`TLOG_WITNESSES: ${key.ok ? `the key of ${key.value.name} is not that of a witness` : key.error}`);
    return [];
  });
}
