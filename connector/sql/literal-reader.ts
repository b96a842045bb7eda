// Goes through a statement's text token by token, and writes over the literals that are secrets: those that the
// words in front of them name. It need not understand the statement, so it masks what no parser reads too.

import { type Hider, sameLength } from '../../core/masking/masks.ts';
import {
  BEGINS,
  BETWEEN,
  COMPARED,
  ENDS_VALUES,
  MAKES_CODE,
  NO_CALL,
  NUMBER,
  OTHER_LANGUAGE,
  ROLE,
  SIGNS,
  callsSecret,
  mayHideSecret,
} from './literal-words.ts';
import type { Found, LiteralOptions } from './found-secrets.ts';
import {
  endsBeforeSecret,
  hasPlaceForSecret,
  hideWithin,
  holdsSecretName,
  isSecretName,
  MAX_WITHIN_BYTES,
  maySaySecret,
  namesSecret,
} from './secret-words.ts';
import { type SqlToken, SqlTokens } from './sql-tokens.ts';
import { WITHHOLD_ALL, type Withholding } from './withholding.ts';
import { ValueList } from './value-list.ts';

const WITHHELD = '[withheld]';
const SECRET = '[password]';

const { BLANK, OPEN, CLOSE, STAR, COMMA, DASH, DOT, COLON, SEMICOLON, EQUALS } = SIGNS;

/** Of code in dollar quotes in code: what is deeper is hidden whole. */
const MAX_DEPTH = 8;

/** One reading of a text, token by token: what the tokens in front say of the literal that comes. */
export class LiteralReader {
  readonly #masked: Buffer;
  /** The same before anything was written over. */
  readonly #original: Buffer;
  readonly #options: LiteralOptions;
  readonly #found: Found;
  readonly #depth: number;
  readonly #tokens: SqlTokens;

  /** The last word or name, in small letters; empty behind a literal. */
  #word = '';
  /** The next literal is named a secret by the words in front of it. */
  #secret = false;
  /** And a sign of assignment stands behind them. */
  #assigned = false;
  /** A secret is declared: `password text := 'x'`. */
  #declared = false;
  /** The last literal was the name of what comes behind the comma: `set_config('a.secret', 'x', false)`. */
  #named = false;

  /** Words in front of the brackets that are open. */
  #calls: string[] = [];
  /** All literals within brackets deeper than this are secret; -1: none are. */
  #within = -1;
  #list: ValueList | undefined;
  /** Rows of VALUES are read. */
  #values = false;
  /** CASE within CASE that gives a secret. */
  #cases = 0;

  /** Words since the statement began, up to three: `alter role x`. */
  #words: string[] = [];
  #role = false;
  /** The word behind these. */
  #made: string | undefined;

  constructor(masked: Buffer, original: Buffer, options: LiteralOptions, found: Found, depth = 0) {
    this.#masked = masked;
    this.#original = original;
    this.#options = options;
    this.#found = found;
    this.#depth = depth;
    this.#tokens = new SqlTokens(original, options.backslashEscapes === true);
  }

  read(): void {
    for (let token = this.#tokens.next(); token !== undefined; token = this.#tokens.next()) {
      this.#take(token);
      if (this.#list?.over) this.#list = undefined;
    }
  }

  #take(token: SqlToken): void {
    switch (token) {
      case 'word':
        this.#takeWord();
        break;
      case 'sign':
        this.#takeSign(this.#original[this.#tokens.start] as number);
        break;
      case 'string':
        this.#takeString();
        break;
      case 'number':
        this.#takeNumber();
        break;
      case 'name':
        this.#takeName();
        break;
      case 'dollar string':
        this.#takeDollarString();
        break;
      case 'parameter':
        this.#takeParameter();
        break;
      case 'comment':
        this.#hideComment(this.#tokens.from, this.#tokens.to);
    }
  }

  // --- literals ---

  #takeString(): void {
    const tokens = this.#tokens;
    const { from, to } = tokens;
    const hider = this.#hiderOf(tokens.start, from - 1);
    const empty = from === to;
    if (hider !== undefined && !empty) this.#found.hide(hider);
    do this.#hide(tokens.from, tokens.to, hider);
    while (tokens.continueString(this.#hideComment));
    this.#behindString(from, to);
  }

  #takeDollarString(): void {
    const { start, from, to } = this.#tokens;
    const hider = this.#hiderOf(start);
    if (hider === undefined) this.#readCode(from, to, undefined);
    else if (hider === 'not_certain' && this.#isBody) this.#readCode(from, to, WITHHOLD_ALL);
    else {
      this.#found.hide(hider);
      this.#hide(from, to, hider);
    }
    this.#behindString(from, to);
  }

  /** What hides the literal at hand, whose place may be told as that of the sign in front of it. */
  #hiderOf(...offsets: readonly number[]): Hider | undefined {
    const { withholding, wary } = this.#options;
    if (this.#isSecret || (wary && mayHideSecret(this.#words, this.#original, this.#tokens))) return 'secret';
    if (!withholding) return undefined;
    for (const offset of offsets) {
      const hider = withholding.literal(offset);
      if (hider !== 'not_certain') return hider;
    }
    return 'not_certain';
  }

  /** A body may be code (DO, CREATE FUNCTION): its own literals count as well. */
  #readCode(from: number, to: number, withholding: Withholding | undefined): void {
    const body = this.#masked.subarray(from, to);
    if (this.#depth < MAX_DEPTH) {
      const original = this.#original.subarray(from, to);
      const options = { ...this.#options, withholding };
      new LiteralReader(body, original, options, this.#found, this.#depth + 1).read();
    } else {
      body.fill(STAR);
      this.#found.hide('not_certain');
    }
  }

  /** The dollar string at hand is SQL or PL/pgSQL that the statement runs or makes: its words stay, and its values go. */
  get #isBody(): boolean {
    if (this.#depth > 0 || OTHER_LANGUAGE.test(this.#text(0, this.#original.length))) return false;
    const [verb, what = '', replace] = this.#words;
    if (verb === 'do') return true;
    if (verb !== 'create' || this.#word !== 'as') return false;
    return MAKES_CODE.test(what === 'or' && replace === 'replace' ? (this.#made ?? '') : what);
  }

  #takeNumber(): void {
    if (this.#isBareSecret) {
      this.#tokens.extendWord();
      this.#hideBare(this.#tokens.start, this.#tokens.end);
      return;
    }
    const { withholding } = this.#options;
    if (withholding) this.#extendNumber();
    const { start, end } = this.#tokens;
    this.#word = this.#text(start, end).toLowerCase();
    if (!withholding) return;
    const hider = this.#hiderOf(this.#original[start - 1] === DOT ? start - 1 : start, this.#signBefore(start));
    // A bare number is no secret, whatever stands in front of it.
    if (hider === undefined || hider === 'secret') return;
    this.#masked.fill(STAR, start, end);
    this.#found.hide(hider);
  }

  /** To the end of `1.5e-3`, which is several tokens. */
  #extendNumber(): void {
    const { start, end } = this.#tokens;
    for (let size = end - start + 64; ; size *= 2) {
      const length = NUMBER.exec(this.#text(start, start + size))?.[0].length ?? 0;
      this.#tokens.extendTo(start + length);
      if (length < size) return;
    }
  }

  /** Where the minus stands that belongs to the number at `start`, if one does. */
  #signBefore(start: number): number {
    let at = start - 1;
    while (this.#original[at] === BLANK || this.#original[at] === DOT) at--;
    return this.#original[at] === DASH ? at : start;
  }

  #takeParameter(): void {
    const { from, to } = this.#tokens;
    if (this.#isSecret) this.#foundParameter(Number(this.#text(from, to)));
    this.#behindLiteral();
  }

  #foundParameter(number: number): void {
    const { parameters, prepares } = this.#found;
    const [verb, name = ''] = this.#words;
    if (verb !== 'prepare') parameters.add(number);
    else prepares.set(name, (prepares.get(name) ?? new Set()).add(number));
  }

  readonly #hideComment = (from: number, to: number): void => {
    const says = this.#options.wary && maySaySecret(this.#original, from, to);
    const hider = says ? 'secret' : this.#options.withholding?.comments;
    if (hider === undefined || from === to) return;
    this.#masked.fill(STAR, from, to);
    this.#found.hide(hider);
  };

  get #isSecret(): boolean {
    return (
      this.#secret ||
      this.#within >= 0 ||
      this.#cases > 0 ||
      this.#list?.isSecret === true ||
      (this.#role && this.#word !== 'until') // VALID UNTIL 'x'
    );
  }

  /** `alter role x password y`, `set app.token = "y"`: there a value needs no quotes, or is put in the wrong ones. */
  get #isBareSecret(): boolean {
    return this.#secret && (this.#role || (this.#assigned && this.#words[0] === 'set'));
  }

  #hideBare(start: number, end: number): void {
    this.#found.hide('secret');
    this.#hide(start, end, 'secret');
    this.#behindLiteral();
  }

  #hide(start: number, end: number, hider: Hider | undefined): void {
    if (end <= start) return;
    const found = this.#found;
    const original = Buffer.from(this.#original.subarray(start, end));
    if (hider === 'secret') {
      found.values.push(original);
      this.#masked.set(sameLength(SECRET, end - start), start);
    } else if (hider !== undefined) {
      // A secret within it is looked for in what the target says all the same.
      hideWithin(original, { values: found.values, hide: () => undefined });
      this.#masked.set(sameLength(WITHHELD, end - start), start);
    } else hideWithin(this.#masked.subarray(start, end), found);
  }

  #behindLiteral(): void {
    this.#word = '';
    this.#secret = false;
    this.#assigned = false;
    this.#declared = false;
    this.#named = false;
  }

  /** What the string `original[from, to)` says of what comes behind it. */
  #behindString(from: number, to: number): void {
    const text = this.#text(from, Math.min(to, from + MAX_WITHIN_BYTES));
    const follows = this.#text(this.#tokens.end, this.#tokens.end + 100);
    const joined = /^\s*\|\|/.test(follows);
    // Another part of the same value comes.
    const goesOn = joined && this.#isSecret && this.#within < 0;
    this.#behindLiteral();
    this.#secret = goesOn;
    this.#assigned = goesOn;
    if (!holdsSecretName(text)) return;
    if (isSecretName(text)) {
      const call = this.#calls.at(-1) ?? '';
      this.#named = !NO_CALL.has(call) || (this.#values && (call === '' || call === 'values'));
      this.#secret ||= COMPARED.test(follows);
    }
    if (!endsBeforeSecret(text)) {
      if (hasPlaceForSecret(text)) this.#within = Math.max(0, this.#calls.length - 1);
    } else if (joined) {
      this.#secret = true;
      this.#assigned = true;
    } else this.#named ||= /^\s*,/.test(follows) && /^concat/.test(this.#calls.at(-1) ?? '');
  }

  // --- words ---

  #takeName(): void {
    const { from, to } = this.#tokens;
    if (this.#isBareSecret) {
      this.#hideBare(from, to);
      return;
    }
    const name = this.#text(from, to);
    this.#word = name.toLowerCase();
    this.#secret = namesSecret(name);
    this.#assigned = false;
    this.#list?.name(name, this.#secret, this.#calls.length);
    if (this.#words.length < 3) this.#words.push(name);
  }

  #takeWord(): void {
    const tokens = this.#tokens;
    const before = this.#word;
    const word = this.#text(tokens.start, tokens.end).toLowerCase();
    this.#word = word;
    if (this.#isBareSecret && word !== 'null' && !BETWEEN.has(word)) {
      tokens.extendWord();
      this.#hideBare(tokens.start, tokens.end);
      return;
    }
    if (this.#cases > 0 || (this.#secret && this.#assigned)) {
      if (word === 'case') this.#cases++;
      else if (word === 'end') this.#cases = Math.max(0, this.#cases - 1);
    }
    if (word === 'values') this.#values = true;
    else if (ENDS_VALUES.has(word)) this.#values = false;
    if (word === 'true' || word === 'false') this.#takeBoolean();
    this.#nameNext(word, before);
    if (word === 'insert' || (word === 'set' && tokens.isCall))
      this.#list = new ValueList(this.#calls.length, word === 'set');
    else this.#list?.name(word, this.#secret, this.#calls.length);
    this.#addToStatement(word);
  }

  /** Also a keyword in other places: only what is known to be a value goes. */
  #takeBoolean(): void {
    const { start, end } = this.#tokens;
    const hider = this.#options.withholding?.literal(start);
    if (typeof hider !== 'number') return;
    this.#masked.fill(STAR, start, end);
    this.#found.hide(hider);
  }

  /** What the word says of the next literal. */
  #nameNext(word: string, before: string): void {
    if (BETWEEN.has(word)) {
      if (word === 'to') this.#assigned = true;
      else if (word === 'default' && this.#declared) this.#secret = true;
    } else if (this.#tokens.isCall && ((this.#secret && this.#assigned) || callsSecret(word, this.#words))) {
      // password = crypt('x', ...), set_password('bob', 'x')
      if (this.#within < 0) this.#within = this.#calls.length;
    } else {
      // IDENTIFIED BY 'x'
      this.#secret = namesSecret(word) || (word === 'by' && before === 'identified');
      this.#assigned = false;
      this.#declared ||= this.#secret;
    }
  }

  #addToStatement(word: string): void {
    if (BEGINS.has(word)) this.#beginWords();
    else if (this.#words.length < 3) {
      if (this.#words.push(word) > 1) this.#role = ROLE.test(this.#words.join(' '));
    } else this.#made ??= word;
    if (word === 'set') this.#role = false;
  }

  #beginWords(): void {
    this.#words = [];
    this.#made = undefined;
  }

  // --- signs ---

  /** Between a name and its value only signs of an assignment may stand, and brackets. */
  #takeSign(sign: number): void {
    switch (sign) {
      case SEMICOLON:
        this.#beginStatement();
        break;
      case COMMA: {
        const named = this.#named;
        this.#behindLiteral();
        this.#secret = named;
        this.#list?.comma(this.#calls.length);
        break;
      }
      case OPEN:
        this.#openBracket();
        break;
      case CLOSE:
        this.#closeBracket();
        break;
      case EQUALS:
        // :=
        if (this.#declared && this.#original[this.#tokens.start - 1] === COLON) this.#secret = true;
        this.#assigned = true;
    }
  }

  #beginStatement(): void {
    this.#behindLiteral();
    this.#calls = [];
    this.#within = -1;
    this.#list = undefined;
    this.#beginWords();
    this.#role = false;
    this.#values = false;
    this.#cases = 0;
  }

  #openBracket(): void {
    const calls = this.#calls;
    const run = this.#words[0] === 'execute' && calls.length === 0 ? this.#words[1] : undefined;
    const parameters =
      run === undefined ? undefined : (this.#found.prepares.get(run) ?? this.#options.prepared?.get(run));
    if (parameters) this.#list = ValueList.ofParameters(parameters);
    else this.#list?.open(calls.length);
    // `password in ('x', 'y')`, `password = (select 'x')`
    if (this.#secret && this.#within < 0 && (this.#assigned || this.#word === 'in' || this.#word === 'any'))
      this.#within = calls.length;
    const { start } = this.#tokens;
    calls.push(/\w\s*$/.test(this.#text(Math.max(0, start - 8), start)) ? this.#word : '');
  }

  #closeBracket(): void {
    this.#calls.pop();
    const open = this.#calls.length;
    if (this.#list?.close(open) === true) this.#behindLiteral();
    if (this.#within >= 0 && open <= this.#within) {
      this.#within = -1;
      this.#behindLiteral();
    }
  }

  #text(start: number, end: number): string {
    return this.#original.toString('latin1', start, end);
  }
}
