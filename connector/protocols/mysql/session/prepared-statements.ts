// Statements that the client prepared in the protocol, by the ids that the target gave them.

import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { ShownRows } from '../masking/masked-results.ts';
import type { MaskedText } from './session-masks.ts';

export interface PreparedStatement {
  /** As recorded; at most as much of it as facts keep. */
  readonly text: string;
  readonly textBytes: number | undefined;
  /** As sent, for digests; undefined: it is long. */
  readonly sent: Buffer | undefined;
  readonly read: Summaries;
  /** By the masks in force now. */
  readonly masked: () => MaskedText;
  /** Its text is not recorded as it was sent. */
  readonly hidden: () => boolean;
  /** Its parameters are not recorded as they are sent. */
  readonly parametersHidden: boolean;
  /** They may be secrets. */
  readonly secretParameters: boolean;
  parameters: number;
  /** Sent with an execution. */
  types: readonly number[] | undefined;
  /** Of its open cursor, where its rows are masked. */
  cursor: ShownRows | undefined;
  /** Values that were sent apart, in bytes. */
  readonly long: Map<number, number>;
}

/** The target's own limit is 16,382 by default. */
const MAX_PREPARED = 20_000;
const MAX_TEXT_BYTES = 32 * 1024 * 1024;
/** MariaDB: the statement that was prepared last. */
const LAST_ID = 0xffffffff;

export class PreparedStatements {
  readonly #byId = new Map<number, PreparedStatement>();
  #bytes = 0;
  #last: PreparedStatement | undefined;

  /** No more may be prepared. */
  get full(): boolean {
    return this.#byId.size >= MAX_PREPARED || this.#bytes > MAX_TEXT_BYTES;
  }

  /** The target prepared it; `id` undefined: it would not. */
  add(id: number | undefined, prepared: PreparedStatement): void {
    this.#last = id === undefined ? undefined : prepared;
    if (id === undefined) return;
    this.close(id);
    this.#byId.set(id, prepared);
    this.#bytes += sizeOf(prepared);
  }

  /** Undefined: the target has none under this id either. */
  get(id: number): PreparedStatement | undefined {
    return id === LAST_ID ? this.#last : this.#byId.get(id);
  }

  close(id: number): void {
    const prepared = this.get(id);
    if (prepared && this.#byId.delete(id)) this.#bytes -= sizeOf(prepared);
  }

  clear(): void {
    this.#byId.clear();
    this.#bytes = 0;
    this.#last = undefined;
  }
}

const sizeOf = ({ text, sent }: PreparedStatement): number => text.length * 2 + (sent?.length ?? 0) + 500;
