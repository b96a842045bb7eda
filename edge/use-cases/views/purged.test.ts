// What is told of a session that was purged, and to whom: it was, when, and by which entry of the audit log, to those who may know
// that there was one; to everybody else what is told of one that never was (law 7).

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId, SessionId } from '../../../core/ids.ts';
import type { SessionRetention } from '../../../core/retention/purge.ts';
import { witnessOf } from '../../objects/witness/days.ts';
import { admitted } from '../../test/admissions.ts';
import { audit, newest } from '../../test/grants.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

const [purged, leaving, never] = [newId('ses'), newId('ses'), newId('ses')].map((id) => SessionId.parse(id)) as [
  SessionId,
  SessionId,
  SessionId,
];
const PARTS = ['', '/actions', '/replay', '/export?format=ndjson', '/objects', '/objects/manifest.json'];
const POSTS: readonly (readonly [part: string, body: object])[] = [
  ['/shares', { seconds: 600 }],
  ['/view', { reason: 'a look' }],
  ['/unlock', { reason: 'a look' }],
];

const people = {} as Record<'alice' | 'bob' | 'carol' | 'mallory', Caller>;
beforeAll(async () => {
  for (const name of ['alice', 'bob', 'carol', 'mallory'] as const) people[name] = await callerAs(name);
  await admitted(...[purged, leaving].map((id) => ({ ...SESSIONS.ofAlice, id })));
  const witness = witnessOf(env);
  await witness.recordPurgeOrdered(purged, 41);
  await witness.recordPurged(purged, 41);
  await witness.recordPurgeOrdered(leaving, 42);
});

/** Each part's status and words, without the id. */
async function told(who: keyof typeof people, session: SessionId): Promise<string[]> {
  const answers = [];
  for (const part of PARTS) answers.push(await people[who].get(`/sessions/${session}${part}`));
  for (const [part, body] of POSTS) answers.push(await people[who].send('POST', `/sessions/${session}${part}`, body));
  answers.push(await people[who].get(`/sessions/${session}/originals`));
  answers.push(await people[who].get(`/witness/${session}`));
  return Promise.all(
    answers.map(async (answer) => `${answer.status} ${(await answer.text()).replaceAll(session, '')}`),
  );
}

describe('a purged session', () => {
  test.each(['alice', 'bob', 'mallory'] as const)('is to %s as one that never was', async (who) => {
    expect(await told(who, purged)).toEqual(await told(who, never));
    const { entries } = await audit.list({ actor: `${who}@example.com`, limit: 100 });
    expect(entries.filter(({ object, kind }) => object === purged && kind !== 'attempt.refused')).toEqual([]);
  });

  test('is to an auditor one that was purged, when and by which entry, and that is a look', async () => {
    for (const answer of (await told('carol', purged)).slice(0, -1))
      expect(answer).toMatch(
        /^404 .*The session was purged at 20.*entry 41 of the audit log.*"purged":\{"at":"20.*"audit":41\}/,
      );
    expect(await newest('session.viewed')).toMatchObject({
      actor: 'carol@example.com',
      object: purged,
      details: { part: 'purge' },
    });
    expect((await told('carol', never))[0]).toMatch(/^404 .*no such session/);
  });

  test('stays purged whatever somebody puts back in its place, which is for whoever verifies it', async () => {
    const { id } = SESSIONS.ofAlice;
    expect((await people.carol.get(`/sessions/${id}`)).status).toBe(200);
    await admitted(SESSIONS.ofAlice);
    const witness = witnessOf(env);
    await witness.recordPurgeOrdered(id, 43);
    await witness.recordPurged(id, 43);
    for (const part of PARTS.slice(0, 4)) {
      const answer = await people.carol.get(`/sessions/${id}${part}`);
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('was purged at')]);
      expect((await people.alice.get(`/sessions/${id}${part}`)).status).toBe(404);
    }
    expect((await people.carol.get(`/sessions/${id}/objects`)).status).toBe(200);
  });

  test('has a page for an auditor, with a way to the entry', async () => {
    const page = async (who: 'alice' | 'carol') => {
      const browser = new Browser();
      await browser.signIn(who);
      const answer = await browser.fetch(`${EDGE}/sessions/${purged}`);
      return [answer.status, await answer.text()];
    };
    expect(await page('carol')).toEqual([404, expect.stringMatching(/This session was purged.*\/audit\?cursor=42/s)]);
    expect(await page('alice')).toEqual([404, expect.not.stringContaining('was purged at')]);
  });

  test('is told to administrators by what keeps it, and is neither held nor purged again', async () => {
    const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
    const { connector } = SESSIONS.ofAlice;
    const evidence = { versions: 0, markers: 0, bytes: 0 };
    const session = { session: purged, connector, finished: false, locks: [], evidence, heldObjects: 0, holds: [] };
    const plan = { purges: [], session: { ...session, refusals: [], early: [] } };
    await fetch(`${archive}/plan-retention`, { method: 'POST', body: JSON.stringify(plan) });
    const kept = await (await people.bob.get(`/sessions/${purged}/retention`)).json<SessionRetention>();
    expect(kept.purged?.audit).toBe(41);
    for (const again of [
      await people.bob.send('POST', `/sessions/${purged}/purge`, { reason: 'once more' }),
      await people.bob.send('POST', '/holds', { scope: { of: 'session', session: purged }, reason: 'a dispute' }),
      await people.bob.send('POST', '/holds', {
        scope: { of: 'sessions', sessions: [leaving, purged] },
        reason: 'a dispute',
      }),
    ])
      expect([again.status, await again.text()]).toEqual([404, expect.stringContaining('was purged at')]);
  });
});

describe('one whose purge is under way', () => {
  test.each([
    ['alice', 'its own person', /^404 .*is being purged: entry 42 of the audit log/],
    ['carol', 'an auditor', /^404 .*is being purged: entry 42 of the audit log/],
    ['mallory', 'a stranger', /^404 (?!.*is being purged)/],
  ] as const)('is told to %s, %s, as far as they may see it', async (who, _which, words) => {
    for (const answer of (await told(who, leaving)).slice(0, PARTS.length)) expect(answer).toMatch(words);
  });

  test('is held while something of it is stored, and no more when nothing is', async () => {
    const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
    const evidence = { versions: 0, markers: 0, bytes: 0 };
    const none = { finished: false, locks: [], evidence, heldObjects: 0, holds: [], refusals: [], early: [] };
    const hold = async (stored: object, scope: object = { of: 'session', session: leaving }) => {
      const session = { session: leaving, connector: SESSIONS.ofAlice.connector, ...none, ...stored };
      await fetch(`${archive}/plan-retention`, { method: 'POST', body: JSON.stringify({ purges: [], session }) });
      return people.carol.send('POST', '/holds', { scope, reason: 'a dispute' });
    };
    for (const scope of [undefined, { of: 'sessions', sessions: [leaving] }]) {
      const refused = await hold({}, scope);
      expect([refused.status, await refused.text()]).toEqual([404, expect.stringContaining('is being purged')]);
    }
    expect((await hold({ storedAt: '2026-01-01T00:00:00.000Z' })).status).toBe(200);
  });
});
