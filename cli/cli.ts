// What every command is given: the terminal, the settings and a client made from them. Commands
// know nothing of argv or the process.

import '../core/text/schema-words.ts';
import type { Command } from 'commander';
import type { z } from 'zod';
import { ApiClient } from './api-client.ts';
import { usage } from './failure.ts';
import { Output, type Terminal } from './output.ts';
import { type GlobalOptions, resolveAccount } from './settings.ts';

interface Invocation {
  readonly output: Output;
  readonly client: ApiClient;
}

export class Cli {
  readonly terminal: Terminal;
  /** Of a command that did what it was to do: 1 where `verify` proves nothing, that of ssh. */
  exitCode = 0;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  output(command: Command): Output {
    return new Output(this.terminal, command.optsWithGlobals<GlobalOptions>().json === true);
  }

  /** For commands that act as somebody. Fails before anything is sent when nobody is signed in. */
  async open(command: Command): Promise<Invocation> {
    const account = await resolveAccount(command.optsWithGlobals<GlobalOptions>(), this.terminal.env);
    return { output: this.output(command), client: new ApiClient(account) };
  }
}

/** An argument or option as core's schema understands it, or a usage error that names it. */
export function checked<S extends z.ZodType>(schema: S, value: unknown, name: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const said = typeof value === 'object' ? name : `${name} ${String(value)}`;
  throw usage(`${said}: ${parsed.error.issues[0]?.message ?? 'not understood'}`);
}

export function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw usage(`${name} ${text}: expected a whole number from ${least} to ${most}`);
  return value;
}
