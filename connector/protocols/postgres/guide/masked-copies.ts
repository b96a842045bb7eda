// The client's messages as a session with masks records them: as long and of the same layout, with what
// rules hide written over. Facts, replays, search and exports are made of these.
//
// A message too long to be kept whole has its text, or every value, written over.

import type { Replacement } from '../../../../core/recording/originals/original-object.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { CONFORMING } from '../../../../core/sql/postgres/postgres.ts';
import { HEADER_BYTES } from '../wire/framing.ts';
import type { CopySubject, RecordedCopies } from '../requests/request-copies.ts';
import type { StatementEchoes } from '../requests/statement-echoes.ts';
import type { Statements } from '../pipeline/statements.ts';
import { CopyInLines, hide } from '../requests/copy-in.ts';
import { type CopyInFields, copyInFields } from '../requests/copy-in-fields.ts';
import { ALL_HIDDEN, ALL_STAY, type Fates, TOO_LONG } from '../requests/literal-fates.ts';
import type { LiveGuide } from './live-guide.ts';
import { LongParameters } from '../requests/long-parameters.ts';
import { UNSAFE_ENCODINGS } from '../wire/encoding.ts';
import { copyParameters } from '../requests/parameter-copy.ts';
import type { FoundSecrets } from '../../../sql/found-secrets.ts';
import { differences, keepShown } from '../../../../core/recording/originals/differences.ts';
import { hideLiterals } from '../../../sql/secret-literals.ts';
import { hiddenFill } from '../values/same-length.ts';
import { maskParameter, maskStatement } from '../requests/statement-text.ts';
import type { Readings, StatementReading, TextReading } from '../catalogue/statement-reading.ts';
import type { Withholding } from '../../../sql/withholding.ts';
import { asSent, withholdingOf } from '../requests/text-fates.ts';
import type { Statement } from '../pipeline/statement.ts';

const QUERY = 0x51;
const PARSE = 0x50;
const BIND = 0x42;
const FUNCTION_CALL = 0x46;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const COPY_FAIL = 0x66;
const LF = 0x0a;

export class MaskedCopies implements RecordedCopies {
  readonly #statements: Statements;
  readonly #readings: Readings;
  readonly #guide: LiveGuide;
  readonly #echoes: StatementEchoes;
  readonly #lines = new CopyInLines();
  #long: LongParameters | undefined;
  readonly #keeps: boolean;
  /** The last copy, and the same with secrets alone written over. */
  #kept: { readonly copy: Buffer; readonly clear: Buffer } | undefined;
  /** The last COPY whose data came, by its statement and its place in that's text. */
  #copying:
    | {
        readonly statement: Statement;
        readonly index: number;
        readonly masks: Masks;
        readonly fields: CopyInFields | 'stay' | 'hidden';
      }
    | undefined;

  /** `keeps`: what stood in copies is kept. */
  constructor(statements: Statements, readings: Readings, guide: LiveGuide, echoes: StatementEchoes, keeps = false) {
    this.#keeps = keeps;
    this.#echoes = echoes;
    this.#statements = statements;
    this.#readings = readings;
    this.#guide = guide;
  }

  hidIn(copy: Buffer): readonly Replacement[] {
    const hid: Replacement[] = [];
    if (this.#kept?.copy === copy) differences(this.#kept.clear, copy, 0, 0, hid);
    return hid;
  }

  copy(type: number, message: Buffer, masks: Masks, subject: CopySubject): Buffer {
    this.#kept = undefined;
    if (!masks.any) return message;
    const cut = message.length < message.readInt32BE(1) + 1;
    try {
      switch (type) {
        case QUERY:
          return this.#text(message, HEADER_BYTES, masks, subject, cut);
        case PARSE: {
          const nameEnd = message.indexOf(0, HEADER_BYTES);
          return nameEnd < 0 ? hidden(message) : this.#text(message, nameEnd + 1, masks, subject, cut);
        }
        case BIND: {
          const portalEnd = message.indexOf(0, HEADER_BYTES);
          const nameEnd = portalEnd < 0 ? -1 : message.indexOf(0, portalEnd + 1);
          if (nameEnd < 0) return hidden(message);
          return this.#parameters(message, nameEnd + 1, masks, subject, cut);
        }
        case FUNCTION_CALL:
          return this.#parameters(message, HEADER_BYTES + 4, masks, subject, cut);
        case COPY_DATA:
          return this.#copyData(message, HEADER_BYTES, masks);
        case COPY_DONE:
          this.#lines.begin();
          return message;
        case COPY_FAIL: {
          this.#lines.begin();
          const copy = Buffer.from(message);
          hide(copy, HEADER_BYTES, copy.length - 1);
          return copy;
        }
        default:
          return message;
      }
    } catch {
      masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
      masks.hide('not_certain');
      subject.hid?.('all');
      return hidden(message);
    }
  }

  part(type: number, part: Buffer, masks: Masks): Buffer {
    this.#kept = undefined;
    if (!masks.any) return part;
    if (type === COPY_DATA) return this.#copyData(part, 0, masks);
    const copy = Buffer.from(part);
    if (this.#long && (type === BIND || type === FUNCTION_CALL)) this.#long.hide(copy, 0, copy.length);
    else hideText(copy, 0);
    return copy;
  }

  /** `from`: where its text begins. */
  #text(message: Buffer, from: number, masks: Masks, subject: CopySubject, cut: boolean): Buffer {
    const { backslashEscapes = true } = subject;
    const end = cut ? message.length : message.indexOf(0, from);
    if (cut || end < 0 || this.#isUnsafe) {
      subject.told?.({ values: [], parameters: 'all' });
      masks.hide(cut ? 'too_long' : 'not_certain');
      const copy = Buffer.from(message);
      hideText(copy, from);
      return copy;
    }
    const bytes = message.subarray(from, end);
    const { names } = this.#statements;
    let secrets = 0;
    const onSecrets = (found: FoundSecrets) => {
      secrets = found.counts.get('secret') ?? 0;
      this.#echoes.expect(found);
      names.prepareSecrets(found.prepares);
      subject.told?.(found);
    };
    const { secretParameters: prepared } = names;
    const text = this.#statements.text(message, from, end);
    const reading = backslashEscapes ? undefined : this.#readings.read(text, CONFORMING);
    const withholding = this.#withholding(reading, text, bytes);
    const masked = maskStatement(bytes, masks, { withholding, backslashEscapes, prepared, onSecrets });
    if (masked === bytes) return message;
    const copy = Buffer.from(message);
    copy.set(masked, from);
    if (!this.#keeps) return copy;
    const clear = Buffer.from(message);
    const found = hideLiterals(clear.subarray(from, end), { backslashEscapes, prepared, wary: true });
    keepShown(clear, copy, message);
    masks.leaveOut('secret', (found.counts.get('secret') ?? 0) - secrets);
    this.#kept = { copy, clear };
    return copy;
  }

  #withholding(reading: TextReading | undefined, text: string, sent: Buffer): Withholding | undefined {
    if (this.#guide.masks.columnRules.length === 0) return undefined;
    const fates = this.#fates(reading);
    const found = fates ? withholdingOf(reading?.statements ?? [], fates) : unreadFates(reading);
    return found && asSent(found, text, sent);
  }

  /** One for each statement. Undefined: nobody knows what they are. */
  #fates(reading: TextReading | undefined): readonly Fates[] | undefined {
    const guide = this.#guide;
    guide.settle();
    const earlier: StatementReading[] = [];
    return reading?.statements?.map((statement) => {
      const { fates } = guide.factsFor(statement, reading, Number.MAX_SAFE_INTEGER, [...earlier]);
      earlier.push(statement);
      return fates;
    });
  }

  #parameters(message: Buffer, from: number, masks: Masks, { prepared, hid }: CopySubject, cut: boolean): Buffer {
    if (cut) {
      const copy = Buffer.from(message);
      this.#long = new LongParameters();
      this.#long.hide(copy, from, copy.length);
      masks.hide('too_long');
      hid?.('all');
      return copy;
    }
    const fates = this.#fatesOfParameters(prepared);
    const secrets = prepared?.secrets;
    if (secrets) this.#echoes.expect(secrets);
    const hidden = new Set<number>();
    const isSecret = (index: number) => secrets?.parameters === 'all' || secrets?.parameters.has(index + 1) === true;
    const copy = copyParameters(message, from, (value, index, format) => {
      const secret = isSecret(index);
      if (secret) this.#echoes.expect({ values: [Buffer.from(value)] });
      const hider = secret ? 'secret' : fates.parameter(index + 1);
      if (hider === undefined) return maskParameter(value, prepared?.types[index] ?? 0, format, masks);
      masks.hide(hider);
      hidden.add(index + 1);
      return hiddenFill(value.length);
    });
    if (hidden.size > 0) hid?.(hidden);
    const withoutSecrets = (value: Buffer, index: number) => (isSecret(index) ? hiddenFill(value.length) : value);
    if (this.#keeps && copy !== message) this.#kept = { copy, clear: copyParameters(message, from, withoutSecrets) };
    return copy;
  }

  /** A Bind's statement is one. */
  #fatesOfParameters(prepared: CopySubject['prepared']): Fates {
    if (this.#guide.masks.columnRules.length === 0) return ALL_STAY;
    const reading = this.#guide.readingOf(prepared?.source);
    const [only, ...more] = this.#fates(reading) ?? [];
    return only && more.length === 0 ? only : unreadFates(reading);
  }

  /** `from`: behind the header, where there is one. */
  #copyData(part: Buffer, from: number, masks: Masks): Buffer {
    const fields = masks.columnRules.length > 0 ? this.#copied(masks) : 'stay';
    if (fields === 'stay' && !masks.finder) return part;
    const copy = Buffer.from(part);
    if (this.#keeps) this.#kept = { copy, clear: part };
    if (fields === 'hidden') {
      hide(copy, from, copy.length);
      masks.hide('not_certain', Math.max(1, linesIn(part)));
      return copy;
    }
    if (fields !== 'stay') fields.hide(copy, from);
    if (masks.finder) copy.set(this.#lines.mask(copy.subarray(from), masks), from);
    return copy;
  }

  /** Of the COPY whose data comes. */
  #copied(masks: Masks): CopyInFields | 'stay' | 'hidden' {
    const { pipeline } = this.#statements;
    // Before the target asked for it, it is data of what was sent last, if anything.
    const next = pipeline.copyIn ? pipeline.next : pipeline.only;
    if (!next || !('statement' in next)) return 'hidden';
    const { statement } = next;
    const reading = this.#guide.readingOf(statement.source);
    if (!pipeline.copyIn && reading?.statements?.length !== 1) return 'hidden';
    const index = statement.tags.length;
    const known = this.#copying?.statement === statement && this.#copying.index === index ? this.#copying : undefined;
    if (known?.masks === masks) return known.fields;
    const begun = known !== undefined || pipeline.copyInBegun || !pipeline.copyIn;
    const certain = !('portal' in next) || !next.portal || next.portal.meanings.length === 1;
    const found = certain ? this.#copyFields(reading, statement.number, index, masks) : 'hidden';
    // From the middle of it, nobody knows which field is which.
    const fields = begun && found !== 'stay' ? 'hidden' : found;
    this.#copying = { statement, index, masks, fields };
    return fields;
  }

  #copyFields(
    reading: TextReading | undefined,
    number: number,
    index: number,
    masks: Masks,
  ): CopyInFields | 'stay' | 'hidden' {
    const { fields = 'hidden' } = this.#fates(reading)?.[index] ?? {};
    const { copiesInto } = reading?.statements?.[index] ?? {};
    if (typeof fields === 'string') return fields;
    if (!copiesInto) return 'hidden';
    const earlier = reading?.statements?.slice(0, index) ?? [];
    const unsafe = this.#isUnsafe || this.#guide.memory.encodingBefore(number, earlier);
    return copiesInto.form.kind === 'text' && unsafe ? 'hidden' : copyInFields(copiesInto.form, fields, masks);
  }

  /** A byte of a letter may be another's. */
  get #isUnsafe(): boolean {
    return UNSAFE_ENCODINGS.has(this.#statements.settings.get('client_encoding') ?? 'UTF8');
  }
}

const unreadFates = (reading: TextReading | undefined): Fates => (reading?.tooLong ? TOO_LONG : ALL_HIDDEN);

/** Of a message that cannot be read nothing but its type and length. */
function hidden(message: Buffer): Buffer {
  const copy = Buffer.from(message);
  hideText(copy, HEADER_BYTES);
  return copy;
}

/** NUL bytes stay: they end texts. */
function hideText(bytes: Buffer, from: number): void {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) bytes[at] = 0x2a;
}

/** As a count of what COPY data holds: whole lines that end in it. */
function linesIn(part: Buffer): number {
  let lines = 0;
  for (let at = part.indexOf(LF); at >= 0; at = part.indexOf(LF, at + 1)) lines++;
  return lines;
}
