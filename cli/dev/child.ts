// A part of the environment as seen from its own process: it is told what to do over IPC, says when
// it is ready, and stops when it is asked to or when the process that started it is gone.

import { z } from 'zod';

export type ChildMessage =
  | {
      readonly kind: 'ready';
      readonly pids: Readonly<Record<string, number>>;
      readonly notes?: readonly string[] | undefined;
    }
  | { readonly kind: 'failed'; readonly message: string };

export interface Running {
  /** Processes of its own that somebody may want to know of, by name. */
  readonly pids?: Readonly<Record<string, number>>;
  /** Sentences for whoever started it. */
  readonly notes?: readonly string[];
  stop(): Promise<void>;
}

const Order = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('start'), settings: z.unknown() }),
  z.object({ kind: z.literal('stop') }),
]);

/** `ready` may come again, with other process ids. */
export function tell(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}

/** The longest a stop may take before the process ends itself. */
const STOP_DEADLINE_MS = 8_000;

/** Runs once in a process. `start` gets the settings; secrets among them never stand in argv or environment. */
export function runChild<T>(schema: z.ZodType<T>, start: (settings: T) => Promise<Running>): void {
  let running: Promise<Running> | undefined;
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
    void (async () => {
      await (await running)?.stop();
      process.exit(0);
    })().catch((error) => {
      console.error(error);
      process.exit(1);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
  process.on('message', (message) => {
    const order = Order.parse(message);
    if (order.kind === 'stop') return stop();
    running = start(schema.parse(order.settings));
    running.then(
      ({ pids, notes }) => tell({ kind: 'ready', pids: pids ?? {}, notes }),
      (error: unknown) => {
        console.error(error);
        const text = error instanceof Error ? error.message : String(error);
        process.send?.({ kind: 'failed', message: text.split('\n')[0] ?? text } satisfies ChildMessage, () =>
          process.exit(1),
        );
      },
    );
  });
}
