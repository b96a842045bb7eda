// Tries a policy's own `tests:` on this machine.

import type { Command } from 'commander';
import { placesIn } from '../../core/policy/parse.ts';
import { tryCases } from '../../core/policy/explain/try-cases.ts';
import type { Cli } from '../cli.ts';
import { Failure } from '../failure.ts';
import type { Output } from '../output.ts';
import { line } from '../terminal-text.ts';
import { type PolicyFile, readPolicyFile } from './file.ts';
import { loadReaders } from './reader.ts';

interface TriedPolicy {
  readonly passed: number;
  readonly failed: number;
  readonly cases: readonly {
    readonly name: string;
    readonly line: number;
    readonly column: number;
    readonly holds: boolean;
    readonly differences: readonly {
      /** `expect.verdict` */
      readonly field: string;
      readonly line: number;
      readonly column: number;
      readonly expected: string;
      readonly got: string;
      readonly why: string;
    }[];
  }[];
}

export function addPolicyTest(policy: Command, cli: Cli): void {
  policy
    .command('test')
    .description('try the tests that stand in a policy, on this machine')
    .requiredOption('--file <FILE>', 'the policy')
    .action(async (options: { file: string }, command: Command) => {
      const output = cli.output(command);
      const file = await readPolicyFile(options.file);
      const tried = await tryPolicy(file);
      await output.answer({ file: file.path, ...tried }, () => describeTried(output, file.path, tried));
      failIfAnyFailed(file.path, tried);
    });
}

export async function tryPolicy({ text, policy }: PolicyFile): Promise<TriedPolicy> {
  const placeOf = placesIn(text);
  const readers = await loadReaders();
  const cases = tryCases(policy, readers).map(({ index, name, differences }) => ({
    name,
    ...placeOf(['tests', index]),
    holds: differences.length === 0,
    differences: differences.map(({ path, expected, got, why }) => ({
      field: path.map(String).join('.'),
      ...placeOf(['tests', index, ...path]),
      expected,
      got,
      why,
    })),
  }));
  const passed = cases.filter(({ holds }) => holds).length;
  return { passed, failed: cases.length - passed, cases };
}

export function failIfAnyFailed(path: string, { failed, cases }: TriedPolicy): void {
  if (failed > 0) throw new Failure(1, 'tests_failed', `${path}: ${failed} of ${cases.length} tests do not hold`);
}

export function describeTried(output: Output, path: string, { passed, cases }: TriedPolicy): string {
  if (cases.length === 0) return `${path} is a valid policy. It has no tests.`;
  const told = cases.flatMap((one) => [
    one.holds
      ? `${output.style('green', 'ok   ')} ${line(one.name)}`
      : `${output.style('red', 'FAILS')} ${line(one.name)} (line ${one.line}, column ${one.column})`,
    ...one.differences.map(
      (each) =>
        `        line ${each.line}, column ${each.column}: ${line(each.field)}: expected ${line(each.expected)}, got ${line(each.got)}: ${line(each.why)}`,
    ),
  ]);
  return [...told, `${passed} of ${cases.length} ${cases.length === 1 ? 'test holds' : 'tests hold'}.`].join('\n');
}
