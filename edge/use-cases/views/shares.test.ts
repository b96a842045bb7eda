import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId, type SessionId, systemIdSource } from '../../../core/ids.ts';
import { SearchPage } from '../../../core/search/page.ts';
import { type ListedShare, MadeShare, SharePage } from '../../../core/sharing/share.ts';
import { remote } from '../../objects/rpc.ts';
import { witnessOf } from '../../objects/witness/days.ts';
import { admitted } from '../../test/admissions.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { apply, auditOf } from '../../test/holds.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

// bob is whom `view` names and shares alice's session; dan and erin may view nothing.
const { ofAlice, ofBob } = SESSIONS;
const POLICY = (record: string) => `administrators: ["user:root@example.com", "demo:administrators"]
auditors: ["demo:auditors"]
rules:
  - name: demo-developers
    resources: { env: demo }
    who: [everyone]
    access: { ttl: 1h }
    record: { ${record} }
`;
const RULE = 'view: ["demo:dba"]';
const NAMES = ['alice', 'bob', 'carol', 'dan', 'erin', 'root'] as const;
const directory = remote(env.DIRECTORY);
const inDirectory = (statement: string) =>
  runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_object, { storage }) => {
    storage.sql.exec(statement);
  });

let people: Record<(typeof NAMES)[number], Caller>;
beforeAll(async () => {
  await admitted(ofAlice, ofBob);
  const callers = await Promise.all(NAMES.map((name) => callerAs(name)));
  people = Object.fromEntries(NAMES.map((name, index) => [name, callers[index]])) as typeof people;
  await apply(POLICY(RULE), people.bob);
});
beforeEach(async () => {
  await inDirectory('DELETE FROM shares');
  await inDirectory('DELETE FROM share_openings');
  await inDirectory('DELETE FROM buckets');
  await apply(POLICY(RULE), people.root);
});

const WITH_DAN = { with: ['dan@example.com'] };
const make = (who: Caller, body: object = WITH_DAN, session: string = ofAlice.id) =>
  who.send('POST', `/sessions/${session}/shares`, body);
const made = async (body: object = WITH_DAN, who = people.bob) => {
  const answer = await make(who, body);
  if (answer.status !== 200) throw new Error(await answer.text());
  const { share, link } = MadeShare.parse(await answer.json());
  return { ...share, link, token: link.split('#')[1] ?? '' };
};
const open = async (who: Caller, token: string) => {
  const answer = await who.send('POST', '/shares/open', { token });
  const body = await answer.json<{ error?: { message: string } }>();
  return answer.status === 200 ? 200 : `${answer.status} ${body.error?.message}`;
};
const WAYS = ['', '/actions', '/replay', '/export?format=html', '/objects', '/objects/00000000.seg'];
const waysOpen = async (who: Caller, session: string = ofAlice.id) => {
  const opened: string[] = [];
  for (const way of WAYS) {
    const response = await who.get(`/sessions/${session}${way}`);
    await response.text();
    if (response.status === 200) opened.push(way);
  }
  return opened;
};
const PAGE = ['', '/actions', '/replay'];

describe('a link', () => {
  test('opens the page and the replay of its session to whom it names, once they opened it, and nothing else', async () => {
    const { token, link, id } = await made();
    expect(link).toMatch(/^http:\/\/localhost:8787\/shared#gsl_[a-z2-7]{52}$/);
    expect(await waysOpen(people.dan)).toEqual([]);
    expect(await open(people.dan, token)).toBe(200);
    expect(await waysOpen(people.dan)).toEqual(PAGE);
    expect(await waysOpen(people.dan, ofBob.id)).toEqual([]);
    expect(await open(people.erin, token)).toMatch(/^403 This link is for others\. Ask bob@example\.com/);
    expect(await waysOpen(people.erin)).toEqual([]);
    const lists = [await people.dan.get('/sessions'), await people.dan.get('/search?q=drop')];
    for (const list of lists) expect(await list.text()).not.toContain(ofAlice.id);
    expect((await make(people.dan)).status).toBe(403);
    expect(await auditOf(id)).toEqual(['share.made bob', 'share.opened dan', 'attempt.refused erin']);
    const looks = (await remote(env.AUDIT_LOG).list({ actor: 'dan@example.com', kind: 'session.viewed', limit: 9 }))
      .entries;
    expect(looks.map(({ details }) => [details.part, details.share])).toEqual([
      ['replay', id],
      ['statements', id],
      ['detail', id],
    ]);
  });

  test('is kept as a hash, and stands in no list, log or answer but its own', async () => {
    const { token } = await made();
    const kept = await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_object, { storage }) =>
      JSON.stringify(storage.sql.exec('SELECT * FROM shares').toArray()),
    );
    const entries = JSON.stringify((await remote(env.AUDIT_LOG).list({ limit: 50 })).entries);
    const list = await (await people.bob.get('/shares')).text();
    for (const text of [kept, entries, list]) expect(text).not.toContain(token.slice(4));
  });

  test('ends with its time, with its revocation, and with its maker losing the right to view', async () => {
    const timed = await made({ ...WITH_DAN, seconds: 3600 });
    expect(await open(people.dan, timed.token)).toBe(200);
    await inDirectory(`UPDATE shares SET until_ms = ${Date.now() - 1}`);
    expect(await waysOpen(people.dan)).toEqual([]);
    expect(await open(people.dan, timed.token)).toMatch(/^403 This link is over/);

    const revoked = await made();
    expect(await open(people.dan, revoked.token)).toBe(200);
    expect((await people.erin.send('POST', `/shares/${revoked.id}/revoke`)).status).toBe(404);
    expect((await people.bob.send('POST', `/shares/${revoked.id}/revoke`)).status).toBe(200);
    expect(await waysOpen(people.dan)).toEqual([]);
    expect(await open(people.dan, revoked.token)).toMatch(/^403 This link was revoked/);

    const lost = await made();
    expect(await open(people.dan, lost.token)).toBe(200);
    await apply(POLICY('view: ["user:eve@example.com"]'), people.root);
    expect(await waysOpen(people.dan)).toEqual([]);
    expect(await open(people.dan, lost.token)).toMatch(/^403 bob@example\.com, who made this link, may not view/);
    await apply(POLICY(RULE), people.root);
    expect(await waysOpen(people.dan)).toEqual(PAGE);
    // As when they left the group, or have not signed in for a month.
    await inDirectory(
      `UPDATE people SET identity = replace(identity, 'demo:dba', 'demo:was') WHERE email LIKE 'bob@%'`,
    );
    expect(await waysOpen(people.dan)).toEqual([]);
    people = { ...people, bob: await callerAs('bob') };
    expect(await waysOpen(people.dan)).toEqual(PAGE);
    await inDirectory(`DELETE FROM people WHERE email LIKE 'bob@%'`);
    expect(await waysOpen(people.dan)).toEqual([]);
    people = { ...people, bob: await callerAs('bob') };
  });

  test('is for people who are named, for whoever signs in where the rule says so, or for nobody', async () => {
    expect((await make(people.bob, {})).status).toBe(403);
    expect((await make(people.bob, { with: ['everyone'] })).status).toBe(403);
    await apply(POLICY(`${RULE}, share: everyone`), people.root);
    const { token } = await made({});
    expect(await open(people.erin, token)).toBe(200);
    expect(await waysOpen(people.erin)).toEqual(PAGE);
    // A rule that is stricter now closes what it let be made.
    await apply(POLICY(RULE), people.root);
    expect(await waysOpen(people.erin)).toEqual([]);
    expect(await open(people.erin, token)).toMatch(/^403 The policy does not let/);
    const named = await made();
    expect(await open(people.dan, named.token)).toBe(200);
    await apply(POLICY(`${RULE}, share: none`), people.root);
    expect((await make(people.bob)).status).toBe(403);
    expect(await waysOpen(people.dan)).toEqual([]);
    // Where each look takes an approval, a link would be the way around it.
    await apply(POLICY(`${RULE}, viewApproval: { from: ["demo:auditors"] }`), people.root);
    expect((await make(people.carol)).status).toBe(403);
    await apply(POLICY(`${RULE}, share: people, viewApproval: { from: ["demo:auditors"] }`), people.root);
    expect((await make(people.bob)).status).toBe(403);
    expect((await make(people.carol)).status).toBe(200);
  });

  test('has a longest life, which a policy may shorten afterwards', async () => {
    expect((await make(people.bob, { ...WITH_DAN, seconds: 8 * 86_400 })).status).toBe(400);
    const { token, until } = await made();
    expect(Math.round((Date.parse(until) - Date.now()) / 86_400_000)).toBe(7);
    expect(await open(people.dan, token)).toBe(200);
    await inDirectory('UPDATE shares SET made_ms = made_ms - 7200000');
    await apply(POLICY(`${RULE}, shareFor: 1h`), people.root);
    expect(await waysOpen(people.dan)).toEqual([]);
    await apply(POLICY(`${RULE}, shareFor: 30d`), people.root);
    expect((await make(people.bob, { ...WITH_DAN, seconds: 30 * 86_400 })).status).toBe(200);
  });

  test('names people that there can be', async () => {
    for (const name of ['dab', 'okta:dba', 'user:x', '*'])
      expect(`${name} ${(await make(people.bob, { with: [name] })).status}`).toBe(`${name} 400`);
    expect((await made({ with: ['group:demo:dba', 'Dan@Example.com'] })).with).toEqual([
      'demo:dba',
      'user:dan@example.com',
    ]);
  });

  test('to a session that was purged says so', async () => {
    const session = newId('ses', systemIdSource) as SessionId;
    await admitted({ ...ofAlice, id: session });
    const answer = MadeShare.parse(await (await make(people.bob, WITH_DAN, session)).json());
    await witnessOf(env).recordPurged(session, 1);
    const token = answer.link.split('#')[1] ?? '';
    expect(await open(people.dan, token)).toMatch(/^404 The session was purged at 20/);
    // To nobody whom the link would not have opened it to.
    expect(await open(people.erin, token)).toMatch(/^403 This link is for others/);
    await people.bob.send('POST', `/shares/${answer.share.id}/revoke`);
    expect(await open(people.dan, token)).toMatch(/^403 This link was revoked/);
  });

  test('is not guessed: tries are few, and each that fails is written down or counted', async () => {
    const tries: (string | number)[] = [];
    for (let count = 0; count < 25; count++) tries.push(await open(people.erin, `gsl_${'a'.repeat(52)}`));
    expect(tries.filter((answer) => String(answer).startsWith('404'))).toHaveLength(20);
    expect(tries.at(-1)).toMatch(/^429/);
    expect(await open(people.dan, 'x')).toMatch(/^404 This link opens nothing/);
  });

  test('opens nothing while that cannot be written down', async () => {
    const { token } = await made();
    const log = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'));
    const rename = (from: string, to: string) =>
      runInDurableObject(log, (_object, state) => {
        state.storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
      });
    await rename('entries', 'entries_away');
    expect((await make(people.bob)).status).toBe(503);
    expect(await open(people.dan, token)).toMatch(/^503/);
    await rename('entries_away', 'entries');
    expect(await waysOpen(people.dan)).toEqual([]);
    const { shares } = SharePage.parse(await (await people.bob.get('/shares')).json());
    expect(shares).toHaveLength(1);
  });
});

describe('a list of links', () => {
  test("is one's own, all for auditors, in pages, and says how each stands", async () => {
    await made();
    await make(people.alice, WITH_DAN);
    const listed = async (who: Caller, query = '') => SharePage.parse(await (await who.get(`/shares${query}`)).json());
    expect((await listed(people.bob)).shares.map(({ by }) => by)).toEqual(['bob@example.com']);
    expect((await listed(people.carol)).shares.map(({ by }) => by)).toEqual(['alice@example.com', 'bob@example.com']);
    expect((await listed(people.dan)).shares).toEqual([]);
    for (let count = 0; count < 250; count++)
      await directory.addShare({
        ...{ id: newId('shr', systemIdSource), hash: `h${count}`, session: ofAlice.id, untilMs: Date.now() + 1000 },
        by: { email: 'bob@example.com', subject: 's' },
      });
    const seen: ListedShare[] = [];
    let cursor: string | undefined;
    do {
      const page = await listed(people.carol, cursor === undefined ? '' : `?cursor=${cursor}`);
      seen.push(...page.shares);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect([seen.length, new Set(seen.map(({ id }) => id)).size]).toEqual([252, 252]);
    expect((await people.carol.send('POST', `/shares/${seen.at(-1)?.id}/revoke`)).status).toBe(200);
    expect((await listed(people.carol)).shares[0]?.state).toBe('open');
  });

  test('ends at a thousand that are open of one person', async () => {
    await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_object, { storage }) => {
      for (let count = 0; count < 1000; count++)
        storage.sql.exec(
          'INSERT INTO shares (id, hash, session, email, subject, made_ms, until_ms) VALUES (?, ?, ?, ?, ?, 0, ?)',
          ...[newId('shr', systemIdSource), `x${count}`, ofAlice.id, 'bob@example.com', 's', Date.now() + 60_000],
        );
    });
    expect((await make(people.bob)).status).toBe(409);
    expect((await make(people.carol)).status).toBe(200);
  });
});

test('in a browser it takes the token from a form, survives signing in, and leads to the session at its moment', async () => {
  const { token, id } = await made({ with: ['mallory@example.com'], moment: 12.5 });
  const browser = new Browser();
  const door = await browser.fetch(`${EDGE}/shared`);
  expect([door.status, door.headers.get('referrer-policy')]).toEqual([200, 'no-referrer']);
  await door.text();
  const post = (text: string) =>
    browser.fetch(`${EDGE}/shared`, {
      method: 'POST',
      headers: { origin: EDGE },
      body: new URLSearchParams({ token: text }),
    });
  expect((await post('nonsense')).status).toBe(400);
  const signIn = await (await post(token)).text();
  expect(signIn).toContain('/login?return=%2Fshared%2Fopen');
  expect(signIn).not.toContain(token);
  const back = await browser.signIn('mallory', '/login?return=/shared/open');
  expect(back.headers.get('location')).toBe('/shared/open');
  const opened = await browser.fetch(`${EDGE}/shared/open`);
  expect(opened.headers.get('location')).toBe(`/sessions/${ofAlice.id}?at=12.5`);
  expect(browser.cookie(EDGE, '__Host-gatehouse-link')).toBeUndefined();
  const page = await (await browser.fetch(`${EDGE}/sessions/${ofAlice.id}`)).text();
  expect(page).toContain('shared this session with you');
  expect(page).toContain('statement-1');
  expect(page).not.toContain('/export?');
  // Signed in, the form leads on at once; used, the cookie opens nothing more.
  expect((await post(token)).headers.get('location')).toBe('/shared/open');
  await browser.fetch(`${EDGE}/shared/open`);
  expect((await browser.fetch(`${EDGE}/shared/open`)).headers.get('location')).toBe('/shared');
  expect((await auditOf(id)).filter((entry) => entry.startsWith('share.opened'))).toHaveLength(2);
});

test('the player that a link opens searches within its session, and in no other', async () => {
  const { token } = await made({ with: ['mallory@example.com'] });
  const browser = new Browser();
  await browser.signIn('mallory');
  const search = (session: string) => browser.fetch(`${EDGE}/sessions/${session}/search?q=drop`);
  expect((await search(ofAlice.id)).status).toBe(404);
  const headers = { origin: EDGE };
  await browser.fetch(`${EDGE}/shared`, { method: 'POST', headers, body: new URLSearchParams({ token }) });
  await browser.fetch(`${EDGE}/shared/open`);
  const inside = SearchPage.parse(await (await search(ofAlice.id)).json());
  expect(inside.hits.map(({ session }) => session)).toEqual([ofAlice.id]);
  expect((await search(ofBob.id)).status).toBe(404);
  const all = SearchPage.parse(await (await (await callerAs('mallory')).get('/search?q=drop')).json());
  expect(all.hits).toEqual([]);
});
