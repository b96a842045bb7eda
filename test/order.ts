// The order of the test files: project by project, since a worker that goes on with another project's files is started
// anew and loads everything again; within one the long ones first, and the project of short files last, so that a run
// does not end on a long one with the other workers idle. Only the order hangs on these lists: a file that moved is
// merely run later.

import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** `edge` has a place of its own: a group behind all (edge/vitest.config.ts). */
const PROJECTS = ['system', 'postgres', 'ssh', 'mysql', 'toy', 'unit'];

/** Beginnings of paths below the root, the longest first. */
const LONG = [
  'test/e2e/',
  'test/cli/start',
  'test/masking/results/faults',
  'test/masking/everyday/',
  'test/connector/process',
  'test/conformance/postgres-drivers',
  'test/masking/live/',
  'test/recording/full-disk',
  'test/recording/lost-store',
  'test/conformance/',
  'test/masking/',
  'test/portal/',
  'test/connector/',
  'test/cli/',
  'test/recording/',
  'core/recording/verify',
  'cli/bundle',
  'functions/',
];

/** In its list, or behind all that are in it. */
const placeIn = (list: readonly string[], found: number): number => (found < 0 ? list.length : found);

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const places = new Map(
      files.map((file) => {
        const path = file.moduleId.slice(this.ctx.config.root.length + 1);
        const project = placeIn(PROJECTS, PROJECTS.indexOf(file.project.name));
        const long = placeIn(
          LONG,
          LONG.findIndex((beginning) => path.startsWith(beginning)),
        );
        return [file, project * 1_000 + long];
      }),
    );
    const place = (file: TestSpecification): number => places.get(file) ?? 0;
    return [...files].sort((a, b) => place(a) - place(b) || a.moduleId.localeCompare(b.moduleId));
  }
}
