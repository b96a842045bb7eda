// Tests that a run which must be whole (`.ci/run`) may leave out, each with why. Whatever others need is installed by
// test/system-packages.mjs, or the run fails.

export interface KnownSkip {
  /** As the closing lines name it: `test/cli/start.test.ts > a session with psql > is granted`; or a file, for all of its tests. */
  readonly test: string;
  readonly reason: string;
}

const LATER_RELEASE = 'needs a server of a later Debian release, which the mirror at hand may not have';

export const KNOWN_SKIPS: readonly KnownSkip[] = [
  { test: 'test/conformance/mysql/mysql-9.test.ts', reason: LATER_RELEASE },
  { test: 'test/conformance/mysql/mariadb-11.test.ts', reason: LATER_RELEASE },
  {
    test: 'test/search/timing.test.ts',
    reason: 'compares durations, which `npm run soak` does on a machine left alone',
  },
  {
    test: 'test/install/bundle.test.ts > says on an older Node which one it needs',
    reason: 'needs a Node 20 beside the one that runs the tests',
  },
  {
    test: 'test/install/manifests.test.ts > systemd takes the unit without a word, and finds little that it exposes',
    reason: 'needs systemd, which containers seldom have',
  },
  {
    test: 'test/install/manifests.test.ts > Kustomize builds the manifests with settings and secrets of one’s own',
    reason: 'needs kubectl, which no Debian release at hand has with Kustomize',
  },
];

/** Set by `.ci/run`. Elsewhere a machine may lack a program: what was skipped for that is told at the end of the run. */
export const MUST_BE_WHOLE = process.env.GATEHOUSE_TESTS_WHOLE === '1';
