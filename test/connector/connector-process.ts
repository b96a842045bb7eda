// A connector as operators run it: its own process, watched through its lines.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BARE_ENV } from '../harness/child-env.ts';

const MAIN = fileURLToPath(new URL('../../connector/main.ts', import.meta.url));

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [key: string]: unknown;
}

export interface ConnectorProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[];
  /** Everything it wrote anywhere. */
  output(): string;
  /** Rejects with all output when it ends first. */
  event(name: string): Promise<LogLine>;
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** `program`: its bundle, say. */
export function runConnector(
  args: readonly string[],
  environment: Record<string, string> = {},
  program = MAIN,
): ConnectorProcess {
  const child = spawn(process.execPath, [program, ...args], {
    // Who ends one has nothing to wait for, unless it says so.
    env: { ...BARE_ENV, GATEHOUSE_DRAIN_SECONDS: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  const waiting: (() => void)[] = [];
  let stdout = '';
  let unfinished = '';
  let stderr = '';
  let over = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const parts = (unfinished + text).split('\n');
    unfinished = parts.pop() ?? '';
    for (const part of parts) {
      if (part.startsWith('{')) lines.push(JSON.parse(part));
    }
    for (const wake of waiting.splice(0)) wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.on('close', (code) => {
      over = true;
      for (const wake of waiting.splice(0)) wake();
      resolve({ code, stderr });
    });
  });
  const output = () => stdout + stderr;
  return {
    child,
    lines,
    output,
    ended,
    async event(name) {
      for (;;) {
        const line = lines.find((it) => it.event === name);
        if (line) return line;
        if (over) throw new Error(`ended before "${name}":\n${output()}`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}
