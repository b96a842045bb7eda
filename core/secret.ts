// A value that must not reach a log, an error, a URL or a recording (law 11). Whatever prints or
// serialises it shows a placeholder; only `reveal()` gives the value, and a search for `.reveal(`
// lists every place that does.

const PLACEHOLDER = '[secret]';

export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return PLACEHOLDER;
  }

  toJSON(): string {
    return PLACEHOLDER;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return PLACEHOLDER;
  }
}

export const secret = <T>(value: T): Secret<T> => new Secret(value);
