// One JSON line per event on standard output. Fields are plain values: a `Secret` does not fit their
// type, so no secret gets here by mistake (law 11).

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];

type LogValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly LogValue[]
  | { readonly [key: string]: LogValue };
type LogFields = Readonly<Record<string, LogValue>>;

/** `event` is a stable name in the past tense with a dot, `link.lost`; a sentence goes into `message`. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** `write` gets whole lines. Times are ISO 8601 UTC. */
export function createLogger(
  write: (line: string) => void,
  options: { readonly level?: LogLevel; readonly now?: () => number } = {},
): Logger {
  const lowest = LOG_LEVELS.indexOf(options.level ?? 'info');
  const now = options.now ?? Date.now;
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(level) < lowest) return;
      write(`${JSON.stringify({ time: new Date(now()).toISOString(), level, event, ...fields })}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/**
 * What may be said of an error that nobody foresaw: its kind and where it came from. Not its
 * message, which may quote what was being worked on (law 11).
 */
export function describeBug(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  const code = (error as NodeJS.ErrnoException).code;
  // Behind the message, whose own lines may look like frames.
  const stack = error.stack ?? '';
  const from = stack.indexOf(error.message) + error.message.length;
  const frames = stack
    .slice(from)
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  const at = frames
    .slice(0, 3)
    .map((line) => line.trim().replace(/file:\/\/\S*\/(?=(connector|core|node_modules)\/)/, ''));
  return [error.name, ...(typeof code === 'string' ? [code] : []), ...at].join(' ');
}
