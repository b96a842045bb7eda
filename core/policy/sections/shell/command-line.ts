// A command line as a POSIX shell reads it (XCU 2.10), with bash's additions: the simple commands in it, each with
// its words, wherever they stand: in lists and pipelines, groups, loops, conditions, functions, substitutions.
//
// For rules on commands, which ask what could run; it is no shell. A line that is no grammar of such shells is not
// read, nor one that they read each in its own way, one that nests too deep or is no text. Aliases, and how zsh and
// fish differ, it does not know.
//
// Reads each character once, and once more for each depth of backquotes and here-documents, which is bounded.

import { err, ok, type Result } from '../../../result.ts';
import { Unreadable, type RawWord, WordReader } from './word-reader.ts';
import { ANYTHING, certain, knownText, type Word } from './words.ts';

export interface SimpleCommand {
  /** None: it only sets variables, or opens files. */
  readonly words: readonly Word[];
  /** Beside its words it sets variables, or reads and writes files: `PATH=x git`, `git log > f`. */
  readonly does: boolean;
  /** The variables it sets, as written: `PATH=x`. */
  readonly sets: readonly string[];
  /** The text that it reads: a here-document or a here-string. */
  readonly input?: Word | undefined;
}

/** Linux runs no longer argument (MAX_ARG_STRLEN), and the line is one: of `sh -c`. */
const MAX_CHARACTERS = 128 * 1024;
const MAX_COMMANDS = 1_000;
const MAX_WORDS = 10_000;

/** The commands that the line may run, or why it cannot be read, as a clause: `it has ...`. */
export function readCommandLine(line: string): Result<readonly SimpleCommand[], string> {
  if (line.length > MAX_CHARACTERS) return err(`it is longer than ${MAX_CHARACTERS} characters`);
  if (!isWholeText(line)) return err('it has bytes that are no text');
  if (SUBSCRIPT.test(line)) return err('it has a command in a subscript');
  const found: CommandSoFar[] = [];
  try {
    new Grammar(line, { now: 0 }, found).whole();
  } catch (error) {
    if (error instanceof Unreadable) return err(error.message);
    throw error;
  }
  return ok(found);
}

/** U+FFFD is what is left of bytes that were none. */
export const isWholeText = (text: string): boolean => text.isWellFormed() && !/[\0\uFFFD]/.test(text);

const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*(?:\[[^\s'"]*\])?\+?=/;
/** Bash evaluates the subscript of a variable's name even where a quoted text holds it: `x='a[$(rm)]'; echo $((x))`. */
const SUBSCRIPT = /\w\[[^\]]{0,200}(?:\$\(|`)/;
const BEHIND = String.raw`(?=[\s;&|<>()]|$)`;
const OPENING = new RegExp(`(?:if|while|until|for|select|case|function|coproc|time|!|\\{|\\[\\[)${BEHIND}`, 'y');
const CLOSING = new RegExp(`(?:;;&|;;|;&|\\)|(?:then|elif|else|fi|do|done|esac|\\})${BEHIND})`, 'y');
const COMPOUND = new RegExp(`[ \\t]+(?:\\(|(?:if|while|until|for|select|case|!|\\{|\\[\\[)${BEHIND})`, 'y');
const PIPE = /&&|\|[|&]?/y;
const REDIRECTION = /&>>?|<<-|<<<|<<|<[&>]?(?!\()|>[>&|]?(?!\()/y;
const RESERVED = new Set(['then', 'elif', 'else', 'fi', 'do', 'done', 'esac', '}', 'in']);

interface CommandSoFar {
  words: Word[];
  does: boolean;
  sets: string[];
  input: Word | undefined;
  /** The here-document that is its input, until its body comes. */
  awaits?: HereDocument | undefined;
}

interface HereDocument {
  readonly command: CommandSoFar;
  readonly delimiter: string;
  readonly quoted: boolean;
  /** `<<-`: tabs in front of a line are none of it. */
  readonly tabs: boolean;
}

class Grammar extends WordReader {
  readonly #found: CommandSoFar[];
  readonly #awaited: HereDocument[] = [];
  #words = 0;

  constructor(line: string, depth: { now: number }, found: CommandSoFar[]) {
    super(line, depth);
    this.#found = found;
  }

  whole(): void {
    this.#list('');
    if (this.#awaited.length > 0) throw new Unreadable('it has a here-document that does not end');
  }

  protected override substitution(): void {
    if (this.#awaited.length > 0)
      throw new Unreadable('it has a here-document whose end shells seek in different places');
    this.nested(() => this.#list(')'));
    if (this.#awaited.length > 0) throw new Unreadable('it has a here-document that does not end');
  }

  protected override inner(text: string): void {
    new Grammar(text, this.depth, this.#found).whole();
  }

  protected override assigns(): void {
    this.#take({ words: [], does: true, sets: [], input: undefined });
  }

  #take(command: CommandSoFar): void {
    this.#found.push(command);
    if (this.#found.length > MAX_COMMANDS) throw new Unreadable(`it has more than ${MAX_COMMANDS} commands`);
  }

  /** Up to one of `ends`, which is taken and given; '' is the end of the text. */
  #list(...ends: readonly string[]): string {
    for (;;) {
      this.#newlines();
      const end = this.at >= this.line.length ? '' : this.match(CLOSING);
      if (end !== '' || this.at >= this.line.length) {
        if (!ends.includes(end))
          throw new Unreadable(end === '' ? 'it ends too soon' : `it has ${end} where none can be`);
        this.at += end.length;
        return end;
      }
      this.#andOr();
      this.#blanks();
      const letter = this.line[this.at];
      if (letter === undefined || letter === '\n' || this.match(CLOSING) !== '') continue;
      if (letter !== ';' && letter !== '&') throw new Unreadable(`it has ${letter} where none can be`);
      this.at++;
    }
  }

  #andOr(): void {
    for (;;) {
      this.#blanks();
      this.#command();
      this.#blanks();
      const operator = this.match(PIPE);
      if (operator === '') return;
      this.at += operator.length;
      this.#newlines();
    }
  }

  #command(): void {
    for (;;) {
      this.#blanks();
      const before = this.#found.length;
      if (this.line[this.at] === '(') {
        this.#parenthesis();
        this.#redirections(before);
        return;
      }
      const word = this.match(OPENING);
      const begins = this.at;
      this.at += word.length;
      if (word === '!' || word === 'coproc' || (word === 'time' && this.match(COMPOUND) !== '')) continue;
      if (word === '' || word === 'time') {
        this.at = begins;
        this.#simple();
        return;
      }
      this.nested(() => this.#compound(word));
      this.#redirections(before);
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
    this.#blanks();
    if (this.line.startsWith('((', this.at)) {
      this.at += 2;
      this.arithmetic();
    } else {
      this.#take({ words: [], does: true, sets: [`${this.#expected('a name').raw}=`], input: undefined });
      this.#newlines();
      if (this.#skip('in')) for (this.#blanks(); this.word(); ) this.#blanks();
    }
    this.#blanks();
    if (this.line[this.at] === ';') this.at++;
    this.#newlines();
    const opened = this.match(/do(?=[\s;&|<>()])|\{(?=[\s(])/y);
    if (opened === '') throw new Unreadable('it has a loop without a body');
    this.at += opened.length;
    this.#list(opened === 'do' ? 'done' : '}');
  }

  #case(): void {
    this.#blanks();
    this.#expected('a word');
    this.#newlines();
    if (!this.#skip('in')) throw new Unreadable('it has a case without in');
    for (;;) {
      this.#newlines();
      if (this.#skip('esac')) return;
      if (this.line[this.at] === '(') this.at++;
      for (;;) {
        this.#blanks();
        this.#expected('a pattern');
        this.#blanks();
        if (this.line[this.at] !== '|') break;
        this.at++;
      }
      if (this.line[this.at] !== ')') throw new Unreadable('it has a pattern without )');
      this.at++;
      if (this.#list(';;', ';&', ';;&', 'esac') === 'esac') return;
    }
  }

  #function(): void {
    this.#blanks();
    this.#expected('a name');
    this.#blanks();
    this.at += this.match(/\([ \t]*\)/y).length;
    this.#newlines();
    this.#command();
  }

  /** `[[ a && b ]]`: to a shell without it, `[[` and `b` are commands. */
  #condition(): void {
    const from = this.at;
    const words = [certain('[[')];
    for (;;) {
      this.#newlines();
      const end = this.at;
      const next = this.word();
      if (next?.raw === ']]') {
        this.#take({ words, does: false, sets: [], input: undefined });
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
      const read = words.map((word) => (/[$`*?[{]/.test(word) ? ANYTHING : certain(word)));
      this.#take({ words: read, does: false, sets: [], input: undefined });
    }
  }

  #simple(): void {
    const command: CommandSoFar = { words: [], does: false, sets: [], input: undefined };
    let bothWritten = false;
    for (;;) {
      this.#blanks();
      const operator = this.match(REDIRECTION);
      if (operator !== '') {
        if (bothWritten) throw new Unreadable('it has &> amid a command, which shells read in different ways');
        this.#redirection(operator, command, '');
        bothWritten = operator.startsWith('&');
        continue;
      }
      const next = this.word();
      if (!next) break;
      if (bothWritten) throw new Unreadable('it has &> amid a command, which shells read in different ways');
      const { raw, word, plain } = next;
      if (plain && /^(?:\d+|\{\w+\})$/.test(raw) && '<>'.includes(this.line[this.at] ?? ' ')) {
        if (raw.startsWith('{')) throw new Unreadable('it has a descriptor in a variable');
        this.#redirection(this.match(REDIRECTION), command, raw);
        continue;
      }
      const assigns = ASSIGNMENT.test(raw);
      if (assigns && raw.endsWith('=') && this.line[this.at] === '(') this.#array();
      if (command.words.length === 0 && assigns) {
        command.sets.push(word.parts.length === 1 ? (word.parts[0] ?? '') : raw);
        command.does = true;
        continue;
      }
      if (command.words.length === 0 && !command.does) {
        const parentheses = this.match(/[ \t]*\([ \t]*\)/y);
        if (parentheses !== '') {
          this.at += parentheses.length;
          this.#newlines();
          this.nested(() => this.#command());
          return;
        }
        if (plain && RESERVED.has(knownText(word) ?? '')) throw new Unreadable(`it has ${raw} where none can be`);
      }
      command.words.push(word);
      if (++this.#words > MAX_WORDS) throw new Unreadable(`it has more than ${MAX_WORDS} words`);
    }
    if (command.words.length === 0 && !command.does) throw new Unreadable('it has an operator without a command');
    this.#take(command);
  }

  /** `a=(b c)`. */
  #array(): void {
    this.at++;
    for (this.#newlines(); this.word(); ) this.#newlines();
    if (this.line[this.at] !== ')') throw new Unreadable('it has an array that is not closed');
    this.at++;
  }

  /** Behind a compound command: they are for all commands in it, which `#found` has from `from` on. */
  #redirections(from: number): void {
    const all: CommandSoFar = { words: [], does: false, sets: [], input: undefined };
    for (;;) {
      this.#blanks();
      const descriptor = this.match(/\d+(?=[<>])/y);
      const operator = this.match(REDIRECTION, this.at + descriptor.length);
      if (operator === '') break;
      this.at += descriptor.length;
      this.#redirection(operator, all, descriptor);
    }
    if (!all.does) return;
    for (const one of this.#found.slice(from)) one.does = true;
    this.#take(all);
  }

  #redirection(operator: string, command: CommandSoFar, descriptor: string): void {
    this.at += operator.length;
    this.#blanks();
    const { word, raw } = this.#expected('a file');
    const text = knownText(word);
    const isHarmless =
      text === '/dev/null' || (/^[<>]&$/.test(operator) && text !== undefined && /^(?:\d+|-)$/.test(text));
    if (!isHarmless) command.does = true;
    if (!operator.startsWith('<') || (descriptor !== '' && descriptor !== '0')) {
      if (/^<<-?$/.test(operator)) this.#await(raw, word, operator, { ...command });
      return;
    }
    command.awaits = undefined;
    command.input = operator === '<<<' ? word : undefined;
    if (/^<<-?$/.test(operator)) this.#await(raw, word, operator, command);
  }

  #await(raw: string, word: Word, operator: string, command: CommandSoFar): void {
    const delimiter = knownText(word);
    if (/[$`\n]/.test(raw) || delimiter === undefined)
      throw new Unreadable('it has a here-document whose end is not certain');
    const document = { command, delimiter, quoted: raw !== delimiter, tabs: operator === '<<-' };
    command.awaits = document;
    this.#awaited.push(document);
  }

  #expected(what: string): RawWord {
    const word = this.word();
    if (!word) throw new Unreadable(`it has no ${what.replace(/^an? /, '')} where one has to be`);
    return word;
  }

  #skip(word: string): boolean {
    const behind = this.line[this.at + word.length];
    if (!this.line.startsWith(word, this.at) || (behind !== undefined && !/[\s;&|<>()]/.test(behind))) return false;
    this.at += word.length;
    return true;
  }

  #blanks(): void {
    for (;;) {
      const letter = this.line[this.at];
      if (letter === ' ' || letter === '\t') this.at++;
      else if (letter === '\\' && this.line[this.at + 1] === '\n') this.at += 2;
      else break;
    }
    if (this.line[this.at] !== '#') return;
    const end = this.line.indexOf('\n', this.at);
    this.at = end < 0 ? this.line.length : end;
  }

  #newlines(): void {
    for (this.#blanks(); this.line[this.at] === '\n'; this.#blanks()) {
      this.at++;
      for (const document of this.#awaited.splice(0)) this.#hereDocument(document);
    }
  }

  #hereDocument(document: HereDocument): void {
    const { command, delimiter, quoted, tabs } = document;
    let text = '';
    for (let joined = false; ; ) {
      if (this.at >= this.line.length) throw new Unreadable('it has a here-document that does not end');
      const end = this.line.indexOf('\n', this.at);
      const written = this.line.slice(this.at, end < 0 ? this.line.length : end);
      const line = tabs ? written.replace(/^\t+/, '') : written;
      this.at = end < 0 ? this.line.length : end + 1;
      if (line === delimiter && !joined) break;
      text += `${line}\n`;
      // A backslash before a newline joins lines, and what is joined is no end.
      const joins = !quoted && endsInBackslash(line);
      if ((joins || joined) && (line === delimiter || delimiter.startsWith(line.slice(0, -1))))
        throw new Unreadable('it has a here-document whose end is not certain');
      joined = joins;
    }
    const body = quoted ? certain(text) : this.nested(() => new Grammar(text, this.depth, this.#found).body());
    if (command.awaits === document) command.input = body;
  }
}

/** By one that no other escapes. */
function endsInBackslash(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === '\\') count++;
  return count % 2 === 1;
}
