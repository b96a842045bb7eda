// What people do all day in a database like many: with masks on two columns of one table, everything else
// comes as it would without.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SOAK } from '../../harness/soak.ts';
import { compare } from './compare.ts';
import { one } from './case.ts';
import { faultsIn, type Group, GROUPS, startShop, tryCase } from './everyday.ts';
import { KNOWN_DIFFERENCES } from './known-differences.ts';
import type { Pair } from './pair.ts';

describe.each([18, 15] as const)('PostgreSQL %i', (version) => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startShop(version);
  });
  afterAll(async () => {
    await pair?.close();
    expect(pair?.gateway.bugs ?? []).toEqual([]);
  });

  // Every second one; `npm run soak` runs them all.
  const chosen = ({ cases }: Group) => cases.filter((_, at) => SOAK || at % 2 === 0);
  describe.each(GROUPS.filter((group) => group.version === version))('$name', (group) => {
    test.each(chosen(group))('$name', async (of) => {
      const faults = faultsIn(await tryCase(pair, group, of));
      const reason = KNOWN_DIFFERENCES[of.name];
      if (reason === undefined) expect(faults).toEqual([]);
      else expect(faults, `is it mended? It is listed as: ${reason}`).not.toEqual([]);
    });
  });
});

test('every case has a name of its own, and every known difference is a case', () => {
  const names = GROUPS.flatMap(({ cases }) => cases.map(({ name }) => name));
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  expect(Object.keys(KNOWN_DIFFERENCES).filter((name) => !names.includes(name))).toEqual([]);
});

describe('what the comparison calls a difference', () => {
  const row = (value: string | null) => [{ kind: 'row', cells: [{ name: 'email', value }] }];
  const error = [{ kind: 'error', cells: [{ name: 'error C', value: '42501' }] }];
  const plain = one('select email');
  const hidden = one('select email', { hides: ['email'] });
  test.each([
    ['masked', hidden, row('a@b.c'), row('a***@b***.c')],
    ['shown', hidden, row('a@b.c'), row('a@b.c')],
    ['null', hidden, row('a@b.c'), row(null)],
    ['other', hidden, row(null), row('[masked]')],
    ['null', plain, row('a'), row(null)],
    ['masked though unrelated', plain, row('a'), row('[masked]')],
    ['other', plain, row('5'), row('0')],
    ['other', plain, row('5'), []],
    ['error', plain, row('5'), error],
    [undefined, plain, error, error],
    [undefined, hidden, row(null), row(null)],
  ])('%s', (kind, of, direct, through) => {
    expect(compare(of, direct, through).map((found) => found.kind)).toEqual(kind ? [kind] : []);
  });
});
