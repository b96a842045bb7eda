// Running clients through a way and reading what they say.

import { run } from '../harness/run.ts';
import type { Way } from './ways.ts';

/** What it printed; throws when it fails. */
export async function must(program: string, args: string[], way: Way): Promise<string> {
  const ran = await run(program, args, { env: way.env, timeoutMs: 300_000 });
  if (ran.code !== 0) throw new Error(`${program} through ${way.name}: ${ran.stderr}`);
  return ran.stdout;
}

export const queriesPerSecond = (output: string): number => Number(/^tps = ([\d.]+)/m.exec(output)?.[1] ?? 0);
export const transactions = (output: string): number => Number(/actually processed: (\d+)/.exec(output)?.[1] ?? 0);

/** Seconds that `sql` takes through psql, which throws its rows away. */
export async function seconds(psql: string, sql: string, way: Way): Promise<number> {
  const began = performance.now();
  const ran = await run(psql, ['-X', '-At', '-v', 'ON_ERROR_STOP=1', '-c', sql], {
    env: way.env,
    stdout: 'ignore',
    timeoutMs: 300_000,
  });
  if (ran.code !== 0) throw new Error(`psql through ${way.name}: ${ran.stderr}`);
  return (performance.now() - began) / 1000;
}

/** The first column to the left, the others to the right. */
export function table(lines: readonly (readonly string[])[]): void {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines)
    console.log(
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    );
}
