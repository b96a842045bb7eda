// Backend messages in, the same messages with masked cells out. Sans I/O: any split of the stream gives
// the same bytes. Whole rows are rewritten up to MAX_HELD_BYTES; longer ones while they pass.
//
// It does not know which statement a message answers. Its guide does: the conversation, which follows
// the pipeline.

import type { Masking } from '../../../../core/masking/masked.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { giveBack } from '../../../net/kept-buffer.ts';
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from '../wire/framing.ts';
import { readErrorFields } from '../wire/messages.ts';
import type { CellContext } from '../values/cells.ts';
import { lettersOf } from './client-words.ts';
import { CopyRewriter } from './copy-out.ts';
import type { CopyPlan } from './copy-plan.ts';
import {
  maskErrorFields,
  maskNotification,
  maskParameterStatus,
  type MessageContext,
  withheldWords,
} from './error-fields.ts';
import { COPY_DATA, givePart, writeCopyData } from './copy-data.ts';
import type { HiddenParts } from './hidden-parts.ts';
import { HeldMessage } from './held-message.ts';
import { LongRow } from './long-row.ts';
import { ChunkRewrite } from '../../../sql/output.ts';
import { UNSAFE_ENCODINGS } from '../wire/encoding.ts';
import { CellRefused, REASONS, refusedResult, type ResultRefusal } from '../values/refused-result.ts';
import type { ResultGuide } from './result-guide.ts';
import type { ResultPlan } from '../values/result-plan.ts';
import { RowMasker } from './row-masker.ts';

/** A longer row passes in pieces; another message that long is withheld. */
const MAX_HELD_BYTES = 1024 * 1024;

/** A refused result after which the session cannot go on, in words for its end. */
class RefusedFault extends Error {}

const NOTHING = Buffer.alloc(0);
const READY = 0x5a;
const ERROR = 0x45;
const COPY_IN = 0x47;
/** Notices, notifications and settings belong to no result. */
const PASS_REFUSED = new Set([...'NAS'].map((letter) => letter.charCodeAt(0)));
/** Types whose body is looked at, beside rows and COPY data. */
const LOOKED_AT = new Set([...'TENASVH'].map((letter) => letter.charCodeAt(0)));

/** After these the next DataRow belongs to another result. */
const RESULT_ENDS = new Set([...'CsEIZTHGc'].map((letter) => letter.charCodeAt(0)));
const DATA_ROW = 0x44;

type Long =
  | { readonly kind: 'pass'; left: number }
  | { readonly kind: 'drop'; left: number }
  | { readonly kind: 'row'; readonly row: LongRow }
  | { readonly kind: 'copy'; left: number };

export class ResultMasker implements Masking {
  #masks: Masks;
  readonly #guide: ResultGuide;
  readonly #context: { masks: Masks; unsafeEncoding: boolean };
  #encoding: string;
  /** Received and not looked at yet. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  readonly #rows: RowMasker;
  #plan: ResultPlan | undefined;
  #planned = false;
  #copy: CopyRewriter | undefined;
  /** A message that the last chunk ended in: collected, or passing. */
  readonly #held = new HeldMessage();
  #joined: Buffer | undefined;
  #long: Long | undefined;
  readonly #hidden: HiddenParts | undefined;
  /** A result was refused: nothing of what the target answers gets through before ReadyForQuery. */
  #refused = false;
  /** Set when nothing more is given, in words for the session's end. */
  fault: string | undefined;
  /** What was given must be handed on before there is more: then `apply` goes on with no bytes. */
  more = false;
  /** The guide is not ready: what comes is kept, until `resume`. */
  waiting = false;

  constructor(masks: Masks, guide: ResultGuide, clientEncoding = 'UTF8', hidden?: HiddenParts) {
    this.#hidden = hidden;
    this.#masks = masks;
    this.#guide = guide;
    this.#encoding = clientEncoding;
    this.#context = { masks, unsafeEncoding: UNSAFE_ENCODINGS.has(clientEncoding) };
    this.#rows = new RowMasker(this.#context as CellContext);
  }

  /** In a message, or in COPY data, or keeping something back. */
  get busy(): boolean {
    return (
      this.#refused ||
      this.#held.wanted > 0 ||
      this.#long !== undefined ||
      this.#copy !== undefined ||
      this.#restBytes > 0
    );
  }

  /** From here on other rules are in force: for rows of the result under way as well. COPY data under way stays under the old. */
  use(masks: Masks): void {
    if (masks === this.#masks) return;
    this.#masks = masks;
    this.#context.masks = masks;
    this.#planned = false;
  }

  /** The guide is ready. */
  resume(): void {
    this.waiting = false;
    this.more = true;
  }

  fail(error?: unknown): void {
    this.#rest = [];
    this.#restBytes = 0;
    this.more = false;
    this.#held.drop();
    if (error instanceof RefusedFault) {
      this.fault = error.message;
      return;
    }
    this.fault = 'masking failed; the rest of the answer is withheld';
    this.#masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
  }

  apply(received: Buffer): Buffer[] {
    const given = this.#apply(received);
    this.#free(received, given);
    if (this.#joined) this.#free(this.#joined, given);
    this.#joined = undefined;
    return given;
  }

  /** What was given anew is all that is left of a chunk: its memory is used again. */
  #free(chunk: Buffer, given: readonly Buffer[]): void {
    // A part of a chunk may be handed on already.
    if (chunk.byteOffset > 0 || this.#restBytes > 0 || this.#hidden) return;
    for (const part of given) if (part.buffer === chunk.buffer) return;
    giveBack(chunk);
  }

  #apply(received: Buffer): Buffer[] {
    if (this.fault !== undefined) return [];
    if (this.waiting) {
      this.#keep(Buffer.from(received));
      return [];
    }
    this.more = false;
    let chunk = received;
    if (this.#restBytes > 0) {
      const [only] = this.#rest;
      chunk =
        only && this.#rest.length === 1 && received.length === 0 ? only : Buffer.concat([...this.#rest, received]);
      this.#rest = [];
      this.#restBytes = 0;
    } else if (this.#held.wanted > 0) {
      const whole = this.#held.collect(received);
      if (!whole) return [];
      this.#joined = whole;
      chunk = whole;
    }
    const size = chunk.length;
    const to = new ChunkRewrite(chunk);
    let at = 0;
    if (this.#long) {
      const given: Buffer[] = [];
      at = this.#goOn(chunk, given);
      to.lead(given);
      to.goOnAt(at);
    }
    while (at < size) {
      if (size - at < HEADER_BYTES) {
        this.#held.hold(chunk, at, HEADER_BYTES);
        break;
      }
      const type = chunk[at] as number;
      const declared = chunk.readInt32BE(at + 1);
      if (declared < 4 || declared > MAX_MESSAGE_BYTES) throw new Error('message is malformed');
      const length = declared - 4;
      const start = at + HEADER_BYTES;
      const end = start + length;
      if (type !== DATA_ROW && RESULT_ENDS.has(type)) this.#planned = false;
      if (this.#refused && type !== READY && !PASS_REFUSED.has(type)) {
        const given = this.#drop(type, chunk, at, start, end, to);
        if (given) return given;
        at = end;
        continue;
      }
      const looks = LOOKED_AT.has(type) || (type === READY && (this.#refused || this.#guide.asksWhenReady === true));
      // Of a message that is not held, too, the guide must know which statement it answers.
      const asks = type === DATA_ROW ? !this.#planned : looks && (end <= size || length > MAX_HELD_BYTES);
      if (asks && this.#guide.ready) {
        const given = to.give(at);
        if (given.length > 0) {
          this.more = true;
          this.#keep(chunk.subarray(at));
          return given;
        }
        if (!this.#guide.ready(type, end <= size ? chunk.subarray(start, end) : undefined)) {
          this.waiting = true;
          this.#keep(Buffer.from(chunk.subarray(at)));
          return given;
        }
      }
      if (type === READY && this.#refused && end <= size) {
        const ends = this.#guide.refusedEnds?.(chunk.subarray(start, end)) ?? 'goes';
        if (typeof ends === 'object') throw new RefusedFault(ends.fault);
        if (ends === 'goes') this.#refused = false;
        else {
          to.replaceAt(at);
          to.goOnAt(end);
        }
        at = end;
        continue;
      }
      const handled = this.#handles(type);
      if (handled && type === DATA_ROW && this.#plan?.refused) {
        this.#refuse(this.#plan.refused, at, to);
        continue;
      }
      if (end > size) {
        if (handled && length <= MAX_HELD_BYTES) {
          this.#held.hold(chunk, at, HEADER_BYTES + length);
          break;
        }
        const given = to.give(handled ? at : size);
        this.#begin(type, chunk, at, length, handled, given);
        return given;
      }
      if (handled) {
        const { from, written } = to;
        try {
          this.#work(type, chunk, at, start, end, to);
          this.#hidden?.rewritten(to, chunk, at, from, written);
        } catch (error) {
          if (!(error instanceof CellRefused)) throw error;
          to.rewind(from, written);
          this.#refuse(error.refusal, at, to);
          continue;
        }
      }
      at = end;
    }
    return to.give(at);
  }

  #work(type: number, chunk: Buffer, at: number, start: number, end: number, to: ChunkRewrite): void {
    if (type === DATA_ROW) {
      if (this.#plan) to.grow(at + 1, this.#rows.rewrite(this.#plan, chunk, start, end, to));
    } else if (type === COPY_DATA) {
      const growth = this.#copy?.rewriteRow(chunk, start, end, to);
      if (growth !== undefined) to.grow(at + 1, growth);
      else {
        writeCopyData(to.replaceAt(at), this.#copy?.push(chunk.subarray(start, end)) ?? []);
        to.goOnAt(end);
      }
    } else {
      const body = this.#rewrite(type, chunk.subarray(start, end));
      if (body) {
        const out = to.replaceAt(at);
        if (type === 0x63 && this.#copy) {
          writeCopyData(out, this.#copy.end());
          this.#copy = undefined;
        }
        out.byte(type);
        out.int32(body.length + 4);
        out.copy(body, 0, body.length);
        to.goOnAt(end);
      }
    }
  }

  /** From chunk[at] on an error stands in for what is left of the answer. */
  #refuse(refusal: ResultRefusal, at: number, to: ChunkRewrite): void {
    const error = this.#guide.refuse?.(refusal) ?? refusedResult(refusal, false);
    to.replaceAt(at).put(error);
    to.goOnAt(at);
    this.#refused = true;
    this.#copy = undefined;
    this.#planned = false;
  }

  /** Behind a refused result. Gives what is to be handed on where the chunk ends within the message. */
  #drop(type: number, chunk: Buffer, at: number, start: number, end: number, to: ChunkRewrite): Buffer[] | undefined {
    if (type === ERROR && end > chunk.length) {
      this.#held.hold(chunk, at, end - at);
      return to.give(at);
    }
    // What ends the connection the client must know.
    if (type === ERROR && readErrorFields(chunk.subarray(start, end)).severity !== 'ERROR') return undefined;
    if (type === COPY_IN) {
      const fault = this.#guide.refusedCopyIn?.();
      if (fault !== undefined) throw new RefusedFault(fault);
    }
    to.replaceAt(at);
    to.goOnAt(end);
    if (end <= chunk.length) return undefined;
    this.#long = { kind: 'drop', left: end - chunk.length };
    return to.give(chunk.length);
  }

  /** Whether the message's content is looked at. For a row this decides the plan of its result. */
  #handles(type: number): boolean {
    if (type === DATA_ROW) {
      if (!this.#planned) {
        this.#plan = this.#guide.rows();
        this.#planned = true;
      }
      return this.#plan !== undefined;
    }
    if (type === COPY_DATA) return this.#copy !== undefined;
    if (type === 0x63) return this.#copy !== undefined;
    return LOOKED_AT.has(type);
  }

  /** Undefined: the message stays as it is. */
  #rewrite(type: number, body: Buffer): Buffer | undefined {
    switch (type) {
      case 0x54: // T RowDescription
        this.#guide.described(body);
        return undefined;
      case 0x45: {
        // E ErrorResponse
        this.#copy = undefined;
        const refusal = this.#guide.refusal?.(body);
        if (refusal) this.#hidden?.notMasked();
        return refusal ? refusal.subarray(HEADER_BYTES) : maskErrorFields(body, this.#words());
      }
      case 0x4e: // N NoticeResponse
        return maskErrorFields(body, this.#words());
      case 0x41: // A NotificationResponse
        return maskNotification(body, this.#words());
      case 0x53: // S ParameterStatus
        if (body.toString('latin1', 0, 16) === 'client_encoding\0') {
          this.#encoding = body.toString('latin1', 16, body.length - 1);
          this.#context.unsafeEncoding = UNSAFE_ENCODINGS.has(this.#encoding);
        }
        return this.#setting(body);
      case 0x56: // V FunctionCallResponse
        return this.#functionResult(body);
      case 0x48: // H CopyOutResponse: int8 format | int16 columns | int16 each
        if (body.length < 3) throw new Error('CopyOutResponse is malformed');
        this.#beginCopy(this.#guide.copyOut(body[0] === 1, body.readUInt16BE(1)));
        return undefined;
      case 0x63: // c CopyDone, while COPY data is rewritten
        return NOTHING;
      default:
        return undefined;
    }
  }

  #beginCopy(plan: CopyPlan | undefined): void {
    // Where letters hold bytes of ASCII, a field's end cannot be told from a letter's.
    if (this.#context.unsafeEncoding && plan?.kind === 'text') throw new CellRefused(REASONS.encoding);
    this.#copy = plan && new CopyRewriter({ ...this.#context }, plan);
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#rest.push(bytes);
    this.#restBytes += bytes.length;
  }

  #words(): MessageContext {
    const { text, ...may } = this.#guide.statement();
    const settingsFilled = this.#guide.settingsFilled === true;
    return { masks: this.#masks, statement: text, ...may, settingsFilled, letters: lettersOf(this.#encoding) };
  }

  #setting(body: Buffer): Buffer | undefined {
    const masked = maskParameterStatus(body, this.#words());
    if (masked?.withheld) this.#guide.settingWithheld?.();
    return masked?.put;
  }

  /** int32 length (-1: NULL) | bytes. Nobody says of which type it is. */
  #functionResult(body: Buffer): Buffer | undefined {
    if (body.length < 4 || body.readInt32BE(0) < 0) return undefined;
    if (this.#masks.columnRules.length > 0 && !this.#guide.calledPasses?.()) {
      this.#masks.report({ kind: 'mask.withheld', reason: 'result_unknown' });
      throw new CellRefused(REASONS.called);
    }
    const copy = Buffer.from(body);
    return this.#masks.maskInPlace(copy, 4, copy.length) ? copy : undefined;
  }

  /** A message that is too long to be held, or is not looked at. */
  #begin(type: number, chunk: Buffer, at: number, length: number, handled: boolean, given: Buffer[]): void {
    const start = at + HEADER_BYTES;
    const share = chunk.subarray(start);
    this.#hidden?.long(type === COPY_DATA ? length : 0);
    // A large object that is read in one piece is in no column, and nothing searches it.
    const passes = type === 0x56 && this.#masks.finder === undefined && this.#guide.calledPasses?.() === true;
    if (!handled || passes) {
      if (passes) given.push(chunk.subarray(at));
      this.#long = { kind: 'pass', left: length - share.length };
      return;
    }
    if (type === DATA_ROW && this.#plan) {
      given.push(chunk.subarray(at, start));
      const row = new LongRow({ ...this.#context }, this.#plan, length);
      const before = given.length;
      given.push(...row.push(share));
      this.#hidden?.passed(share, given, before);
      this.#long = { kind: 'row', row };
      return;
    }
    if (type === COPY_DATA && this.#copy) {
      const before = given.length;
      givePart(given, this.#copy.push(share));
      this.#hidden?.passed(chunk.subarray(at), given, before);
      this.#long = { kind: 'copy', left: length - share.length };
      return;
    }
    // No server says that much in words. What it said is withheld, and that it said something is not.
    this.#masks.report({ kind: 'mask.withheld', reason: 'message_quotes_data' });
    if (type === 0x56) {
      given.push(this.#guide.refuse?.(REASONS.tooLong) ?? refusedResult(REASONS.tooLong, false));
      this.#refused = true;
    } else if (type === 0x45 || type === 0x4e) given.push(withheldWords(type));
    else throw new Error('message is too long to be masked');
    this.#long = { kind: 'drop', left: length - share.length };
  }

  #goOn(chunk: Buffer, given: Buffer[]): number {
    const long = this.#long;
    if (!long) return 0;
    const left = long.kind === 'row' ? long.row.left : long.left;
    const share = Math.min(left, chunk.length);
    const part = chunk.subarray(0, share);
    const before = given.length;
    if (long.kind === 'row') given.push(...long.row.push(part));
    else {
      long.left -= share;
      if (long.kind === 'pass') given.push(part);
      else if (long.kind === 'copy') givePart(given, this.#copy?.push(part) ?? []);
    }
    if (long.kind === 'row' || long.kind === 'copy') this.#hidden?.passed(part, given, before);
    if (share === left) this.#long = undefined;
    return share;
  }
}
