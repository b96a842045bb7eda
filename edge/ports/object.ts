// What a Durable Object is to those who call it: a port, never its class. Arguments and answers are
// plain data (structured clone): no Secret, no class instance.

/** The binding of objects that serve a port. */
export type ObjectsOf<Port> = DurableObjectNamespace<Rpc.DurableObjectBranded & Port>;

/** What the class behind a port implements: each of its methods, answering at once or later. */
export type Serves<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer Given) => Promise<infer Answer>
    ? (...args: Given) => Answer | Promise<Answer>
    : never;
};
