// The lines that a person types at a terminal, as far as the terminal shows them. Reconstructed from what was typed and
// what was shown: an aid for those who look for a command, and for rules that ask for it. Never evidence, never a guard.
//
// Only what was shown is ever told: of what is typed without an echo (a password) nothing stands on the screen. While
// nobody types, output costs a look for its last line break.

import { behindPrompt, lineShown } from '../../../../core/replay/shown-line.ts';
import { isEnter, TypedKeys } from './typed-keys.ts';

/** Of a prompt. */
const MAX_PROMPT_BYTES = 8 * 1024;
/** What is shown while one line is typed; of more nobody says what the line was. */
const MAX_SHOWN_BYTES = 64 * 1024;
/** A line that was typed while something ran is looked for in so much output. */
const MAX_AHEAD_BYTES = 256 * 1024;
const MAX_AHEAD_LINES = 100;
const LINE_BREAK = 0x0a;
const NOTHING = Buffer.alloc(0);

/** To the screens of editors and pagers, which have no line, and back: xterm's private modes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with one
const SCREEN_SWITCH = /\x1b\[\?(?:1049|1047|47)([hl])/g;
const LONGEST_BEGINNING = 7;

interface TypedLine {
  readonly keys: TypedKeys;
  /** What was on the line before the first key. Undefined: it was typed before the line above it was done. */
  prompt: Buffer | undefined;
  since: Buffer[];
  bytes: number;
  entered: boolean;
  /** More was shown meanwhile than is kept. */
  lost: boolean;
  /** It was told before Enter went on. */
  told: boolean;
}

/** Nobody sees it: a password is one, and so is what came by so fast that its echo is still to come. */
type Sight = { readonly line: string; readonly certain: boolean } | undefined;

export class TypedLines {
  readonly #tell: (line: string) => void;
  #columns: number;
  /** Behind the last line break. */
  #tail: Buffer = NOTHING;
  /** The last bytes, in which a switch of the screen may have begun. */
  #end = '';
  #otherScreen = false;
  /** Of the last line that was seen as it was typed. */
  #lastPrompt = '';
  /** In their order; what is shown belongs to the first. */
  #lines: TypedLine[] = [];

  /** `tell`: a line was typed, and is shown whole. */
  constructor(columns: number, tell: (line: string) => void) {
    this.#columns = columns;
    this.#tell = tell;
  }

  resize(columns: number): void {
    this.#columns = columns;
  }

  /** Keys, up to what ends a line: gives its place, or the length of `bytes`. */
  type(bytes: Buffer, from: number): number {
    if (this.#otherScreen) return bytes.length;
    const known = this.#current;
    const line = known ?? this.#begin();
    const end = line.keys.take(bytes, from);
    if (!known && end > from) this.#lines.push(line);
    return end;
  }

  /** What ended it goes on. `told`: who decided about it has told it. */
  ended(byte: number | undefined, told: boolean): void {
    const line = this.#current;
    if (!line) return;
    if (isEnter(byte)) {
      line.entered = true;
      line.keys.seal();
      line.told = told;
      if (this.#lines.length > MAX_AHEAD_LINES) this.#drop(line);
    } else this.#drop(line);
  }

  /** Something was typed that no Enter ended. */
  get begun(): boolean {
    return this.#current !== undefined && this.#current.keys.text !== '';
  }

  /** The line that is being typed, as it is shown now. */
  look(): { readonly typed: string | undefined; readonly shown: Sight } | undefined {
    const line = this.#current;
    return (
      line && {
        typed: line.keys.text,
        shown: this.#shownOf(line, line.prompt === undefined ? plain(this.#since()) : ''),
      }
    );
  }

  /** What the client gets to see. */
  show(bytes: Buffer): void {
    const before = this.#end;
    const last = bytes.toString('latin1', Math.max(0, bytes.length - LONGEST_BEGINNING));
    this.#end = (before + last).slice(-LONGEST_BEGINNING);
    if (!before.includes('\x1b') && !bytes.includes('\x1b[?')) {
      this.#showText(bytes);
      return;
    }
    let from = 0;
    for (const found of (before + bytes.toString('latin1')).matchAll(SCREEN_SWITCH)) {
      const behind = found.index + found[0].length - before.length;
      // It was seen with the bytes before.
      if (behind <= 0) continue;
      this.#showText(bytes.subarray(from, Math.max(from, found.index - before.length)));
      this.#otherScreen = found[1] === 'h';
      this.#lines = [];
      this.#tail = NOTHING;
      from = behind;
    }
    this.#showText(bytes.subarray(from));
  }

  #showText(bytes: Buffer): void {
    if (this.#otherScreen) return;
    let rest = bytes;
    for (let [line] = this.#lines; line; [line] = this.#lines) {
      const at = line.entered || line.prompt === undefined ? rest.indexOf(LINE_BREAK) : -1;
      if (at < 0) {
        this.#add(line, rest);
        return;
      }
      this.#add(line, rest.subarray(0, at));
      rest = rest.subarray(at + 1);
      this.#lineEnds(line);
    }
    this.#keepTail(rest);
  }

  get #current(): TypedLine | undefined {
    const last = this.#lines.at(-1);
    return last?.entered === false ? last : undefined;
  }

  #begin(): TypedLine {
    const prompt = this.#lines.length === 0 ? this.#tail : undefined;
    return { keys: new TypedKeys(), prompt, since: [], bytes: 0, entered: false, lost: false, told: false };
  }

  #add(line: TypedLine, bytes: Buffer): void {
    line.bytes += bytes.length;
    line.lost ||= line.bytes > (line.prompt ? MAX_SHOWN_BYTES : MAX_AHEAD_BYTES);
    if (line.lost) line.since = [];
    // A copy: what was read into is used again.
    else line.since.push(Buffer.from(bytes));
  }

  /** A line break was shown: behind Enter, or amid what ran while it was typed. */
  #lineEnds(line: TypedLine): void {
    // Of several that were typed ahead, those before the one that is shown were typed without an echo.
    const candidates = line.prompt === undefined ? this.#lines.filter(({ entered }) => entered) : [line];
    const text = line.prompt === undefined ? plain(this.#since()) : '';
    let seen: { readonly one: TypedLine; readonly shown: Sight } | undefined;
    for (const one of candidates) {
      const shown = this.#shownOf(one, text);
      if (!shown) continue;
      seen = { one, shown };
      break;
    }
    line.since = [];
    const isOver = line.entered && (line.prompt !== undefined || line.lost);
    if (!seen && !isOver) return;
    for (const one of this.#lines.slice(0, this.#lines.indexOf(seen?.one ?? line) + 1)) this.#drop(one);
    if (seen?.shown && !seen.one.told && isText(seen.shown.line)) this.#tell(seen.shown.line);
  }

  #drop(line: TypedLine): void {
    this.#lines = this.#lines.filter((one) => one !== line);
    if (this.#lines.length === 0)
      this.#tail = line.since.length === 0 ? NOTHING : behindBreak(Buffer.concat(line.since));
  }

  /** `text`: what is shown, where the line has no prompt. */
  #shownOf(line: TypedLine, text: string): Sight {
    if (line.lost) return undefined;
    const typed = line.keys.text;
    if (line.prompt === undefined) {
      if (typed !== undefined) return typed !== '' && text.endsWith(typed) ? { line: typed, certain: true } : undefined;
      const recalled = this.#lastPrompt === '' ? undefined : behindPrompt(text, this.#lastPrompt);
      return recalled ? { line: recalled, certain: false } : undefined;
    }
    const {
      line: shown,
      whole,
      prompt,
    } = lineShown({ columns: this.#columns, prompt: line.prompt.toString(), since: this.#since() });
    // What an editor suggests behind the cursor is not typed.
    if (shown && typed !== undefined && typed !== '' && shown.startsWith(typed.trimEnd())) {
      this.#lastPrompt = prompt;
      return { line: typed, certain: true };
    }
    // Typed before the prompt was there, which shows it anew.
    if (typed && whole.trimEnd().endsWith(typed.trimEnd())) return { line: typed, certain: true };
    // It was drawn anew, or the first keys were for a program that is over.
    const again = this.#lastPrompt === '' ? undefined : behindPrompt(whole, this.#lastPrompt);
    if (again && (typed === undefined || typed.endsWith(again))) return { line: again, certain: typed !== undefined };
    return shown && typed === undefined ? { line: shown, certain: false } : undefined;
  }

  /** What was shown since the first of them began. */
  #since(): string {
    return Buffer.concat(this.#lines[0]?.since ?? []).toString();
  }

  #keepTail(bytes: Buffer): void {
    const at = bytes.lastIndexOf(LINE_BREAK);
    const last = bytes.subarray(Math.max(at + 1, bytes.length - MAX_PROMPT_BYTES));
    this.#tail = at >= 0 ? Buffer.from(last) : Buffer.concat([this.#tail, last]).subarray(-MAX_PROMPT_BYTES);
  }
}

/** What programs show in the place of a password is none. */
const isText = (line: string): boolean => !/^[*•\s]*$/.test(line);

const behindBreak = (bytes: Buffer): Buffer => bytes.subarray(bytes.lastIndexOf(LINE_BREAK) + 1);

/** Without sequences, as far as a line needs it that nobody edits. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  const rest = text.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[^[\]])/g, '');
  // No pattern: one that ends in `$` begins anew at each of a hundred thousand carriage returns.
  let end = rest.length;
  while (rest[end - 1] === '\r') end--;
  return rest.slice(0, end);
}
