// Which of the values in `insert into t (a, password) values (1, 'x')` are secrets, by the names of their
// columns; the same for `insert ... select` and `set (a, password) = (1, 'x')`.

type Phase = 'name' | 'columns' | 'between' | 'row' | 'select';

const ENDS = new Set(['on', 'returning', 'where', 'from', 'when']);
const ENDS_SELECT = new Set([...ENDS, 'group', 'order', 'limit', 'union', 'except', 'intersect', 'window', 'having']);

export class ValueList {
  #depth: number;
  readonly #once: boolean;
  readonly #secrets = new Set<number>();
  #phase: Phase = 'name';
  #index = 0;
  /** A row may begin. */
  #ready: boolean;
  /** Its columns were named, and nothing came since. */
  #fresh = false;
  /** Nothing more comes of it. */
  over = false;

  /** `depth`: brackets that are open around it. `once`: one row follows its columns, with no word in front. */
  constructor(depth: number, once: boolean) {
    this.#depth = depth;
    this.#once = once;
    this.#ready = once;
  }

  /** The arguments of EXECUTE, the first of which is 1. A bracket is open already, around no other. */
  static ofParameters(secrets: ReadonlySet<number>): ValueList {
    const list = new ValueList(0, true);
    for (const number of secrets) list.#secrets.add(number - 1);
    list.#phase = 'row';
    return list;
  }

  /** Whether what stands here is written to a column of such a name. */
  get isSecret(): boolean {
    return (this.#phase === 'row' || this.#phase === 'select') && this.#secrets.has(this.#index);
  }

  /** A word, in small letters, or a quoted name. */
  name(word: string, secret: boolean, depth: number): void {
    if (this.#phase === 'columns') {
      if (secret && depth === this.#depth + 1) this.#secrets.add(this.#index);
    } else if (depth !== this.#depth) return;
    else if (this.#phase === 'select') {
      if (ENDS_SELECT.has(word)) this.#phase = 'between';
    } else if (this.#phase === 'between') {
      this.#fresh = false;
      if (word === 'values') this.#ready = true;
      else if (word === 'select' && !this.#once) {
        this.#phase = 'select';
        this.#index = 0;
      } else if (ENDS.has(word)) this.over = true;
    }
  }

  /** `depth`: before the bracket. */
  open(depth: number): void {
    if (depth !== this.#depth) return;
    if (this.#phase === 'name') this.#phase = 'columns';
    else if (this.#phase === 'between' && this.#ready) this.#phase = 'row';
    else {
      // `insert into t (a) (select ...)`
      if (this.#phase === 'between' && this.#fresh) this.#depth++;
      return;
    }
    this.#index = 0;
  }

  /** `depth`: behind the bracket. Says whether it ended the names. */
  close(depth: number): boolean {
    if (depth < this.#depth) this.over = true;
    if (depth !== this.#depth) return false;
    if (this.#phase === 'columns') {
      if (this.#secrets.size === 0) this.over = true;
      else this.#phase = 'between';
      this.#fresh = true;
      return true;
    }
    if (this.#phase === 'row') {
      if (this.#once) this.over = true;
      else this.#phase = 'between';
    }
    return false;
  }

  comma(depth: number): void {
    if (depth === (this.#phase === 'select' ? this.#depth : this.#depth + 1)) this.#index++;
  }
}
