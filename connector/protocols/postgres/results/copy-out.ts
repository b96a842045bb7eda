// COPY ... TO STDOUT. The data of all CopyData messages is one stream; what comes out is cut into
// messages anew. Text and CSV are read field by field as they come; of a field at most a window is
// held. Binary rows are those of DataRow behind a header of the file.

import type { TextStream } from '../../../../core/masking/text-stream.ts';
import { placeholder } from '../../../../core/masking/ways.ts';
import { type CellContext, maskCell } from '../values/cells.ts';
import { CopyBinary } from './copy-binary.ts';
import type { CopyPlan, CopyTextPlan } from './copy-plan.ts';
import { CopyRows } from './copy-rows.ts';
import type { ChunkRewrite } from '../../../sql/output.ts';
import { CellRefused, REASONS } from '../values/refused-result.ts';
import type { ColumnPlan } from '../values/result-plan.ts';
import { kindOf } from '../wire/types.ts';

/** Of a field that is longer nothing is held; it is masked while it passes. */
const MAX_FIELD_BYTES = 64 * 1024;

interface Rewriter {
  push(part: Buffer): Uint8Array[];
  end(): Uint8Array[];
  /** Rewrites b[start, end) in its message, and gives how much longer it becomes. Undefined: it is for `push`. */
  rewriteRow?(b: Buffer, start: number, end: number, to: ChunkRewrite): number | undefined;
}

export class CopyRewriter implements Rewriter {
  readonly #inner: Rewriter;

  constructor(context: CellContext, plan: CopyPlan) {
    this.#inner = plan.kind === 'text' ? new CopyFields(context, plan) : new CopyBinary(context, plan.columns);
  }

  push(part: Buffer): Uint8Array[] {
    return this.#inner.push(part);
  }

  end(): Uint8Array[] {
    return this.#inner.end();
  }

  /** One message's data, where that is one row; undefined: it is for `push`. */
  rewriteRow(b: Buffer, start: number, end: number, to: ChunkRewrite): number | undefined {
    return this.#inner.rewriteRow?.(b, start, end, to);
  }
}

const LF = 0x0a;
const CR = 0x0d;
const BACKSLASH = 0x5c;
const BEYOND: ColumnPlan = { kind: 'withhold', type: 25, format: 'text' };

class CopyFields implements Rewriter {
  readonly #context: CellContext;
  readonly #plan: CopyTextPlan;
  #column = 0;
  #row = 0;
  /** What is decided of the row under way. */
  #line: Uint8Array[] = [];
  /** The field under way as it came, while it is not too long. */
  #field: Buffer[] = [];
  #fieldBytes = 0;
  #long: { stream: TextStream | undefined; shown: boolean } | undefined;
  #quoted = false;
  #escaped = false;
  readonly #rows: CopyRows;

  constructor(context: CellContext, plan: CopyTextPlan) {
    this.#context = context;
    this.#plan = plan;
    const mask = (column: number, raw: Buffer): Uint8Array => {
      this.#column = column;
      const put = this.#mask(raw);
      this.#column = 0;
      return put;
    };
    this.#rows = new CopyRows(context, plan, mask, (value) => this.#write(value));
  }

  rewriteRow(b: Buffer, start: number, end: number, to: ChunkRewrite): number | undefined {
    const underWay =
      this.#column > 0 || this.#fieldBytes > 0 || this.#long || this.#quoted || this.#escaped || this.#line.length > 0;
    if (underWay) return undefined;
    const growth = this.#rows.rewrite(b, start, end, this.#plan.header && this.#row === 0, to);
    if (growth !== undefined) this.#row++;
    return growth;
  }

  push(part: Buffer): Uint8Array[] {
    const rows: Uint8Array[] = [];
    const out: Uint8Array[] = [];
    const { delimiter, csv } = this.#plan;
    let from = 0;
    for (let at = 0; at < part.length; at++) {
      const byte = part[at] as number;
      if (csv) {
        if (this.#escaped) this.#escaped = false;
        // An escaped quote closes and opens again, which comes to the same, unless the escape is another byte.
        else if (this.#quoted && byte === csv.escape && csv.escape !== csv.quote) this.#escaped = true;
        else if (byte === csv.quote) this.#quoted = !this.#quoted;
        if (this.#quoted || this.#escaped) continue;
      } else if (this.#escaped) {
        this.#escaped = false;
        continue;
      } else if (byte === BACKSLASH) {
        this.#escaped = true;
        continue;
      }
      if (byte !== delimiter && byte !== LF) continue;
      this.#take(out, part.subarray(from, at));
      this.#endField(out);
      out.push(Buffer.from([byte]));
      from = at + 1;
      this.#column = byte === LF ? 0 : this.#column + 1;
      if (byte !== LF) continue;
      this.#row++;
      // Servers send a row a message, and some clients count on it.
      rows.push(Buffer.concat([...this.#line, ...out]));
      this.#line = [];
      out.length = 0;
    }
    this.#take(out, part.subarray(from));
    if (out.length > 0) this.#line.push(Buffer.concat(out));
    if (this.#line.reduce((sum, piece) => sum + piece.length, 0) > MAX_FIELD_BYTES || this.#line.length > 1000) {
      rows.push(Buffer.concat(this.#line));
      this.#line = [];
    }
    return rows;
  }

  end(): Uint8Array[] {
    const out: Uint8Array[] = [...this.#line];
    this.#endField(out);
    this.#line = [];
    return [Buffer.concat(out)];
  }

  get #columnPlan(): ColumnPlan {
    return this.#plan.columns[this.#column] ?? BEYOND;
  }

  #take(out: Uint8Array[], part: Buffer): void {
    if (part.length === 0) return;
    if (!this.#long && this.#fieldBytes + part.length > MAX_FIELD_BYTES) this.#goLong(out);
    if (this.#long) {
      if (this.#long.stream) out.push(this.#long.stream.push(part));
      else if (this.#long.shown) out.push(Buffer.from(part));
      return;
    }
    this.#field.push(Buffer.from(part));
    this.#fieldBytes += part.length;
  }

  #goLong(out: Uint8Array[]): void {
    const plan = this.#columnPlan;
    const held = Buffer.concat(this.#field);
    const { masks, unsafeEncoding } = this.#context;
    const header = this.#plan.header && this.#row === 0;
    const stream = plan.kind === 'detect' && !header && !unsafeEncoding ? masks.stream() : undefined;
    this.#long = { stream, shown: plan.kind === 'pass' || header };
    if (stream) out.push(stream.push(held));
    else if (this.#long.shown) out.push(held);
    else {
      if (plan.kind !== 'mask') throw new CellRefused({ ...REASONS.encoding, column: this.#column + 1 });
      masks.count(plan.rule);
      out.push(Buffer.from(this.#longMasked(plan), 'latin1'));
    }
    this.#field = [];
  }

  #longMasked({ way, type }: Extract<ColumnPlan, { kind: 'mask' }>): string {
    if (way === 'null') return this.#plan.nullText;
    const text = typeof way === 'object' ? Buffer.from(way.fixed).toString('latin1') : placeholder('masked');
    return this.#write(['json', 'jsonb'].includes(kindOf(type)) ? JSON.stringify(text) : text);
  }

  #endField(out: Uint8Array[]): void {
    if (this.#long) {
      if (this.#long.stream) out.push(this.#long.stream.end());
    } else out.push(this.#mask(Buffer.concat(this.#field)));
    this.#field = [];
    this.#fieldBytes = 0;
    this.#long = undefined;
    this.#quoted = false;
  }

  #mask(raw: Buffer): Uint8Array {
    const plan = this.#columnPlan;
    if (plan.kind === 'pass' || (this.#plan.header && this.#row === 0)) return raw;
    // The end mark of old versions, and the empty line of a table without columns.
    const carriage = raw[raw.length - 1] === CR;
    const body = carriage ? raw.subarray(0, -1) : raw;
    const text = body.toString('latin1');
    if (text === this.#plan.nullText || (this.#column === 0 && (text === '\\.' || text === ''))) return raw;
    const value = this.#plan.csv ? unquote(text, this.#plan.csv) : readEscapes(text);
    const bytes = Buffer.from(value, 'latin1');
    const masked = maskCell(this.#context, plan, this.#column + 1, bytes, 0, bytes.length);
    if (masked === undefined) return raw;
    const put = masked === null ? this.#plan.nullText : this.#write(Buffer.from(masked).toString('latin1'));
    return Buffer.from(put + (carriage ? '\r' : ''), 'latin1');
  }

  #write(value: string): string {
    const { csv, delimiter, nullText } = this.#plan;
    const separator = String.fromCharCode(delimiter);
    if (!csv) {
      return value
        .replace(/[\\\b\f\n\r\t\v]/g, (letter) => `\\${WRITTEN[letter] ?? letter}`)
        .replaceAll(separator, (one) => (one === '\t' ? '\\t' : `\\${one}`));
    }
    const quote = String.fromCharCode(csv.quote);
    const escapeSign = String.fromCharCode(csv.escape);
    if (
      value !== nullText &&
      !value.includes(quote) &&
      !value.includes(separator) &&
      !/[\r\n\\]/.test(value) &&
      value !== ''
    )
      return value;
    return (
      quote + [...value].map((one) => (one === quote || one === escapeSign ? escapeSign + one : one)).join('') + quote
    );
  }
}

const WRITTEN: Readonly<Record<string, string>> = {
  '\b': 'b',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
  '\v': 'v',
  '\\': '\\',
};
const READ: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** \b \f \n \r \t \v, \ooo and \xhh; any other letter stands for itself. */
const readEscapes = (text: string): string =>
  text.includes('\\')
    ? text.replace(
        /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g,
        (_, hex?: string, octal?: string, letter?: string) => {
          if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
          if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
          return letter === undefined ? '' : (READ[letter] ?? letter);
        },
      )
    : text;

function unquote(text: string, csv: { readonly quote: number; readonly escape: number }): string {
  const quote = String.fromCharCode(csv.quote);
  if (!text.includes(quote)) return text;
  const escapeSign = String.fromCharCode(csv.escape);
  let value = '';
  let inside = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    const next = text[at + 1];
    if (inside && letter === escapeSign && (next === quote || next === escapeSign)) {
      value += next;
      at++;
    } else if (letter === quote) inside = !inside;
    else value += letter;
  }
  return value;
}
