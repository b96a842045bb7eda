// The catalogue as the session itself sees it, with what its open transaction changed and nobody else knows of yet.
// It is asked over the session's own connection, between two of the client's messages, within a savepoint that is
// rolled back: nothing of the transaction, its settings or its names is other than before. The answer is for the
// gateway alone: neither the client nor the recording gets it.
//
// Extended-query messages under names of the gateway's own, since a Query would drop the client's unnamed statement.

import { message, readErrorFields } from '../wire/messages.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { HEADER_BYTES } from '../wire/framing.ts';
import { readRow } from './catalogue-connection.ts';
import { type CatalogueRow, OWN_CODE_QUERY, RELATIONS_QUERY, sessionDefinitionsQuery } from './catalogue-contents.ts';

/** All answers together; a larger catalogue is not read this way. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const NAME = 'gatehouse_catalogue';
const ASKED = [
  `savepoint ${NAME}`,
  "set local search_path = ''",
  "set local client_encoding = 'UTF8'",
  'set local statement_timeout = 5000',
  'set local lock_timeout = 1000',
  RELATIONS_QUERY,
  OWN_CODE_QUERY,
  sessionDefinitionsQuery,
  `select pg_catalog.current_setting('transaction_isolation'),
     extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000`,
];
const UNDONE = [`rollback to savepoint ${NAME}`, `release savepoint ${NAME}`];

const run = (text: string): Buffer[] => [
  message('P', `${NAME}\0${text}\0`, Buffer.alloc(2)),
  message('B', `${NAME}\0${NAME}\0`, Buffer.alloc(6)),
  message('E', `${NAME}\0`, 0),
  message('C', `P${NAME}\0`),
  message('C', `S${NAME}\0`),
];
/** Whatever fails in the first part, the second takes back. */
const QUESTION = Buffer.concat([...ASKED.flatMap(run), message('S'), ...UNDONE.flatMap(run), message('S')]);
/** Settings of which older servers say at once that they were changed. */
const OURS = /^(?:search_path|client_encoding)$/;

export interface TransactionNames {
  readonly relations: readonly CatalogueRow[];
  readonly code: readonly CatalogueRow[];
  readonly definitions: readonly CatalogueRow[];
  /** Milliseconds, at most, since the snapshot that they were read by; undefined: it was taken for them. */
  readonly snapshotAge: number | undefined;
}

interface SessionCatalogueParts {
  readonly pipeline: Pick<Pipeline, 'busy' | 'transaction'>;
  /** To the target; false: not now, a message is half on its way. */
  readonly interject: (bytes: Buffer) => boolean;
}

export class SessionCatalogue {
  readonly #parts: SessionCatalogueParts;
  #asked:
    | {
        readonly settle: (names: TransactionNames | undefined) => void;
        readonly done: Promise<TransactionNames | undefined>;
      }
    | undefined;
  #answer:
    | { readonly results: CatalogueRow[][]; result: number; bytes: number; ended: number; failed: boolean }
    | undefined;
  #held: Buffer = Buffer.alloc(0);

  constructor(parts: SessionCatalogueParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the target answered: as soon as it is done with what was sent before. Undefined: no transaction is open
   * any more, or it failed, or the catalogue could not be read.
   */
  read(): Promise<TransactionNames | undefined> {
    let asked = this.#asked;
    if (!asked) {
      let settle: (names: TransactionNames | undefined) => void = () => undefined;
      const done = new Promise<TransactionNames | undefined>((resolve) => {
        settle = resolve;
      });
      asked = { settle, done };
      this.#asked = asked;
      this.poke();
    }
    return asked.done;
  }

  /** Called when the target may be done with everything. */
  poke(): void {
    const { pipeline, interject } = this.#parts;
    if (!this.#asked || this.#answer || pipeline.busy) return;
    if (pipeline.transaction !== 'T' || !interject(QUESTION)) {
      this.#settle(undefined);
      return;
    }
    this.#answer = { results: [[], [], [], []], result: 0, bytes: 0, ended: 0, failed: false };
  }

  /** What comes from the target is its answer to this. */
  get underWay(): boolean {
    return this.#answer !== undefined;
  }

  /** Gives what is the client's of it: settings, notices, what ends the connection, and all that comes behind the answer. */
  take(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const others: Buffer[] = [];
    let at = 0;
    while (this.#answer && bytes.length - at >= HEADER_BYTES) {
      const end = at + 1 + Math.max(4, bytes.readInt32BE(at + 1));
      if (bytes.length < end) break;
      if (!this.#read(bytes[at] as number, bytes.subarray(at + HEADER_BYTES, end)))
        others.push(bytes.subarray(at, end));
      at = end;
    }
    this.#held = this.#answer ? Buffer.from(bytes.subarray(at)) : Buffer.alloc(0);
    if (!this.#answer) others.push(bytes.subarray(at));
    return Buffer.concat(others);
  }

  /** Says whether it is part of the answer. */
  #read(type: number, body: Buffer): boolean {
    const answer = this.#answer;
    if (!answer) return false;
    answer.bytes += body.length;
    switch (type) {
      case 0x44: // D DataRow
        if (answer.bytes > MAX_ANSWER_BYTES) answer.failed = true;
        else if (!answer.failed) answer.results[answer.result]?.push(readRow(body));
        return true;
      case 0x43: // C CommandComplete
        if (body.toString('latin1', 0, 7) === 'SELECT ') answer.result++;
        return true;
      case 0x45: // E ErrorResponse
        answer.failed = true;
        return readErrorFields(body).severity === 'ERROR';
      case 0x5a: {
        // Z ReadyForQuery
        if (++answer.ended < 2) return true;
        const [relations = [], code = [], definitions = [], [[isolation, age] = []] = []] = answer.results;
        this.#answer = undefined;
        const snapshotAge = isolation === 'read committed' ? undefined : Number(age);
        this.#settle(answer.failed || answer.result < 4 ? undefined : { relations, code, definitions, snapshotAge });
        return true;
      }
      case 0x53: // S ParameterStatus
        return OURS.test(body.toString('latin1', 0, Math.max(0, body.indexOf(0))));
      case 0x4e: // N
      case 0x41: // A
        return false;
      default: // 1, 2, 3, T, n
        return true;
    }
  }

  #settle(names: TransactionNames | undefined): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.settle(names);
  }

  /** The session is over. */
  close(): void {
    this.#answer = undefined;
    this.#settle(undefined);
  }
}
