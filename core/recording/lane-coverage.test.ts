import { expect, it } from 'vitest';
import { LaneCoverage } from './lane-coverage.ts';

it('reads the list of format version 1 as what it says', () => {
  expect(LaneCoverage.parse([{ lane: 0, recorded: 'full' }])).toEqual({
    ...{ count: 1, first: 0, last: 0, recorded: 'full', exceptions: [], more: 0 },
  });
  expect(LaneCoverage.parse([2, 5].map((lane) => ({ lane, recorded: 'none', note: 'payroll' })))).toEqual({
    ...{ count: 2, first: 2, last: 5, recorded: 'none', note: 'payroll', exceptions: [], more: 0 },
  });
  const mixed = [
    { lane: 0, recorded: 'full' },
    { lane: 1, recorded: 'partial', note: 'lost' },
  ];
  expect(LaneCoverage.parse(mixed)).toEqual({
    ...{ count: 2, first: 0, last: 1, recorded: 'full', exceptions: [mixed[1]], more: 0 },
  });
});

it('has no other form, and no list without end', () => {
  const lanes = { count: 9, first: 0, last: 8, recorded: 'full', exceptions: [], more: 0 };
  expect(LaneCoverage.parse(lanes)).toEqual(lanes);
  const exceptions = Array.from({ length: 1001 }, (_, lane) => ({ lane, recorded: 'none' }));
  expect(LaneCoverage.safeParse({ ...lanes, exceptions }).success).toBe(false);
  expect(LaneCoverage.safeParse([{ lane: 0, recorded: 'mostly' }]).success).toBe(false);
  expect(LaneCoverage.parse(exceptions.slice(1)).exceptions).toEqual([]);
});
