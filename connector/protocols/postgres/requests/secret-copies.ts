// The client's messages as a session without masks records them: secrets that its statements say are
// written over (law 11). Of texts in which no word could name one, nothing is read.
//
// A text too long to be kept whole is recorded up to where something could name a secret, and written over behind.

import { HEADER_BYTES } from '../wire/framing.ts';
import type { CopySubject } from './request-copies.ts';
import type { StatementEchoes } from './statement-echoes.ts';
import type { Statements } from '../pipeline/statements.ts';
import { LongParameters } from './long-parameters.ts';
import { copyParameters } from './parameter-copy.ts';
import { UNSAFE_ENCODINGS } from '../wire/encoding.ts';
import { hiddenFill } from '../values/same-length.ts';
import type { Secrets } from '../../../sql/found-secrets.ts';
import { hideLiterals, mayRun } from '../../../sql/secret-literals.ts';
import { CUT_ADDRESS, mayBeginSecret, maySaySecret } from '../../../sql/secret-words.ts';

const QUERY = 0x51;
const PARSE = 0x50;
const BIND = 0x42;
const STAR = 0x2a;
const NOTHING = Buffer.alloc(0);
/** What a word, or an address with a password, may reach back over the border of two parts. */
const OVERLAP_BYTES = 512;
const ALL: Secrets = { values: [], parameters: 'all' };

export class SecretCopies {
  readonly #statements: Statements;
  readonly #echoes: StatementEchoes;
  readonly #hide: (values: number) => void;
  #long: LongParameters | undefined;
  /** Of the long text under way. */
  #rest: 'shown' | 'address' | 'hidden' = 'hidden';
  #tail: Buffer = NOTHING;

  /** `hide`: secrets were hidden. */
  constructor(statements: Statements, echoes: StatementEchoes, hide: (values: number) => void) {
    this.#hide = hide;
    this.#statements = statements;
    this.#echoes = echoes;
  }

  /** Whether the text in `b[start, end)` is perhaps not recorded as it is. */
  mayHide(b: Buffer, start: number, end: number): boolean {
    return maySaySecret(b, start, end) || mayRun(b, start, end, this.#statements.names.secretParameters);
  }

  /** As RecordedCopies. */
  copy(type: number, message: Buffer, subject: CopySubject): Buffer {
    if (type !== QUERY && type !== PARSE && type !== BIND) return message;
    const cut = message.length < message.readInt32BE(1) + 1;
    try {
      if (type === BIND) return this.#bind(message, subject, cut);
      const from = type === QUERY ? HEADER_BYTES : message.indexOf(0, HEADER_BYTES) + 1;
      if (from === 0) return hidden(message, HEADER_BYTES);
      return this.#text(type, message, from, cut, subject);
    } catch {
      return hidden(message, HEADER_BYTES);
    }
  }

  part(type: number, part: Buffer, last: boolean): Buffer {
    if (type === BIND) {
      const copy = this.#long ? Buffer.from(part) : part;
      this.#long?.hide(copy, 0, copy.length);
      if (last) this.#long = undefined;
      return copy;
    }
    if (type !== QUERY && type !== PARSE) return part;
    const copy = this.#go(part);
    if (last) this.#rest = 'hidden';
    return copy;
  }

  #text(
    type: number,
    message: Buffer,
    from: number,
    cut: boolean,
    { backslashEscapes = true, told }: CopySubject,
  ): Buffer {
    const end = cut ? message.length : message.indexOf(0, from);
    if (cut) {
      this.#rest = 'shown';
      this.#tail = NOTHING;
      if (type === PARSE) told?.(ALL);
    }
    if (end < 0) return hidden(message, from);
    if (!this.mayHide(message, from, end)) {
      if (!cut) return message;
      const copy = Buffer.from(message);
      copy.set(this.#go(message.subarray(from)), from);
      return copy;
    }
    if (cut) {
      this.#rest = 'hidden';
      this.#hide(1);
    }
    if (UNSAFE_ENCODINGS.has(this.#statements.settings.get('client_encoding') ?? 'UTF8')) {
      told?.(ALL);
      this.#hide(1);
      return hidden(message, from);
    }
    const { names } = this.#statements;
    const copy = Buffer.from(message);
    const found = hideLiterals(copy.subarray(from, end), {
      backslashEscapes,
      prepared: names.secretParameters,
    });
    names.prepareSecrets(found.prepares);
    this.#echoes.expect(found);
    this.#hide(found.counts.get('secret') ?? 0);
    if (!cut) told?.(found);
    return found.hidden ? copy : message;
  }

  /** The next part of a long text. */
  #go(part: Buffer): Buffer {
    if (this.#rest === 'hidden') return hidden(part, 0);
    const before = this.#tail.length;
    const border = Buffer.concat([this.#tail, part.subarray(0, OVERLAP_BYTES)]);
    let copy = part;
    if (this.#rest === 'address') {
      const stop = part.toString('latin1', 0, part.length).search(/[\s@/']/);
      copy = hidden(part, 0, stop < 0 ? part.length : stop);
      if (stop >= 0) this.#rest = 'shown';
    }
    const across = mayBeginSecret(border);
    const begins = across >= 0 ? Math.max(0, across - before) : mayBeginSecret(part);
    if (begins >= 0) {
      this.#rest = 'hidden';
      this.#hide(1);
      return hidden(copy, begins);
    }
    this.#tail = Buffer.from(
      part.length >= OVERLAP_BYTES
        ? part.subarray(-OVERLAP_BYTES)
        : Buffer.concat([this.#tail, part]).subarray(-OVERLAP_BYTES),
    );
    const address = CUT_ADDRESS.exec(this.#tail.toString('latin1'));
    if (address) {
      this.#rest = 'address';
      this.#hide(1);
      const value = part.length - this.#tail.length + address.index + (address[1] ?? '').length;
      copy = hidden(copy, Math.max(0, value));
    }
    return copy;
  }

  #bind(message: Buffer, { prepared, hid }: CopySubject, cut: boolean): Buffer {
    this.#long = undefined;
    if (!prepared?.secrets) return message;
    const { parameters, values } = prepared.secrets;
    this.#echoes.expect({ values });
    if (parameters !== 'all' && parameters.size === 0) return message;
    const portalEnd = message.indexOf(0, HEADER_BYTES);
    const nameEnd = portalEnd < 0 ? -1 : message.indexOf(0, portalEnd + 1);
    if (nameEnd < 0) return hidden(message, HEADER_BYTES);
    if (cut) {
      const copy = Buffer.from(message);
      this.#long = new LongParameters();
      this.#long.hide(copy, nameEnd + 1, copy.length);
      this.#hide(1);
      hid?.('all');
      return copy;
    }
    hid?.(parameters);
    return copyParameters(message, nameEnd + 1, (value, index) => {
      if (parameters !== 'all' && !parameters.has(index + 1)) return value;
      this.#echoes.expect({ values: [Buffer.from(value)] });
      this.#hide(1);
      return hiddenFill(value.length);
    });
  }
}

/** NUL bytes stay: they end texts. */
function hidden(message: Buffer, from: number, to = message.length): Buffer {
  const copy = Buffer.from(message);
  for (let at = from; at < to; at++) if (copy[at] !== 0) copy[at] = STAR;
  return copy;
}
