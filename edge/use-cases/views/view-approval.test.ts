import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PendingRequest } from '../../../core/api.ts';
import { SessionPage } from '../../../core/catalogue.ts';
import { SearchPage } from '../../../core/search/page.ts';
import { remote } from '../../objects/rpc.ts';
import { admitted } from '../../test/admissions.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { age, apply, auditOf, decide, detail, MINUTE, stub } from '../../test/holds.ts';
import { type Caller, callerAs, person } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

// alice runs the session. bob is among those whom `view` names, carol is an auditor, dan may approve.
const { ofAlice, ofBob } = SESSIONS;
const WATCHED = (record: string) => `administrators: ["demo:administrators"]
auditors: ["demo:auditors"]
groups: { dba: ["demo:dba"] }
rules:
  - name: demo-developers
    resources: { env: demo }
    who: [everyone]
    access: { ttl: 1h }
    record: { view: [dba], ${record} }
`;
const APPROVAL = 'viewApproval: { from: [dba, "user:dan@example.com"], for: 30m }';
const WAYS = ['', '/actions', '/replay', '/export?format=html', '/objects', '/objects/00000000.seg', '@witness'];

let people: Record<'alice' | 'bob' | 'carol' | 'dan' | 'mallory', Caller>;
beforeAll(async () => {
  await admitted(ofAlice, ofBob);
  const names = ['alice', 'bob', 'carol', 'dan', 'mallory'] as const;
  const callers = await Promise.all(names.map((name) => callerAs(name)));
  people = Object.fromEntries(names.map((name, index) => [name, callers[index]])) as typeof people;
});
beforeEach(async () => {
  await apply(WATCHED(APPROVAL), people.bob);
  await withdrawAll();
});

const waysOpen = async (who: Caller, session = ofAlice.id) => {
  const opened: string[] = [];
  for (const way of WAYS) {
    const response = await who.get(way === '@witness' ? `/witness/${session}` : `/sessions/${session}${way}`);
    await response.text();
    if (response.status === 200) opened.push(way);
    else expect(who === people.mallory ? [404] : [403, 404], way).toContain(response.status);
  }
  return opened;
};
const ask = (who: Caller, body: object = { reason: 'INC-7' }, session = ofAlice.id) =>
  who.send('POST', `/sessions/${session}/view`, body);
const asked = async (who = people.bob, body?: object) => {
  const answer = await ask(who, body);
  if (answer.status !== 200) throw new Error(await answer.text());
  return PendingRequest.parse(await answer.json()).request.id;
};
const approved = async (who = people.bob) => {
  const id = await asked(who);
  expect((await decide(people.dan, id, 'approve')).status).toBe(200);
  return id;
};
/** What tests before left open. */
async function withdrawAll() {
  for (const who of [people.bob, people.carol]) {
    const { approvals } = await (await who.get('/approvals')).json<{ approvals: { id: string; yours: boolean }[] }>();
    for (const { id, yours } of approvals) if (yours) await who.send('POST', `/requests/${id}/withdraw`);
  }
}

describe('a rule with viewApproval', () => {
  test('shows whom it names that the session was, and opens nothing of it in any way', async () => {
    const { sessions } = SessionPage.parse(await (await people.bob.get('/sessions')).json());
    expect(sessions.map(({ id, needsApproval, email }) => [id, needsApproval, email])).toEqual([
      [ofAlice.id, true, 'alice@example.com'],
      [ofBob.id, undefined, 'bob@example.com'],
    ]);
    expect(await waysOpen(people.bob)).toEqual([]);
    const refused = await people.bob.get(`/sessions/${ofAlice.id}/replay`);
    expect(await refused.json()).toMatchObject({
      error: { reason: 'approval_needed', message: expect.stringContaining(`request-view ${ofAlice.id} --reason`) },
    });
  });

  test('leaves its own person and auditors as they were, and strangers too', async () => {
    expect(await waysOpen(people.alice)).toEqual(WAYS);
    expect(await waysOpen(people.carol)).toEqual(WAYS);
    expect(await waysOpen(people.mallory)).toEqual([]);
    expect((await ask(people.mallory)).status).toBe(404);
    expect((await ask(people.alice)).status).toBe(409);
    expect(await waysOpen(people.bob, ofBob.id)).toEqual(WAYS);
  });

  test('opens it to who asked when somebody else agreed, in every way, and to nobody else', async () => {
    const id = await asked();
    expect(await waysOpen(people.bob)).toEqual([]);
    const shown = await detail(people.dan, id);
    expect(shown).toMatchObject({
      ...{ kind: 'view', mayDecide: true, workSeconds: 1800, reason: 'INC-7' },
      recording: { session: ofAlice.id, owner: 'alice@example.com' },
    });
    expect((await decide(people.dan, id, 'approve')).status).toBe(200);
    expect(await waysOpen(people.bob)).toEqual(WAYS);
    expect(await waysOpen(people.dan)).toEqual([]);
    expect(await waysOpen(people.mallory)).toEqual([]);
    expect(await auditOf(id)).toEqual([
      ...['request.made bob', 'request.voted dan', 'request.approved dan'],
      ...['session.viewed bob', 'session.viewed bob', 'session.viewed bob', 'session.exported bob'],
      'session.verified bob',
    ]);
  });

  test('has links to parts of an export end with the approval', async () => {
    const asked = async (who: Caller) => {
      await (await who.get(`/sessions/${ofAlice.id}/export?format=text&part=0`)).text();
      const url = await (await fetch(`${(env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL}/exported`)).text();
      return new URLSearchParams(url.split('?')[1]).get('rightUntil');
    };
    const { workUntil } = (await remote(env.APPROVAL, (await approved()) as never).read()) ?? {};
    expect(await asked(people.bob)).toBe(String(Date.parse(workUntil ?? '')));
    expect(await asked(people.carol)).toBeNull();
  });

  test('lets nobody agree to what they asked for, by another spelling of their address neither', async () => {
    const id = await asked();
    expect((await decide(people.bob, id, 'approve')).status).toBe(403);
    const twin = { ...person('dan'), subject: 'https://idp.example#other', email: 'BOB@example.com' };
    const standing = { isApprover: true, needed: 1 };
    const voted = await remote(env.APPROVAL, id as never).act({
      ...{ kind: 'approve', by: { ...twin, groups: [] }, comment: '', via: 'api', standing },
    });
    expect(voted).toEqual({ ok: false, error: 'own_request' });
    expect((await decide(people.mallory, id, 'approve')).status).toBe(404);
    expect(await waysOpen(people.bob)).toEqual([]);
  });

  test('keeps searches out of its sessions, and asks the index for none of them', async () => {
    const found = async (who: Caller) =>
      SearchPage.parse(await (await who.get('/search?q=drop')).json()).hits.map(({ session }) => session);
    const view = async () =>
      (
        await (
          await fetch(`${(env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL}/searched`)
        ).json<{ view: object }>()
      ).view;
    expect(await found(people.bob)).toEqual([ofBob.id]);
    expect(await view()).toMatchObject({ rules: [] });
    await approved();
    expect(await found(people.bob)).toEqual([ofBob.id]);
    expect(await found(people.alice)).toContain(ofAlice.id);
    expect(await found(people.carol)).toContain(ofAlice.id);
    await apply(WATCHED(APPROVAL.replace('for:', 'auditors: true, for:')), people.bob);
    expect(await found(people.carol)).not.toContain(ofAlice.id);
    expect(await view()).toMatchObject({ rules: 'all', except: ['demo-developers'] });
  });

  test('may bind auditors too', async () => {
    await apply(WATCHED(APPROVAL.replace('for:', 'auditors: true, for:')), people.bob);
    expect(await waysOpen(people.carol)).toEqual(['@witness']);
    await approved(people.carol);
    expect(await waysOpen(people.carol)).toEqual(WAYS);
  });
});

describe('an approval', () => {
  test('takes a reason, and no more time than the rule gives; asked twice it is one request', async () => {
    expect((await ask(people.bob, { reason: ' \u200b' })).status).toBe(400);
    expect((await ask(people.bob, { reason: 'x', seconds: 1801 })).status).toBe(400);
    const id = await asked(people.bob, { reason: 'x', seconds: 600 });
    expect(await asked(people.bob, { reason: 'another tab' })).toBe(id);
    const two = await Promise.all([asked(), asked()]);
    expect(two).toEqual([id, id]);
    await decide(people.dan, id, 'approve');
    expect(await asked(people.bob)).toBe(id);
    expect(Date.parse((await detail(people.bob, id)).workUntil ?? '') - Date.now()).toBeLessThan(11 * MINUTE);
  });

  test('ends with its time: whatever was open is asked for again', async () => {
    const id = await approved();
    expect(await waysOpen(people.bob)).toEqual(WAYS);
    await age(id, 31 * MINUTE);
    expect(await waysOpen(people.bob)).toEqual([]);
    // Agreeing once more does not bring it back.
    expect((await decide(people.dan, id, 'approve')).status).toBe(409);
    expect(await asked()).not.toBe(id);
  });

  test('ends when it is withdrawn, and was never there when it was denied', async () => {
    const id = await approved();
    await people.bob.send('POST', `/requests/${id}/withdraw`);
    expect(await waysOpen(people.bob)).toEqual([]);
    const other = await asked();
    expect((await decide(people.dan, other, 'deny', 'not now')).status).toBe(200);
    expect(await waysOpen(people.bob)).toEqual([]);
  });

  test.each([
    ['no longer names who approved', APPROVAL.replace('"user:dan@example.com"', '"user:eve@example.com"')],
    ['asks for two', APPROVAL.replace('for:', 'count: 2, for:')],
  ])('is of no use under a policy that %s', async (_which, record) => {
    await approved();
    expect(await waysOpen(people.bob)).toEqual(WAYS);
    await apply(WATCHED(record), people.bob);
    expect(await waysOpen(people.bob)).toEqual([]);
  });

  test('is of no use to somebody whom the rule no longer names, nor when the rule is another', async () => {
    await approved();
    await apply(WATCHED(APPROVAL).replace('view: [dba]', 'view: ["user:eve@example.com"]'), people.bob);
    expect(await waysOpen(people.bob)).toEqual([]);
    await apply(WATCHED(APPROVAL).replace('name: demo-developers', 'name: engineers'), people.bob);
    expect(await waysOpen(people.bob)).toEqual([]);
  });

  test('gives less where the policy gives less now', async () => {
    const id = await approved();
    await age(id, 10 * MINUTE);
    expect(await waysOpen(people.bob)).toEqual(WAYS);
    await apply(WATCHED(APPROVAL.replace('30m', '5m')), people.bob);
    expect(await waysOpen(people.bob)).toEqual([]);
  });

  test('is of no use for another session, and stands when its object begins anew', async () => {
    await admitted({ ...ofAlice, id: SESSIONS.ofBobByRow.id });
    const id = await approved();
    expect(await waysOpen(people.bob, SESSIONS.ofBobByRow.id)).toEqual([]);
    await expect(runInDurableObject(stub(id), (_object, state) => state.abort('restart'))).rejects.toThrow();
    expect(await waysOpen(people.bob)).toEqual(WAYS);
  });
});

describe('law 7', () => {
  const log = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'));
  const rename = (from: string, to: string) =>
    runInDurableObject(log, (_object, state) => {
      state.storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
    });
  afterEach(() => rename('entries_away', 'entries').catch(() => undefined));

  test('no byte is shown, and nothing asked or agreed to, while it cannot be written down', async () => {
    const waits = await asked();
    await rename('entries', 'entries_away');
    expect((await decide(people.dan, waits, 'approve')).status).toBe(503);
    await rename('entries_away', 'entries');
    expect((await decide(people.dan, waits, 'approve')).status).toBe(200);
    await runInDurableObject(log, (_object, { storage }) => storage.sql.exec('DELETE FROM counted'));
    await rename('entries', 'entries_away');
    for (const way of WAYS) {
      const answer = await people.bob.get(
        way === '@witness' ? `/witness/${ofAlice.id}` : `/sessions/${ofAlice.id}${way}`,
      );
      expect(`${way} ${answer.status} ${await answer.text()}`).toMatch(/ 503 .*audit log/);
    }
    expect((await ask(people.carol)).status).toBe(409);
  });
});

describe('the page', () => {
  test('asks in place of showing, and shows once it may', async () => {
    const browser = new Browser();
    await browser.signIn('bob');
    const page = `${EDGE}/sessions/${ofAlice.id}`;
    const shown = await (await browser.fetch(page)).text();
    expect(shown).toContain('Somebody has to agree');
    expect(shown).not.toContain('statement-1');
    const sent = await browser.fetch(`${page}/view`, {
      method: 'POST',
      headers: { origin: EDGE },
      body: new URLSearchParams({ reason: 'INC-9', minutes: '10' }),
    });
    expect(sent.status).toBe(303);
    const id = sent.headers.get('location')?.split('/').at(-1) ?? '';
    expect(await detail(people.dan, id)).toMatchObject({ reason: 'INC-9', workSeconds: 600 });
    await decide(people.dan, id, 'approve');
    expect(await (await browser.fetch(page)).text()).toContain('statement-1');
    await age(id, 31 * MINUTE);
    expect((await browser.fetch(`${page}?fragment=status`)).status).toBe(403);
    expect((await browser.fetch(`${page}/replay`)).status).toBe(403);
  });
});
