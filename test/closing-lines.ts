// The last lines of a test run: what was skipped and why, then `N passed, N failed`. A skip without
// a reason counts as a failure, and where the run must be whole so does each that is not known
// (skips.ts): nothing is left out in silence.

import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { KNOWN_SKIPS, type KnownSkip, MUST_BE_WHOLE } from './skips.ts';

export interface Closing {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly lines: readonly string[];
}

/** Where a part of a run leaves its closing lines, for who prints those of the whole (run.ts). */
export const CLOSING_FILE = 'GATEHOUSE_TESTS_CLOSING_FILE';

export class ClosingLines implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const lines: string[] = [];
    for (const module of modules) {
      if (module.errors().length > 0) {
        counts.failed++;
        lines.push(`could not run: ${module.moduleId}`);
      }
      for (const test of module.children.allTests()) {
        const ended = readEnded(test);
        // With `-t` the run was asked to leave tests out, so leaving them out is no news.
        if (ended.state === 'skipped' && !ended.reason && this.#vitest?.getGlobalTestNamePattern()) continue;
        const { as, line } = judge(ended);
        counts[as]++;
        if (line) lines.push(line);
      }
    }
    const closing = { ...counts, lines };
    const file = process.env[CLOSING_FILE];
    if (file) writeFileSync(file, JSON.stringify(closing));
    else console.log(closingText([closing]));
    if (counts.failed > 0) process.exitCode = 1;
  }
}

export function closingText(parts: readonly Closing[]): string {
  const sum = (of: 'passed' | 'failed' | 'skipped') => parts.reduce((all, part) => all + part[of], 0);
  const skipped = sum('skipped');
  return [
    ...parts.flatMap(({ lines }) => lines),
    `${sum('passed')} passed, ${sum('failed')} failed${skipped ? `, ${skipped} skipped` : ''}`,
  ].join('\n');
}

export interface Ended {
  /** The file's path, then the names of groups and test. */
  readonly test: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped, in the test's own words; or the first line of what it failed with. */
  readonly reason?: string | undefined;
}

export interface Verdict {
  readonly as: 'passed' | 'failed' | 'skipped';
  readonly line?: string;
}

export function judge({ test, state, reason }: Ended, whole = MUST_BE_WHOLE, known = KNOWN_SKIPS): Verdict {
  if (state === 'passed') return { as: 'passed' };
  if (state === 'failed') return { as: 'failed', line: `failed: ${test}${reason ? `: ${reason}` : ''}` };
  if (!reason) return { as: 'failed', line: `did not run, and does not say why: ${test}` };
  if (!whole || known.some((one: KnownSkip) => one.test === test || one.test === test.split(' > ', 1)[0]))
    return { as: 'skipped', line: `skipped: ${test}: ${reason}` };
  return { as: 'failed', line: `skipped, and test/skips.ts does not know it: ${test}: ${reason}` };
}

function readEnded(test: TestCase): Ended {
  const result = test.result();
  return {
    test: `${test.module.relativeModuleId} > ${test.fullName}`,
    state: result.state === 'passed' || result.state === 'failed' ? result.state : 'skipped',
    reason: result.state === 'skipped' ? result.note : result.errors?.[0]?.message.split('\n', 1)[0],
  };
}
