// The last lines of a test run: what was skipped and why, then `N passed, N failed`. A skip without
// a reason counts as a failure: nothing is left out in silence.

import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

export class ClosingLines implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // With `-t` the run was asked to leave tests out, so leaving them out is no news.
    const asksForSome = this.#vitest?.getGlobalTestNamePattern() !== undefined;
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const lines: string[] = [];
    for (const module of modules) {
      if (module.errors().length > 0) {
        counts.failed++;
        lines.push(`could not run: ${module.moduleId}`);
      }
      for (const test of module.children.allTests()) {
        const state = count(test);
        if (asksForSome && state.unexplained) continue;
        counts[state.as]++;
        if (state.line) lines.push(state.line);
      }
    }
    for (const line of lines) console.log(line);
    console.log(
      `${counts.passed} passed, ${counts.failed} failed${counts.skipped ? `, ${counts.skipped} skipped` : ''}`,
    );
    if (counts.failed > 0) process.exitCode = 1;
  }
}

function count(test: TestCase): { as: 'passed' | 'failed' | 'skipped'; line?: string; unexplained?: true } {
  const result = test.result();
  if (result.state === 'passed') return { as: 'passed' };
  if (result.state === 'failed')
    return { as: 'failed', line: `failed: ${test.module.relativeModuleId} > ${test.fullName}` };
  const reason = result.state === 'skipped' ? result.note : undefined;
  if (reason) return { as: 'skipped', line: `skipped: ${test.fullName}: ${reason}` };
  return {
    as: 'failed',
    unexplained: true,
    line: `did not run, and does not say why: ${test.module.relativeModuleId} > ${test.fullName}`,
  };
}
