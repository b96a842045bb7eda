// Sessions of an earlier release, whose rows are in the object of the log: where their entries stand in it is looked up once,
// in steps, before the log frees any entry.

import { SessionId } from '../../../core/ids.ts';
import type { TransparencyLog } from './transparency-log.ts';

const A_STEP = 500;

export class FirstRows {
  readonly #sql: SqlStorage;
  readonly #log: TransparencyLog;
  #isPlaced = false;

  constructor(sql: SqlStorage, log: TransparencyLog) {
    this.#sql = sql;
    this.#log = log;
    sql.exec('CREATE INDEX IF NOT EXISTS sessions_unplaced ON sessions (session) WHERE opened_index IS NULL');
  }

  /** It has no rows, in no piece either; none is ever added. */
  isBare(): boolean {
    return this.#sql.exec('SELECT 1 FROM sessions UNION ALL SELECT 1 FROM pieces LIMIT 1').toArray().length === 0;
  }

  /** Of each it is known where its entries stand. */
  isPlaced(): boolean {
    this.#isPlaced ||= this.#unplaced(1).length === 0;
    return this.#isPlaced;
  }

  /** A step. */
  async place(): Promise<void> {
    if (this.isPlaced()) return;
    for (const session of this.#unplaced(A_STEP)) {
      const found = await this.#log.indicesOf(session);
      const opened = found.find(({ event }) => event === 'opened');
      const ended = found.find(({ event }) => event !== 'opened');
      if (!opened) throw new Error('a session is not in the log');
      this.#sql.exec(
        'UPDATE sessions SET opened_index = ?, ended_index = coalesce(ended_index, ?) WHERE session = ?',
        opened.index,
        ended?.index ?? null,
        session,
      );
    }
  }

  #unplaced(limit: number): SessionId[] {
    return this.#sql
      .exec('SELECT session FROM sessions WHERE opened_index IS NULL LIMIT ?', limit)
      .toArray()
      .map(({ session }) => SessionId.parse(session));
  }
}
