// Words of a command line: quoting and expansions (POSIX XCU 2.2, 2.6, and what bash adds). The commands in a
// substitution are read by whoever extends this.
//
//   'text' "text" \x $'\x72' $"text"        quoted
//   $x ${x:-word} $(list) `list` $((1 + 2))  expanded, hence open
//   <(list) >(list) * ? [a-z] {a,b}         the same
//
// What these shells read each in its own way is not read.

import { MADE, type Word, WordBuilder } from './words.ts';
import { isHarmless, sourcesOfValue } from './variables.ts';

/** Why a line cannot be read, as a clause: `it has ...`. */
export class Unreadable extends Error {}

export interface RawWord {
  readonly word: Word;
  /** As it is written. */
  readonly raw: string;
  /** Unquoted and without expansions: it may be a reserved word. */
  readonly plain: boolean;
}

const END_OF_WORD = ' \t\n;&|()';
const PARAMETER = /[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]/y;
const PARAMETER_IN_BRACES = /[#!]?(?:[A-Za-z_][A-Za-z0-9_]*|\d+|[@*#?$!-])/y;
/** Not `@P`: it runs the commands in a value. */
const OPERATOR = /:?[-=?+]|##?|%%?|\/[/#%]?|:|\^\^?|,,?|@[AEKLQUaku]|[*@](?=\})/y;
const ESCAPE =
  /\\(?:x(?<hex>[0-9a-fA-F]{1,2})|(?<octal>[0-7]{1,3})|u(?<short>[0-9a-fA-F]{1,4})|U(?<long>[0-9a-fA-F]{1,8})|(?<letter>[abeEfnrtv\\'"?]))/y;
const LETTERS: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const MAX_DEPTH = 40;

export abstract class WordReader {
  protected readonly line: string;
  protected readonly depth: { now: number };
  protected at = 0;

  /** `depth`: shared by the readers of one line. */
  constructor(line: string, depth: { now: number }) {
    this.line = line;
    this.depth = depth;
  }

  /** Reads what stands within something else: the only way to go deeper. */
  protected nested<T>(read: () => T): T {
    if (this.depth.now >= MAX_DEPTH) throw new Unreadable(`it nests more than ${MAX_DEPTH} deep`);
    this.depth.now++;
    const result = read();
    this.depth.now--;
    return result;
  }

  /** The commands behind `$(`, with the `)`. `isFed`: behind `>(`. Gives the sources of what they print. */
  protected abstract substitution(isFed?: boolean): readonly string[];
  /** The commands of a text of its own, as between backquotes. */
  protected abstract inner(text: string): readonly string[];
  /** An expansion that gives a value to a variable. */
  protected abstract assigns(name: string, value: Word): void;
  /** A text that bash takes for arithmetic, and evaluates what its variables hold, too. */
  protected abstract evaluates(expression: Word): void;
  /** An unquoted `~`: what HOME or another variable says may stand there. */
  protected abstract expandsHome(): void;

  /** Undefined: no word stands here. */
  protected word(): RawWord | undefined {
    const from = this.at;
    const builder = new WordBuilder();
    for (;;) {
      const letter = this.line[this.at];
      if (letter === undefined || END_OF_WORD.includes(letter)) break;
      if (letter === '<' || letter === '>') {
        if (this.line[this.at + 1] !== '(') break;
        this.at += 2;
        this.substitution(letter === '>');
        // What stands there is the name of a file that the line fills.
        builder.add('/dev/fd/');
        builder.open('within');
      } else this.#piece(letter, builder);
    }
    if (this.at === from) return undefined;
    return { word: builder.build(), raw: this.line.slice(from, this.at), plain: builder.plain };
  }

  #piece(letter: string, word: WordBuilder): void {
    const next = this.line[this.at + 1];
    switch (letter) {
      case '\\':
        this.at += 2;
        // A backslash before a newline joins the lines.
        if (next !== '\n') word.quote(next ?? '\\');
        return;
      case "'":
        word.quote(this.#singleQuoted());
        return;
      case '"':
        this.#doubleQuoted(word);
        return;
      case '$':
        this.#expansion(word, true);
        return;
      case '`':
        word.open('splits', this.#backquoted(false));
        return;
      case '*':
      case '?':
        this.at++;
        word.open('globs');
        return;
      case '[':
        if (this.#isTest()) word.add(letter);
        else word.open('globs');
        break;
      case '{':
        word.brace();
        break;
      case ',':
        word.separate(letter);
        break;
      case '.':
        if (next === '.') word.separate(letter);
        else word.add(letter);
        break;
      case '~':
        this.expandsHome();
        word.add(letter);
        break;
      default:
        word.add(letter);
    }
    this.at++;
  }

  /** `[` and `[[` alone are commands. */
  #isTest(): boolean {
    const behind = this.line[this.at + 1] === '[' ? this.at + 2 : this.at + 1;
    const ends = (at: number) => this.line[at] === undefined || `${END_OF_WORD}<>`.includes(this.line[at] ?? '');
    return ends(this.at + 1) || ends(behind);
  }

  #singleQuoted(): string {
    const end = this.line.indexOf("'", this.at + 1);
    if (end < 0) throw new Unreadable('it has a quote that is not closed');
    const text = this.line.slice(this.at + 1, end);
    this.at = end + 1;
    return text;
  }

  #doubleQuoted(word: WordBuilder): void {
    this.at++;
    word.quote('');
    this.#textUntil('"', word);
    this.at++;
  }

  /** Text in which expansions are made and nothing is split, up to `end`: of double quotes, or all of a here-document. */
  #textUntil(end: '"' | undefined, word: WordBuilder): void {
    for (;;) {
      const letter = this.line[this.at];
      if (letter === undefined && end !== undefined) throw new Unreadable('it has a quote that is not closed');
      if (letter === end || letter === undefined) return;
      const next = this.line[this.at + 1];
      if (letter === '$') this.#expansion(word, false);
      else if (letter === '`') {
        word.open('within', this.#backquoted(end === '"'));
      } else if (letter === '\\' && next !== undefined && (next === end || '$`\\\n'.includes(next))) {
        this.at += 2;
        if (next !== '\n') word.quote(next);
      } else {
        this.at++;
        word.quote(letter);
      }
    }
  }

  /** The whole of this reader's text, as a here-document's body is expanded. */
  protected body(): Word {
    const word = new WordBuilder();
    this.#textUntil(undefined, word);
    return word.build();
  }

  /** At `$`. `bare`: outside of double quotes, where what it stands for is split into words. */
  #expansion(word: WordBuilder, bare: boolean): void {
    this.nested(() => this.#expand(word, bare));
  }

  #expand(word: WordBuilder, bare: boolean): void {
    const next = this.line[this.at + 1];
    const how = bare ? 'splits' : 'within';
    if (next === '(' && this.line[this.at + 2] === '(') {
      this.at += 3;
      this.arithmetic();
      word.open('within');
    } else if (next === '(') {
      this.at += 2;
      word.open(how, this.substitution());
    } else if (next === '{') {
      word.open(how, this.#braces(bare));
    } else if (next === '[') throw new Unreadable('it has $[, which shells read in different ways');
    else if (next === '\\' && this.line[this.at + 2] === '\n')
      throw new Unreadable('it has a $ that is cut off from what follows');
    else if (bare && next === '"') {
      this.at++;
      word.ofBash();
      this.#doubleQuoted(word);
    } else if (bare && next === "'") {
      word.ofBash();
      word.quote(this.#ansiQuoted());
    } else {
      const name = this.match(PARAMETER, this.at + 1);
      this.at += 1 + name.length;
      if (name === '') word.add('$');
      else word.open(bare || name === '@' ? 'splits' : 'within', sourcesOfValue(name));
    }
  }

  /** `$'\x72m'` is rm. */
  #ansiQuoted(): string {
    this.at += 2;
    let text = '';
    for (;;) {
      const letter = this.line[this.at];
      if (letter === undefined) throw new Unreadable('it has a quote that is not closed');
      if (letter === "'") {
        this.at++;
        return text;
      }
      if (letter !== '\\') {
        text += letter;
        this.at++;
        continue;
      }
      ESCAPE.lastIndex = this.at;
      const { hex, octal, short, long, letter: named } = ESCAPE.exec(this.line)?.groups ?? {};
      const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
      // NUL cuts the text short, and what is beyond ASCII hangs on the locale.
      if (named === undefined && !(code > 0 && code < 0x80))
        throw new Unreadable("it has an escape in $'...' that is not known");
      text += named === undefined ? String.fromCharCode(code) : (LETTERS[named] ?? named);
      this.at = ESCAPE.lastIndex;
    }
  }

  /** `quoted`: in double quotes, where `\"` is `"` for the commands within too. */
  #backquoted(quoted: boolean): readonly string[] {
    let text = '';
    for (let at = this.at + 1; ; at++) {
      const letter = this.line[at];
      if (letter === undefined) throw new Unreadable('it has a substitution that is not closed');
      if (letter === '`') {
        this.at = at + 1;
        return this.nested(() => this.inner(text));
      }
      const next = this.line[at + 1] ?? '';
      if (letter !== '\\' || next === '') text += letter;
      else {
        text += '$`\\'.includes(next) || (quoted && next === '"') ? next : letter + next;
        at++;
      }
    }
  }

  /** `${x:-word}`. Gives the sources of its value. */
  #braces(bare: boolean): readonly string[] {
    this.at += 2;
    const written = this.match(PARAMETER_IN_BRACES);
    if (written === '') throw new Unreadable('it has ${ with something that is not known');
    this.at += written.length;
    const name = written.replace(/^[#!](?=.)/, '');
    let isList = false;
    if (this.line[this.at] === '[') {
      this.at++;
      const from = this.at;
      const subscript = this.#operand(']', bare);
      isList = /^[@*]$/.test(this.line.slice(from, this.at - 1));
      if (!isList) this.evaluates(subscript);
    }
    const operator = this.match(OPERATOR);
    this.at += operator.length;
    if (operator === '' && this.line[this.at] !== '}')
      throw new Unreadable('it has ${ with something that is not known');
    const from = this.at;
    const operand = this.#operand('}', bare);
    if (operator.endsWith('=')) this.assigns(name, operand);
    if (operator === ':') this.evaluates(operand);
    if (written.startsWith('#') && name !== written) return [];
    if (written.startsWith('!') && name !== written && !isList) {
      if (!/^[*@]$/.test(operator)) this.evaluates({ ...operand, parts: ['', ''], sources: sourcesOfValue(name) });
      return [MADE];
    }
    return [...sourcesOfValue(name), ...puts(operator, operand, this.line.slice(from, this.at - 1))];
  }

  /** Up to `end`, which is taken. */
  #operand(end: '}' | ']', bare: boolean): Word {
    const word = new WordBuilder();
    for (;;) {
      const letter = this.line[this.at];
      const next = this.line[this.at + 1];
      if (letter === undefined) throw new Unreadable('it has a substitution that is not closed');
      if (letter === end) break;
      if (letter === '\\') {
        word.quote(next ?? '');
        this.at += 2;
      } else if (letter === "'" && !bare)
        throw new Unreadable('it has a quote within ${, which shells read in different ways');
      else if (letter === "'") word.quote(this.#singleQuoted());
      else if (letter === '"') this.#doubleQuoted(word);
      else if (letter === '$') this.#expansion(word, bare);
      else if (letter === '`') word.open('splits', this.#backquoted(!bare));
      else if ((letter === '<' || letter === '>') && next === '(' && bare) {
        this.at += 2;
        this.substitution();
      } else {
        if (letter === '~') this.expandsHome();
        word.quote(letter);
        this.at++;
      }
    }
    this.at++;
    return word.build();
  }

  /** Up to `))`, which is taken. Gives what stands before, as it is written. */
  protected arithmetic(): string {
    const from = this.at;
    const word = new WordBuilder();
    for (let open = 0; ; ) {
      const letter = this.line[this.at];
      if (letter === undefined) throw new Unreadable('it has an arithmetic expression that is not closed');
      if (letter === "'") throw new Unreadable('it has a quote in an arithmetic expression');
      if (letter === ')' && open === 0) break;
      if (letter === '"') this.#doubleQuoted(word);
      else if (letter === '$') this.#expansion(word, false);
      else if (letter === '`') word.open('within', this.#backquoted(true));
      else {
        if (letter === '(') open++;
        if (letter === ')') open--;
        word.quote(letter);
        this.at += letter === '\\' ? 2 : 1;
      }
    }
    if (this.line[this.at + 1] !== ')') throw new Unreadable('it has (( that begins no arithmetic expression');
    this.at += 2;
    this.evaluates(word.build());
    return this.line.slice(from, this.at - 2);
  }

  /** What a sticky expression finds here; empty: nothing. */
  protected match(expression: RegExp, at = this.at): string {
    expression.lastIndex = at;
    return expression.exec(this.line)?.[0] ?? '';
  }
}

/** The sources of what `${x:-operand}` or `${x/pattern/operand}` puts in the place of a value. */
function puts(operator: string, { parts, sources }: Word, written: string): readonly string[] {
  const isReplacing = operator.startsWith('/');
  if (!isReplacing && !/^:?[-=+]$/.test(operator)) return [];
  if (!isReplacing) return parts.every(isHarmless) ? sources : [MADE];
  return /^(?:\\.|[^/\\])*(?:\/[\w.:@%+,-]*)?$/s.test(written) ? [] : [MADE];
}
