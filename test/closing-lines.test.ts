import { expect, it } from 'vitest';
import { closingText, judge } from './closing-lines.ts';

const skipped = { test: 'test/a.test.ts > group > one', state: 'skipped', reason: 'psql is not installed' } as const;

it('counts what passed, and names what failed', () => {
  expect(judge({ test: 'a > b', state: 'passed' })).toEqual({ as: 'passed' });
  expect(judge({ test: 'a > b', state: 'failed' })).toEqual({ as: 'failed', line: 'failed: a > b' });
  expect(judge({ test: 'a > b', state: 'failed', reason: 'expected 1 to be 2' })).toEqual({
    as: 'failed',
    line: 'failed: a > b: expected 1 to be 2',
  });
});

it('tells of a skip with its reason, which fails a run that must be whole', () => {
  expect(judge(skipped, false, [])).toEqual({
    as: 'skipped',
    line: 'skipped: test/a.test.ts > group > one: psql is not installed',
  });
  expect(judge(skipped, true, [])).toEqual({
    as: 'failed',
    line: 'skipped, and test/skips.ts does not know it: test/a.test.ts > group > one: psql is not installed',
  });
});

it('lets a known skip pass there, by its whole name or that of its file', () => {
  const reason = 'needs what this machine cannot have';
  expect(judge(skipped, true, [{ test: skipped.test, reason }]).as).toBe('skipped');
  expect(judge(skipped, true, [{ test: 'test/a.test.ts', reason }]).as).toBe('skipped');
  expect(judge(skipped, true, [{ test: 'test/a.test.ts > group', reason }]).as).toBe('failed');
  expect(judge(skipped, true, [{ test: 'test/a.test', reason }]).as).toBe('failed');
});

it('fails a run for a skip that gives no reason, wherever it is', () => {
  expect(judge({ ...skipped, reason: undefined }, false, []).as).toBe('failed');
});

it('are those of all parts, with their sum', () => {
  const part = { passed: 2, failed: 1, skipped: 0, lines: ['failed: a > b'] };
  expect(closingText([part, { passed: 3, failed: 0, skipped: 1, lines: ['skipped: c > d: why'] }])).toBe(
    'failed: a > b\nskipped: c > d: why\n5 passed, 1 failed, 1 skipped',
  );
});
