// Drivers of other languages, unmodified: each runs the same program (drivers/) once against the server
// and once through a gateway with a policy. What it saw must be equal, but for what the policy changes.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DriverPlace, type Line, runScenario, startDriverPlace } from '../harness/driver-scenario.ts';

const PROGRAMS = join(import.meta.dirname, 'drivers');

let at: DriverPlace;
let watch: NodeJS.Timeout;

beforeAll(async () => {
  at = await startDriverPlace();
  // Approvers: what empties people is denied, all else is approved. Two seconds pass.
  watch = setInterval(() => {
    for (const { statement, decide } of at.gateway.edge.held.splice(0)) {
      const denied = statement.statement.tables.includes('people');
      const by = ['bob@example.com'];
      setTimeout(
        () => decide(denied ? { kind: 'denied', by, comment: 'not today' } : { kind: 'approved', by, comment: '' }),
        2_000,
      );
    }
  }, 20);
});

afterAll(async () => {
  clearInterval(watch);
  await at?.close();
  expect(at?.gateway.bugs).toEqual([]);
});

const MASKED: readonly (readonly [RegExp, string])[] = [
  [/person\d+@example\.com/g, '[masked]'],
  [/987654321/g, '0'],
  [/1987-06-05/g, '2000-01-01'],
  [/datetime\.date\(1987, 6, 5\)/g, 'datetime.date(2000, 1, 1)'],
  [/4111111111111111/g, '[credit-card]'],
];

const masked = (lines: readonly Line[]) =>
  JSON.parse(MASKED.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(lines))) as Line[];

async function compare(name: string, command: readonly string[]) {
  const { direct, through } = await at.ways(name);
  const [theirs, ours] = await Promise.all([runScenario(command, direct), runScenario(command, through)]);
  return { direct: byStep(masked(theirs.lines)), through: byStep(ours.lines), errors: [theirs.stderr, ours.stderr] };
}

const byStep = (lines: readonly Line[]) => Object.fromEntries(lines.map(({ step, result }) => [step, result]));

it('psycopg3', async () => {
  const seen = await compare('psycopg3', ['/usr/bin/python3', join(PROGRAMS, 'psycopg3.py')]);
  expect(seen.errors).toEqual(['', '']);
  expect(seen.through).toEqual(seen.direct);
  void execFileSync;
});
