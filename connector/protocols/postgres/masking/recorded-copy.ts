// The client's messages as a session with masks records them: as long and of the same layout, with what
// rules hide written over. Facts, replays, search and exports are made of these.
//
// A message too long to be kept whole has its text, or every value, written over.

import type { Masks } from '../../../../core/masking/masks.ts';
import { CONFORMING } from '../../../../core/sql/postgres.ts';
import { HEADER_BYTES } from '../framing.ts';
import type { Source } from '../names.ts';
import type { CopySubject, RecordedCopies } from '../recorded-copies.ts';
import type { StatementEchoes } from '../statement-echoes.ts';
import type { Statements } from '../statements.ts';
import { CopyInLines, hide } from './copy-in.ts';
import { ALL_HIDDEN, ALL_STAY, type Fates } from './literal-fates.ts';
import type { LiveGuide } from './live-guide.ts';
import { LongParameters } from './long-parameters.ts';
import { UNSAFE_ENCODINGS } from './result-masker.ts';
import { copyParameters } from './parameter-copy.ts';
import type { FoundSecrets } from './secret-literals.ts';
import { hiddenFill } from './same-length.ts';
import { maskParameter, maskStatement } from './statement-text.ts';
import type { Readings, StatementReading, TextReading } from './statement-reading.ts';
import { asSent, WITHHOLD_ALL, type Withholding, withholdingOf } from './text-fates.ts';

const QUERY = 0x51;
const PARSE = 0x50;
const BIND = 0x42;
const FUNCTION_CALL = 0x46;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const COPY_FAIL = 0x66;

export class MaskedCopies implements RecordedCopies {
  readonly #statements: Statements;
  readonly #readings: Readings;
  readonly #guide: LiveGuide;
  readonly #echoes: StatementEchoes;
  readonly #lines = new CopyInLines();
  #long: LongParameters | undefined;

  constructor(statements: Statements, readings: Readings, guide: LiveGuide, echoes: StatementEchoes) {
    this.#echoes = echoes;
    this.#statements = statements;
    this.#readings = readings;
    this.#guide = guide;
  }

  copy(type: number, message: Buffer, masks: Masks, subject: CopySubject): Buffer {
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
    const encoding = this.#statements.settings.get('client_encoding') ?? 'UTF8';
    if (cut || end < 0 || UNSAFE_ENCODINGS.has(encoding)) {
      subject.told?.({ values: [], parameters: 'all' });
      masks.hide('not_certain');
      const copy = Buffer.from(message);
      hideText(copy, from);
      return copy;
    }
    const bytes = message.subarray(from, end);
    const { names } = this.#statements;
    const onSecrets = (found: FoundSecrets) => {
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
    return copy;
  }

  #withholding(reading: TextReading | undefined, text: string, sent: Buffer): Withholding | undefined {
    if (this.#guide.masks.columnRules.length === 0) return undefined;
    const fates = this.#fates(reading);
    const found = fates ? withholdingOf(reading?.statements ?? [], fates) : WITHHOLD_ALL;
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
      masks.hide('not_certain');
      hid?.('all');
      return copy;
    }
    const fates = this.#fatesOfParameters(prepared);
    const secrets = prepared?.secrets;
    if (secrets) this.#echoes.expect(secrets);
    const hidden = new Set<number>();
    const copy = copyParameters(message, from, (value, index, format) => {
      const secret = secrets?.parameters === 'all' || secrets?.parameters.has(index + 1) === true;
      if (secret) this.#echoes.expect({ values: [Buffer.from(value)] });
      const hider = secret ? 'secret' : fates.parameter(index + 1);
      if (hider === undefined) return maskParameter(value, prepared?.types[index] ?? 0, format, masks);
      masks.hide(hider);
      hidden.add(index + 1);
      return hiddenFill(value.length);
    });
    if (hidden.size > 0) hid?.(hidden);
    return copy;
  }

  /** A Bind's statement is one. */
  #fatesOfParameters(prepared: CopySubject['prepared']): Fates {
    if (this.#guide.masks.columnRules.length === 0) return ALL_STAY;
    const [only, ...more] = this.#fates(this.#guide.readingOf(prepared?.source)) ?? [];
    return only && more.length === 0 ? only : ALL_HIDDEN;
  }

  #hidesCopy(source: Source | undefined): boolean {
    const fates = this.#fates(this.#guide.readingOf(source));
    return !fates || fates.some(({ allStay }) => !allStay);
  }

  /** `from`: behind the header, where there is one. */
  #copyData(part: Buffer, from: number, masks: Masks): Buffer {
    const { next } = this.#statements.pipeline;
    const source = next && 'statement' in next ? next.statement.source : undefined;
    if (masks.columnRules.length > 0 && this.#hidesCopy(source)) {
      const copy = Buffer.from(part);
      hide(copy, from, copy.length);
      return copy;
    }
    if (!masks.finder) return part;
    const copy = Buffer.from(part);
    copy.set(this.#lines.mask(part.subarray(from), masks), from);
    return copy;
  }
}

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
