// What the variables of a line may hold, as far as it matters: whether it is of the sender's making. Such a text is
// code where a shell evaluates it (`$((x))`), or where a program reads it amid code of its own (sed "s/a/$x/").
//
// What is on the machine (files, the output of programs, its own variables) is not looked into: whoever can change it
// could run it as a script. What a client can send beside its line are the variables that sshd takes (LC_ALL) and input.

import { certain, MADE, type Word } from './words.ts';

export interface VariableSet {
  readonly name: string;
  readonly value: Word;
}

/** Sources: texts of the line that are harmless in arithmetic, several words or what may be an option, and one word. */
const [TEXT, WORD] = [' ', ' word'];
/** How much of the line's own may be in a value. */
type Trust = 'text' | 'word' | 'number';
const DISTRUSTED: Readonly<Record<Trust, readonly string[]>> = { text: [], word: [TEXT], number: [TEXT, WORD] };

/** Text that is no code to a shell's arithmetic, nor amid a script of sed's or awk's. */
export const isHarmless = (text: string): boolean => /^[\w.:@%+,=~ -]*$/.test(text);

/** A source: what a function of the line prints, if there is one of that name. */
export const functionSource = (name: string): string => `${name}()`;

const NUMBERS = new Set(['#', '?', '$', '!', '-']);
/** They hold text of the line, of its arguments or of its input, or what a client may set. */
const OF_THE_SENDER =
  /^(?:[\d@*_]|IFS|\d+|REPLY|MAPFILE|OPTARG|BASH_(?:COMMAND|EXECUTION_STRING|REMATCH|ARGV0?)|FUNCNAME|SSH_ORIGINAL_COMMAND|READLINE_\w+|COMP_\w+|LC_\w+|LANG|LANGUAGE|TZ|TERM|COLORTERM|NO_COLOR|GIT_PROTOCOL)$/;

/** The sources of a parameter's value. */
export const sourcesOfValue = (parameter: string): readonly string[] =>
  NUMBERS.has(parameter) ? [] : OF_THE_SENDER.test(parameter) ? [MADE] : [parameter];

const NUMBER = certain('0');
/** Assigning to these evaluates what is assigned. */
const INTEGERS = new Set(['RANDOM', 'OPTIND', 'SECONDS', 'LINENO', 'HISTCMD', 'SRANDOM', 'BASHPID']);
/** They are arrays before a line makes any. */
const ARRAYS =
  'BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_LINENO BASH_SOURCE DIRSTACK FUNCNAME GROUPS MAPFILE PIPESTATUS';
/** What `~`, `~+` and `~-` stand for. */
const HOMES = new Set(['HOME', 'PWD', 'OLDPWD', 'DIRSTACK']);

export class Variables {
  readonly #around: Variables | undefined;
  /** Sources of all that they are set to. */
  readonly #set = new Map<string, Set<string>>();
  readonly #evaluated: string[] = [];
  readonly #functions = new Set<string>();
  readonly #arrays = new Set(ARRAYS.split(' '));
  readonly #lists: VariableSet[] = [];
  /** Values of HOME and the like; undefined: it may be anything. */
  readonly #homes: (Word | undefined)[] = [];
  #expandsHome = false;

  /** `around`: of the line that runs this one, and hands on what it exports. */
  constructor(around?: Variables) {
    this.#around = around;
  }

  /** Undefined: it may be anything. */
  set(name: string, value: Word | undefined): void {
    const sources = this.#set.get(name) ?? new Set();
    this.#set.set(name, sources);
    const text = value?.parts.join(' ') ?? '';
    if (!value || !isHarmless(text)) sources.add(MADE);
    else if (!/^\d*$/.test(text)) sources.add(/^[^\s-]\S*$/.test(text) ? WORD : TEXT);
    // Where the value is evaluated, so is what it names.
    for (const [named] of text.matchAll(/\b[A-Za-z_]\w*/g))
      for (const source of sourcesOfValue(named)) sources.add(source);
    for (const source of value?.sources ?? []) sources.add(source);
    if (INTEGERS.has(name)) this.#evaluated.push(name);
    if (HOMES.has(name)) this.#homes.push(value);
  }

  makeArray(name: string): void {
    this.#arrays.add(name);
  }

  /** By `declare`: bash takes the value for a list, and evaluates it, if the variable is an array, whenever it is. */
  setAsList(name: string, value: Word): void {
    this.#lists.push({ name, value });
  }

  expandHome(): void {
    this.#expandsHome = true;
  }

  /** A `~` is expanded, and it may be something else than a directory: an option, a list, code. */
  get expandsAnything(): boolean {
    return this.#expandsHome && this.#movesHome;
  }

  get #movesHome(): boolean {
    const moves = this.#homes.some((value) => !value || !this.#isDirectory(value));
    return moves || (this.#around ? this.#around.#movesHome : false);
  }

  #isDirectory({ parts, sources }: Word): boolean {
    const isPath = parts.length > 1 ? /^(?:\/|$)/ : /^\//;
    return (
      isPath.test(parts[0] ?? '') &&
      parts.every((part) => /^[\w./@+-]*$/.test(part)) &&
      this.areOfMachine(sources, 'word')
    );
  }

  define(functionName: string): void {
    this.#functions.add(functionSource(functionName));
  }

  /** The variable's value is evaluated, whenever it is set. */
  evaluate(name: string): void {
    this.#evaluated.push(name);
  }

  /** Bash evaluates an expression's variables, what these name, and the commands in their subscripts. */
  evaluateText({ parts, sources }: Word): void {
    this.#evaluated.push(...sources);
    parts.forEach((part, index) => {
      // What is evaluated as it stands has its commands found; those within quotes are not.
      if (/[`$]/.test(part)) this.#evaluated.push(MADE);
      for (const { 0: found, index: at } of part.matchAll(/[\w#]+/g)) {
        if (!/^[A-Za-z_]/.test(found)) continue;
        const behind = part.slice(at + found.length);
        const isCut = (at === 0 && index > 0) || (behind === '' && index < parts.length - 1);
        if (isCut) this.#evaluated.push(MADE);
        else if (/^\s*=(?!=)/.test(behind)) this.set(found, NUMBER);
        else this.#evaluated.push(...sourcesOfValue(found));
      }
    });
  }

  /** Whether something is evaluated that the sender made. */
  get evaluatesMade(): boolean {
    const listed = this.#lists.filter(({ name }) => this.#arrays.has(name)).flatMap(({ value }) => value.sources);
    return !this.areOfMachine([...this.#evaluated, ...listed]);
  }

  /** Whether none of these is of the sender's making, but for harmless text as far as `trust` goes. */
  areOfMachine(sources: Iterable<string>, trust: Trust = 'text'): boolean {
    const seen = new Set<string>();
    const left = [...sources];
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (this.#functions.has(name)) return false;
      if (name === MADE || OF_THE_SENDER.test(name) || DISTRUSTED[trust].includes(name)) return false;
      if (seen.has(name)) continue;
      seen.add(name);
      left.push(...(this.#set.get(name) ?? []));
      if (this.#around && !this.#around.areOfMachine([name], trust)) return false;
    }
    return true;
  }
}
