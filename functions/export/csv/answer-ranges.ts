// Whose answer the target's recorded bytes are, lane by lane: what a statement's last fact says, which stands behind them. A few
// bytes a statement, so that a session of millions of them can be read a second time, and what is known of it kept (checkpoints.ts).
//
//   byte form and flags | gap in front of it, where there is one | length, where it has an end | statement, where it is not the next
//
// Numbers are seven bits a byte, the lowest first; those that may be below zero are zigzag.

import { z } from 'zod';
import { KeptBytes, keptBytes, StateMisfit } from '../../checkpoints.ts';
import type { AnswerForm } from './row-reader.ts';

const FORMS: readonly AnswerForm[] = ['simple', 'extended', 'function'];
const FORM = 3;
const HAS_GAP = 4;
const ENDLESS = 8;
const NOT_NEXT = 16;
const FIRST_BYTES = 256;
/** Of one record: three numbers of at most 8 bytes. */
const MAX_RECORD_BYTES = 32;

interface Lane {
  bytes: Uint8Array;
  length: number;
  /** Behind the last. */
  end: number;
  statement: number;
}

interface Share {
  readonly bytes: number;
  /** undefined: no statement's answer. */
  readonly answer: { readonly statement: number; readonly form: AnswerForm; readonly begins: boolean } | undefined;
}

const Count = z.number().int().min(0);

/** Where whoever asks for shares of one lane, front to back, stands: in front of a record, behind that end and that statement. */
export const RangePlace = z.object({ at: Count, end: Count, statement: z.number().int() });
export type RangePlace = z.infer<typeof RangePlace>;
export const firstRange = (): RangePlace => ({ at: 0, end: 0, statement: 0 });

export const AnswerRangesState = z.array(
  z.object({ lane: Count, bytes: KeptBytes, end: Count.nullable(), statement: z.number().int() }),
);

export class AnswerRanges {
  readonly #lanes = new Map<number, Lane>();

  /** `saved`: what `state` said. */
  constructor(saved: z.output<typeof AnswerRangesState> = []) {
    for (const { lane, bytes, end, statement } of saved)
      this.#lanes.set(lane, { bytes, length: bytes.length, end: end ?? Infinity, statement });
  }

  state(): z.input<typeof AnswerRangesState> {
    return [...this.#lanes].map(([lane, { bytes, length, end, statement }]) => ({
      ...{ lane, bytes: keptBytes(bytes.subarray(0, length)), statement },
      end: end === Infinity ? null : end,
    }));
  }

  /** In the order of their offsets; `to`: behind the last byte. */
  add(lane: number, from: number, to: number, statement: number, form: AnswerForm): void {
    if (to <= from) return;
    let known = this.#lanes.get(lane);
    if (!known) {
      known = { bytes: new Uint8Array(FIRST_BYTES), length: 0, end: 0, statement: 0 };
      this.#lanes.set(lane, known);
    }
    if (known.length + MAX_RECORD_BYTES > known.bytes.length) {
      const larger = new Uint8Array(2 * known.bytes.length + MAX_RECORD_BYTES);
      larger.set(known.bytes);
      known.bytes = larger;
    }
    const gap = from - known.end;
    const step = statement - known.statement;
    const flags = (gap === 0 ? 0 : HAS_GAP) | (to === Infinity ? ENDLESS : 0) | (step === 1 ? 0 : NOT_NEXT);
    known.bytes[known.length++] = FORMS.indexOf(form) | flags;
    if (gap !== 0) writeNumber(known, zigzag(gap));
    if (to !== Infinity) writeNumber(known, to - from);
    if (step !== 1) writeNumber(known, zigzag(step));
    known.end = to;
    known.statement = statement;
  }

  has(statement: number): boolean {
    for (const lane of this.#lanes.values())
      for (let place = firstRange(), record = recordAt(lane, place); record; record = recordAt(lane, place)) {
        if (record.statement === statement) return true;
        place = record.next;
      }
    return false;
  }

  /** Behind the last of each lane: whoever was not answered when the recording ended. */
  endOf(lane: number): number {
    return this.#lanes.get(lane)?.end ?? 0;
  }

  /** What of `length` bytes from `offset` on is of one answer, or of none. `place` goes on with it. */
  share(lane: number, offset: number, length: number, place: RangePlace): Share {
    const known = this.#lanes.get(lane);
    let record = known && recordAt(known, place);
    while (known && record && record.to <= offset) {
      Object.assign(place, record.next);
      record = recordAt(known, place);
    }
    if (!record) return { bytes: length, answer: undefined };
    const { from, to, statement, form } = record;
    if (offset < from) return { bytes: Math.min(length, from - offset), answer: undefined };
    return { bytes: Math.min(length, to - offset), answer: { statement, form, begins: offset === from } };
  }
}

interface Record {
  readonly from: number;
  readonly to: number;
  readonly statement: number;
  readonly form: AnswerForm;
  readonly next: RangePlace;
}

function recordAt({ bytes, length }: Lane, { at, end, statement: before }: RangePlace): Record | undefined {
  if (at >= length) return undefined;
  const flags = bytes[at] ?? 0;
  const reading = { bytes, at: at + 1 };
  const from = end + (flags & HAS_GAP ? unzigzag(readNumber(reading)) : 0);
  const to = flags & ENDLESS ? Infinity : from + readNumber(reading);
  const statement = before + (flags & NOT_NEXT ? unzigzag(readNumber(reading)) : 1);
  const form = FORMS[flags & FORM] ?? 'simple';
  return { from, to, statement, form, next: { at: reading.at, end: to, statement } };
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

function writeNumber(to: Lane, value: number): void {
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) to.bytes[to.length++] = (left % 128) | 128;
  to.bytes[to.length++] = left;
}

function readNumber(from: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = from.bytes[from.at++];
    if (byte === undefined) throw new StateMisfit('ranges of answers that end within one');
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}
