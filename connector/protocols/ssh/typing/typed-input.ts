// The recorded copy of what is typed at a terminal. Whether the target echoes a key is known only when its output comes,
// and what is typed must be recorded before it goes on (law 1): so no letter of it is recorded as input. What was echoed
// stands in the output; what was not, such as a password, stands nowhere.

const STAR = 0x2a;
const SPACE = 0x20;
const DELETE = 0x7f;

/** Of what was typed and not echoed: a person's passwords stay below it, files do not. */
const MAX_UNECHOED_BYTES = 4096;
/** Echoes are on their way: of more at a time nobody waits for them. */
const MAX_AHEAD_BYTES = 64 * 1024;

/** Counts what of the input stands nowhere in the recording. */
export class TypedInput {
  #hidden = 0;
  /** Of these no echo can have come yet: what was shown before is none. */
  #unechoed = 0;
  #mostAhead = 0;

  /** Undefined: it is recorded as it is. */
  conceal(data: Buffer): Buffer | undefined {
    const copy = concealed(data);
    if (!copy) return undefined;
    let letters = 0;
    for (const byte of data) if (isLetter(byte)) letters++;
    this.#hidden += letters;
    this.#unechoed += letters;
    this.#mostAhead = Math.max(this.#mostAhead, this.#unechoed);
    return copy;
  }

  /** Of the target: an echo of what came before may stand in it. */
  answered(bytes: number): void {
    this.#unechoed = Math.max(0, this.#unechoed - bytes);
  }

  get hidden(): number {
    return this.#hidden;
  }

  /** For the lane: more went in than can have been echoed, or than anybody sends before it is. */
  get note(): string | undefined {
    const hidden = `input of ${this.#hidden} bytes is recorded by its length`;
    if (this.#unechoed > MAX_UNECHOED_BYTES) return `${hidden}, and ${this.#unechoed} of them at least were not echoed`;
    if (this.#mostAhead > MAX_AHEAD_BYTES) return `${hidden}, and ${this.#mostAhead} of them went in before any echo`;
    return undefined;
  }
}

/** As long as `data`: control characters (Enter, Ctrl-C, backspace) as they are, a star for each other byte. Undefined: there is no other. */
function concealed(data: Buffer): Buffer | undefined {
  if (!data.some(isLetter)) return undefined;
  const copy = Buffer.from(data);
  for (let at = 0; at < copy.length; at++) if (isLetter(copy[at] ?? 0)) copy[at] = STAR;
  return copy;
}

const isLetter = (byte: number): boolean => byte >= SPACE && byte !== DELETE;
