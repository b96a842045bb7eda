// What every list of the API has in common: pages alike, no counts, and nothing of a query left out without a word.

import { beforeAll, expect, test } from 'vitest';
import { ApiError } from '../../core/api.ts';
import { type Caller, callerAs } from '../test/people.ts';

let carol: Caller;
beforeAll(async () => {
  carol = await callerAs('carol');
});

/** With what makes it several pages, as far as it takes that. */
const PAGED = ['/sessions?limit=1', '/search?q=select&limit=1', '/audit?limit=1', '/witness', '/shares'];
const WHOLE = [
  '/holds',
  '/approvals',
  '/grants',
  '/keys',
  '/connectors',
  '/resources',
  '/retention',
  '/reindex',
  '/log',
];
const withQuery = (path: string, query: string) => `${path}${path.includes('?') ? '&' : '?'}${query}`;

test.each(PAGED)('%s has the same fields on every page, and no count or total on any', async (path) => {
  const fields = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < 4; page++) {
    const next = cursor === undefined ? path : withQuery(path, `cursor=${encodeURIComponent(cursor)}`);
    const answer = await carol.get(next);
    expect(answer.status).toBe(200);
    const { cursor: behind, incomplete: _, ...rest } = await answer.json<Record<string, unknown>>();
    fields.add(Object.keys(rest).sort().join());
    cursor = typeof behind === 'string' ? behind : undefined;
    if (cursor === undefined) break;
  }
  expect([...fields]).toHaveLength(1);
  expect([...fields][0]).not.toMatch(/total|count/i);
});

// Of sessions and hits the functions know which cursors are theirs: functions/catalogue-table/reader.test.ts, functions/search/search.test.ts.
test.each(['/audit?limit=1', '/witness', '/shares'])(
  '%s refuses a cursor of nothing, and says what is wrong with it',
  async (path) => {
    for (const foreign of ['abc', "' or 1", '99999999999999999999']) {
      const answer = await carol.get(withQuery(path, `cursor=${encodeURIComponent(foreign)}`));
      expect([foreign, answer.status]).toEqual([foreign, 400]);
      expect(ApiError.parse(await answer.json()).error.message).toMatch(/cursor/);
    }
  },
);

test.each([...PAGED, ...WHOLE])('%s refuses what it does not know', async (path) => {
  const answer = await carol.get(withQuery(path, 'nosuch=1'));
  expect(answer.status).toBe(400);
  expect(ApiError.parse(await answer.json()).error.message).toBe('query: "nosuch" is not known here');
});

test.each(WHOLE)('%s is whole: it takes no cursor and gives none', async (path) => {
  expect((await carol.get(withQuery(path, 'cursor=abc'))).status).toBe(400);
  const answer = await carol.get(path);
  if (answer.status === 200) expect(await answer.json()).not.toHaveProperty('cursor');
});
