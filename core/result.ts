// Expected failures are values: a function that can be refused says so in its type, with a closed
// set of reasons. A throw is a bug.

type Ok<T> = { readonly ok: true; readonly value: T };
type Err<E> = { readonly ok: false; readonly error: E };
export type Result<T, E> = Ok<T> | Err<E>;

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });
export const err = <E>(error: E): Err<E> => ({ ok: false, error });

/** For the default branch of a switch over a union: a new member stops compiling here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
