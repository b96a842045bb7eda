// Calls into Durable Objects, typed by the object's own class: every method becomes asynchronous.
// Arguments and answers are plain data (structured clone): no Secret, no class instance.

import type { DurableObject } from 'cloudflare:workers';

type OwnMethods<T> = {
  [K in keyof T & string]: K extends keyof DurableObject
    ? never
    : T[K] extends (...args: never[]) => unknown
      ? K
      : never;
}[keyof T & string];

export type Remote<T> = {
  readonly [K in OwnMethods<T>]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/**
 * The only object of its class, or the one called `name`. May be kept as long as one likes: a stub
 * belongs to the request it was made in, so each call makes its own.
 */
export function remote<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  name = 'only',
): Remote<T> {
  const calls: object = new Proxy(
    {},
    {
      get:
        (_, method) =>
        (...args: unknown[]) => {
          const stub: object = namespace.get(namespace.idFromName(name));
          return Reflect.get(stub, method)(...args);
        },
    },
  );
  return calls as Remote<T>;
}
