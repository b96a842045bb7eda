// Witnesses of other companies (c2sp.org/tlog-witness): each is asked to cosign the newest checkpoint of the log of
// sessions, and does when the log only grew since it last saw it. Nothing waits for them but the object's own alarm.

import type { AuditEvent } from '../../../core/audit/audit.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { equalBytes } from '../../../core/scram.ts';
import { type NoteKey, parseNote, showNote, whoSigned } from '../../../core/tlog/note.ts';
import { iso } from '../../clock.ts';

export const WITNESSES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS cosignatures (
    size INTEGER NOT NULL,
    witness TEXT NOT NULL,
    line TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (size, witness)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log_witnesses (
    witness TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    told INTEGER NOT NULL
  );
  CREATE TRIGGER IF NOT EXISTS cosignatures_keep BEFORE UPDATE ON cosignatures
    BEGIN SELECT RAISE(ABORT, 'cosignatures are append-only'); END;
`;

const ANSWER_WITHIN_MS = 10_000;
const MAX_ANSWER_BYTES = 16 * 1024;
const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 10 * 60_000;
/** A blip is no news. What will not pass by itself is told at once. */
const TOLD_AFTER_TRIES = 3;

export interface OutsideWitness {
  readonly key: NoteKey;
  /** Its submission prefix, without a slash at its end. */
  readonly url: string;
}

/** `inconsistent`, `ahead`, `contradiction`: it saw another log under this name. The others: it does not know the log, its key, or the request. */
type Fault =
  | 'unavailable'
  | 'unknown_log'
  | 'key_refused'
  | 'refused'
  | 'inconsistent'
  | 'ahead'
  | 'contradiction'
  | 'signature_wrong';

/** Those that speak of a log that was changed, or of somebody who says so. */
const STATUS_FAULTS: Readonly<Record<number, Fault>> = {
  400: 'refused',
  403: 'key_refused',
  404: 'unknown_log',
  409: 'contradiction',
  422: 'inconsistent',
};

interface Newest {
  readonly size: number;
  /** Signed by the log alone. */
  readonly note: string;
  /** Base64 lines: that its tree continues that of so many entries. */
  proof(earlier: number): Promise<readonly string[]>;
}

export class LogWitnesses {
  readonly #sql: SqlStorage;
  readonly #now: () => number;
  readonly #fetch: (request: Request) => Promise<Response>;

  constructor(sql: SqlStorage, now: () => number, fetcher: (request: Request) => Promise<Response>) {
    this.#sql = sql;
    this.#now = now;
    this.#fetch = fetcher;
  }

  /** Asks all that have not cosigned it and are due, at once. Answers with what belongs in the audit log. */
  async ask(witnesses: readonly OutsideWitness[], newest: Newest): Promise<AuditEvent[]> {
    const events = await Promise.all(witnesses.map((witness) => this.#askOne(witness, newest)));
    return events.flat();
  }

  /** When one that failed is asked again; undefined: none failed. */
  nextMs(): number | undefined {
    const { n } = this.#sql.exec('SELECT min(next_ms) AS n FROM log_witnesses WHERE tries > 0').one();
    return n === null ? undefined : Number(n);
  }

  async #askOne(witness: OutsideWitness, newest: Newest): Promise<AuditEvent[]> {
    const name = witness.key.name;
    const known = this.#sql.exec('SELECT * FROM log_witnesses WHERE witness = ?', name).toArray()[0];
    const [tries, told] = [Number(known?.tries ?? 0), known?.told === 1];
    if (this.#has(newest.size, name) || Number(known?.next_ms ?? 0) > this.#now()) return [];
    const line = await this.#cosignature(witness, newest, Number(known?.size ?? 0));
    if (line.ok) {
      this.#sql.exec(
        'INSERT OR IGNORE INTO cosignatures (size, witness, line, at) VALUES (?, ?, ?, ?)',
        newest.size,
        name,
        line.value,
        iso(this.#now()),
      );
      this.#note(name, { size: newest.size, tries: 0, nextMs: 0, told: false });
      return told ? [event('log.witness_resumed', name, { tries })] : [];
    }
    console.error(`the witness ${name} does not cosign the checkpoint of ${newest.size} entries: ${line.error}`);
    const tell = !told && (tries + 1 >= TOLD_AFTER_TRIES || line.error !== 'unavailable');
    const wait = line.error === 'unavailable' ? FIRST_RETRY_MS * 2 ** Math.min(tries, 20) : LONGEST_RETRY_MS;
    this.#note(name, {
      size: Number(known?.size ?? 0),
      tries: tries + 1,
      nextMs: this.#now() + Math.min(wait, LONGEST_RETRY_MS),
      told: told || tell,
    });
    return tell ? [event('log.witness_failed', name, { reason: line.error, tries: tries + 1 })] : [];
  }

  /** Its line of signature. It may have seen more than was noted here: an answer was lost. Then it says how much. */
  async #cosignature(witness: OutsideWitness, newest: Newest, noted: number): Promise<Result<string, Fault>> {
    let earlier = Math.min(noted, newest.size);
    for (let isFirst = true; ; isFirst = false) {
      // Where it was away for long, the proof is made of what the object store has.
      const proof = await newest.proof(earlier).catch(() => undefined);
      if (!proof) return err('unavailable');
      const body = `old ${earlier}\n${proof.map((hash) => `${hash}\n`).join('')}\n${newest.note}`;
      const answer = await this.#post(`${witness.url}/add-checkpoint`, body);
      if (!answer) return err('unavailable');
      const { status, type, text } = answer;
      if (status === 200) return cosignatureIn(newest.note + text, witness.key);
      if (status !== 409 || !type.startsWith('text/x.tlog.size') || !isFirst)
        return err(STATUS_FAULTS[status] ?? 'unavailable');
      const size = /^(?:0|[1-9]\d{0,15})\n?$/.test(text) ? Number(text) : undefined;
      if (size === undefined) return err('refused');
      if (size > newest.size) return err('ahead');
      earlier = size;
    }
  }

  async #post(url: string, body: string): Promise<{ status: number; type: string; text: string } | undefined> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    try {
      const response = await this.#fetch(new Request(url, { method: 'POST', body, signal, redirect: 'manual' }));
      const text = await shortText(response);
      return text === undefined
        ? undefined
        : { status: response.status, type: response.headers.get('content-type') ?? '', text };
    } catch {
      return undefined;
    }
  }

  #has(size: number, witness: string): boolean {
    return (
      this.#sql.exec('SELECT 1 FROM cosignatures WHERE size = ? AND witness = ?', size, witness).toArray().length > 0
    );
  }

  #note(
    witness: string,
    { size, tries, nextMs, told }: { size: number; tries: number; nextMs: number; told: boolean },
  ) {
    this.#sql.exec(
      'INSERT OR REPLACE INTO log_witnesses (witness, size, tries, next_ms, told) VALUES (?, ?, ?, ?, ?)',
      witness,
      size,
      tries,
      nextMs,
      told ? 1 : 0,
    );
  }
}

/** Undefined: it is longer than any that is meant. */
async function shortText(response: Response): Promise<string | undefined> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop cancels the rest.
    if (length > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Of others than the key's nothing is taken. */
async function cosignatureIn(note: string, key: NoteKey): Promise<Result<string, Fault>> {
  const parsed = parseNote(note);
  if (!parsed.ok) return err('signature_wrong');
  const own = parsed.value.signatures.filter(({ name, id }) => name === key.name && equalBytes(id, key.id)).slice(0, 1);
  const signed = await whoSigned({ text: parsed.value.text, signatures: own }, [key]);
  if (!signed.ok || signed.value.length === 0) return err('signature_wrong');
  return ok(showNote({ text: '', signatures: own }).slice(1));
}

const event = (
  kind: 'log.witness_failed' | 'log.witness_resumed',
  object: string,
  details: AuditEvent['details'],
): AuditEvent => ({ kind, actor: 'gatehouse', object, details });
