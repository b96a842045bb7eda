import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { AccessAnswer, ApiError, ApprovalList, IssuedGrant, ListedApproval, RequestDetail } from '../../core/api.ts';
import type { Approval } from '../../core/approval/approval.ts';
import { remote } from '../objects/rpc.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { audit } from '../test/grants.ts';

const MINUTE = 60_000;
let alice: Caller;
let bob: Caller;
let carol: Caller;
let mallory: Caller;
let link: TestLink;
/** Each test asks for a resource of its own: there is one open request for each. */
const names = Array.from({ length: 30 }, (_, index) => `guarded-${index}`);
let next = 0;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  carol = await callerAs('carol');
  mallory = await callerAs('mallory');
  link = await (await TestConnector.join('approvals')).link([
    ...names.map((name) => resource(name, { env: 'guarded' })),
    resource('two-keys', { env: 'two-keys' }),
  ]);
});

const fresh = () => names[next++] ?? 'none';
const ask = async (who: Caller, name = fresh(), more: object = {}) => {
  const response = await who.send('POST', '/requests', { resource: name, reason: 'SHOP-1', ...more });
  if (response.status !== 200) throw new Error(`asking answered ${response.status}: ${await response.text()}`);
  return AccessAnswer.parse(await response.json());
};
const pending = async (who = alice, name?: string, more?: object) => {
  const answer = await ask(who, name, more);
  if (!('request' in answer)) throw new Error(`nothing waits: ${Object.keys(answer)}`);
  return answer.request;
};
const decide = (who: Caller, id: string, decision: 'approve' | 'deny', comment = '') =>
  who.send('POST', `/approvals/${id}/decision`, { decision, comment });
const stateOf = async (who: Caller, id: string) => RequestDetail.parse(await (await who.get(`/requests/${id}`)).json());
const claim = (who: Caller, id: string) => who.send('POST', `/requests/${id}/claim`);
const inboxOf = async (who: Caller) => ApprovalList.parse(await (await who.get('/approvals')).json()).approvals;
const faultOf = async (response: Response) => [response.status, ApiError.parse(await response.json()).error.reason];
/** What was done; who looked is tested for itself. */
const auditOf = async (id: string) =>
  (await audit.list({ limit: 500 })).entries
    .filter(({ kind }) => kind !== 'request.viewed')
    .filter((entry) => entry.object === id || entry.details.request === id)
    .map(({ kind, actor }) => `${kind} ${actor.split('@')[0]}`)
    .reverse();
const stub = (id: string) => env.APPROVAL.get(env.APPROVAL.idFromName(id));
/** Moves all of a request's times back: what a clock would have done. */
const age = (id: string, ms: number) =>
  runInDurableObject(stub(id), async (_object, state) => {
    const row = state.storage.sql.exec('SELECT document FROM approval').one();
    const approval = JSON.parse(String(row.document)) as Record<'askedAt' | 'decideBy' | 'workUntil', string>;
    for (const name of ['askedAt', 'decideBy', 'workUntil'] as const)
      if (approval[name]) approval[name] = new Date(Date.parse(approval[name]) - ms).toISOString();
    state.storage.sql.exec('UPDATE approval SET document = ?', JSON.stringify(approval));
  });

describe('a request', () => {
  test('waits, is approved by somebody else, and gives its secret once', async () => {
    const name = fresh();
    const { id, state, link: address } = await pending(alice, name, { task: 'T-1', seconds: 3600 });
    expect([state, address]).toEqual(['pending', `http://localhost:8787/requests/${id}`]);
    expect((await stateOf(alice, id)).approval).toMatchObject({
      yours: true,
      mayDecide: false,
      workSeconds: 1800,
      labels: { task: 'T-1' },
    });
    expect((await inboxOf(bob)).find((each) => each.id === id)).toMatchObject({
      mayDecide: true,
      requester: { email: 'alice@example.com' },
      reason: 'SHOP-1',
    });
    expect(await faultOf(await claim(alice, id))).toEqual([409, 'conflict']);

    expect(ListedApproval.parse(await (await decide(bob, id, 'approve', 'fine')).json())).toMatchObject({
      state: 'approved',
      votes: [{ email: 'bob@example.com', comment: 'fine', via: 'api' }],
    });
    expect(await faultOf(await claim(bob, id))).toEqual([403, 'forbidden']);
    const granted = IssuedGrant.parse(await (await claim(alice, id)).json());
    expect(granted.grant.secret).toMatch(/^ght_[a-z2-7]{32}$/);
    const left = Date.parse(granted.grant.until) - Date.now();
    expect(left > 29 * MINUTE && left <= 30 * MINUTE).toBe(true);
    expect(await faultOf(await claim(alice, id))).toEqual([409, 'conflict']);
    expect(await (await alice.get(`/requests/${id}`)).text()).not.toContain(granted.grant.secret);
    expect(await (await carol.get('/audit?limit=500')).text()).not.toContain(granted.grant.secret);
    // The grant lets a session in.
    expect((await link.openSession(granted.grant.id)).kind).toBe('session.admitted');
    expect(await auditOf(id)).toEqual([
      'request.made alice',
      'request.voted bob',
      'request.approved bob',
      'request.claimed alice',
      'grant.issued alice',
    ]);
  });

  test('is not decided by whoever asked, and trying is written down', async () => {
    const { id } = await pending(bob);
    expect(await faultOf(await decide(bob, id, 'approve'))).toEqual([403, 'forbidden']);
    expect(await faultOf(await decide(bob, id, 'deny', 'no'))).toEqual([403, 'forbidden']);
    expect((await stateOf(bob, id)).request.state).toBe('pending');
    expect(await auditOf(id)).toEqual(['request.made bob', 'decision.refused bob', 'decision.refused bob']);
  });

  test('is not there for strangers, and not decided by those who only asked', async () => {
    const { id } = await pending(bob);
    expect(await faultOf(await mallory.get(`/requests/${id}`))).toEqual([404, 'not_found']);
    expect(await faultOf(await decide(mallory, id, 'approve'))).toEqual([404, 'not_found']);
    expect(await faultOf(await decide(alice, id, 'approve'))).toEqual([404, 'not_found']);
    expect(await faultOf(await claim(mallory, id))).toEqual([404, 'not_found']);
    expect((await inboxOf(mallory)).length).toBe(0);
    expect(await faultOf(await bob.get('/requests/req_01m7xr5fhpxd5ccp0p7jtdc9r1'))).toEqual([404, 'not_found']);
  });

  test('takes two people where the rule says two, and one twice is one', async () => {
    const { id } = await pending(alice, 'two-keys');
    await decide(bob, id, 'approve');
    const again = ListedApproval.parse(await (await decide(bob, id, 'approve')).json());
    expect([again.state, again.votes.length, again.needed]).toEqual(['pending', 1, 2]);
    expect(ListedApproval.parse(await (await decide(carol, id, 'approve')).json()).state).toBe('approved');
    expect(await auditOf(id)).toEqual([
      'request.made alice',
      'request.voted bob',
      'request.voted carol',
      'request.approved carol',
    ]);
  });

  test('is denied with a reason, which the person who asked reads', async () => {
    const { id } = await pending();
    expect(await faultOf(await decide(carol, id, 'deny', ' '))).toEqual([400, 'bad_request']);
    await decide(carol, id, 'deny', 'not on a Friday');
    expect((await stateOf(alice, id)).approval).toMatchObject({
      state: 'denied',
      ended: { by: 'carol@example.com', reason: 'not on a Friday' },
    });
    expect(await faultOf(await decide(bob, id, 'approve'))).toEqual([409, 'conflict']);
    expect(await faultOf(await claim(alice, id))).toEqual([409, 'conflict']);
  });

  test('is withdrawn by whoever asked, and then another can be made', async () => {
    const name = fresh();
    const { id } = await pending(alice, name);
    expect(await faultOf(await bob.send('POST', `/requests/${id}/withdraw`))).toEqual([403, 'forbidden']);
    expect(ListedApproval.parse(await (await alice.send('POST', `/requests/${id}/withdraw`)).json()).state).toBe(
      'withdrawn',
    );
    expect((await pending(alice, name)).id).not.toBe(id);
  });

  test('is made once: asking again, even at the same moment, gives the same', async () => {
    const name = fresh();
    const all = await Promise.all([pending(alice, name), pending(alice, name), pending(alice, name)]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    const id = all[0]?.id ?? '';
    await decide(bob, id, 'approve');
    expect(await pending(alice, name)).toMatchObject({ id, state: 'approved' });
    await claim(alice, id);
    const answer = await ask(alice, name);
    expect('live' in answer && answer.live.resource).toBe(name);
    expect('live' in answer && answer.message).toContain('revoke');
  });

  test('that was listed and never begun keeps its place for a moment, and no longer', async () => {
    const name = fresh();
    const { id } = await pending(alice, name);
    await runInDurableObject(stub(id), async (_object, state) => {
      state.storage.sql.exec('DELETE FROM approval');
    });
    expect((await pending(alice, name)).id).toBe(id);
    await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_object, state) => {
      state.storage.sql.exec(
        `UPDATE requests SET document = json_set(document, '$.askedAt', '2026-01-01T00:00:00.000Z') WHERE id = ?`,
        id,
      );
    });
    const response = await alice.send('POST', '/requests', { resource: name, reason: 'SHOP-1' });
    expect(await faultOf(response)).toEqual([409, 'conflict']);
    expect((await pending(alice, name)).id).not.toBe(id);
  });

  test('gives one secret to claims of the same moment', async () => {
    const { id } = await pending();
    await decide(bob, id, 'approve');
    const answers = await Promise.all([claim(alice, id), claim(alice, id), claim(alice, id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect(
      (await remote(env.GRANTS).list('alice@example.com')).filter(({ resource: name }) => name === names[next - 1])
        .length,
    ).toBe(1);
  });

  test('warns, then expires by its alarm when nobody decides', async () => {
    const { id } = await pending();
    await age(id, 16 * MINUTE);
    await runDurableObjectAlarm(stub(id));
    await age(id, 5 * MINUTE);
    expect(await faultOf(await decide(bob, id, 'approve'))).toEqual([409, 'conflict']);
    await runDurableObjectAlarm(stub(id));
    expect((await stateOf(alice, id)).approval).toMatchObject({ state: 'expired', ended: { by: 'gatehouse' } });
    expect((await auditOf(id)).filter((line) => !line.startsWith('decision'))).toEqual([
      'request.made alice',
      'request.expiring gatehouse',
      'request.expired gatehouse',
    ]);
    expect((await inboxOf(bob)).some((each) => each.id === id)).toBe(false);
  });

  test('is of no use when its work window went by, which began with the approval', async () => {
    const { id } = await pending();
    await age(id, 19 * MINUTE);
    await decide(bob, id, 'approve');
    const { approval } = await stateOf(alice, id);
    expect(Date.parse(approval.workUntil ?? '') - Date.now()).toBeGreaterThan(29 * MINUTE);
    await age(id, 31 * MINUTE);
    expect(await faultOf(await claim(alice, id))).toEqual([409, 'conflict']);
  });
});

describe('breaking the glass', () => {
  test('gives access at once, says so everywhere, and is reviewed by somebody else', async () => {
    const name = fresh();
    const answer = await ask(alice, name, { breakGlass: true, seconds: 3600 });
    if (!('grant' in answer)) throw new Error('no grant');
    expect(answer.grant.breakGlass).toBe(true);
    expect(Date.parse(answer.grant.until) - Date.now()).toBeLessThanOrEqual(15 * MINUTE);
    const session = await link.openSession(answer.grant.id);
    expect(session.kind).toBe('session.admitted');
    const { entries } = await audit.list({ limit: 500 });
    const marked = entries.filter(({ details }) => details.grant === answer.grant.id);
    expect(marked.map(({ kind }) => kind)).toEqual(['session.opened', 'grant.glass_broken']);
    expect(marked[0]?.details.breakGlass).toBe(true);

    const toReview = (await inboxOf(bob)).find(({ claim: made }) => made?.grant === answer.grant.id);
    expect(toReview).toMatchObject({ mayReview: true, mayDecide: false, breakGlass: {}, state: 'claimed' });
    const id = toReview?.id ?? '';
    const review = (who: Caller, comment: string) => who.send('POST', `/approvals/${id}/review`, { comment });
    expect(await faultOf(await review(alice, 'it was me'))).toEqual([403, 'forbidden']);
    expect(await faultOf(await review(bob, ''))).toEqual([400, 'bad_request']);
    expect(ListedApproval.parse(await (await review(bob, 'right so')).json()).breakGlass?.review).toMatchObject({
      email: 'bob@example.com',
    });
    expect((await inboxOf(bob)).some((each) => each.id === id)).toBe(false);
    expect(await auditOf(id)).toEqual([
      'request.made alice',
      'grant.glass_broken alice',
      'grant.issued alice',
      'decision.refused alice',
      'grant.reviewed bob',
    ]);
  });

  test('a second time makes no second grant, and names the living one', async () => {
    const name = fresh();
    const first = await ask(alice, name, { breakGlass: true });
    if (!('grant' in first)) throw new Error('no grant');
    const { id } = first.grant;
    const second = await ask(alice, name, { breakGlass: true });
    expect(second).toMatchObject({
      live: { id, breakGlass: true },
      message: expect.stringMatching(`revoke ${id} and break the glass again`),
    });
    await alice.send('POST', `/grants/${id}/revoke`, { reason: 'lost' });
    expect('grant' in (await ask(alice, name, { breakGlass: true }))).toBe(true);
  });

  test('is not kept from whoever lost the secret of a grant that was approved', async () => {
    const name = fresh();
    const { id } = await pending(alice, name);
    await decide(bob, id, 'approve');
    await claim(alice, id);
    expect('grant' in (await ask(alice, name, { breakGlass: true }))).toBe(true);
  });

  test.each([
    ['is for those whom the rule names', () => bob, { reason: 'SHOP-1' }],
    ['takes a reason', () => alice, { reason: '' }],
  ])('%s', async (_name, who, more) => {
    const name = fresh();
    const response = await who().send('POST', '/requests', { resource: name, breakGlass: true, ...more });
    expect(await faultOf(response)).toEqual([403, 'denied']);
  });
});

describe('when the audit log cannot be written', () => {
  test('nothing is decided', async () => {
    const { id } = await pending();
    const audit = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'));
    const rename = (from: string, to: string) =>
      runInDurableObject(audit, (_object, state) => {
        state.storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
      });
    await rename('entries', 'entries_away');
    try {
      expect((await decide(bob, id, 'approve')).status).toBe(503);
    } finally {
      await rename('entries_away', 'entries');
    }
    expect((await stateOf(alice, id)).request.state).toBe('pending');
    expect((await decide(bob, id, 'approve')).status).toBe(200);
  });
});

describe('when the policy changes in between', () => {
  test('the one in force says who approves, and what was approved before is judged anew at the claim', async () => {
    const stored = await (await bob.get('/policy')).json<{ text: string }>();
    const before = await pending();
    await decide(bob, before.id, 'approve');
    const waiting = await pending();
    const apply = async (text: string) => {
      const response = await bob.send('PUT', '/policy', { text });
      if (response.status !== 200) throw new Error(await response.text());
    };
    await apply(stored.text.replace('from: [dba, "user:carol@example.com"]', 'from: ["user:carol@example.com"]'));
    expect(await faultOf(await decide(alice, waiting.id, 'approve'))).toEqual([403, 'forbidden']);
    expect(await faultOf(await decide(bob, waiting.id, 'approve'))).toEqual([403, 'forbidden']);
    expect(await faultOf(await claim(alice, before.id))).toEqual([403, 'denied']);
    await decide(carol, waiting.id, 'approve');
    expect((await claim(alice, waiting.id)).status).toBe(200);
    await apply(stored.text);
    expect((await claim(alice, before.id)).status).toBe(200);
  });
});

describe('a break-glass whose rule is renamed', () => {
  test('stays with those whom the rule named, and with nobody else', async () => {
    const answer = await ask(alice, fresh(), { breakGlass: true });
    if (!('grant' in answer)) throw new Error('no grant');
    const { text } = await (await bob.get('/policy')).json<{ text: string }>();
    const later = text
      .replace('name: guarded\n', 'name: another\n')
      .replace('groups: { dba: ["demo:dba"] }', 'groups: { dba: ["demo:others"] }')
      .replace('administrators: ["demo:administrators"]', 'administrators: ["user:bob@example.com"]')
      .replace('from: [dba, "user:carol@example.com"]', 'from: [dba]');
    expect((await bob.send('PUT', '/policy', { text: later })).status).toBe(200);
    try {
      const own = (list: readonly ListedApproval[]) => list.find(({ claim: made }) => made?.grant === answer.grant.id);
      const seen = own(await inboxOf(carol));
      expect(seen).toMatchObject({ mayReview: true, state: 'claimed', rule: 'guarded' });
      expect(own(await inboxOf(mallory))).toBeUndefined();
      expect(own(await inboxOf(alice))?.mayReview ?? false).toBe(false);
      const review = (who: Caller) => who.send('POST', `/approvals/${seen?.id}/review`, { comment: 'right so' });
      expect((await review(mallory)).status).toBe(404);
      expect((await review(alice)).status).toBe(403);
      expect((await review(carol)).status).toBe(200);
      expect((await auditOf(seen?.id ?? '')).at(-1)).toBe('grant.reviewed carol');
    } finally {
      await bob.send('PUT', '/policy', { text });
    }
  });
});

test('a grant of a rule that decides no more is no reason to ask for nothing', async () => {
  const name = fresh();
  const { id } = await pending(alice, name);
  await decide(bob, id, 'approve');
  await claim(alice, id);
  expect('live' in (await ask(alice, name))).toBe(true);
  const { text } = await (await bob.get('/policy')).json<{ text: string }>();
  expect((await bob.send('PUT', '/policy', { text: text.replace('name: guarded\n', 'name: another\n') })).status).toBe(
    200,
  );
  try {
    expect((await pending(alice, name)).id).not.toBe(id);
  } finally {
    await bob.send('PUT', '/policy', { text });
  }
});

test('a stored request is what the schema says, with nobody counted who must not be', async () => {
  const { id } = await pending();
  await decide(bob, id, 'approve');
  const stored = await remote(env.APPROVAL, id).read();
  expect(stored satisfies Approval | undefined).toMatchObject({
    votes: [{ by: { groups: ['demo:dba', 'demo:administrators'] } }],
  });
});
