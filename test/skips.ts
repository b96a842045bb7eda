// Tests that a run which must be whole (`.ci/run`) may leave out, each with why. There are none: whatever a
// test needs is installed by test/system-packages.mjs, or the run fails.

export interface KnownSkip {
  /** As the closing lines name it: `test/cli/start.test.ts > a session with psql > is granted`. */
  readonly test: string;
  readonly reason: string;
}

export const KNOWN_SKIPS: readonly KnownSkip[] = [];

/** Set by `.ci/run`. Elsewhere a machine may lack a program: what was skipped for that is told at the end of the run. */
export const MUST_BE_WHOLE = process.env.GATEHOUSE_TESTS_WHOLE === '1';
