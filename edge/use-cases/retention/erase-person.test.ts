// Erasing a person from the audit log: who may, what takes two people, what stands against it, what is left.

import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { AuditPage } from '../../../core/api.ts';
import type { LegalHold } from '../../../core/retention/hold.ts';
import { remote } from '../../objects/rpc.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { resource, TestConnector } from '../../test/connector.ts';
import { grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

const people = {} as Record<'alice' | 'bob' | 'carol' | 'mallory', Caller>;
beforeAll(async () => {
  await (await TestConnector.join('erasing')).link([resource('erasable')]);
  for (const name of ['alice', 'bob', 'carol', 'mallory'] as const) people[name] = await callerAs(name);
});
const MALLORY = 'mallory@example.com';
const erase = (who: keyof typeof people, email: string = MALLORY, reason = 'asked to be forgotten') =>
  people[who].send('POST', '/erasures', { email, reason });
const refusal = async (answer: Response) => [answer.status, await answer.text()];

test('is for auditors and administrators, and nobody erases themselves', async () => {
  expect((await erase('alice')).status).toBe(403);
  expect((await erase('mallory')).status).toBe(403);
  expect(await newest('attempt.refused')).toMatchObject({ actor: MALLORY, details: { wanted: 'person.erased' } });
  expect(await refusal(await erase('carol', 'Carol@example.com'))).toEqual([
    403,
    expect.stringContaining('Nobody erases themselves'),
  ]);
  expect((await erase('carol', 'no address')).status).toBe(400);
});

test('is refused while a grant of theirs is in force', async () => {
  const { id } = await grantFor(people.alice, 'erasable');
  expect(await refusal(await erase('carol', 'alice@example.com'))).toEqual([403, expect.stringContaining(id)]);
  expect((await people.alice.send('POST', `/grants/${id}/revoke`, { reason: 'tests' })).status).toBe(200);
});

test('is refused while a recording of theirs is stored', async () => {
  expect(await refusal(await erase('carol', 'alice@example.com'))).toEqual([
    403,
    expect.stringMatching(/Recordings of them are stored \(ses_/),
  ]);
});

test('is refused while a hold on them stands, and takes two people; then nobody can tell whose it was', async () => {
  const placed = await people.carol.send('POST', '/holds', {
    scope: { of: 'user', email: 'Mallory@example.com' },
    reason: 'a dispute',
  });
  const { id } = await placed.json<LegalHold>();
  expect(await refusal(await erase('carol'))).toEqual([403, expect.stringContaining(id)]);
  for (const who of ['carol', 'bob'] as const)
    await people[who].send('POST', `/holds/${id}/lift`, { reason: 'settled' });

  expect(await (await erase('carol')).json()).toMatchObject({ state: 'waiting' });
  expect(await newest('person.erase_asked')).toMatchObject({ actor: 'carol@example.com', object: MALLORY });
  expect(await refusal(await erase('carol'))).toEqual([403, expect.stringContaining('Somebody else has to agree')]);
  expect((await people.mallory.get('/me')).status).toBe(200);

  const browser = new Browser();
  await browser.signIn('carol');
  const shown = async () => (await browser.fetch(`${EDGE}/audit`)).text();
  expect(await shown()).toContain(MALLORY);
  const erased = await (await erase('bob', 'MALLORY@example.com', 'seen the request')).json<{ person: string }>();
  expect(erased).toMatchObject({ state: 'erased', person: expect.stringMatching(/^per_/) });
  expect(await newest('person.erased')).toMatchObject({
    actor: 'bob@example.com',
    object: erased.person,
    details: { asked: 'carol@example.com', why: 'asked to be forgotten', reason: 'seen the request' },
  });
  // Nothing of what the log shows has the name, and it is still whole.
  const page = await (await people.carol.get('/audit?limit=200')).json<AuditPage>();
  expect(page.entries.filter(({ object }) => object === erased.person).map(({ kind }) => kind)).toEqual([
    'person.erased',
    'person.erase_asked',
  ]);
  expect(JSON.stringify(page)).not.toMatch(/mallory/i);
  expect(await (await people.carol.get('/audit/verify')).json()).toMatchObject({ whole: true });
  expect(await shown()).toContain(erased.person);
  expect(await shown()).not.toMatch(/mallory/i);
  // Nor has the hold that was lifted, or anybody who is signed in.
  const { holds } = await (await people.carol.get('/holds')).json<{ holds: LegalHold[] }>();
  expect(holds.find((hold) => hold.id === id)?.scope).toEqual({ of: 'user', email: erased.person });
  expect((await people.mallory.get('/me')).status).toBe(401);
  expect(await remote(env.DIRECTORY).personByEmail(MALLORY)).toBeUndefined();
});
