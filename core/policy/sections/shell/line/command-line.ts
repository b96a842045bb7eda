// A command line as a POSIX shell reads it (XCU 2.10), with bash's additions: the simple commands in it, each with
// its words, wherever they stand: in lists and pipelines, groups, loops, conditions, functions, substitutions.
//
// For rules on commands, which ask what could run; it is no shell. A line that is no grammar of such shells is not
// read, nor one that they read each in its own way, one that nests too deep or is no text. Aliases, and how zsh and
// fish differ, it does not know.
//
// Reads each character once, and once more for each depth of backquotes and here-documents, which is bounded.

import { err, ok, type Result } from '../../../../result.ts';
import { comparedIn } from './builtins.ts';
import { sourcesOfOutput } from './outputs.ts';
import { type LineReading, type SimpleCommand, SimpleCommandReader } from './simple-command.ts';
import { Variables } from './variables.ts';
import { Unreadable } from './word-reader.ts';
import { ANYTHING, certain, type Word } from './words.ts';

/** Linux runs no longer argument (MAX_ARG_STRLEN), and the line is one: of `sh -c`. */
const MAX_CHARACTERS = 128 * 1024;

/**
 * The commands that the line may run, or why it cannot be read, as a clause: `it has ...`. `around`: the variables of
 * the line that runs this one.
 */
export function readCommandLine(line: string, around?: Variables): Result<readonly SimpleCommand[], string> {
  if (line.length > MAX_CHARACTERS) return err(`it is longer than ${MAX_CHARACTERS} characters`);
  if (!isWholeText(line)) return err('it has bytes that are no text');
  const reading: LineReading = { depth: { now: 0 }, found: [], variables: new Variables(around), words: 0 };
  try {
    new Grammar(line, reading).whole();
  } catch (error) {
    if (error instanceof Unreadable) return err(error.message);
    throw error;
  }
  const { found, variables } = reading;
  // `exec < f`: whatever comes behind it reads from there.
  if (found.some(({ words, isFed }) => isFed && words.length === 1 && words[0]?.parts[0] === 'exec'))
    for (const one of found) one.isFed = true;
  const hides = variables.evaluatesMade
    ? 'it evaluates as a number what may be a command'
    : variables.expandsAnything
      ? 'it sets what ~ stands for to what may be no directory'
      : undefined;
  if (hides === undefined) return ok(found);
  return ok([...found, { words: [], does: true, sets: [], isFed: false, variables, hides }]);
}

/** U+FFFD is what is left of bytes that were none. */
export const isWholeText = (text: string): boolean => text.isWellFormed() && !/[\0\uFFFD]/.test(text);

const BEHIND = String.raw`(?=[\s;&|<>()]|$)`;
const OPENING = new RegExp(`(?:if|while|until|for|select|case|function|coproc|time|!|\\{|\\[\\[)${BEHIND}`, 'y');
const CLOSING = new RegExp(`(?:;;&|;;|;&|\\)|(?:then|elif|else|fi|do|done|esac|\\})${BEHIND})`, 'y');
const COMPOUND = new RegExp(`[ \\t]+(?:\\(|(?:if|while|until|for|select|case|!|\\{|\\[\\[)${BEHIND})`, 'y');
const PIPE = /&&|\|[|&]?/y;

class Grammar extends SimpleCommandReader {
  whole(): void {
    this.#list('');
    if (this.awaited.length > 0) throw new Unreadable('it has a here-document that does not end');
  }

  protected override substitution(isFed = false): readonly string[] {
    if (this.awaited.length > 0)
      throw new Unreadable('it has a here-document whose end shells seek in different places');
    const from = this.reading.found.length;
    this.nested(() => this.#list(')'));
    if (this.awaited.length > 0) throw new Unreadable('it has a here-document that does not end');
    if (isFed) this.#feed(from);
    return this.#printedFrom(from);
  }

  protected override inner(text: string): readonly string[] {
    const from = this.reading.found.length;
    this.readerOf(text).whole();
    return this.#printedFrom(from);
  }

  protected override readerOf(text: string): Grammar {
    return new Grammar(text, this.reading);
  }

  protected override functionBody(): void {
    const from = this.reading.found.length;
    this.#command();
    // Where it is called from, it may read anything.
    this.#feed(from);
  }

  #printedFrom(from: number): readonly string[] {
    return sourcesOfOutput(this.reading.found.slice(from));
  }

  #feed(from: number, by?: SimpleCommand): void {
    for (const one of this.reading.found.slice(from)) {
      one.isFed = true;
      one.fedBy ??= by;
    }
  }

  /** Up to one of `ends`, which is taken and given; '' is the end of the text. */
  #list(...ends: readonly string[]): string {
    for (;;) {
      this.newlines();
      const end = this.at >= this.line.length ? '' : this.match(CLOSING);
      if (end !== '' || this.at >= this.line.length) {
        if (!ends.includes(end))
          throw new Unreadable(end === '' ? 'it ends too soon' : `it has ${end} where none can be`);
        this.at += end.length;
        return end;
      }
      this.#andOr();
      this.blanks();
      const letter = this.line[this.at];
      if (letter === undefined || letter === '\n' || this.match(CLOSING) !== '') continue;
      if (letter !== ';' && letter !== '&') throw new Unreadable(`it has ${letter} where none can be`);
      this.at++;
    }
  }

  #andOr(): void {
    for (let isFed = false; ; ) {
      this.blanks();
      const from = this.reading.found.length;
      this.#command();
      if (isFed) this.#feed(from, this.reading.found[from - 1]);
      this.blanks();
      const operator = this.match(PIPE);
      if (operator === '') return;
      this.at += operator.length;
      isFed = operator === '|' || operator === '|&';
      this.newlines();
    }
  }

  #command(): void {
    for (;;) {
      this.blanks();
      const before = this.reading.found.length;
      if (this.line[this.at] === '(') {
        this.#parenthesis();
        this.redirections(before);
        return;
      }
      const word = this.match(OPENING);
      const begins = this.at;
      this.at += word.length;
      if (word === '!' || word === 'coproc' || (word === 'time' && this.match(COMPOUND) !== '')) continue;
      if (word === '' || word === 'time') {
        this.at = begins;
        this.simple();
        return;
      }
      this.nested(() => this.#compound(word));
      this.redirections(before);
      return;
    }
  }

  #parenthesis(): void {
    if (this.line[this.at + 1] === '(') {
      this.at += 2;
      this.#asCommands(this.arithmetic());
    } else {
      this.at++;
      this.nested(() => this.#list(')'));
    }
  }

  #compound(word: string): void {
    switch (word) {
      case '{':
        this.#list('}');
        return;
      case 'if':
        this.#list('then');
        for (;;) {
          const end = this.#list('elif', 'else', 'fi');
          if (end === 'fi') return;
          if (end === 'elif') this.#list('then');
        }
      case 'while':
      case 'until':
        this.#list('do');
        this.#list('done');
        return;
      case 'for':
      case 'select':
        this.#loop();
        return;
      case 'case':
        this.#case();
        return;
      case '[[':
        this.#condition();
        return;
      default:
        this.#function();
    }
  }

  #loop(): void {
    this.blanks();
    if (this.line.startsWith('((', this.at)) {
      this.at += 2;
      this.arithmetic();
    } else this.#loopOverWords();
    this.blanks();
    if (this.line[this.at] === ';') this.at++;
    this.newlines();
    const opened = this.match(/do(?=[\s;&|<>()])|\{(?=[\s(])/y);
    if (opened === '') throw new Unreadable('it has a loop without a body');
    this.at += opened.length;
    this.#list(opened === 'do' ? 'done' : '}');
  }

  /** Without `in` it goes over the arguments. */
  #loopOverWords(): void {
    const name = this.expected('a name').raw;
    const values: (Word | undefined)[] = [];
    this.newlines();
    if (this.#skip('in')) {
      for (;;) {
        this.blanks();
        const next = this.word();
        if (!next) break;
        values.push(next.word);
      }
    } else values.push(undefined);
    for (const value of values) this.reading.variables.set(name, value);
    this.take(this.command({ does: true, sets: values.map((value = ANYTHING) => ({ name, value })) }));
  }

  #case(): void {
    this.blanks();
    this.expected('a word');
    this.newlines();
    if (!this.#skip('in')) throw new Unreadable('it has a case without in');
    for (;;) {
      this.newlines();
      if (this.#skip('esac')) return;
      if (this.line[this.at] === '(') this.at++;
      for (;;) {
        this.blanks();
        this.expected('a pattern');
        this.blanks();
        if (this.line[this.at] !== '|') break;
        this.at++;
      }
      if (this.line[this.at] !== ')') throw new Unreadable('it has a pattern without )');
      this.at++;
      if (this.#list(';;', ';&', ';;&', 'esac') === 'esac') return;
    }
  }

  #function(): void {
    this.blanks();
    this.reading.variables.define(this.expected('a name').raw);
    this.blanks();
    this.at += this.match(/\([ \t]*\)/y).length;
    this.newlines();
    this.functionBody();
  }

  /** `[[ a && b ]]`: to a shell without it, `[[` and `b` are commands. */
  #condition(): void {
    const from = this.at;
    const words = [certain('[[')];
    for (;;) {
      this.newlines();
      const end = this.at;
      const next = this.word();
      if (next?.raw === ']]') {
        this.take(this.command({ words }));
        for (const word of comparedIn(words)) this.evaluates(word);
        const text = this.line.slice(from, end);
        // A parenthesis behind a word is no grammar of such a shell.
        if (/(?:^|[^$])\(/.test(text)) return;
        const [, ...others] = text.split(/[;&|\n]+/);
        this.#asCommands(others.join(';'));
        return;
      }
      if (next) words.push(next.word);
      else if (this.at >= this.line.length) throw new Unreadable('it has [[ without ]]');
      else this.at++;
    }
  }

  /** An expression, as a shell would take it that has no such expressions. What begins with an expansion is none. */
  #asCommands(text: string): void {
    for (const part of text.split(/[;&|()<>\n]+/)) {
      const words = part
        .trim()
        .replace(/["'\\]/g, '')
        .split(/\s+/);
      if (words[0] === '' || /[$`]/.test(words[0] ?? '')) continue;
      this.take(this.command({ words: words.map((word) => (/[$`*?[{]/.test(word) ? ANYTHING : certain(word))) }));
    }
  }

  #skip(word: string): boolean {
    const behind = this.line[this.at + word.length];
    if (!this.line.startsWith(word, this.at) || (behind !== undefined && !/[\s;&|<>()]/.test(behind))) return false;
    this.at += word.length;
    return true;
  }
}
