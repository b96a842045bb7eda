// Waiting that somebody can stop.

/**
 * What `work` resolves with; undefined as soon as `signal` aborts. What comes all the same is then `late`'s to close.
 * Rejects as `work` does; a failure that comes too late is nobody's.
 */
export function orAborted<T extends NonNullable<unknown>>(
  work: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void = () => {},
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let given = false;
    const abort = () => {
      given = true;
      resolve(undefined);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener('abort', abort);
        if (given) late(value);
        else resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        reject(error);
      },
    );
  });
}
