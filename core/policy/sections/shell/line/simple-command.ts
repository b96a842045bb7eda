// The simple commands of a line (POSIX XCU 2.9.1): assignments, words, redirections and here-documents. Where they may
// stand is for whoever extends this to say.

import { notesOf } from './builtins.ts';
import { type VariableSet, type Variables, sourcesOfValue } from './variables.ts';
import { Unreadable, type RawWord, WordReader } from './word-reader.ts';
import { ANYTHING, certain, knownText, MADE, type Word } from './words.ts';

export interface SimpleCommand {
  /** None: it only sets variables, or opens files. */
  readonly words: readonly Word[];
  /** Beside its words it sets variables, or reads and writes files: `PATH=x git`, `git log > f`. */
  readonly does: boolean;
  readonly sets: readonly VariableSet[];
  /** The text that it reads: a here-document or a here-string. */
  readonly input?: Word | undefined;
  /** What it reads comes out of a pipe or a file, and not from the client. */
  readonly isFed: boolean;
  /** At the other end of the pipe that it reads. */
  readonly fedBy?: SimpleCommand | undefined;
  /** Of its line. */
  readonly variables: Variables;
  /** Why something about it cannot be known, as a clause. */
  readonly hides?: string | undefined;
}

export interface CommandSoFar {
  words: Word[];
  does: boolean;
  sets: VariableSet[];
  input: Word | undefined;
  isFed: boolean;
  fedBy?: SimpleCommand | undefined;
  variables: Variables;
  hides?: string | undefined;
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

/** What the readers of one line share. */
export interface LineReading {
  readonly depth: { now: number };
  readonly found: CommandSoFar[];
  readonly variables: Variables;
  words: number;
}

const MAX_COMMANDS = 1_000;
const MAX_WORDS = 10_000;
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\s'"]*)\])?\+?=/;
const REDIRECTION = /&>>?|<<-|<<<|<<|<[&>]?(?!\()|>[>&|]?(?!\()/y;
const RESERVED = new Set(['then', 'elif', 'else', 'fi', 'do', 'done', 'esac', '}', 'in']);

export abstract class SimpleCommandReader extends WordReader {
  protected readonly reading: LineReading;
  protected readonly awaited: HereDocument[] = [];

  constructor(line: string, reading: LineReading) {
    super(line, reading.depth);
    this.reading = reading;
  }

  /** The command that is the body of a function. */
  protected abstract functionBody(): void;
  /** A text of its own that shares this reading. */
  protected abstract readerOf(text: string): SimpleCommandReader;

  protected override assigns(name: string, value: Word): void {
    this.reading.variables.set(name, value);
    this.take(this.command({ does: true, sets: [{ name, value }] }));
  }

  protected override evaluates(expression: Word): void {
    this.reading.variables.evaluateText(expression);
  }

  protected override expandsHome(): void {
    this.reading.variables.expandHome();
  }

  protected command(traits: Partial<CommandSoFar>): CommandSoFar {
    const { variables } = this.reading;
    return { words: [], does: false, sets: [], input: undefined, isFed: false, variables, ...traits };
  }

  protected take(command: CommandSoFar): void {
    this.reading.found.push(command);
    if (this.reading.found.length > MAX_COMMANDS) throw new Unreadable(`it has more than ${MAX_COMMANDS} commands`);
    const { sets, evaluated, arrays = [], lists = [], hides } = notesOf(command.words);
    for (const { name, value } of sets) this.reading.variables.set(name, value);
    for (const name of arrays) this.reading.variables.makeArray(name);
    for (const { name, value } of lists) this.reading.variables.setAsList(name, value);
    command.sets.push(...sets);
    for (const one of evaluated)
      if (typeof one === 'string') this.reading.variables.evaluate(one);
      else this.evaluates(one);
    command.hides = hides;
  }

  protected simple(): void {
    const command = this.command({});
    let bothWritten = false;
    for (;;) {
      this.blanks();
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
      if (this.#assignment(next, command)) continue;
      if (command.words.length === 0 && !command.does) {
        const parentheses = this.match(/[ \t]*\([ \t]*\)/y);
        if (parentheses !== '') {
          this.at += parentheses.length;
          this.newlines();
          this.reading.variables.define(raw);
          this.nested(() => this.functionBody());
          return;
        }
        if (plain && RESERVED.has(knownText(word) ?? '')) throw new Unreadable(`it has ${raw} where none can be`);
      }
      command.words.push(word);
      if (++this.reading.words > MAX_WORDS) throw new Unreadable(`it has more than ${MAX_WORDS} words`);
    }
    if (command.words.length === 0 && !command.does) throw new Unreadable('it has an operator without a command');
    this.take(command);
  }

  /** False: it is a word of the command, which may set a variable too: of `declare`. */
  #assignment({ raw, word }: RawWord, command: CommandSoFar): boolean {
    const [written, name = '', subscript] = ASSIGNMENT.exec(raw) ?? [];
    if (written === undefined) return false;
    if (raw.endsWith('=') && this.line[this.at] === '(') this.#array(name);
    if (command.words.length > 0) return false;
    const [first = '', ...others] = word.parts;
    const parts =
      subscript === undefined
        ? [first.slice(written.length), ...others]
        : word.parts.map((part) => part.replace(/^.*\[|\]\+?=/g, ''));
    const value = { ...word, parts };
    if (subscript !== undefined) {
      this.evaluates(subscriptOf(subscript));
      this.reading.variables.makeArray(name);
    }
    this.reading.variables.set(name, value);
    command.sets.push({ name, value });
    command.does = true;
    return true;
  }

  /** `a=(b [1]=c)`. */
  #array(name: string): void {
    this.reading.variables.makeArray(name);
    this.at++;
    for (this.newlines(); ; this.newlines()) {
      const next = this.word();
      if (!next) break;
      const subscript = /^\[(.*?)\]\+?=/s.exec(next.raw)?.[1];
      if (subscript !== undefined) this.evaluates(subscriptOf(subscript));
      const parts = next.word.parts.map((part) => part.replace(/^\[\w*\]=/, ''));
      this.reading.variables.set(name, { ...next.word, parts });
    }
    if (this.line[this.at] !== ')') throw new Unreadable('it has an array that is not closed');
    this.at++;
  }

  /** Behind a compound command: they are for all commands in it, which are found from `from` on. */
  protected redirections(from: number): void {
    const all = this.command({});
    for (;;) {
      this.blanks();
      const descriptor = this.match(/\d+(?=[<>])/y);
      const operator = this.match(REDIRECTION, this.at + descriptor.length);
      if (operator === '') break;
      this.at += descriptor.length;
      this.#redirection(operator, all, descriptor);
    }
    if (!all.does) return;
    for (const one of this.reading.found.slice(from)) {
      one.does = true;
      one.isFed ||= all.isFed;
    }
    this.take(all);
  }

  #redirection(operator: string, command: CommandSoFar, descriptor: string): void {
    this.at += operator.length;
    this.blanks();
    const { word, raw } = this.expected('a file');
    const text = knownText(word);
    const isHarmless =
      text === '/dev/null' || (/^[<>]&$/.test(operator) && text !== undefined && /^(?:\d+|-)$/.test(text));
    if (!isHarmless) command.does = true;
    if (!operator.startsWith('<') || (descriptor !== '' && descriptor !== '0')) {
      if (/^<<-?$/.test(operator)) this.#await(raw, word, operator, { ...command });
      return;
    }
    command.isFed = true;
    command.awaits = undefined;
    command.input = operator === '<<<' ? word : isOfClient(operator, text) ? ANYTHING : undefined;
    if (/^<<-?$/.test(operator)) this.#await(raw, word, operator, command);
  }

  #await(raw: string, word: Word, operator: string, command: CommandSoFar): void {
    const delimiter = knownText(word);
    if (/[$`\n]/.test(raw) || delimiter === undefined)
      throw new Unreadable('it has a here-document whose end is not certain');
    const document = { command, delimiter, quoted: raw !== delimiter, tabs: operator === '<<-' };
    command.awaits = document;
    this.awaited.push(document);
  }

  protected expected(what: string): RawWord {
    const word = this.word();
    if (!word) throw new Unreadable(`it has no ${what.replace(/^an? /, '')} where one has to be`);
    return word;
  }

  protected blanks(): void {
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

  protected newlines(): void {
    for (this.blanks(); this.line[this.at] === '\n'; this.blanks()) {
      this.at++;
      for (const document of this.awaited.splice(0)) this.#hereDocument(document);
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
    const body = quoted ? certain(text) : this.nested(() => this.readerOf(text).body());
    if (command.awaits === document) command.input = body;
  }
}

/** `< /dev/stdin`, `<&3`: what comes from there is the client's, or may be. */
const isOfClient = (operator: string, file: string | undefined): boolean =>
  operator === '<&' || file === undefined || (/^\/(?:dev|proc)\//.test(file) && file !== '/dev/null');

/** By one that no other escapes. */
function endsInBackslash(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === '\\') count++;
  return count % 2 === 1;
}

const EXPANSION = /\$\{?[#!]?(\w+|[@*#?$!-])[^}]*\}?/g;

/** As it is written. */
function subscriptOf(raw: string): Word {
  const sources = [...raw.matchAll(EXPANSION)].flatMap(([, name = '']) => sourcesOfValue(name));
  const isRun = /\$\(|`/.test(raw);
  return { ...certain(raw.replace(EXPANSION, ' ').replace(/["'`$\\]/g, ' ')), sources: isRun ? [MADE] : sources };
}
