// Entries whose rows were freed, out of the pieces in the object store that they are in. A piece is read where its filter says that it may
// hold what is asked for, and believed when it is the one that was cut. A call reads few of them and says where the next one goes on.

import { auditPieceName, decodeAuditPiece } from '../../../core/audit/audit-archive.ts';
import { calendarMonth } from '../../../core/audit/audit-months.ts';
import type { AuditEntry } from '../../../core/audit/audit.ts';
import { mayHold } from '../../../core/text/bloom.ts';
import type { AuditArchive } from '../../audit-archive.ts';
import type { UnreadAudit } from '../../ports/audit.ts';
import { actorTerm, kindTerm } from './audit-months.ts';

/** Of a call: each is up to 4 MiB, read and proven one after the other. */
const MOST_READ = 12;
/** Filters looked at in a call: some 250 bytes each. */
const MOST_LOOKED_AT = 10_000;
const MONTHS_AT_ONCE = 2_000;
/** Calls that read at one time; others wait. An object has 128 MB. */
const READERS = 3;

export interface FreedQuery {
  /** Entries below it. */
  readonly before: number;
  /** Any of them; undefined: whoever it was. */
  readonly actors: readonly string[] | undefined;
  readonly kind: string | undefined;
  /** ISO 8601, as entries have it. */
  readonly since: string | undefined;
  readonly limit: number;
}

interface FreedEntries {
  readonly entries: readonly AuditEntry[];
  /** Go on below this entry; undefined: that was all. */
  readonly next: number | undefined;
  readonly unread?: UnreadAudit;
}

interface Candidate {
  readonly first: number;
  readonly last: number;
  readonly head: string;
}

export class AuditReader {
  readonly #sql: SqlStorage;
  readonly #lanes: Promise<unknown>[] = Array.from({ length: READERS }, () => Promise.resolve());
  #turn = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(query: FreedQuery, archive: AuditArchive): Promise<FreedEntries> {
    const lane = this.#turn++ % READERS;
    const done = (this.#lanes[lane] ?? Promise.resolve()).then(() => this.#read(query, archive));
    this.#lanes[lane] = done.catch(() => undefined);
    return done;
  }

  async #read(query: FreedQuery, archive: AuditArchive): Promise<FreedEntries> {
    const { pieces, next } = this.#candidates(query);
    const found: AuditEntry[] = [];
    for (const piece of pieces) {
      const entries = await readPiece(piece, archive);
      if (typeof entries === 'string') return { entries: found, next: piece.last + 1, unread: entries };
      for (const entry of entries.toReversed()) {
        if (!fits(entry, query)) continue;
        if (found.length === query.limit) return { entries: found, next: found.at(-1)?.sequence ?? query.before };
        found.push(entry);
      }
    }
    return { entries: found, next };
  }

  /** Newest first. `next`: where to go on when there may be more than these. */
  #candidates(query: FreedQuery): { pieces: Candidate[]; next: number | undefined } {
    const pieces: Candidate[] = [];
    let lookedAt = 0;
    let below = query.before;
    const months = this.#months(query);
    for (const month of months) {
      for (;;) {
        const row = this.#sql
          .exec(
            `SELECT p.first, p.last, p.head, f.newest, f.filter FROM piece_filters f JOIN pieces p ON p.first = f.first
               WHERE f.month = ? AND f.first < ? AND p.last <= (SELECT through FROM freed) ORDER BY f.first DESC LIMIT 1`,
            month,
            below,
          )
          .toArray()[0];
        if (!row) break;
        const first = Number(row.first);
        const isNew = query.since === undefined || String(row.newest) >= query.since;
        const isWanted = isNew && mayHoldAny(new Uint8Array(row.filter as ArrayBuffer), query);
        if ((isWanted && pieces.length === MOST_READ) || ++lookedAt > MOST_LOOKED_AT) return { pieces, next: below };
        below = first;
        if (isWanted) pieces.push({ first, last: Number(row.last), head: String(row.head) });
      }
    }
    return { pieces, next: months.length < MONTHS_AT_ONCE ? undefined : below };
  }

  /** Those that have what is asked for, newest first: few thousand of them in ten years. */
  #months({ before, actors, kind, since }: FreedQuery): number[] {
    // One entry behind a border of months may stand in the piece that began before it.
    const from = since === undefined ? '' : monthBefore(since);
    const conditions = ['first < ?', 'substr(name, 1, 7) >= ?'];
    const values: (string | number)[] = [before, from];
    if (actors) {
      conditions.push('id IN (SELECT month FROM month_actors WHERE actor IN (SELECT value FROM json_each(?)))');
      values.push(JSON.stringify(actors));
    }
    if (kind !== undefined) {
      conditions.push('id IN (SELECT month FROM month_kinds WHERE kind = ?)');
      values.push(kind);
    }
    return this.#sql
      .exec(
        `SELECT id FROM months WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ${MONTHS_AT_ONCE}`,
        ...values,
      )
      .toArray()
      .map(({ id }) => Number(id));
  }
}

async function readPiece({ first, last, head }: Candidate, archive: AuditArchive): Promise<AuditEntry[] | UnreadAudit> {
  const name = auditPieceName(first, last);
  const stored = await archive.stored(name);
  if (!stored.ok) return stored.error === 'not_found' ? 'missing' : 'unavailable';
  const decoded = await decodeAuditPiece(name, stored.value.bytes);
  if (!decoded.ok || decoded.value.header.head !== head) return 'differs';
  return decoded.value.entries as AuditEntry[];
}

const fits = (entry: AuditEntry, { before, actors, kind, since }: FreedQuery): boolean =>
  entry.sequence < before &&
  (actors === undefined || actors.includes(entry.actor)) &&
  (kind === undefined || entry.kind === kind) &&
  (since === undefined || entry.at >= since);

const mayHoldAny = (filter: Uint8Array, { actors, kind }: FreedQuery): boolean =>
  (actors === undefined || actors.some((actor) => mayHold(filter, actorTerm(actor)))) &&
  (kind === undefined || mayHold(filter, kindTerm(kind)));

function monthBefore(at: string): string {
  const date = new Date(`${calendarMonth(at)}-01T00:00:00Z`);
  date.setUTCMonth(date.getUTCMonth() - 1);
  return calendarMonth(date.toISOString());
}
