// A reindex at the edge: who may, that it is written down before, and that an answer which may lack something says so.

import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ReindexStanding } from '../../../core/search/reindex.ts';
import { SearchPage } from '../../../core/search/page.ts';
import { SessionPage } from '../../../core/catalogue.ts';
import { remote } from '../../objects/rpc.ts';
import { audit, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

const standing = async (answer: Response) => ReindexStanding.parse(await answer.json());

test('is for administrators, and written down before it begins', async () => {
  const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => callerAs(name as 'alice')));
  if (!alice || !bob || !carol) throw new Error('no people');
  const refused = async (who: Caller) => [
    (await who.send('POST', '/reindex', { drop: true })).status,
    (await who.get('/reindex')).status,
  ];
  expect(await refused(alice)).toEqual([403, 403]);
  // An auditor looks on.
  expect((await carol.send('POST', '/reindex', { drop: true })).status).toBe(403);
  expect(await newest('attempt.refused')).toMatchObject({ actor: 'carol@example.com', object: 'catalogue' });
  expect((await audit.list({ kind: 'catalogue.reindexed', limit: 9 })).entries).toEqual([]);
  expect(await standing(await carol.get('/reindex'))).toEqual({});
  const begun = await standing(await bob.send('POST', '/reindex', { drop: true }));
  expect(begun.reindex).toMatchObject({ drop: true, step: 'indexing' });
  expect(await newest('catalogue.reindexed')).toMatchObject({
    ...{ actor: 'bob@example.com', object: 'catalogue', details: { drop: true } },
  });
  expect(await standing(await carol.get('/reindex'))).toEqual(begun);
  expect((await bob.send('POST', '/reindex', { drop: 'yes' })).status).toBe(400);
});

test('has the functions told of all holds once more before anything is purged', async () => {
  const bob = await callerAs('bob');
  const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
  const plan = (method: string) =>
    fetch(`${archive}/plan-retention`, { method, ...(method === 'POST' && { body: JSON.stringify({ purges: [] }) }) });
  const scope = { of: 'resource', resource: 'kept' };
  const placed: { id: string } = await (await bob.send('POST', '/holds', { scope, reason: 'a dispute' })).json();
  const told = async () => {
    await plan('POST');
    await remote(env.RETENTION).run();
    return (await (await plan('GET')).json<{ path: string }[]>()).map(({ path }) => path);
  };
  // They were told when it was placed.
  expect(await told()).toEqual([]);
  await bob.send('POST', '/reindex', {});
  expect(await told()).toContain(`/holds/${placed.id}`);
});

test('has pages that may lack something say so', async () => {
  const carol = await callerAs('carol');
  const list = async (query: string) => SessionPage.parse(await (await carol.get(`/sessions${query}`)).json());
  expect(await list('?task=while-it-is-made-again')).toHaveProperty('incomplete', true);
  expect(await list('')).not.toHaveProperty('incomplete');
  const search = async (q: string) =>
    SearchPage.parse(await (await carol.get(`/search?q=${encodeURIComponent(q)}`)).json());
  expect(await search('"while it is made again"')).toHaveProperty('incomplete', true);
  expect(await search('drop')).not.toHaveProperty('incomplete');
});
