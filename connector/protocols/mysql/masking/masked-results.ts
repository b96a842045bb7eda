// The answer to one command with its rows masked: packet by packet, with numbers of its own, since rows get longer or shorter.
// Definitions are kept until all of a result are here: it is shown by a plan, or an error takes its place and its rows are left out.

import type { Masking } from '../../../../core/masking/masked.ts';
import { compileMasks, Masks } from '../../../../core/masking/masks.ts';
import { MAX_FRAME_ORIGINAL_BYTES, type Replacement } from '../../../../core/recording/originals/original-object.ts';
import type { Exposure } from '../../../../core/sql/mysql/hidden/hidden-columns.ts';
import { differences } from '../../../../core/recording/originals/differences.ts';
import type { AnswerReader } from '../wire/answer-reader.ts';
import { type ColumnDefinition, readColumnDefinition } from '../wire/column-definition.ts';
import { FULL_PACKET_BYTES, lengthAt, packet, PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { cursorUnknown, resultRefused } from '../wire/refusals.ts';
import { CURSOR_EXISTS, ERR, type MysqlError, errorPacket, readError } from '../wire/replies.ts';
import type { RowFormat, ShownColumn } from './cells.ts';
import { lettersHide, shownError } from './client-words.ts';
import { accountSecretOf } from './account-secrets.ts';
import { planResult } from './result-plan.ts';
import { maskRow } from './row-masker.ts';

/** A row that is longer is not masked, and ends the session. */
const MAX_ROW_BYTES = 64 * 1024 * 1024;

export interface ShownBy {
  readonly masks: Masks;
  readonly exposure: Exposure;
  /** What its results may tell of accounts. */
  readonly accounts: boolean;
  /** What errors quote may be data of a hidden column. */
  readonly quotesData: boolean;
  computed(schema: string, table: string, column: string): boolean;
}

/** How the rows of an open cursor are shown: those of the result that opened it. */
export interface ShownRows {
  readonly columns: readonly ColumnDefinition[];
  readonly plans: readonly ShownColumn[];
}

export class MaskedResults implements Masking {
  readonly #reader: AnswerReader;
  readonly #format: RowFormat;
  readonly #by: ShownBy;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #kept: Buffer[] = [];
  /** What its columns may tell of accounts. */
  #secrets: readonly ShownColumn[] | undefined;
  #columns: ColumnDefinition[] = [];
  #plans: readonly ShownColumn[] = [];
  /** Of rows that have no definitions before them; undefined: such rows are not expected, or not known. */
  readonly #cursor: (() => ShownRows | undefined) | undefined;
  /** No cell of this result is looked at. */
  #asTheyAre = false;
  #refused = false;
  /** Of the next packet towards the client. */
  #sequence = 1;
  #begun = false;
  fault: string | undefined;
  /** What stood in what was given; undefined: it is not kept. */
  #hid: Replacement[] | undefined;
  #hidBytes = 0;
  /** The payload at hand with nothing written over but what it tells of accounts, where it tells of any. */
  #clear: Buffer | undefined;
  /** Came, and nothing was given for it yet. */
  #unanswered: Buffer[] = [];

  /** `keeps`: what is masked is kept. */
  constructor(
    reader: AnswerReader,
    format: RowFormat,
    by: ShownBy,
    cursor?: () => ShownRows | undefined,
    keeps = false,
  ) {
    this.#hid = keeps ? [] : undefined;
    this.#reader = reader;
    this.#format = format;
    this.#by = by;
    this.#cursor = cursor;
  }

  /** Of the cursor that the answer opened. */
  get opened(): ShownRows | undefined {
    const opens = ((this.#reader.status ?? 0) & CURSOR_EXISTS) !== 0 && this.#reader.error === undefined;
    return opens && this.#plans.length > 0 ? { columns: this.#columns, plans: this.#plans } : undefined;
  }

  get nextSequence(): number {
    return this.#sequence & 255;
  }

  /** Both sides sent packets meanwhile, which are no part of a result. */
  set nextSequence(sequence: number) {
    this.#sequence = sequence;
  }

  /** Bytes of the answer to come, up to its end: whatever stands behind that is given back by `rest`. */
  apply(bytes: Uint8Array): readonly Uint8Array[] {
    this.#chunks.push(Buffer.from(bytes));
    this.#bytes += bytes.length;
    const out: Buffer[] = [];
    let whole = this.#bytes >= this.#wanted ? Buffer.concat(this.#chunks) : undefined;
    if (!whole) return out;
    let at = 0;
    while (!this.#reader.over && this.#reader.fault === undefined) {
      const end = endOf(whole, at);
      if (end < 0) break;
      const before = out.length;
      out.push(...this.#payload(whole.subarray(at, end)));
      if (this.#hid) this.#keep(whole.subarray(at, end), out, before);
      at = end;
    }
    whole = whole.subarray(at);
    if (whole.length > MAX_ROW_BYTES) throw new Error('a row is too long to be masked');
    this.#chunks = whole.length > 0 ? [whole] : [];
    this.#bytes = whole.length;
    this.#wanted = missing(whole);
    return out;
  }

  /** Once: what stood in what was given since the last call, joined. Undefined: nothing of this answer is kept. */
  takeHid(): readonly Replacement[] | undefined {
    const hid = this.#hid;
    if (hid) this.#hid = [];
    this.#hidBytes = 0;
    return hid;
  }

  /** In place of `packets` out[before, ...) is given. What stands in for a refused result hides nothing that was shown. */
  #keep(packets: Buffer, out: readonly Buffer[], before: number): void {
    const own = this.#clear;
    this.#clear = undefined;
    if (!this.#hid || this.#refused) return;
    this.#unanswered.push(own ? packet(packets[3] as number, own) : packets);
    if (out.length === before) return;
    const clear = joined(this.#unanswered);
    const head = this.#unanswered.length === 1 ? PACKET_HEADER_BYTES : 0;
    this.#unanswered = [];
    const at = out.slice(0, before).reduce((sum, { length }) => sum + length, 0);
    const hid: Replacement[] = [];
    differences(clear, joined(out.slice(before)), at, head, hid);
    const bytes = hid.reduce((sum, one) => sum + one.clear.length, 0);
    // A row is kept whole or not at all.
    if (this.#hidBytes + bytes > MAX_FRAME_ORIGINAL_BYTES) this.#by.masks.leaveOut('too_large');
    else {
      this.#hidBytes += bytes;
      this.#hid.push(...hid);
    }
  }

  /** Accounts' hashes, that of the gateway's own login too, are in no original: what a result tells of them stays written over. */
  #withoutAccounts(payload: Buffer): Buffer | undefined {
    if (!this.#hid) return undefined;
    this.#secrets ??= this.#columns.map((column) => {
      const secret = accountSecretOf(column, this.#by.accounts);
      return secret ? ({ kind: 'account', secret } as const) : PASS;
    });
    if (this.#secrets.every((plan) => plan === PASS)) return undefined;
    const clear = maskRow(payload, this.#format, this.#columns, this.#secrets, NO_MASKS);
    return clear.equals(payload) ? undefined : clear;
  }

  fail(): void {
    this.fault = 'a result could not be masked';
  }

  /** What came behind the answer. */
  rest(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Bytes without which no payload is whole. */
  #wanted = PACKET_HEADER_BYTES;

  #payload(packets: Buffer): Buffer[] {
    // Behind a command of several packets an answer does not begin with 1.
    if (!this.#begun) this.#sequence = packets[3] as number;
    this.#begun = true;
    const before = this.#reader.expects;
    this.#reader.read(packets, 0);
    if (this.#reader.fault !== undefined) return [];
    const payload = payloadOf(packets);
    if (this.#refused) return [];
    if (payload[0] === ERR && this.#reader.error !== undefined) {
      const error = shownError(readError(payload), this.#by);
      this.#reader.error = error;
      const shown = [...this.#give(...this.#kept.splice(0)), this.#error(error)];
      // It may quote what no column names.
      if (this.#hid && this.#by.accounts && !shown.at(-1)?.subarray(PACKET_HEADER_BYTES).equals(payload)) {
        this.#by.masks.leaveOut('secret');
        this.#clear = shown.at(-1)?.subarray(PACKET_HEADER_BYTES);
      }
      return shown;
    }
    switch (before) {
      case 'first':
        if (this.#reader.expects !== 'definitions') return this.#give(payload);
        this.#columns = [];
        this.#secrets = undefined;
        this.#kept = [payload];
        return [];
      case 'definitions':
        this.#columns.push(readColumnDefinition(payload));
        this.#kept.push(payload);
        return this.#reader.expects === 'rows' ? this.#begin() : [];
      case 'definitions end':
        this.#kept.push(payload);
        return this.#begin();
      case 'rows':
        if (this.#cursor && this.#plans.length === 0) {
          const begun = this.#goOn();
          if (begun) return begun;
        }
        if (this.#reader.expects === 'rows') this.#clear = this.#withoutAccounts(payload);
        return this.#give(
          // Behind the rows it expects no more of them.
          this.#reader.expects === 'rows' && !this.#asTheyAre
            ? maskRow(payload, this.#format, this.#columns, this.#plans, this.#by.masks)
            : payload,
        );
      default:
        return this.#give(payload);
    }
  }

  #begin(): Buffer[] {
    const { masks, exposure, accounts, computed } = this.#by;
    const plans = planResult(this.#columns, { rules: masks.columnRules, exposure, accounts, computed });
    const shown = typeof plans === 'number' ? plans : lettersHide(this.#columns, plans, masks);
    if (typeof plans !== 'number' && shown === undefined) {
      this.#plans = plans;
      this.#asTheyAre = masks.finder === undefined && plans.every(({ kind }) => kind === 'pass');
      return this.#give(...this.#kept.splice(0));
    }
    const column = shown ?? 1;
    masks.report({
      kind: 'mask.withheld',
      reason: typeof plans === 'number' ? 'lineage_unknown' : 'encoding_unsafe',
      column,
    });
    return this.#refuse(resultRefused(column, typeof plans === 'number'));
  }

  /** The first row of a cursor. Gives an error where nobody knows what its columns are. */
  #goOn(): Buffer[] | undefined {
    const rows = this.#cursor?.();
    if (!rows) return this.#refuse(cursorUnknown());
    this.#columns = [...rows.columns];
    this.#secrets = undefined;
    this.#plans = rows.plans;
    return undefined;
  }

  /** In place of all that is to come of the answer. */
  #refuse(error: MysqlError): Buffer[] {
    this.#refused = true;
    this.#kept = [];
    this.#reader.error = error;
    return [this.#error(error)];
  }

  #give(...payloads: readonly Buffer[]): Buffer[] {
    return payloads.map((payload) => {
      const bytes = packet(this.#sequence, payload);
      this.#sequence += 1 + Math.floor(payload.length / FULL_PACKET_BYTES);
      return bytes;
    });
  }

  #error(error: MysqlError): Buffer {
    return errorPacket(this.#sequence++ & 255, error);
  }
}

const PASS = { kind: 'pass' } as const;
const NO_MASKS = new Masks(compileMasks([]), { keyedHash: (value) => value, incidents() {} });

const joined = (parts: readonly Buffer[]): Buffer => (parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));

/** Behind the last packet of the payload that begins at `at`; -1: it is not all here. */
function endOf(b: Buffer, at: number): number {
  for (let from = at; from + PACKET_HEADER_BYTES <= b.length; ) {
    const length = lengthAt(b, from);
    from += PACKET_HEADER_BYTES + length;
    if (from > b.length) return -1;
    if (length < FULL_PACKET_BYTES) return from;
  }
  return -1;
}

/** So many bytes from the beginning of a payload are needed to know more of it than `b` tells: its next packet, or header. */
function missing(b: Buffer): number {
  let from = 0;
  while (from + PACKET_HEADER_BYTES <= b.length) from += PACKET_HEADER_BYTES + lengthAt(b, from);
  return from > b.length ? from : from + PACKET_HEADER_BYTES;
}

function payloadOf(packets: Buffer): Buffer {
  if (lengthAt(packets, 0) < FULL_PACKET_BYTES) return packets.subarray(PACKET_HEADER_BYTES);
  const parts: Buffer[] = [];
  for (let at = 0; at < packets.length; ) {
    const length = lengthAt(packets, at);
    parts.push(packets.subarray(at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES + length));
    at += PACKET_HEADER_BYTES + length;
  }
  return Buffer.concat(parts);
}
