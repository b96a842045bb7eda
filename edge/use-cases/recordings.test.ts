import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { MAX_ACTIONS_A_PAGE, SessionEntry } from '../../core/catalogue.ts';
import { newId } from '../../core/ids.ts';
import { AdmittedSession } from '../../core/session-evidence.ts';
import { witnessOf } from '../objects/witness/days.ts';
import { admitted, admittedUnder } from '../test/admissions.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { SESSIONS } from '../test/sessions.ts';
import { audit } from '../test/grants.ts';

const { ofAlice, ofBob, ofAliceHidden, ofAliceOldRule, ofAliceHiddenOldRule } = SESSIONS;

/** What the audit log counts, changed behind its back: time passes. */
const lookedAt = (statements: readonly string[]) =>
  runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only')), (_object, { storage }) => {
    for (const statement of statements) storage.sql.exec(statement);
  });

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

describe('who may view which session', () => {
  // bob is in the group that the rule's `record.view` names; carol is an auditor.
  test.each([
    ['alice', 'her own', ofAlice, 200],
    ['alice', "bob's", ofBob, 404],
    ['alice', 'her own under viewOwn: false', ofAliceHidden, 404],
    ['alice', 'her own under a rule that is gone', ofAliceOldRule, 200],
    ['alice', 'her own under a rule that is gone and hid it', ofAliceHiddenOldRule, 404],
    ['bob', "alice's under a rule that is gone", ofAliceOldRule, 404],
    ['bob', "alice's, as the rule's view says", ofAlice, 200],
    ['bob', "alice's under a rule without view", ofAliceHidden, 404],
    ['carol', "alice's", ofAlice, 200],
    ['carol', 'one under viewOwn: false', ofAliceHidden, 200],
    ['carol', 'one under a rule that is gone', ofAliceOldRule, 200],
    ['mallory', "alice's", ofAlice, 404],
  ] as const)('%s, %s', async (name, _which, session, status) => {
    for (const part of ['', '/actions', '/replay', '/export?format=html', '/objects', '/objects/00000000.seg']) {
      const response = await people[name].get(`/sessions/${session.id}${part}`);
      expect(`${part} ${response.status}`).toBe(`${part} ${status}`);
      await response.text();
    }
  });

  const listed = async (name: keyof typeof people, query = '') => {
    const response = await people[name].get(`/sessions${query}`);
    const body = await response.json<{ sessions?: { id: string }[] }>();
    return response.status === 200 ? body.sessions?.map(({ id }) => id) : response.status;
  };

  test('lists hold what one may view and nothing else', async () => {
    expect(await listed('alice')).toEqual([ofAlice.id, ofAliceOldRule.id]);
    expect(await listed('alice', '?email=bob@example.com')).toBe(403);
    expect(await listed('mallory')).toEqual([]);
    expect(await listed('bob')).toEqual([ofAlice.id, ofBob.id]);
    expect(await listed('carol')).toHaveLength(Object.keys(SESSIONS).length);
  });

  test('lists and sessions say whose rule the policy does not have any more', async () => {
    const gone = async (name: keyof typeof people) => {
      const { sessions } = await (await people[name].get('/sessions')).json<{ sessions: SessionEntry[] }>();
      return sessions.flatMap(({ id, ruleGone }) => (ruleGone ? [id] : []));
    };
    expect(await gone('alice')).toEqual([ofAliceOldRule.id]);
    expect(await gone('carol')).toEqual([ofAliceOldRule.id, ofAliceHiddenOldRule.id].toSorted());
    const detail = async ({ id }: SessionEntry) =>
      (await (await people.carol.get(`/sessions/${id}`)).json<{ session: SessionEntry }>()).session.ruleGone;
    expect([await detail(ofAliceOldRule), await detail(ofAlice)]).toEqual([true, undefined]);
  });

  test('a page of statements may be as long as the archive gives, and a longer one is refused by name', async () => {
    const page = (limit: number) => people.alice.get(`/sessions/${ofAlice.id}/actions?limit=${limit}`);
    expect((await page(MAX_ACTIONS_A_PAGE)).status).toBe(200);
    const refused = await page(MAX_ACTIONS_A_PAGE + 1);
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('limit:');
  });

  test('only auditors read the audit log and the list of the witness', async () => {
    for (const path of ['/audit', '/audit/verify', '/witness', '/log/entries']) {
      expect((await people.carol.get(path)).status).toBe(200);
      expect((await people.bob.get(path)).status).toBe(403);
      expect((await people.alice.get(path)).status).toBe(403);
    }
  });
});

describe('law 7: a look is an act', () => {
  const looks = [
    ['/sessions', 'sessions.listed', 'sessions'],
    [`/sessions/${ofAlice.id}`, 'session.viewed', ofAlice.id],
    [`/sessions/${ofAlice.id}/actions`, 'session.viewed', ofAlice.id],
    [`/sessions/${ofAlice.id}/replay`, 'session.viewed', ofAlice.id],
    [`/sessions/${ofAlice.id}/export?format=ndjson`, 'session.exported', ofAlice.id],
    [`/sessions/${ofAlice.id}/objects`, 'session.verified', ofAlice.id],
    [`/sessions/${ofAlice.id}/objects/manifest.json`, 'session.verified', ofAlice.id],
    [`/witness/${ofAlice.id}`, 'session.verified', ofAlice.id],
    ['/witness', 'sessions.listed', 'witness'],
    ['/log/entries', 'sessions.listed', 'log'],
    ['/audit', 'audit.viewed', 'audit'],
    ['/audit/verify', 'audit.viewed', 'audit'],
  ] as const;

  // Each by somebody who has not looked yet: looks that go on are counted to their first.
  const fresh = () => lookedAt(['DELETE FROM counted']);

  test.each(looks)('GET %s writes %s', async (path, kind, object) => {
    await fresh();
    const before = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
    await (await people.carol.get(path)).text();
    const newest = (await audit.list({ limit: 1 })).entries[0];
    expect(newest).toMatchObject({ sequence: before + 1, kind, object, actor: 'carol@example.com' });
  });

  test('a proof is told what the catalogue says, and which of it contradicts what the edge wrote down', async () => {
    const list = await (await people.carol.get(`/sessions/${ofAlice.id}/objects`)).json();
    expect(list).toMatchObject({
      objects: [{ name: '00000000.seg' }],
      catalogue: { listed: true, state: ofAlice.state },
    });
  });

  test('a page that refreshes itself and a proof of many objects are one look each, with a count', async () => {
    await fresh();
    const first = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
    const since = Date.parse('2026-11-20T10:01:00Z');
    for (let second = 0; second < 5; second++) {
      const looked = [
        `/sessions/${ofAlice.id}`,
        `/sessions/${ofAlice.id}/actions?limit=${second + 1}`,
        `/witness/${ofAlice.id}`,
        `/sessions/${ofAlice.id}/objects`,
        `/sessions/${ofAlice.id}/objects/0000000${second}.seg`,
        `/sessions?since=${new Date(since + second * 1000).toISOString()}`,
        `/audit?limit=${second + 1}`,
      ];
      for (const path of looked) await (await people.carol.get(path)).text();
    }
    // Another person's, and what leaves with the looker, are entries of their own.
    await (await people.bob.get(`/sessions/${ofAlice.id}`)).text();
    for (let times = 0; times < 2; times++)
      await (await people.carol.get(`/sessions/${ofAlice.id}/export?format=ndjson`)).text();
    const written = async () =>
      (await audit.list({ limit: 50 })).entries
        .filter(({ sequence, kind }) => sequence > first && kind !== 'catalogue.contradicted')
        .map(({ kind, actor, details }) => [kind, actor.split('@')[0], details.part, details.more])
        .reverse();
    const looks = [
      ['session.viewed', 'carol', 'detail', undefined],
      ['session.viewed', 'carol', 'statements', undefined],
      ['session.verified', 'carol', undefined, undefined],
      ['sessions.listed', 'carol', undefined, undefined],
      ['audit.viewed', 'carol', undefined, undefined],
      ['session.viewed', 'bob', 'detail', undefined],
      ['session.exported', 'carol', undefined, undefined],
      ['session.exported', 'carol', undefined, undefined],
    ];
    expect(await written()).toEqual(looks);
    // When the interval is over its counts are written, whoever acts next.
    await lookedAt(['UPDATE counted SET since_ms = 0']);
    await (await people.mallory.get(`/sessions/${ofAlice.id}`)).text();
    expect(await written()).toEqual([
      ...looks,
      ...looks.slice(0, 5).map((look) => [...look.slice(0, 3), look[0] === 'session.verified' ? 14 : 4]),
      ['attempt.refused', 'mallory', undefined, undefined],
    ]);
    expect(await audit.verify()).toMatchObject({ whole: true });
  });

  test("one look at a session's page is one entry, and what the page fetches while it is open is counted to it", async () => {
    const browser = new Browser();
    await browser.signIn('carol');
    await fresh();
    const first = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
    const written = async () =>
      (await audit.list({ limit: 50 })).entries
        .filter(({ sequence, object }) => sequence > first && object === ofAlice.id)
        .map(({ kind, actor, details }) => [kind, actor, details.part, details.more])
        .reverse();
    const page = `${EDGE}/sessions/${ofAlice.id}`;
    const shown = await browser.fetch(page);
    expect(shown.status).toBe(200);
    await shown.text();
    const look = ['session.viewed', 'carol@example.com', 'page', undefined];
    expect(await written()).toEqual([look]);
    for (const fragment of ['?fragment=status', '/statements?fragment=1', '?fragment=status', '']) {
      const again = await browser.fetch(page + fragment);
      expect(again.status).toBe(200);
      await again.text();
    }
    expect(await written()).toEqual([look]);
    // Statements that a program reads alone are a look of their own, the page beside it or not.
    await (await people.carol.get(`/sessions/${ofAlice.id}/actions`)).text();
    const alone = ['session.viewed', 'carol@example.com', 'statements', undefined];
    expect(await written()).toEqual([look, alone]);
    await lookedAt(['UPDATE counted SET since_ms = 0']);
    await (await people.mallory.get(`/sessions/${ofBob.id}`)).text();
    expect(await written()).toEqual([look, alone, [...look.slice(0, 3), 4]]);
  });

  test('nothing is shown while the audit log cannot be written', async () => {
    const log = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'));
    const rename = (from: string, to: string) =>
      runInDurableObject(log, (_object, state) => {
        state.storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
      });
    await fresh();
    await rename('entries', 'entries_away');
    const answers: string[] = [];
    for (const [path] of [...looks, ...looks]) {
      const response = await people.carol.get(path);
      answers.push(`${response.status} ${await response.text()}`);
    }
    await rename('entries_away', 'entries');
    // A first look that could not be written down does not make the next one its continuation.
    expect(answers).toHaveLength(2 * looks.length);
    for (const answer of answers)
      expect(answer).toMatch(/^503 \{"error":\{"reason":"unavailable","message":"The audit log/);
    expect((await people.carol.get('/sessions')).status).toBe(200);
  });

  test('whoever guesses at sessions, grants and requests adds a bounded number of entries, and is counted', async () => {
    await fresh();
    const first = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
    for (let count = 0; count < 30; count++) {
      expect((await people.mallory.send('POST', `/sessions/${newId('ses')}/end`, { reason: 'x' })).status).toBe(404);
      expect((await people.mallory.send('POST', `/grants/${newId('grt')}/revoke`, {})).status).toBe(404);
      const decision = { decision: 'deny', comment: 'x' };
      expect((await people.mallory.send('POST', `/approvals/${newId('req')}/decision`, decision)).status).toBe(404);
    }
    const written = Map.groupBy(
      (await audit.list({ actor: 'mallory@example.com', limit: 500 })).entries.filter(
        ({ sequence }) => sequence > first,
      ),
      ({ kind }) => kind,
    );
    expect([...written].map(([kind, entries]) => [kind, entries.length]).sort()).toEqual([
      ['attempt.refused', 20],
      ['decision.refused', 20],
      ['revocation.refused', 20],
    ]);
    await fresh();
  });

  test('a look that was refused is written down too', async () => {
    await fresh();
    await people.mallory.get(`/sessions/${ofAlice.id}`);
    expect((await audit.list({ limit: 1 })).entries[0]).toMatchObject({
      kind: 'attempt.refused',
      actor: 'mallory@example.com',
      object: ofAlice.id,
    });
  });
});

test('an export never runs in our origin', async () => {
  const response = await people.carol.get(`/sessions/${ofAlice.id}/export?format=html`);
  expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${ofAlice.id}.html"`);
  expect(response.headers.get('content-security-policy')).toMatch(/^sandbox;/);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  await response.text();
});

test('an object is only ever one of the names that sessions have', async () => {
  for (const name of ['..%2Fmanifest.json', 'x', '00000000.seg.bak', '%2e%2e']) {
    expect((await people.carol.get(`/sessions/${ofAlice.id}/objects/${name}`)).status).toBe(404);
  }
});

test('a session that nobody has is not found, by name of the archive', async () => {
  const response = await people.carol.get('/sessions/ses_00000000000000000000000009');
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { reason: 'not_found' } });
});

describe('a catalogue that was changed', () => {
  // The archive's rows are as before; what the edge wrote down says otherwise.
  const tellTruth = (id: string, change: Partial<AdmittedSession>) => {
    const session = SessionEntry.parse({ ...ofAlice, id });
    return witnessOf(env).admitAll(
      [
        {
          session: session.id,
          opened: { ...AdmittedSession.parse(session), ...change },
          viewOwn: true,
          retainDays: 30,
        },
      ],
      session.connector,
    );
  };
  const { ofBobByRow, ofNobody } = SESSIONS;
  beforeAll(() =>
    tellTruth(ofBobByRow.id, { email: 'bob@example.com', subject: ofBob.subject, reason: 'the true one', task: 'T-9' }),
  );

  test('opens no recording to whom its row names, in no way of looking', async () => {
    expect(ofBobByRow.subject).toBe(ofAlice.subject);
    for (const part of ['', '/actions', '/replay', '/export?format=html', '/objects', '/objects/00000000.seg']) {
      const response = await people.alice.get(`/sessions/${ofBobByRow.id}${part}`);
      expect(`${part} ${response.status}`).toBe(`${part} 404`);
      expect(await response.text()).not.toContain('the true one');
    }
    const listed = await (await people.alice.get('/sessions')).text();
    expect(listed).not.toContain(ofBobByRow.id);
    expect(listed).not.toContain('the true one');
  });

  test('shows what the edge wrote down, says what contradicts it, and raises one alarm', async () => {
    const detail = await (await people.carol.get(`/sessions/${ofBobByRow.id}`)).json<{ session: SessionEntry }>();
    const expected = {
      email: 'bob@example.com',
      subject: ofBob.subject,
      reason: 'the true one',
      task: 'T-9',
      contradicted: ['email', 'reason', 'subject', 'task'],
    };
    expect(detail.session).toMatchObject({ ...expected, contradicted: expect.arrayContaining(expected.contradicted) });
    const list = await (await people.carol.get('/sessions')).json<{ sessions: SessionEntry[] }>();
    expect(list.sessions.find(({ id }) => id === ofBobByRow.id)).toMatchObject(expected);
    // Asked by what the row says, it does not come.
    const asked = await people.carol.get('/sessions?email=alice@example.com');
    expect(await asked.text()).not.toContain(ofBobByRow.id);
    const told = async () => (await audit.list({ kind: 'catalogue.contradicted', limit: 50 })).entries;
    const before = (await told()).filter(({ object }) => object === ofBobByRow.id);
    expect(before[0]).toMatchObject({ actor: 'gatehouse', details: { fields: 'email, reason, subject, task' } });
    await (await people.carol.get('/sessions')).text();
    expect((await told()).filter(({ object }) => object === ofBobByRow.id)).toHaveLength(before.length);
    const alarms = await (
      await fetch(`${(env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL}/contradictions`)
    ).text();
    expect(alarms).toContain(ofBobByRow.id);
  });

  test('says nothing of a session that the edge never admitted, but to auditors', async () => {
    for (const name of ['alice', 'bob'] as const) {
      expect((await people[name].get(`/sessions/${ofNobody.id}`)).status).toBe(404);
      expect(await (await people[name].get('/sessions')).text()).not.toContain(ofNobody.id);
    }
    expect((await people.carol.get(`/sessions/${ofNobody.id}`)).status).toBe(200);
  });
});

test('whose rule the next policy renames keeps their sessions, in lists too, and nobody else gains any', async () => {
  const { text } = await (await people.bob.get('/policy')).json<{ text: string }>();
  const seen = async (name: keyof typeof people) => {
    const { sessions } = await (await people[name].get('/sessions')).json<{ sessions: { id: string }[] }>();
    const status = (await people[name].get(`/sessions/${ofAlice.id}/actions`)).status;
    return [sessions.some(({ id }) => id === ofAlice.id), status];
  };
  expect(await seen('bob')).toEqual([true, 200]);
  const renamed = await people.bob.send('PUT', '/policy', { text: text.replace('demo-developers', 'engineers') });
  expect(renamed.status).toBe(200);
  expect(await seen('alice')).toEqual([true, 200]);
  expect(await seen('carol')).toEqual([true, 200]);
  // The renamed rule's `view` names bob for its own sessions; for those under the old name no rule does.
  expect(await seen('bob')).toEqual([false, 404]);
  expect(await seen('mallory')).toEqual([false, 404]);
  await people.bob.send('PUT', '/policy', { text });
});

test('somebody else’s session is told as one that never was, byte for byte, and both are counted', async () => {
  const never = newId('ses');
  const ways: readonly (readonly [way: string, body?: object])[] = [
    ...['', '/actions', '/replay', '/export?format=text', '/objects', '/objects/manifest.json', '/originals'].map(
      (way) => [way] as const,
    ),
    ...[['/view', { reason: 'why' }] as const, ['/unlock', { reason: 'why' }] as const, ['/shares', {}] as const],
  ];
  for (const [way, body] of ways) {
    const told = async (id: string) => {
      const path = `/sessions/${id}${way}`;
      const answer = await (body ? people.mallory.send('POST', path, body) : people.mallory.get(path));
      return [answer.status, (await answer.text()).replaceAll(id, '')];
    };
    const answer = await told(ofAlice.id);
    expect(answer, way).toEqual(await told(never));
    expect(answer[0], way).toBe(404);
  }
  const { entries } = await audit.list({ kind: 'attempt.refused', actor: 'mallory@example.com', limit: 100 });
  for (const id of [ofAlice.id, never]) expect(entries.map(({ object }) => object)).toContain(id);
});
