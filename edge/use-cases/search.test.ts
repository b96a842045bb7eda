import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { SearchPage } from '../../core/search/page.ts';
import { admitted, admittedUnder } from '../test/admissions.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { ISSUER_OF_TESTS, SESSIONS } from '../test/sessions.ts';
import { audit } from '../test/grants.ts';

const { ofAlice, ofBob, ofAliceHidden, ofAliceOldRule, ofAliceHiddenOldRule } = SESSIONS;

let people: Record<'alice' | 'bob' | 'carol' | 'mallory', Caller>;
beforeAll(async () => {
  await admitted(ofAlice, ofBob, ofAliceOldRule);
  await admittedUnder(false, ofAliceHidden, ofAliceHiddenOldRule);
  people = {
    alice: await callerAs('alice'),
    bob: await callerAs('bob'),
    carol: await callerAs('carol'),
    mallory: await callerAs('mallory'),
  };
});

const found = async (name: keyof typeof people, query: string) =>
  SearchPage.parse(await (await people[name].get(`/search?${query}`)).json());
/** What the functions were asked last. */
const asked = async (): Promise<Record<string, unknown>> =>
  (await fetch(`${(env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL}/searched`)).json<
    Record<string, unknown>
  >();

describe('a search', () => {
  // The archive of the tests finds something in every session, whatever it is told to leave out.
  test.each([
    ['alice', [ofAlice, ofAliceOldRule], []],
    ['bob', [ofAlice, ofBob], ['demo-developers']],
    ['carol', Object.values(SESSIONS), 'all'],
    ['mallory', [], []],
  ] as const)('of %s shows what they may view, and asks for no more', async (name, sessions, rules) => {
    const { hits, cursor } = await found(name, 'q=drop&limit=7');
    expect(hits.map(({ session }) => session)).toEqual(sessions.map(({ id }) => id));
    expect(cursor).toBe('next');
    const { view, ...rest } = (await asked()) as {
      view: { rules: unknown; own: { subject: string; forbiddenBy: string[] } };
    };
    expect(rest).toEqual({ q: 'drop', limit: 7 });
    expect(view.rules).toEqual(rules);
    expect(view.own.subject).toBe(`${ISSUER_OF_TESTS}#${name}`);
    expect(view.own.forbiddenBy).toContain('sealed-away');
    expect(view.own.forbiddenBy).not.toContain('demo-developers');
  });

  test("says whose a session is as the edge's record has it, not the index", async () => {
    const { hits } = await found('alice', 'q=drop');
    expect(hits.map(({ email }) => email)).toEqual(['alice@example.com', 'alice@example.com']);
  });

  test('is in the audit log before anything is looked at, once for all its pages', async () => {
    const newest = async () => (await audit.list({ limit: 1 })).entries[0];
    const before = (await newest())?.sequence ?? 0;
    await found('carol', 'q=user:bob%20truncate');
    expect(await newest()).toMatchObject({
      ...{ sequence: before + 1, kind: 'archive.searched', object: 'archive', actor: 'carol@example.com' },
      details: { query: 'user:bob truncate' },
    });
    await found('carol', 'q=user:bob%20truncate&cursor=next');
    expect((await newest())?.sequence).toBe(before + 1);
    await found('carol', 'q=user:bob%20grant');
    expect((await newest())?.sequence).toBe(before + 2);
  });

  test('inside a session shows nothing of others, and is a look at it however often it is asked', async () => {
    const browser = new Browser();
    await browser.signIn('bob');
    const ask = (query: string, of = ofAlice.id) =>
      browser.fetch(`${EDGE}/sessions/${of}/search?q=${encodeURIComponent(query)}`);
    const answer = SearchPage.parse(await (await ask('drop or truncate')).json());
    // The archive of the tests finds something in every session, whatever it was asked.
    expect(answer.hits.map(({ session }) => session)).toEqual([ofAlice.id]);
    expect(await asked()).toMatchObject({
      ...{ q: `session:${ofAlice.id} drop or truncate`, view: { rules: ['demo-developers'] } },
    });
    const newest = async () => (await audit.list({ limit: 1 })).entries[0];
    const look = await newest();
    expect(look).toMatchObject({ kind: 'session.viewed', actor: 'bob@example.com', object: ofAlice.id });
    expect(look?.details).toEqual({ part: 'search' });
    expect((await ask('grant')).status).toBe(200);
    expect((await newest())?.sequence).toBe(look?.sequence);
    const mistaken = await ask('a or');
    expect([mistaken.status, await mistaken.text()]).toEqual([400, expect.stringContaining('must follow')]);
    expect((await ask('drop', ofAliceHidden.id)).status).toBe(404);
    expect(await asked()).toMatchObject({ q: `session:${ofAlice.id} grant` });
  });

  test('that is not understood says where, and is no look', async () => {
    const before = (await audit.list({ limit: 1 })).entries[0]?.sequence;
    const refused = await people.carol.get(`/search?q=${encodeURIComponent('drop usr:alice')}`);
    expect(refused.status).toBe(400);
    expect(await refused.text()).toMatch(/There is no field usr\..*\(characters 6 to 14\)/);
    expect((await people.carol.get('/search')).status).toBe(400);
    expect((await people.carol.get('/search?q=a&limit=1000')).status).toBe(400);
    expect((await audit.list({ limit: 1 })).entries[0]?.sequence).toBe(before);
  });
});
