// A hold on what a search finds: what is counted before, what is held, what is written down, who may.

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { toHex } from '../../../core/recording/segment.ts';
import type { HoldSearch, LegalHold } from '../../../core/retention/hold.ts';
import { remote } from '../../objects/rpc.ts';
import { audit, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

const people = {} as Record<'alice' | 'bob' | 'carol', Caller>;
beforeAll(async () => {
  for (const name of ['alice', 'bob', 'carol'] as const) people[name] = await callerAs(name);
});

const begin = (query: string, who: keyof typeof people = 'carol') =>
  people[who].send('POST', '/holds/searches', { query });
const goOn = (id: string, who: keyof typeof people = 'carol') => people[who].send('POST', `/holds/searches/${id}`, {});
const place = (search: string, who: keyof typeof people = 'carol') =>
  people[who].send('POST', '/holds', { scope: { of: 'search', search }, reason: 'case 4711' });

/** To its end, as the command line does. */
async function searched(query: string): Promise<HoldSearch> {
  let search = await (await begin(query)).json<HoldSearch>();
  while (!search.done && !search.tooMany) search = await (await goOn(search.id)).json<HoldSearch>();
  return search;
}

describe('a hold on what a search finds', () => {
  test('is on exactly those sessions, of all pages, with its query, and one entry that has their number and digest', async () => {
    const first = await (await begin('pages45 drop')).json<HoldSearch>();
    // Twenty pages, each with fifty sessions that are in it twice.
    expect(first).toMatchObject({ query: 'pages45 drop', sessions: 1_000, done: false, tooMany: false });
    const early = await place(first.id);
    expect([early.status, await early.text()]).toEqual([409, expect.stringContaining('is not done')]);
    await goOn(first.id);
    const found = await (await goOn(first.id)).json<HoldSearch>();
    expect(found).toMatchObject({ sessions: 2_250, done: true });
    expect(await (await goOn(first.id)).json()).toEqual(found);
    expect(await newest('archive.searched')).toMatchObject({ details: { query: 'pages45 drop' } });

    const placed = await (await place(first.id)).json<LegalHold>();
    if (placed.scope.of !== 'sessions') throw new Error('expected the sessions');
    const { sessions, query } = placed.scope;
    expect([sessions.length, new Set(sessions).size, query]).toEqual([2_250, 2_250, 'pages45 drop']);
    const text = sessions.toSorted().map((id) => `${id}\n`);
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text.join('')));
    expect(await newest('hold.placed')).toMatchObject({
      object: placed.id,
      details: {
        ...{ of: 'search', query: 'pages45 drop', sessions: 2_250, reason: 'case 4711' },
        digest: toHex(new Uint8Array(digest)),
      },
    });
    const entries = (await audit.list({ kind: 'hold.placed', limit: 100 })).entries;
    expect(entries.filter(({ object }) => object === placed.id)).toHaveLength(1);

    const { holds } = await (await people.carol.get('/holds')).json<{ holds: LegalHold[] }>();
    const listed = holds.find(({ id }) => id === placed.id);
    expect(listed).toMatchObject({ named: 2_250, scope: { sessions: sessions.slice(0, 100) } });
    expect(await (await people.bob.get(`/holds/${placed.id}`)).json()).toEqual(placed);
    expect((await place(first.id)).status).toBe(404);
    await remote(env.RETENTION).run();
    const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
    const told = await (await fetch(`${archive}/plan-retention`)).json<{ path: string; body: LegalHold }[]>();
    expect(told.find(({ path }) => path === `/holds/${placed.id}`)?.body).toEqual(placed);
  });

  test('goes on where it stopped when the archive was away', async () => {
    const stopped = await begin('pages8 fails5');
    expect(stopped.status).toBe(503);
    const again = await begin('pages8 fails5');
    expect(await again.json()).toMatchObject({ sessions: 400, done: true });
    const { id } = await (await begin('pages30 fails25')).json<HoldSearch>();
    expect((await goOn(id)).status).toBe(503);
    expect(await (await goOn(id)).json()).toMatchObject({ sessions: 1_500, done: true });
  });

  test('is not made of what may lack something, as the catalogue is being made again', async () => {
    const refused = await begin('"while it is made again"');
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('reindex --status')]);
  });

  test('is refused of more sessions than one hold has, of none, and of a query with a mistake', async () => {
    const many = await searched('pages300');
    expect(many).toMatchObject({ tooMany: true });
    const refused = await place(many.id);
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringMatching(/10000 sessions.*since:/)]);
    expect((await begin('nosuchfield:x')).status).toBe(400);
    expect((await place(newId('hsr'))).status).toBe(404);
  });

  test('is an auditor’s: an administrator is not told how many sessions say something', async () => {
    const { id } = await searched('pages1');
    const answers = [await begin('secret', 'alice'), await begin('secret', 'bob'), await goOn(id, 'bob')];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect((await place(id, 'bob')).status).toBe(404);
  });
});
