// The part of Node's API that workerd has under nodejs_compat and that is used here: the edge has no types of Node, so that nothing else
// of Node is taken for there.

declare module 'node:async_hooks' {
  export class AsyncLocalStorage<Store> {
    run<Answer>(store: Store, act: () => Answer): Answer;
    getStore(): Store | undefined;
  }
}
