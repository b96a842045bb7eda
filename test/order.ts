// The order of the test files: the long ones first, so that a run does not end on one of them with the
// other workers idle. Only the order hangs on these lists: a file that moved is merely run later.

import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** Beginnings of paths below the root, the longest first. */
const LONG = [
  'test/cli/approvals',
  'test/e2e/',
  'test/cli/start',
  'test/conformance/postgres-drivers',
  'test/cli/policy',
  'test/connector/process',
  'test/masking/everyday/',
  'test/recording/laws',
  'test/masking/',
  'test/conformance/',
  'test/portal/',
  'test/cli/',
  'test/recording/',
  'test/connector/',
  'test/',
  'edge/',
];

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const path = moduleId.slice(this.ctx.config.root.length + 1);
      const found = LONG.findIndex((beginning) => path.startsWith(beginning));
      return found < 0 ? LONG.length : found;
    };
    return [...files].sort((a, b) => place(a) - place(b) || a.moduleId.localeCompare(b.moduleId));
  }
}
