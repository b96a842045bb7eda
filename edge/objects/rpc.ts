// Calls into Durable Objects, typed by the object's own class: every method becomes asynchronous.
// Arguments and answers are plain data (structured clone): no Secret, no class instance.

export type Remote<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? K : never]: T[K] extends (
    ...args: infer A
  ) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** The only object of its class, or the one called `name`. */
export function remote<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  name = 'only',
): Remote<Omit<T, keyof import('cloudflare:workers').DurableObject>> {
  const stub: unknown = namespace.get(namespace.idFromName(name));
  return stub as Remote<Omit<T, keyof import('cloudflare:workers').DurableObject>>;
}
