// What was witnessed of sessions, in one object: of a day, or of those before there were days. Rows are here, or in pieces in
// the object store (rows-export.ts), and every answer is of both. What is decided on rows is decided at once, with nothing
// awaited in between; where pieces had to be read first, and rows were freed meanwhile, it begins anew.

import { z } from 'zod';
import type { Witnessed, WitnessPage } from '../../../core/api.ts';
import { ConnectorId, SessionId } from '../../../core/ids.ts';
import { AdmittedSession } from '../../../core/session-evidence.ts';
import type { WitnessRow } from '../../../core/tlog/witness-rows.ts';
import { iso } from '../../clock.ts';
import type { AdmittedTo, Admission, LeftOfPerson, WitnessAnswer } from '../../ports/witness.ts';
import type { NewHead, NewManifest } from '../../ports/witness-objects.ts';
import { EARLIER_DAYS, type RowsExport } from './rows-export.ts';
import type { NewLogEntry } from './transparency-log.ts';

/** The column `opened`. */
const Opened = AdmittedSession.extend({ viewOwn: z.boolean().optional(), retainDays: z.number().int().optional() });

function readOpened(column: string): Pick<Admission, 'admitted' | 'viewOwn' | 'retainDays'> {
  const { viewOwn, retainDays, ...admitted } = Opened.parse(JSON.parse(column));
  return { admitted, viewOwn, retainDays };
}

const DAY_MS = 86_400_000;
/** A session that has not ended by then lost its connector, or will come late. */
const LONGEST_MS = 35 * DAY_MS;
/** From its end on: what comes late mostly comes by then. */
const SETTLED_MS = DAY_MS;
const OUTBOX_BATCH = 200;

interface SessionRowsDeps {
  readonly storage: DurableObjectStorage;
  readonly exported: RowsExport;
  readonly enter: (entries: readonly NewLogEntry[]) => Promise<readonly number[]>;
}

export class SessionRows {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly #exported: RowsExport;
  readonly #enter: SessionRowsDeps['enter'];
  #sending: Promise<void> | undefined;
  /** Something is due, perhaps before anything else; what was due when the object woke may not have an alarm. */
  hasNewDue = true;

  constructor({ storage, exported, enter }: SessionRowsDeps) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#exported = exported;
    this.#enter = enter;
  }

  async admitAll(sessions: readonly AdmittedTo[], connector: ConnectorId): Promise<boolean[]> {
    const answers: boolean[] = [];
    for (const each of sessions)
      answers.push(
        await this.#decide(each.session, undefined, (known) => {
          if (known) return known.connector === connector;
          this.#admit(each, connector);
          return true;
        }),
      );
    await this.flush();
    return answers;
  }

  ownersOf(sessions: readonly SessionId[]): Promise<(ConnectorId | undefined)[]> {
    return Promise.all(sessions.map((session) => this.#decide(session, undefined, (known) => known?.connector)));
  }

  admissions(sessions: readonly SessionId[]): Promise<(Admission | undefined)[]> {
    return Promise.all(
      sessions.map((session) =>
        this.#decide(session, undefined, (known): Admission | undefined => {
          if (!known) return undefined;
          const order = this.#one('SELECT audit, at FROM purge_orders WHERE session = ?', session);
          return {
            connector: known.connector,
            admittedAt: known.admittedAt,
            ...(known.whose !== undefined && readOpened(known.whose)),
            ...(known.manifest && { manifest: known.manifest.digest, endedBy: known.manifest.at }),
            ...(known.purged && { purged: known.purged }),
            ...(order && { purgeOrdered: { at: String(order.at), audit: Number(order.audit) } }),
          };
        }),
      ),
    );
  }

  recordHead(connector: ConnectorId, { session, number, digest, frames }: NewHead): Promise<WitnessAnswer> {
    const freedThrough = () => Number(this.#row(session)?.freed_through ?? -1);
    return this.#decide(
      session,
      () => number <= freedThrough(),
      (known) => {
        if (known?.connector !== connector) return 'foreign';
        const here = this.#one('SELECT digest FROM heads WHERE session = ? AND number = ?', session, number);
        const before = here ? String(here.digest) : known.heads.find(([each]) => each === number)?.[1];
        if (before !== undefined) return before === digest ? 'known' : 'contradicts';
        if (known.neverBegan || (known.manifest && number >= known.manifest.segments)) return 'contradicts';
        this.#write(known, false, () =>
          this.#sql.exec(
            'INSERT INTO heads (session, number, digest, frames, at) VALUES (?, ?, ?, ?, ?)',
            session,
            number,
            digest,
            frames,
            iso(Date.now()),
          ),
        );
        return 'witnessed';
      },
    );
  }

  async recordManifest(connector: ConnectorId, { session, digest, segments }: NewManifest): Promise<WitnessAnswer> {
    const answer = await this.#decide(session, undefined, (known): WitnessAnswer => {
      if (known?.connector !== connector) return 'foreign';
      if (known.manifest) return known.manifest.digest === digest ? 'known' : 'contradicts';
      const beyond = this.#one('SELECT number FROM heads WHERE session = ? AND number >= ? LIMIT 1', session, segments);
      if (beyond || known.exportedThrough >= segments || known.neverBegan) return 'contradicts';
      this.#write(known, true, () => {
        this.#sql.exec(
          'INSERT INTO manifests (session, digest, segments, at) VALUES (?, ?, ?, ?)',
          session,
          digest,
          segments,
          iso(Date.now()),
        );
        this.#toLog('manifest', session, digest);
      });
      return 'witnessed';
    });
    await this.flush();
    return answer;
  }

  async recordNeverBegan(connector: ConnectorId, session: SessionId, reason: string): Promise<WitnessAnswer> {
    const answer = await this.#decide(session, undefined, (known): WitnessAnswer => {
      if (known?.connector !== connector) return 'foreign';
      if (known.neverBegan) return 'known';
      const head = this.#one('SELECT number FROM heads WHERE session = ? LIMIT 1', session);
      if (head || known.exportedThrough >= 0 || known.manifest) return 'contradicts';
      this.#write(known, true, () => {
        const short = reason.slice(0, 200);
        this.#sql.exec(
          'INSERT INTO never_began (session, reason, at) VALUES (?, ?, ?)',
          session,
          short,
          iso(Date.now()),
        );
        this.#toLog('never-began', session);
      });
      return 'witnessed';
    });
    await this.flush();
    return answer;
  }

  recordPurgeOrdered(session: SessionId, audit: number): void {
    const at = iso(Date.now());
    this.#sql.exec('INSERT OR REPLACE INTO purge_orders (session, audit, at) VALUES (?, ?, ?)', session, audit, at);
  }

  dropPurgeOrder(session: SessionId, audit: number): void {
    this.#sql.exec('DELETE FROM purge_orders WHERE session = ? AND audit = ?', session, audit);
  }

  recordPurged(session: SessionId, audit: number): Promise<void> {
    return this.#decide(session, undefined, (known) => {
      if (!known) return;
      if (!known.purged)
        this.#write(known, true, () => {
          this.#sql.exec('INSERT INTO purged (session, audit, at) VALUES (?, ?, ?)', session, audit, iso(Date.now()));
          this.#sql.exec('UPDATE sessions SET opened = NULL WHERE session = ? AND opened IS NOT NULL', session);
        });
      this.#sql.exec('DELETE FROM purge_orders WHERE session = ?', session);
    });
  }

  /** Of a person's: those are here as long as they are not purged. */
  leftOf(email: string, after: string, limit: number): LeftOfPerson {
    const rows = this.#sql
      .exec(
        `SELECT session,
            freed_heads > 0 OR EXISTS (SELECT 1 FROM heads WHERE heads.session = sessions.session)
              OR EXISTS (SELECT 1 FROM manifests WHERE manifests.session = sessions.session)
              OR NOT EXISTS (SELECT 1 FROM never_began WHERE never_began.session = sessions.session)
                AND unixepoch(admitted_at) + 86400 * coalesce(json_extract(opened, '$.retainDays'), ${EARLIER_DAYS}) > ?
              AS is_left
           FROM sessions
          WHERE opened IS NOT NULL AND lower(json_extract(opened, '$.email')) = ? AND session > ?
          ORDER BY session LIMIT ?`,
        Date.now() / 1000,
        email,
        after,
        limit,
      )
      .toArray();
    const left = rows.filter(({ is_left }) => is_left === 1);
    const last = rows.at(-1);
    return {
      sessions: left.map(({ session }) => SessionId.parse(session)),
      ...(rows.length === limit && last && { cursor: SessionId.parse(last.session) }),
    };
  }

  witnessed(session: SessionId): Promise<Witnessed | undefined> {
    const isPartly = () => Number(this.#row(session)?.freed_heads ?? 0) > 0;
    return this.#decide(session, isPartly, (known): Witnessed | undefined => {
      if (!known) return undefined;
      const here = this.#sql
        .exec('SELECT number, digest, at FROM heads WHERE session = ?', session)
        .toArray()
        .map(({ number, digest, at }) => ({ number: Number(number), digest: String(digest), at: String(at) }));
      const heads = [...known.heads.map(([number, digest, , at]) => ({ number, digest, at })), ...here];
      const order = this.#one('SELECT audit, at FROM purge_orders WHERE session = ?', session);
      return {
        session,
        connector: known.connector,
        heads: heads.toSorted((one, other) => one.number - other.number),
        ...(known.neverBegan && { neverBegan: known.neverBegan }),
        ...(known.purged && { purged: known.purged }),
        ...(order && { purgeOrdered: { at: String(order.at), audit: Number(order.audit) } }),
        ...(known.manifest && { manifest: known.manifest }),
      };
    });
  }

  /** The latest first. `cursor`: what is before it may be asked for. */
  async list(cursor: string, limit: number): Promise<WitnessPage> {
    const generation = this.#exported.generation;
    const gone = await this.#exported.goneBefore(cursor, limit);
    if (generation !== this.#exported.generation) return this.list(cursor, limit);
    const here = this.#sql
      .exec(
        `SELECT session, connector, freed_heads + (SELECT count(*) FROM heads WHERE heads.session = sessions.session) AS heads
           FROM sessions WHERE session < ? ORDER BY session DESC LIMIT ?`,
        cursor,
        limit + 1,
      )
      .toArray()
      .map((row) => ({
        session: SessionId.parse(row.session),
        connector: ConnectorId.parse(row.connector),
        heads: Number(row.heads),
      }));
    const before = gone.rows.map(({ session, connector, headsSoFar: heads }) => ({ session, connector, heads }));
    const all = [...here, ...before].toSorted((one, other) => (one.session < other.session ? 1 : -1));
    // What is not above it may lack some.
    const whole = gone.from === undefined ? all : all.filter(({ session }) => session > String(gone.from));
    const sessions = whole.slice(0, limit);
    const isAll = whole.length <= limit && gone.from === undefined;
    const last = whole.length > limit ? sessions.at(-1)?.session : gone.from && following(gone.from);
    return isAll || last === undefined ? { sessions } : { sessions, cursor: last };
  }

  /** Of its entries in the log. Undefined: it is not known here. */
  async indicesOf(session: SessionId): Promise<number[] | undefined> {
    await this.flush();
    return this.#decide(
      session,
      undefined,
      (known) => known && [known.opened, known.ended].filter((each) => each !== undefined),
    );
  }

  /** Whether anything is on its way into the log. */
  isPending(): boolean {
    return this.#one('SELECT 1 FROM log_outbox LIMIT 1') !== undefined;
  }

  /** Resolves when all that is written here is in the log of sessions. */
  async flush(): Promise<void> {
    while (this.isPending()) {
      this.#sending ??= this.#send().finally(() => {
        this.#sending = undefined;
      });
      await this.#sending;
    }
  }

  async #send(): Promise<void> {
    const rows = this.#sql.exec('SELECT * FROM log_outbox ORDER BY sequence LIMIT ?', OUTBOX_BATCH).toArray();
    const indices = await this.#enter(
      rows.map(({ event, session, digest }) => ({
        event: event as NewLogEntry['event'],
        session: String(session),
        ...(digest !== null && { digest: String(digest) }),
      })),
    );
    this.#storage.transactionSync(() => {
      for (const [at, { event, session }] of rows.entries()) {
        const column = event === 'opened' ? 'opened_index' : 'ended_index';
        const index = indices[at] ?? null;
        this.#sql.exec(`UPDATE sessions SET ${column} = ? WHERE session = ? AND ${column} IS NULL`, index, session);
      }
      // What came meanwhile is behind them.
      this.#sql.exec('DELETE FROM log_outbox WHERE sequence <= ?', rows.at(-1)?.sequence ?? 0);
    });
  }

  /** `act` gets what is known of the session, with heads that are in pieces where it needs them. It must not wait. */
  async #decide<T>(
    session: SessionId,
    needsHeads: (() => boolean) | undefined,
    act: (known: Known | undefined) => T,
  ): Promise<T> {
    for (;;) {
      const { generation } = this.#exported;
      const isElsewhere = this.#row(session) ? needsHeads?.() : this.#exported.mayHave(session);
      if (!isElsewhere) return act(this.#known(session, undefined));
      const row = await this.#exported.rowOf(session);
      if (generation === this.#exported.generation) return act(this.#known(session, row));
    }
  }

  #known(session: SessionId, exported: WitnessRow | undefined): Known | undefined {
    const row = this.#row(session);
    if (!row)
      return (
        exported && {
          ...exported,
          hasRow: false,
          exportedThrough: Math.max(-1, ...exported.heads.map(([head]) => head)),
        }
      );
    const manifest = this.#one('SELECT digest, segments, at FROM manifests WHERE session = ?', session);
    const neverBegan = this.#one('SELECT reason, at FROM never_began WHERE session = ?', session);
    const purged = this.#one('SELECT audit, at FROM purged WHERE session = ?', session);
    return {
      session,
      connector: ConnectorId.parse(row.connector),
      admittedAt: String(row.admitted_at),
      opened: row.opened_index === null ? undefined : Number(row.opened_index),
      ended: row.ended_index === null ? undefined : Number(row.ended_index),
      heads: exported?.heads ?? [],
      headsSoFar: Number(row.freed_heads),
      exportedThrough: Number(row.freed_through),
      hasRow: true,
      isClean: row.due_ms === null,
      whose: row.opened === null ? undefined : String(row.opened),
      ...(manifest && {
        manifest: { digest: String(manifest.digest), segments: Number(manifest.segments), at: String(manifest.at) },
      }),
      ...(neverBegan && { neverBegan: { reason: String(neverBegan.reason), at: String(neverBegan.at) } }),
      ...(purged && { purged: { at: String(purged.at), audit: Number(purged.audit) } }),
    };
  }

  #admit({ session, opened, viewOwn, retainDays }: AdmittedTo, connector: ConnectorId): void {
    const nowMs = Date.now();
    this.hasNewDue = true;
    this.#storage.transactionSync(() => {
      this.#sql.exec(
        'INSERT INTO sessions (session, connector, admitted_at, opened, due_ms) VALUES (?, ?, ?, ?, ?)',
        session,
        connector,
        iso(nowMs),
        JSON.stringify({ ...opened, viewOwn, retainDays } satisfies z.input<typeof Opened>),
        nowMs + LONGEST_MS,
      );
      this.#toLog('opened', session);
    });
  }

  /** Something new of a session; of one whose rows are freed, those that say what it is come back first, as they were. */
  #write(known: Known, ends: boolean, act: () => void): void {
    const { session, connector, admittedAt, opened, ended, manifest, neverBegan, purged } = known;
    this.#storage.transactionSync(() => {
      if (!known.hasRow) {
        this.#sql.exec(
          `INSERT INTO sessions (session, connector, admitted_at, opened_index, ended_index, due_ms, freed_heads, freed_through)
           VALUES (?, ?, ?, ?, ?, NULL, ?, ?)`,
          session,
          connector,
          admittedAt,
          opened ?? null,
          ended ?? null,
          known.headsSoFar,
          known.exportedThrough,
        );
        const insert = (statement: string, ...values: (string | number)[]) =>
          this.#sql.exec(`INSERT INTO ${statement}`, session, ...values);
        if (manifest)
          insert(
            'manifests (session, digest, segments, at) VALUES (?, ?, ?, ?)',
            manifest.digest,
            manifest.segments,
            manifest.at,
          );
        if (neverBegan) insert('never_began (session, reason, at) VALUES (?, ?, ?)', neverBegan.reason, neverBegan.at);
        if (purged) insert('purged (session, audit, at) VALUES (?, ?, ?)', purged.audit, purged.at);
      }
      act();
      this.#setDue(known, ends);
    });
  }

  #setDue({ session, hasRow, isClean, manifest, neverBegan, purged }: Known, ends: boolean): void {
    // One that runs on is due as it was.
    if (!ends && !manifest && !neverBegan && !purged && hasRow && !isClean) return;
    this.hasNewDue = true;
    const due = Date.now() + SETTLED_MS;
    this.#sql.exec(
      'UPDATE sessions SET due_ms = ? WHERE session = ? AND (due_ms IS NULL OR due_ms > ?)',
      due,
      session,
      due,
    );
  }

  #toLog(event: NewLogEntry['event'], session: SessionId, digest?: string): void {
    this.#sql.exec('INSERT INTO log_outbox (event, session, digest) VALUES (?, ?, ?)', event, session, digest ?? null);
  }

  #row(session: SessionId): Record<string, SqlStorageValue> | undefined {
    return this.#one('SELECT * FROM sessions WHERE session = ?', session);
  }

  #one(statement: string, ...values: (string | number)[]): Record<string, SqlStorageValue> | undefined {
    return this.#sql.exec(statement, ...values).toArray()[0];
  }
}

const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';

/** The least id behind that one: a cursor is an id. */
function following(session: string): SessionId {
  const kept = session.replace(/z+$/, '');
  const next = LETTERS[LETTERS.indexOf(kept.slice(-1)) + 1] ?? '0';
  return SessionId.parse((kept.slice(0, -1) + next).padEnd(session.length, '0'));
}

/** What is known of a session, here and in pieces; `heads`: of pieces alone. */
type Known = Omit<WitnessRow, 'opened'> & {
  readonly opened?: number | undefined;
  readonly hasRow: boolean;
  /** All that is here is in a piece. */
  readonly isClean?: boolean;
  /** The highest number of a head in a piece; -1: none is. */
  readonly exportedThrough: number;
  /** The column `opened`. */
  readonly whose?: string | undefined;
};
