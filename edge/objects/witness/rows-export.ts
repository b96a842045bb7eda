// Rows of sessions on their way out of an object, in steps that may be cut short anywhere and go on from where they were:
//
//   cut       the piece's bytes are written down, so that a second try is the same try
//   stored    in the object store, and read back from there
//   logged    an entry of the log of sessions has its digest
//   freed     the rows are gone; the piece's row stays
//
// One piece at a time. What names a person is in no piece, since nothing could be erased there: whose a session is stays here
// until it is purged.

import type { AuditEvent } from '../../../core/audit/audit.ts';
import { SessionId } from '../../../core/ids.ts';
import { toHex } from '../../../core/recording/segment.ts';
import { equalBytes } from '../../../core/scram.ts';
import {
  decodeRows,
  encodeRows,
  MAX_LINE_HEADS,
  rowLine,
  ROWS_TARGET_BYTES,
  rowsName,
  WitnessRow,
} from '../../../core/tlog/witness-rows.ts';
import type { LogArchive } from '../../audit-archive.ts';
import type { Attempts } from './attempts.ts';
import type { NewLogEntry } from './transparency-log.ts';

const DAY_MS = 86_400_000;
/** What is due a little later goes along, so that a day's sessions are few pieces. */
const GOES_ALONG_MS = DAY_MS / 2;
const MAX_PIECE_SESSIONS = 2_000;
const PIECES_A_RUN = 20;
/** Parsed pieces that are kept for the next question. */
const KEPT_PIECES = 4;
/** What an earlier release admitted says no days: more than any rule has. */
export const EARLIER_DAYS = 36_500;

const WHAT = 'rows';

type Piece = { readonly number: number; readonly state: string; readonly digest: string; readonly bytes: Uint8Array };
type Lines = ReadonlyMap<SessionId, WitnessRow>;

interface RowsExportDeps {
  readonly storage: DurableObjectStorage;
  /** Of the names of its pieces. */
  readonly place: () => string;
  readonly archive: () => LogArchive;
  readonly attempts: Attempts;
  readonly enter: (entries: readonly NewLogEntry[]) => Promise<readonly number[]>;
}

export class RowsExport {
  readonly #deps: RowsExportDeps;
  readonly #sql: SqlStorage;
  readonly #parsed = new Map<number, Promise<Lines>>();
  /** Grows when rows are freed: what was read here before may be in a piece now. */
  generation = 0;

  constructor(deps: RowsExportDeps) {
    this.#deps = deps;
    this.#sql = deps.storage.sql;
  }

  /** When a row is due or a failed piece is tried again; undefined: everything is exported. */
  nextMs(): number | undefined {
    if (this.#unfinished()) return this.#deps.attempts.nextMs() ?? Date.now();
    const { n } = this.#sql.exec('SELECT min(due_ms) AS n FROM sessions WHERE due_ms IS NOT NULL').one();
    return n === null ? undefined : Number(n);
  }

  /** `hard`: the object is large, so heads go whatever their age. Answers with what belongs in the audit log. */
  async run(hard: boolean): Promise<{ readonly events: readonly AuditEvent[]; readonly isMore: boolean }> {
    const events: AuditEvent[] = [];
    for (let count = 0; this.#deps.attempts.isDue(WHAT); count++) {
      if (count === PIECES_A_RUN) return { events, isMore: true };
      const piece = this.#unfinished() ?? this.#cut(hard);
      if (!piece) break;
      const name = this.#nameOf(piece.number);
      const fault = await this.#finish(piece, name);
      if (fault === undefined) events.push(...this.#deps.attempts.succeeded(WHAT, name));
      else events.push(...this.#deps.attempts.failed(WHAT, name, fault));
    }
    return { events, isMore: false };
  }

  /** Whether it is worth reading pieces for a session that has no row here. */
  mayHave(session: SessionId): boolean {
    return this.#around(session).length > 0;
  }

  /** What pieces have of a session, as one row. Throws where the object store does not answer, or with something else. */
  async rowOf(session: SessionId): Promise<WitnessRow | undefined> {
    const lines: WitnessRow[] = [];
    for (const number of this.#around(session)) {
      const line = (await this.#linesOf(number)).get(session);
      if (line) lines.push(line);
    }
    const last = lines.at(-1);
    return last && { ...last, heads: lines.flatMap(({ heads }) => heads) };
  }

  /**
   * Sessions before `cursor` that have no row here any more, the latest first: all of those above `from`, which may be fewer
   * than there are.
   */
  async goneBefore(
    cursor: string,
    limit: number,
  ): Promise<{ readonly rows: readonly WitnessRow[]; readonly from: string | undefined }> {
    const pieces = this.#sql
      .exec('SELECT number, last FROM pieces WHERE gone > 0 AND first < ? ORDER BY last DESC', cursor)
      .toArray();
    const found = new Map<SessionId, WitnessRow>();
    for (const [at, { number, last }] of pieces.entries()) {
      const above = [...found.keys()].filter((session) => session > String(last)).length;
      // With one at least, so that the next call asks for less.
      if (above > limit || (at >= KEPT_PIECES && above > 0)) return { rows: sorted(found), from: String(last) };
      for (const [session, row] of await this.#linesOf(Number(number))) {
        if (session >= cursor || this.#hasRow(session)) continue;
        if ((found.get(session)?.headsSoFar ?? -1) <= row.headsSoFar) found.set(session, row);
      }
    }
    return { rows: sorted(found), from: undefined };
  }

  #around(session: SessionId): number[] {
    return this.#sql
      .exec(
        `SELECT number FROM pieces WHERE state = 'freed' AND first <= ? AND last >= ? ORDER BY number`,
        session,
        session,
      )
      .toArray()
      .map(({ number }) => Number(number));
  }

  #hasRow(session: SessionId): boolean {
    return this.#sql.exec('SELECT 1 FROM sessions WHERE session = ?', session).toArray().length > 0;
  }

  #nameOf(number: number): string {
    return rowsName(this.#deps.place(), number);
  }

  #linesOf(number: number): Promise<Lines> {
    const known = this.#parsed.get(number);
    if (known) return known;
    const [oldest] = this.#parsed.keys();
    if (oldest !== undefined && this.#parsed.size >= KEPT_PIECES) this.#parsed.delete(oldest);
    const reading = this.#read(number);
    this.#parsed.set(number, reading);
    // A failure is not kept.
    reading.catch(() => this.#parsed.delete(number));
    return reading;
  }

  async #read(number: number): Promise<Lines> {
    const name = this.#nameOf(number);
    const stored = await this.#deps.archive().read(name);
    if (!stored.ok) throw new Error(`the object store does not give log/${name}: ${stored.error}`);
    const { digest } = this.#sql.exec('SELECT digest FROM pieces WHERE number = ?', number).one();
    if ((await sha256(stored.value)) !== digest) throw new Error(`log/${name} is not what was stored there`);
    const rows = decodeRows(stored.value);
    if (!rows.ok) throw new Error(`log/${name}: ${rows.error}`);
    return new Map(rows.value.map((row) => [row.session, row]));
  }

  #unfinished(): Piece | undefined {
    const row = this.#sql.exec(`SELECT * FROM pieces WHERE state <> 'freed' ORDER BY number LIMIT 1`).toArray()[0];
    if (!row) return undefined;
    const bytes = new Uint8Array(row.bytes as ArrayBuffer);
    return { number: Number(row.number), state: String(row.state), digest: String(row.digest), bytes };
  }

  #cut(hard: boolean): Piece | undefined {
    const { n } = this.#sql.exec('SELECT min(due_ms) AS n FROM sessions WHERE due_ms IS NOT NULL').one();
    const isDue = n !== null && Number(n) <= Date.now();
    if (!isDue && !hard) return undefined;
    const rows: WitnessRow[] = [];
    const leaving: { readonly session: SessionId; readonly all: boolean }[] = [];
    let length = 0;
    for (const sessions = this.#leaving(isDue, hard); length < ROWS_TARGET_BYTES; ) {
      const next = sessions.next();
      if (next.done) break;
      const { row, all } = next.value;
      rows.push(row);
      leaving.push({ session: row.session, all });
      length += rowLine(row).length;
    }
    const [first, last] = [rows[0]?.session, rows.at(-1)?.session];
    if (first === undefined || last === undefined) return undefined;
    const bytes = encodeRows(rows);
    this.#deps.storage.transactionSync(() => {
      this.#sql.exec(
        `INSERT INTO pieces (number, first, last, digest, state, bytes)
         VALUES ((SELECT coalesce(max(number), 0) + 1 FROM pieces), ?, ?, '', 'cut', ?)`,
        first,
        last,
        bytes,
      );
      for (const { session, all } of leaving)
        this.#sql.exec('UPDATE sessions SET due_ms = ? WHERE session = ?', all ? null : Date.now(), session);
    });
    return this.#unfinished();
  }

  *#leaving(isDue: boolean, hard: boolean): Generator<{ readonly row: WitnessRow; readonly all: boolean }> {
    const sessions = this.#sql
      .exec(
        `SELECT * FROM sessions
          WHERE due_ms IS NOT NULL AND opened_index IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM log_outbox WHERE log_outbox.session = sessions.session)
            AND (due_ms <= ? OR ? AND EXISTS (SELECT 1 FROM heads WHERE heads.session = sessions.session))
          ORDER BY session LIMIT ?`,
        isDue ? Date.now() + GOES_ALONG_MS : -1,
        hard ? 1 : 0,
        MAX_PIECE_SESSIONS,
      )
      .toArray();
    for (const row of sessions) yield this.#lineOf(row);
  }

  #lineOf(row: Record<string, SqlStorageValue>): { readonly row: WitnessRow; readonly all: boolean } {
    const session = SessionId.parse(row.session);
    const one = (statement: string) => this.#sql.exec(statement, session).toArray()[0];
    const heads = this.#sql
      .exec('SELECT * FROM heads WHERE session = ? ORDER BY number LIMIT ?', session, MAX_LINE_HEADS + 1)
      .toArray()
      .map(({ number, digest, frames, at }) => [Number(number), digest, Number(frames), at]);
    const manifest = one('SELECT digest, segments, at FROM manifests WHERE session = ?');
    const neverBegan = one('SELECT reason, at FROM never_began WHERE session = ?');
    const purged = one('SELECT audit, at FROM purged WHERE session = ?');
    const taken = heads.slice(0, MAX_LINE_HEADS);
    const line = WitnessRow.parse({
      session,
      connector: row.connector,
      admittedAt: row.admitted_at,
      opened: row.opened_index,
      ...(row.ended_index !== null && { ended: row.ended_index }),
      heads: taken,
      headsSoFar: Number(row.freed_heads) + taken.length,
      ...(manifest && { manifest }),
      ...(neverBegan && { neverBegan }),
      ...(purged && { purged }),
    });
    return { row: line, all: taken.length === heads.length };
  }

  /** Undefined: its rows are freed. Every step is written down, and none is done twice in another way. */
  async #finish(piece: Piece, name: string): Promise<string | undefined> {
    const bytes = Uint8Array.from(piece.bytes);
    const digest = await sha256(bytes);
    const rows = decodeRows(bytes);
    // Its bytes here were changed: nothing of that is sent, and nothing is freed.
    if ((piece.digest !== '' && piece.digest !== digest) || !rows.ok) return 'other_content';
    if (piece.digest === '') this.#sql.exec('UPDATE pieces SET digest = ? WHERE number = ?', digest, piece.number);
    if (piece.state === 'cut') {
      const stored = await this.#deps.archive().store({ name, bytes });
      if (!stored.ok) return stored.error;
      const there = await this.#deps.archive().read(name);
      // Functions of an earlier release give nothing back.
      if (!there.ok) return 'unavailable';
      if (!equalBytes(there.value, bytes)) return 'other_content';
      this.#sql.exec(`UPDATE pieces SET state = 'stored' WHERE number = ?`, piece.number);
    }
    if (piece.state === 'cut' || piece.state === 'stored') {
      await this.#deps.enter([{ event: 'rows', session: name, digest }]);
      this.#sql.exec(`UPDATE pieces SET state = 'logged' WHERE number = ? AND state = 'stored'`, piece.number);
    }
    this.#deps.storage.transactionSync(() => this.#free(piece.number, rows.value));
    this.generation++;
    return undefined;
  }

  #free(number: number, rows: readonly WitnessRow[]): void {
    let gone = 0;
    for (const { session, heads } of rows) {
      const numbers = heads.map(([head]) => head);
      this.#sql.exec(
        'DELETE FROM heads WHERE session = ? AND number IN (SELECT value FROM json_each(?))',
        session,
        JSON.stringify(numbers),
      );
      if (numbers.length > 0)
        this.#sql.exec(
          'UPDATE sessions SET freed_heads = freed_heads + ?, freed_through = max(freed_through, ?) WHERE session = ?',
          numbers.length,
          Math.max(...numbers),
          session,
        );
      if (this.#endsHere(session)) gone++;
    }
    this.#sql.exec(`UPDATE pieces SET state = 'freed', bytes = NULL, gone = ? WHERE number = ?`, gone, number);
  }

  /** Its last rows, once nothing of it can be looked at any more, or ever will be: it is purged, or was never recorded. */
  #endsHere(session: SessionId): boolean {
    const row = this.#sql
      .exec(
        `SELECT due_ms IS NULL AS is_exported, EXISTS (SELECT 1 FROM purged WHERE purged.session = sessions.session) AS is_purged,
            freed_heads > 0 OR EXISTS (SELECT 1 FROM heads WHERE heads.session = sessions.session)
              OR EXISTS (SELECT 1 FROM manifests WHERE manifests.session = sessions.session) AS is_recorded,
            1000 * (unixepoch(admitted_at) + 86400 * coalesce(json_extract(opened, '$.retainDays'), ${EARLIER_DAYS})) AS until_ms
           FROM sessions WHERE session = ?`,
        session,
      )
      .toArray()[0];
    // Something came while it was on its way: that goes with a later piece.
    if (row?.is_exported !== 1) return false;
    const isOver = row.is_purged === 1 || (row.is_recorded === 0 && Number(row.until_ms) <= Date.now());
    if (isOver)
      for (const table of ['heads', 'manifests', 'never_began', 'purged', 'purge_orders', 'sessions'])
        this.#sql.exec(`DELETE FROM ${table} WHERE session = ?`, session);
    // Whose it was is forgotten when its days are over.
    else if (row.is_recorded === 0)
      this.#sql.exec('UPDATE sessions SET due_ms = ? WHERE session = ?', Number(row.until_ms), session);
    return isOver;
  }
}

const sorted = (found: ReadonlyMap<SessionId, WitnessRow>): WitnessRow[] =>
  [...found.values()].toSorted((one, other) => (one.session < other.session ? 1 : -1));

async function sha256(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))));
}
