// The recorded copy of what is typed at a terminal. Whether the target echoes a key is known only when its output comes,
// and what is typed must be recorded before it goes on (law 1): so no letter of it is recorded as input. What was echoed
// stands in the output; what was not, such as a password, stands nowhere.

const STAR = 0x2a;
const SPACE = 0x20;
const DELETE = 0x7f;

/** Of what was typed and not echoed: a person's passwords stay below it, files do not. */
const MAX_UNECHOED_BYTES = 4096;

/** Counts what of the input stands nowhere in the recording. */
export class TypedInput {
  #hidden = 0;
  #shown = 0;

  /** Undefined: it is recorded as it is. */
  conceal(data: Buffer): Buffer | undefined {
    const copy = concealed(data);
    if (copy) for (const byte of data) if (isLetter(byte)) this.#hidden++;
    return copy;
  }

  /** Of the target: an echo may stand in it. */
  answered(bytes: number): void {
    this.#shown += bytes;
  }

  get hidden(): number {
    return this.#hidden;
  }

  /** For the lane: more went in than can have been echoed. */
  get note(): string | undefined {
    if (this.#hidden - this.#shown <= MAX_UNECHOED_BYTES) return undefined;
    return `input of ${this.#hidden} bytes is recorded by its length, and ${this.#hidden - this.#shown} of them at least were not echoed`;
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
