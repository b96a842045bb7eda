// A word of a command line, as far as it is known before a shell expands it.

export interface Word {
  /** The text that is certain, with something unknown between two parts. One part: all of it is known. */
  readonly parts: readonly string[];
  /** It may become several words of any kind, or none: `$X`, `{a,b}`. */
  readonly splits: boolean;
  /** It may become several names of files: `*.log`. */
  readonly globs: boolean;
  /** Shells without bash's additions read it otherwise: `$'rm'`. */
  readonly ofBash: boolean;
}

export const certain = (text: string): Word => ({ parts: [text], splits: false, globs: false, ofBash: false });

/** It may be any words at all. */
export const ANYTHING: Word = { parts: ['', ''], splits: true, globs: false, ofBash: false };

/** Undefined: only the shell knows it. */
export const knownText = ({ parts, splits }: Word): string | undefined =>
  parts.length === 1 && !splits ? parts[0] : undefined;

/** While it is read. */
export class WordBuilder {
  readonly #parts: string[] = [];
  #text = '';
  #splits = false;
  #globs = false;
  #ofBash = false;
  #brace = false;
  #isList = false;
  /** Nothing in it is quoted or expanded, so that it may be a reserved word. */
  plain = true;

  add(text: string): void {
    this.#text += text;
  }

  quote(text: string): void {
    this.#text += text;
    this.plain = false;
  }

  /** Something unknown stands here. */
  open(how: 'within' | 'splits' | 'globs'): void {
    this.#parts.push(this.#text);
    this.#text = '';
    this.#splits ||= how === 'splits';
    this.#globs ||= how === 'globs';
    this.plain = false;
  }

  ofBash(): void {
    this.#ofBash = true;
    this.plain = false;
  }

  /** An unquoted `{`, and what makes a list of it: `,` or `..`. */
  brace(): void {
    this.#brace = true;
    this.add('{');
  }

  separate(text: string): void {
    this.#isList ||= this.#brace;
    this.add(text);
  }

  build(): Word {
    if (this.#isList) return ANYTHING;
    return {
      parts: [...this.#parts, this.#text],
      splits: this.#splits,
      globs: this.#globs,
      ofBash: this.#ofBash,
    };
  }
}
