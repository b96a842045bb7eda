// A command line as its shell takes it apart: simple commands, each with its words. For rules on commands, which
// ask what could run; it is no shell, and what only the shell can know is left open:
//
//   words      `$X`, `$(...)`, `*.log`, `{a,b}` leave a word open: some of it, or how many words it becomes
//   commands   those between ; & && || | ( ) and newlines, and those in $(...) and `...`, wherever these stand
//   not read   here-documents, quotes that are not closed, what is too long or too deep
//
// Reads each character once for each depth of substitution, which is bounded.

import { err, ok, type Result } from '../../result.ts';

export interface Word {
  /** The text that is certain, with something unknown between two parts. One part: the word is certain. */
  readonly parts: readonly string[];
  /** It may become several words, or none. */
  readonly splits: boolean;
}

export interface SimpleCommand {
  /** At least one. */
  readonly words: readonly Word[];
  /** Beside its words it sets variables, or reads and writes files: `PATH=x git`, `git log > f`. */
  readonly does: boolean;
}

const MAX_CHARACTERS = 64 * 1024;
const MAX_DEPTH = 20;
const MAX_COMMANDS = 1_000;

/** Words that stand before a command and run nothing themselves. */
const KEYWORDS = new Set(['if', 'then', 'else', 'elif', 'while', 'until', 'do', 'done', 'fi', 'esac', '{', '}', '!']);
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*\+?=/;

export const certain = (text: string): Word => ({ parts: [text], splits: false });

/** The commands that the line may run, or why it cannot be read, as a clause: `it has ...`. */
export function readCommandLine(line: string): Result<readonly SimpleCommand[], string> {
  if (line.length > MAX_CHARACTERS) return err(`it is longer than ${MAX_CHARACTERS} characters`);
  const reader = new Reader(line);
  try {
    reader.commands(0, undefined);
  } catch (error) {
    if (error instanceof Unreadable) return err(error.message);
    throw error;
  }
  return ok(reader.found);
}

class Unreadable extends Error {}

interface WordSoFar {
  parts: string[];
  /** Behind the last of `parts`. */
  text: string;
  quoted: boolean;
  inWord: boolean;
  splits: boolean;
}
const nothing = (): WordSoFar => ({ parts: [], text: '', quoted: false, inWord: false, splits: false });

class Reader {
  readonly found: SimpleCommand[] = [];
  readonly #line: string;
  #at = 0;
  #word = nothing();

  constructor(line: string) {
    this.#line = line;
  }

  /** Up to `end`, which is taken too; undefined: to the end of the line. */
  commands(depth: number, end: ')' | '`' | undefined): void {
    if (depth > MAX_DEPTH) throw new Unreadable(`it nests more than ${MAX_DEPTH} deep`);
    const outside = this.#suspend();
    let words: Word[] = [];
    let does = false;
    let target = false;
    let open = 0;
    const endWord = () => {
      if (!this.#word.inWord) return;
      const plain = !this.#word.quoted && this.#word.parts.length === 0 ? this.#word.text : undefined;
      const first = words.length === 0;
      if (target) target = false;
      else if (first && plain !== undefined && KEYWORDS.has(plain)) {
        // What follows is the command.
      } else if (first && ASSIGNMENT.test(this.#word.parts[0] ?? this.#word.text)) does = true;
      else words.push({ parts: [...this.#word.parts, this.#word.text], splits: this.#word.splits });
      this.#word = nothing();
    };
    const endCommand = () => {
      endWord();
      if (words.length > 0) this.found.push({ words, does });
      if (this.found.length > MAX_COMMANDS) throw new Unreadable(`it has more than ${MAX_COMMANDS} commands`);
      words = [];
      does = false;
      target = false;
    };
    for (;;) {
      const letter = this.#line[this.#at];
      if (letter === undefined) {
        if (end !== undefined) throw new Unreadable('it has a substitution that is not closed');
        break;
      }
      if (letter === end && (letter !== ')' || open === 0)) {
        this.#at++;
        break;
      }
      switch (letter) {
        case ' ':
        case '\t':
        case '\r':
          endWord();
          this.#at++;
          break;
        case '(':
          open++;
          endCommand();
          this.#at++;
          break;
        case ')':
          open = Math.max(0, open - 1);
          endCommand();
          this.#at++;
          break;
        case '\n':
        case ';':
        case '&':
        case '|':
          endCommand();
          this.#at++;
          break;
        case '#':
          if (this.#word.inWord) this.#take(letter);
          else this.#comment();
          break;
        case '<':
        case '>':
          // A number in front is the descriptor's.
          if (this.#word.inWord && !this.#word.quoted && this.#word.parts.length === 0 && /^\d+$/.test(this.#word.text))
            this.#word = nothing();
          endWord();
          this.#redirection();
          does = true;
          target = true;
          break;
        default:
          this.#piece(letter, depth);
      }
    }
    endCommand();
    this.#word = outside;
  }

  /** The file, or the command in parentheses, comes next: that one is a command like any other. */
  #redirection(): void {
    const operator = /^(?:<<<|<<|<>|<&|<|>>|>\||>&|>)/.exec(this.#line.slice(this.#at, this.#at + 3))?.[0] ?? '<';
    if (operator === '<<') throw new Unreadable('it has a here-document');
    this.#at += operator.length;
  }

  #comment(): void {
    const end = this.#line.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#line.length : end;
  }

  /** What belongs to a word. */
  #piece(letter: string, depth: number): void {
    switch (letter) {
      case '\\': {
        const next = this.#line[this.#at + 1];
        if (next === '`') throw new Unreadable('it has a backtick behind a backslash');
        this.#at += 2;
        // A backslash before a newline joins the lines.
        if (next !== '\n') this.#add(next ?? '\\', true);
        break;
      }
      case "'": {
        const end = this.#line.indexOf("'", this.#at + 1);
        if (end < 0) throw new Unreadable('it has a quote that is not closed');
        this.#add(this.#line.slice(this.#at + 1, end), true);
        this.#at = end + 1;
        break;
      }
      case '"':
        this.#doubleQuoted(depth);
        break;
      case '$':
        this.#expansion(depth, true);
        break;
      case '`':
        this.#substitution(depth, '`', 1);
        this.#open(true);
        break;
      case '*':
      case '?':
        this.#at++;
        this.#open(false);
        break;
      case '[':
        // Else it is the command `[`, or `[[`.
        if (!/^\[[^\s\]]+\]/.test(this.#line.slice(this.#at, this.#at + 200))) this.#take(letter);
        else {
          this.#at++;
          this.#open(false);
        }
        break;
      case '{':
        if (/^\{[^\s{}]*(?:,|\.\.)/.test(this.#line.slice(this.#at, this.#at + 200))) {
          this.#at++;
          this.#open(true);
        } else this.#take(letter);
        break;
      default:
        this.#take(letter);
    }
  }

  #doubleQuoted(depth: number): void {
    this.#add('', true);
    this.#at++;
    for (;;) {
      const letter = this.#line[this.#at];
      if (letter === undefined) throw new Unreadable('it has a quote that is not closed');
      if (letter === '"') {
        this.#at++;
        return;
      }
      const next = this.#line[this.#at + 1];
      if (letter === '$') this.#expansion(depth, false);
      else if (letter === '`') {
        this.#substitution(depth, '`', 1);
        this.#open(false);
      } else if (letter === '\\' && next !== undefined && '$`"\\\n'.includes(next)) {
        if (next !== '\n') this.#add(next, true);
        this.#at += 2;
      } else this.#take(letter);
    }
  }

  /** At `$`. `bare`: outside of quotes, where what it stands for is split into words. */
  #expansion(depth: number, bare: boolean): void {
    const next = this.#line[this.#at + 1];
    if (next === '(') {
      this.#substitution(depth, ')', 2);
      this.#open(bare);
    } else if (next === '{') {
      this.#braces(depth);
      this.#open(bare);
    } else if (bare && next === '"') {
      this.#at++;
      this.#doubleQuoted(depth);
    } else if (bare && next === "'") this.#escaped();
    else this.#parameter(bare);
  }

  /** $'\x72m' is rm. */
  #escaped(): void {
    const end = /^(?:[^'\\]|\\[\s\S])*'/.exec(this.#line.slice(this.#at + 2));
    if (!end) throw new Unreadable('it has a quote that is not closed');
    this.#at += 2 + end[0].length;
    this.#open(false);
  }

  #parameter(bare: boolean): void {
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]{0,200}|[0-9@*#?$!-])/.exec(this.#line.slice(this.#at + 1, this.#at + 210));
    if (!name) this.#take('$');
    else {
      this.#at += 1 + name[0].length;
      this.#open(bare || name[0] === '@');
    }
  }

  #substitution(depth: number, end: ')' | '`', skip: number): void {
    this.#at += skip;
    this.commands(depth + 1, end);
  }

  /** `${X:-$(cmd)}`: what it may run counts. */
  #braces(depth: number): void {
    this.#at += 2;
    for (let open = 1; open > 0; ) {
      const letter = this.#line[this.#at];
      if (letter === undefined) throw new Unreadable('it has a substitution that is not closed');
      if (letter === '$' && this.#line[this.#at + 1] === '(') this.#substitution(depth, ')', 2);
      else if (letter === '`') this.#substitution(depth, '`', 1);
      else {
        if (letter === '{') open++;
        if (letter === '}') open--;
        this.#at += letter === '\\' ? 2 : 1;
      }
    }
  }

  #take(letter: string): void {
    this.#add(letter, false);
    this.#at++;
  }

  #add(text: string, quoted: boolean): void {
    this.#word.text += text;
    this.#word.inWord = true;
    this.#word.quoted ||= quoted;
  }

  #open(splits: boolean): void {
    this.#word.parts.push(this.#word.text);
    this.#word.text = '';
    this.#word.inWord = true;
    this.#word.splits ||= splits;
  }

  /** A substitution stands within a word, which goes on behind it. */
  #suspend(): WordSoFar {
    const word = this.#word;
    this.#word = nothing();
    return word;
  }
}
