// The rows of sessions as an object serves them: what the object of the log and that of a day have in common.

import type { AuditEvent } from '../../../core/audit/audit.ts';
import { signedArchiveFetch } from '../../archive-fetch.ts';
import { createLogArchive, type LogArchive } from '../../audit-archive.ts';
import { parseSettings } from '../../settings.ts';
import { Attempts, ATTEMPTS_SCHEMA } from './attempts.ts';
import { RowsExport } from './rows-export.ts';
import { createRowTables } from './rows-schema.ts';
import { SessionRows } from './session-rows.ts';
import type { NewLogEntry } from './transparency-log.ts';

/** How often the size is looked at. */
const LOOKED_AT_MS = 1_000;
/** While an object is large and nothing can go. */
const LOOKED_AT_AGAIN_MS = 5 * 60_000;
const LONGEST_REST_MS = 30 * 86_400_000;

interface KeptRowsDeps {
  readonly storage: DurableObjectStorage;
  readonly env: object;
  readonly place: () => string;
  readonly enter: (entries: readonly NewLogEntry[]) => Promise<readonly number[]>;
}

/** Rows, and their way out. */
export class KeptRows {
  readonly rows: SessionRows;
  readonly exported: RowsExport;
  readonly attempts: Attempts;
  readonly #sql: SqlStorage;
  readonly #largeBytes: () => number;
  #isPressed = false;
  #nextLookMs = 0;

  constructor({ storage, env, place, enter }: KeptRowsDeps) {
    this.#sql = storage.sql;
    let bytes: number | undefined;
    this.#largeBytes = () => (bytes ??= parseSettings(env).WITNESS_OBJECT_BYTES);
    createRowTables(storage.sql);
    storage.sql.exec(ATTEMPTS_SCHEMA);
    this.attempts = new Attempts(storage.sql);
    this.exported = new RowsExport({ storage, place, archive: () => archiveOf(env), attempts: this.attempts, enter });
    this.rows = new SessionRows({ storage, exported: this.exported, enter });
  }

  /** WITNESS_OBJECT_BYTES. */
  isLarge(): boolean {
    return this.#sql.databaseSize > this.#largeBytes();
  }

  /** What is on its way goes on. Answers with what belongs in the audit log. */
  async run(): Promise<readonly AuditEvent[]> {
    await this.rows.flush();
    const hard = this.isLarge();
    const { events, isMore } = await this.exported.run(hard);
    // Otherwise what is left are rows that cannot go yet.
    this.#isPressed = hard && isMore;
    this.#nextLookMs = Date.now() + (hard && !isMore ? LOOKED_AT_AGAIN_MS : 0);
    return events;
  }

  /** After something was written: when the alarm has to ring. Undefined: it is set already. */
  nextAfterWrite(): number | undefined {
    if (!this.rows.hasNewDue && !this.#pressed()) return undefined;
    this.rows.hasNewDue = false;
    return this.nextMs();
  }

  /** Whether it should run before anything is due. */
  #pressed(): boolean {
    if (Date.now() < this.#nextLookMs) return this.#isPressed;
    this.#nextLookMs = Date.now() + LOOKED_AT_MS;
    this.#isPressed = this.isLarge();
    return this.#isPressed;
  }

  nextMs(): number | undefined {
    if (this.rows.isPending() || this.#pressed()) return Date.now();
    const due = this.exported.nextMs();
    return due === undefined ? undefined : Math.min(due, Date.now() + LONGEST_REST_MS);
  }
}

export function archiveOf(env: object): LogArchive {
  const settings = parseSettings(env);
  return createLogArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings));
}
