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
  /** What fills the gaps: names of variables, and `MADE`. Numbers and what is on the machine need no name. */
  readonly sources: readonly string[];
}

/** A source: text of the line itself, or of whoever sent it. */
export const MADE = '?';

export const certain = (text: string): Word => ({
  parts: [text],
  splits: false,
  globs: false,
  ofBash: false,
  sources: [],
});

/** It may be any words at all. */
export const ANYTHING: Word = { parts: ['', ''], splits: true, globs: false, ofBash: false, sources: [MADE] };

/** Undefined: only the shell knows it. */
export const knownText = ({ parts, splits }: Word): string | undefined =>
  parts.length === 1 && !splits ? parts[0] : undefined;

/** While it is read. */
export class WordBuilder {
  readonly #parts: string[] = [];
  readonly #sources: string[] = [];
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

  /** Something unknown stands here. `sources`: as in a word. */
  open(how: 'within' | 'splits' | 'globs', sources: readonly string[] = []): void {
    this.#parts.push(this.#text);
    this.#sources.push(...sources);
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
    if (this.#isList) return { ...ANYTHING, sources: isNumbers(this.#text) ? this.#sources : [MADE] };
    return {
      parts: [...this.#parts, this.#text],
      splits: this.#splits,
      globs: this.#globs,
      ofBash: this.#ofBash,
      sources: this.#sources,
    };
  }
}

/** `{1..10}` */
const isNumbers = (text: string): boolean => /^\{[-\d.,]*\}$/.test(text);
