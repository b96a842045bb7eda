// What is told of commands in replays, lists and exports: the same words in each.

/** What was set for a command: `LANG=C`, `TERM=xterm`. */
export const commandSettings = ({
  environment = [],
  terminal,
}: {
  readonly environment?: readonly string[] | undefined;
  readonly terminal?: { readonly type: string } | undefined;
}): readonly string[] => [...environment, ...(terminal && terminal.type !== '' ? [`TERM=${terminal.type}`] : [])];

interface Ended {
  readonly exit?: number | undefined;
  readonly signal?: string | undefined;
  readonly coreDumped?: true | undefined;
  readonly message?: string | undefined;
}

/** `exit 3`, `signal SEGV (core dumped): out of luck`. Undefined: nobody was told. */
export function endWords({ exit, signal, coreDumped, message }: Ended): string | undefined {
  if (signal === undefined) return exit === undefined ? undefined : `exit ${exit}`;
  return `signal ${signal}${coreDumped ? ' (core dumped)' : ''}${message === undefined ? '' : `: ${message}`}`;
}

/** What the client asked for. */
export const signalWords = ({
  signal,
  breakMs,
}: {
  readonly signal?: string | undefined;
  readonly breakMs?: number | undefined;
}): string => (signal === undefined ? `break of ${breakMs ?? 0} ms` : `signal ${signal}`);
