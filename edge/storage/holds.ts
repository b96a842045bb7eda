// Legal holds as the edge keeps them. Its own: what the functions have of them is a copy.

import type { HoldId, SessionId } from '../../core/ids.ts';
import { withoutAddress } from '../../core/audit/addresses.ts';
import {
  COVERS_NOBODY,
  coversNobody,
  type HeldFacts,
  holdLine,
  type HoldScope,
  holdsDigest,
  holdsOn,
  isHoldOn,
  LegalHold,
  listedHold,
} from '../../core/retention/hold.ts';
import { iso } from '../clock.ts';
import type { BeforeOrder } from '../ports/retention.ts';
import type { Admission } from '../ports/witness.ts';

export const HOLDS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS holds (id TEXT PRIMARY KEY, document TEXT NOT NULL, told INTEGER NOT NULL);
`;

const IN_FORCE = "json_extract(document, '$.lifted') IS NULL";

export class StoredHolds {
  readonly #sql: SqlStorage;
  /** By hold. What they say never changes while it is in force. */
  readonly #lines = new Map<HoldId, string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const onPeople = `SELECT document FROM holds WHERE ${IN_FORCE} AND json_extract(document, '$.scope.of') = 'user'`;
    for (const hold of sql.exec(onPeople).toArray().map(holdOf))
      if (coversNobody(hold)) console.error(`hold ${hold.id}: ${COVERS_NOBODY}`);
  }

  list(): LegalHold[] {
    const holds: LegalHold[] = [];
    // One after the other: thousands of sessions in each are a lot for an answer, and for memory.
    for (const row of this.#sql.exec('SELECT document FROM holds ORDER BY id DESC'))
      holds.push(listedHold(holdOf(row)));
    return holds;
  }

  find(id: HoldId): LegalHold | undefined {
    return this.#sql.exec('SELECT document FROM holds WHERE id = ?', id).toArray().map(holdOf)[0];
  }

  put(hold: LegalHold): void {
    this.#sql.exec('INSERT OR REPLACE INTO holds (id, document, told) VALUES (?, ?, 0)', hold.id, JSON.stringify(hold));
  }

  untold(): { readonly document: string; readonly hold: LegalHold }[] {
    const rows = this.#sql.exec('SELECT document FROM holds WHERE told = 0').toArray();
    return rows.map((row) => ({ document: String(row.document), hold: holdOf(row) }));
  }

  /** As it was when it was told: it may have changed since. */
  told(document: string): void {
    this.#sql.exec('UPDATE holds SET told = 1 WHERE document = ?', document);
  }

  tellAgain(): void {
    this.#sql.exec('UPDATE holds SET told = 0');
  }

  async beforeOrder(session: SessionId, admission: Admission | undefined): Promise<BeforeOrder> {
    const at = iso(Date.now());
    const { admitted, admittedAt, endedBy, retainDays: granted } = admission ?? {};
    const known = { email: admitted?.email, resource: admitted?.resource, startedAt: admittedAt, endedAt: endedBy };
    const held = this.#on({ session, ...known }).map(({ id }) => id);
    const words = admitted &&
      admittedAt !== undefined && {
        ...{ email: admitted.email, resource: admitted.resource, startedAt: admittedAt },
        ...(endedBy !== undefined && { endedAt: endedBy }),
      };
    const order: BeforeOrder['order'] = {
      ...{ at, holds: await holdsDigest(await this.#linesInForce()) },
      ...(granted !== undefined && { granted }),
      ...(words && { admitted: words }),
    };
    return { held, order };
  }

  #on(facts: HeldFacts): LegalHold[] {
    const rows = this.#sql.exec(
      // Those with thousands of sessions are only read where this one is among them.
      `SELECT document FROM holds WHERE ${IN_FORCE}
          AND (json_extract(document, '$.scope.of') <> 'sessions' OR instr(document, ?) > 0)`,
      facts.session,
    );
    const on: LegalHold[] = [];
    for (const row of rows) on.push(...holdsOn(facts, [holdOf(row)]));
    return on;
  }

  async #linesInForce(): Promise<string[]> {
    const ids = this.#sql.exec(`SELECT id FROM holds WHERE ${IN_FORCE}`).toArray();
    const lines: string[] = [];
    for (const { id } of ids) {
      const hold = this.#lines.has(String(id) as HoldId) ? undefined : this.find(String(id) as HoldId);
      if (hold) this.#lines.set(hold.id, await holdLine(hold));
      lines.push(this.#lines.get(String(id) as HoldId) ?? '');
    }
    return lines;
  }

  /**
   * The pseudonym stands for the address in what people wrote, and for who did it. Of a lifted hold also in what it was on. One in force
   * keeps what it covers, which orders are bound to (`holdLine`); what the person asked to lift is asked no more.
   */
  forgetPerson(email: string, pseudonym: string): void {
    const without = (text: string): string => withoutAddress(text, email, pseudonym);
    const step = <T extends { readonly by: string; readonly reason?: string }>(of: T): T => ({
      ...of,
      by: of.by.toLowerCase() === email ? pseudonym : of.by,
      ...(of.reason !== undefined && { reason: without(of.reason) }),
    });
    for (const hold of this.#sql.exec('SELECT document FROM holds').toArray().map(holdOf)) {
      const { scope, placed, lifting, lifted, ...rest } = hold;
      const forgotten: LegalHold = {
        ...rest,
        scope: lifted ? scopeWithout(scope, email, pseudonym) : scope,
        placed: step(placed),
        ...(lifting && (lifted || lifting.by.toLowerCase() !== email) && { lifting: step(lifting) }),
        ...(lifted && { lifted: step(lifted) }),
      };
      const document = JSON.stringify(forgotten);
      if (document !== JSON.stringify({ ...rest, scope, placed, lifting, lifted }))
        this.#sql.exec('UPDATE holds SET document = ?, told = 0 WHERE id = ?', document, hold.id);
    }
  }
}

function scopeWithout(scope: HoldScope, email: string, pseudonym: string): HoldScope {
  if (isHoldOn(scope, email)) return { of: 'user', email: pseudonym };
  return scope.of === 'sessions' && scope.query !== undefined
    ? { ...scope, query: withoutAddress(scope.query, email, pseudonym) }
    : scope;
}

const holdOf = ({ document }: Record<string, SqlStorageValue>): LegalHold =>
  LegalHold.parse(JSON.parse(String(document)));
