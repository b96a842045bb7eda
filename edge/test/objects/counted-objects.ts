// The bindings with a counter before them: which calls a request makes to Durable Objects. What objects ask of each other is not in it.

import type { Env } from '../../env.ts';

export interface ObjectCalls {
  readonly env: Env;
  /** `DIRECTORY.browserSession`, in their order, since it was asked last. */
  taken(): readonly string[];
}

export function countObjectCalls(env: Env): ObjectCalls {
  let calls: string[] = [];
  const counted = (binding: string, namespace: DurableObjectNamespace) =>
    new Proxy(namespace, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'get') return typeof value === 'function' ? value.bind(target) : value;
        return (id: DurableObjectId) => {
          const stub = target.get(id);
          return new Proxy(stub, {
            get(object, method) {
              const call: unknown = Reflect.get(object, method);
              if (typeof call !== 'function') return call;
              return (...args: unknown[]) => {
                calls.push(`${binding}.${String(method)}`);
                return Reflect.apply(call, object, args);
              };
            },
          });
        };
      },
    });
  const bindings = Object.entries(env).map(([name, value]) => {
    const isObjects = typeof value === 'object' && value !== null && 'idFromName' in value;
    return [name, isObjects ? counted(name, value) : value];
  });
  return {
    env: Object.fromEntries(bindings),
    taken() {
      const seen = calls;
      calls = [];
      return seen;
    },
  };
}
