// Finds what a statement's text says that is a secret: literals that a word such as PASSWORD names, also
// in connection strings, JSON and SQL within a literal, and the parameters that stand in such places.
// Writes over them in place, byte for byte.
//
// Literals are found by a lexer of PostgreSQL's own rules: '' and E'' strings, dollar quotes, comments
// that nest, quoted identifiers. It need not understand the statement, so it masks what no parser reads too.

import { sameLength } from '../../../../core/masking/masks.ts';
import { ValueList } from './value-list.ts';

export interface LiteralOptions {
  /** Every literal goes, strings and numbers: the statement may write to or compare with a masked column. */
  readonly withholdLiterals: boolean;
  /** standard_conforming_strings is off, or not known to be on: a backslash may escape in every string. */
  readonly backslashEscapes?: boolean;
  /** Statements that PREPARE made, with the numbers of their parameters that are secrets. */
  readonly prepared?: ReadonlyMap<string, ReadonlySet<number>>;
}

/** What a text holds of secrets. */
export interface Secrets {
  /** As they stand in the text. */
  readonly values: readonly Buffer[];
  /** Numbers of the parameters ($1 is 1) whose values are secrets; `all` where nobody could look. */
  readonly parameters: ReadonlySet<number> | 'all';
}

export interface FoundSecrets extends Secrets {
  readonly hidden: boolean;
  /** As LiteralOptions.prepared: what this text makes. */
  readonly prepares: ReadonlyMap<string, ReadonlySet<number>>;
}

const NAMES = 'password|passwd|passphrase|pwd|secret|secret_key|api_key|apikey|token';
/** What a literal behind it is: `PASSWORD 'x'`, `password = 'x'`, `OPTIONS (password 'x')`, `IDENTIFIED BY 'x'`. */
const SECRET_NAME = new RegExp(`(?:${NAMES})$`, 'i');
const ADDRESS = "://[^\\s:/@']{0,100}:";
/** A text in which nothing of this stands says no secret. Far cheaper than reading it. */
const MAY_SAY = new RegExp(
  `passw|passphrase|pwd|secret|api_?key|token|identified|(?:alter|create)\\s+(?:role|user|group)\\b|${ADDRESS}[^\\s@/']+@`,
  'i',
);
const WITHHELD = '[withheld]';
const SECRET = '[password]';

/** Whether `b[start, end)` may say a secret. False is certain. */
export const maySaySecret = (b: Buffer, start: number, end: number): boolean =>
  MAY_SAY.test(b.toString('latin1', start, end));

/** The same where statements of these names may be run. */
export const mayRun = (b: Buffer, start: number, end: number, prepared: LiteralOptions['prepared']): boolean =>
  prepared !== undefined && prepared.size > 0 && /execute/i.test(b.toString('latin1', start, end));

/** Where it may begin to; -1: nowhere. */
export const mayBeginSecret = (b: Buffer): number => b.toString('latin1', 0, b.length).search(MAY_SAY);

/** An address at the end of a text that may go on with a password, or is within one. */
export const CUT_ADDRESS = new RegExp(`(${ADDRESS})[^\\s@/']*$`);

/** Writes over the text in place. Gives whether anything was hidden, and what of it are secrets. */
export function hideLiterals(b: Buffer, options: LiteralOptions): FoundSecrets {
  const found = new Found();
  const original = Buffer.from(b);
  read(b, original, options, found);
  if (options.backslashEscapes === true && b.includes(BACKSLASH)) {
    // Nobody is sure that it escapes: what either reading hides is hidden.
    const other = Buffer.from(original);
    read(other, original, { ...options, backslashEscapes: false }, found);
    for (let at = 0; at < b.length; at++) if (other[at] !== original[at]) b[at] = other[at] as number;
  }
  return found;
}

class Found implements FoundSecrets {
  hidden = false;
  readonly values: Buffer[] = [];
  readonly parameters = new Set<number>();
  readonly prepares = new Map<string, Set<number>>();
}

const QUOTE = 0x27;
const DOUBLE = 0x22;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const DOLLAR = 0x24;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const LF = 0x0a;
const CR = 0x0d;

/** Between a name and its value. */
const BETWEEN = /^(?:to|is|in|like|encrypted|default|any)$/;
/** In front of a bracket: no call of a function. */
const NO_CALL = /^(?:|in|any|all|some|values|and|or|not|where|on|as|with|using|select|then|else|when)$/;
/** Behind it another statement begins. */
const BEGINS = /^(?:begin|then|else|loop|declare)$/;

/** Of code in dollar quotes in code: what is deeper is hidden whole. */
const MAX_DEPTH = 8;

/** `original`: the same before anything was written over. */
function read(b: Buffer, original: Buffer, options: LiteralOptions, found: Found, depth = 0): void {
  const { withholdLiterals, backslashEscapes = false } = options;
  /** A secret is declared: `password text := 'x'`. */
  let declared = false;
  /** Whether the next string is named a secret by the words in front of it. */
  let secret = false;
  /** And a sign of assignment stands behind them. */
  let assigned = false;
  /** The last literal was the name of what comes behind the comma: `set_config('a.secret', 'x', false)`. */
  let named = false;
  let word = '';
  /** Where a string begins with an E in front. */
  let escapedAt = -1;
  /** Words in front of the brackets that are open. */
  let calls: string[] = [];
  /** All literals within brackets deeper than this are secret; -1: none are. */
  let within = -1;
  let list: ValueList | undefined;
  /** Words since the statement began, up to three: `alter role x`. */
  let words: string[] = [];
  let role = false;
  const isSecret = (): boolean => secret || within >= 0 || list?.isSecret === true || (role && !/^until$/i.test(word));
  const hide = (start: number, end: number, content: Buffer): void => {
    if (end <= start) return;
    if (isSecret()) {
      found.values.push(Buffer.from(content.subarray(start, end)));
      b.set(sameLength(SECRET, end - start), start);
      found.hidden = true;
    } else if (withholdLiterals) {
      hideWithin(Buffer.from(content.subarray(start, end)), found);
      b.set(sameLength(WITHHELD, end - start), start);
      found.hidden = true;
    } else hideWithin(b.subarray(start, end), found);
  };
  const behind = (): void => {
    secret = false;
    assigned = false;
    named = false;
    declared = false;
    word = '';
  };
  /** `alter role x password y`, `set app.token = "y"`: there a value needs no quotes, or is put in the wrong ones. */
  const isBareSecret = (): boolean => secret && (role || (assigned && words[0] === 'set'));
  const begin = (): void => {
    behind();
    calls = [];
    within = -1;
    list = undefined;
    words = [];
    role = false;
  };
  const parameter = (number: number): void => {
    const [verb, name = ''] = words;
    if (verb !== 'prepare') found.parameters.add(number);
    else found.prepares.set(name, (found.prepares.get(name) ?? new Set()).add(number));
  };
  const literal = (start: number, end: number, next: number): void => {
    const text = original.toString('latin1', start, Math.min(end, start + MAX_WITHIN_BYTES));
    behind();
    if (text.length <= 200 && SECRET_NAME.test(text) && !/\s/.test(text)) named = !NO_CALL.test(calls.at(-1) ?? '');
    if (!OPEN_END.test(text)) {
      // `format('... password %L', 'x')`: what is put there stands behind it.
      if (PLACE.test(text)) within = Math.max(0, calls.length - 1);
    } else if (/^\s*\|\|/.test(original.toString('latin1', next, next + 100))) {
      secret = true;
      assigned = true;
    }
  };
  for (let at = 0; at < b.length; ) {
    const byte = b[at] as number;
    if (byte === DASH && b[at + 1] === DASH) {
      const end = lineEnd(b, at);
      if (withholdLiterals) b.fill(STAR, at + 2, end);
      found.hidden ||= withholdLiterals;
      at = end;
    } else if (byte === SLASH && b[at + 1] === STAR) {
      const end = commentEnd(b, at);
      if (withholdLiterals && end - at > 4) b.fill(0x20, at + 2, end - 2);
      found.hidden ||= withholdLiterals;
      at = end;
    } else if (byte === QUOTE) {
      const escapes = backslashEscapes || escapedAt === at;
      const start = at + 1;
      const end = stringEnd(b, start, QUOTE, escapes);
      hide(start, end, original);
      at = end + 1;
      // Another string on the next line goes on with this one.
      for (let next = continued(b, at); next >= 0; next = continued(b, at)) {
        const rest = stringEnd(b, next + 1, QUOTE, escapes);
        hide(next + 1, rest, original);
        at = rest + 1;
      }
      literal(start, end, at);
    } else if (byte === DOUBLE) {
      const end = stringEnd(b, at + 1, DOUBLE, false);
      if (isBareSecret()) {
        hide(at + 1, end, original);
        behind();
        at = end + 1;
        continue;
      }
      word = b.toString('latin1', at + 1, end);
      secret = SECRET_NAME.test(word);
      assigned = false;
      list?.name(word, secret, calls.length);
      if (words.length < 3) words.push(word);
      at = end + 1;
    } else if (byte === DOLLAR && !isWordByte(b[at - 1])) {
      if (isDigit(b[at + 1])) {
        let end = at + 1;
        while (isDigit(b[end])) end++;
        if (isSecret()) parameter(Number(original.toString('latin1', at + 1, end)));
        if (withholdLiterals) b.fill(ZERO, at + 1, end);
        found.hidden ||= withholdLiterals;
        behind();
        at = end;
        continue;
      }
      const tag = /^\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/.exec(b.toString('latin1', at, at + 66))?.[0];
      if (tag === undefined) {
        at++;
        continue;
      }
      const start = at + tag.length;
      const close = b.indexOf(tag, start, 'latin1');
      const end = close < 0 ? b.length : close;
      if (isSecret() || withholdLiterals) hide(start, end, original);
      // A body may be code (DO, CREATE FUNCTION): its own literals count as well.
      else if (depth < MAX_DEPTH)
        read(b.subarray(start, end), original.subarray(start, end), options, found, depth + 1);
      else {
        b.fill(STAR, start, end);
        found.hidden = true;
      }
      at = end + tag.length;
      literal(start, end, at);
    } else if (isWordByte(byte)) {
      let end = at;
      while (end < b.length && isWordByte(b[end])) end++;
      const last = word;
      word = b.toString('latin1', at, end);
      // U&'...': the words before still count.
      if (b[end] === 0x26 && (b[end + 1] === QUOTE || b[end + 1] === DOUBLE) && /^u$/i.test(word)) {
        end++;
        if (/^until$/i.test(last)) word = last;
      } else if (isDigit(byte)) {
        if (withholdLiterals) {
          for (let i = at; i < end; i++) if (isDigit(b[i])) b[i] = ZERO;
          found.hidden = true;
        }
      } else if (end < b.length && b[end] === QUOTE && /^(?:e|n|b|x)$/i.test(word)) {
        // The letter in front of a string: the words before still count.
        if (/^e$/i.test(word)) escapedAt = end;
        if (/^until$/i.test(last)) word = last;
      } else {
        const lower = word.toLowerCase();
        const call = b[blanksEnd(b, end)] === 0x28;
        if (isBareSecret() && !BETWEEN.test(lower) && !/^(?:null|default)$/.test(lower)) {
          end = bareEnd(b, end);
          hide(at, end, original);
          behind();
          at = end;
          continue;
        }
        if (secret && assigned && call && !BETWEEN.test(lower)) within = within < 0 ? calls.length : within;
        else if (!BETWEEN.test(lower)) {
          secret = SECRET_NAME.test(word) || (lower === 'by' && /^identified$/i.test(last));
          assigned = false;
          declared ||= secret;
        } else if (lower === 'default' && declared) secret = true;
        else if (lower === 'to') assigned = true;
        if (lower === 'insert' || (lower === 'set' && call)) list = new ValueList(calls.length, lower === 'set');
        else list?.name(lower, secret, calls.length);
        if (BEGINS.test(lower)) words = [];
        else if (words.length < 3 && words.push(lower) > 1)
          role = /^(?:alter|create) (?:role|user|group)(?: (?!mapping)|$)/.test(words.join(' '));
        if (lower === 'set') role = false;
      }
      at = end;
    } else {
      // Between a name and its value only signs of an assignment may stand, and brackets.
      if (byte === 0x3b) begin();
      else if (byte === 0x2c) {
        const naming = named;
        behind();
        secret = naming;
        list?.comma(calls.length);
      } else if (byte === 0x28) {
        const name = words[0] === 'execute' && calls.length === 0 ? words[1] : undefined;
        const taken = name === undefined ? undefined : (found.prepares.get(name) ?? options.prepared?.get(name));
        if (taken) list = ValueList.ofParameters(taken);
        else list?.open(calls.length);
        calls.push(/\w/.test(String.fromCharCode(b[at - 1] ?? 0)) ? word.toLowerCase() : '');
      } else if (byte === 0x29) {
        calls.pop();
        if (list?.close(calls.length) === true) behind();
        if (within >= 0 && calls.length <= within) {
          within = -1;
          behind();
        }
      } else if (byte === 0x3d) {
        if (declared && b[at - 1] === 0x3a) secret = true;
        assigned = true;
      }
      at++;
    }
    if (list?.over) list = undefined;
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

const isWordByte = (byte: number | undefined): boolean =>
  byte !== undefined &&
  (isDigit(byte) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte >= 0x80);

function blanksEnd(b: Buffer, at: number): number {
  let end = at;
  while (b[end] === 0x20 || (b[end] !== undefined && (b[end] as number) >= 0x09 && (b[end] as number) <= CR)) end++;
  return end;
}

function bareEnd(b: Buffer, at: number): number {
  let end = at;
  while (end < b.length && !/[\s;,()'"]/.test(String.fromCharCode(b[end] as number))) end++;
  return end;
}

function lineEnd(b: Buffer, at: number): number {
  for (let end = at; end < b.length; end++) if (b[end] === LF || b[end] === CR) return end;
  return b.length;
}

// Bounded, so that no text makes a search take longer than its length.
const ASSIGNED = '["\\s]{0,16}(?:=>|:=|=|\\bto\\b|\\bis\\b)?\\s{0,16}';
/** A literal that ends where a secret would be put behind it. */
const OPEN_END = new RegExp(`(?:${NAMES})${ASSIGNED}'{0,2}$`, 'i');
/** One with a place for it. */
const PLACE = new RegExp(`(?:${NAMES})${ASSIGNED}'{0,2}%`, 'i');
/**
 * What names a secret within a literal: `password=x`, `password = 'x'`, `//user:x@`; in SQL `password ''x''` and
 * `password $$x$$`; in JSON `"password": "x"`.
 */
const WITHIN = new RegExp(
  `((?:${NAMES}|pass(?:w\\w{0,16})?)\\s{0,16}=\\s{0,16})(''(?:[^'\\\\]|\\\\.)*|'(?:[^'\\\\]|\\\\.|'')*|[^\\s';&]+(?:\\s{1,8}(?![^\\s'=;&]{0,64}\\s{0,8}=)[^\\s'=;&]+){0,8})` +
    `|(${ADDRESS})([^\\s@/']+)(?=@)` +
    `|((?:${NAMES})${ASSIGNED}[EN]?(?:''|\\\\'))((?:[^'\\\\]|''''|\\\\[^'])+)` +
    `|((?:${NAMES})${ASSIGNED}\\$\\w*\\$)([^$]+)` +
    `|((?:${NAMES})\\\\?"\\s{0,16}:\\s{0,16}\\\\?")((?:[^"\\\\]|\\\\.)+)`,
  'gi',
);
const MAX_WITHIN_BYTES = 1024 * 1024;

function hideWithin(b: Buffer, found: Found): void {
  if (b.length < 5 || b.length > MAX_WITHIN_BYTES) return;
  const text = b.toString('latin1', 0, b.length);
  if (!MAY_SAY.test(text)) return;
  for (const match of text.matchAll(WITHIN)) {
    const pair = [1, 3, 5, 7, 9].find((group) => match[group] !== undefined) ?? 1;
    const value = match[pair + 1] ?? '';
    const from = match.index + (match[pair] ?? '').length;
    const bare = /^'*/.exec(value)?.[0].length ?? 0;
    if (value.length > bare) found.values.push(Buffer.from(b.subarray(from + bare, from + value.length)));
    b.fill(STAR, from, from + value.length);
    found.hidden = true;
  }
}

/** Where a string goes on that ended before `from`: behind blanks and comments with a line's end among them. -1: it does not. */
function continued(b: Buffer, from: number): number {
  let lines = false;
  for (let at = from; at < b.length; at++) {
    const byte = b[at] as number;
    if (byte === QUOTE) return lines ? at : -1;
    if (byte === DASH && b[at + 1] === DASH) at = lineEnd(b, at) - 1;
    else if (byte === LF || byte === CR) lines = true;
    else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0b && byte !== 0x0c) return -1;
  }
  return -1;
}

/** PostgreSQL's comments nest. */
function commentEnd(b: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < b.length - 1; at++) {
    if (b[at] === SLASH && b[at + 1] === STAR) {
      depth++;
      at++;
    } else if (b[at] === STAR && b[at + 1] === SLASH) {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return b.length;
}

/** Where the closing quote stands; a doubled one is part of the string. */
function stringEnd(b: Buffer, start: number, quote: number, escapes: boolean): number {
  for (let at = start; at < b.length; at++) {
    if (escapes && b[at] === BACKSLASH) at++;
    else if (b[at] === quote) {
      if (b[at + 1] !== quote) return at;
      at++;
    }
  }
  return b.length;
}
