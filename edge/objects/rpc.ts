// Calls into Durable Objects (ports/object.ts).

import type { ObjectsOf } from '../ports/object.ts';

/**
 * The only object behind a binding, or the one called `name`. May be kept as long as one likes: a stub
 * belongs to the request it was made in, so each call makes its own.
 */
export function remote<Port extends object>(namespace: ObjectsOf<Port>, name = 'only'): Port {
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
  return calls as Port;
}
