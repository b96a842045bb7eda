import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { PendingRequest } from '../../../core/api.ts';
import { admitted } from '../../test/admissions.ts';
import { age, apply, auditOf, decide, detail, MINUTE } from '../../test/holds.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

// carol is an auditor and asks; bob is whom `view` names; dan and erin may agree.
const { ofAlice, ofBob } = SESSIONS;
const POLICY = (record: string) => `administrators: ["demo:administrators"]
auditors: ["demo:auditors", "user:dan@example.com", "user:erin@example.com"]
rules:
  - name: demo-developers
    resources: { env: demo }
    who: [everyone]
    access: { ttl: 1h }
    record: ${record}
`;
const RULE = '{ view: ["demo:dba"] }';
const NAMES = ['alice', 'bob', 'carol', 'dan', 'erin', 'mallory'] as const;

let people: Record<(typeof NAMES)[number], Caller>;
beforeAll(async () => {
  await admitted(ofAlice, ofBob);
  const callers = await Promise.all(NAMES.map((name) => callerAs(name)));
  people = Object.fromEntries(NAMES.map((name, index) => [name, callers[index]])) as typeof people;
});
beforeEach(async () => {
  await apply(POLICY(RULE), people.bob);
  const { approvals } = await (await people.carol.get('/approvals')).json<{
    approvals: { id: string; yours: boolean }[];
  }>();
  for (const { id, yours } of approvals) if (yours) await people.carol.send('POST', `/requests/${id}/withdraw`);
});

const fetched = (who: Caller, session = ofAlice.id) => who.get(`/sessions/${session}/originals`);
const status = async (who: Caller, session = ofAlice.id) => {
  const response = await fetched(who, session);
  const body = await response.text();
  return response.status === 200 ? 200 : `${response.status} ${JSON.parse(body).error.reason}`;
};
const ask = (who: Caller, session = ofAlice.id, body: object = { reason: 'court order 7' }) =>
  who.send('POST', `/sessions/${session}/unlock`, body);
const asked = async (who = people.carol, session = ofAlice.id) =>
  PendingRequest.parse(await (await ask(who, session)).json()).request.id;
const approved = async () => {
  const id = await asked();
  for (const who of [people.dan, people.erin]) expect((await decide(who, id, 'approve')).status).toBe(200);
  return id;
};

test('originals take two people, neither of whom asked, and come sealed as they are kept', async () => {
  expect(await status(people.carol)).toBe('403 approval_needed');
  const id = await asked();
  expect(await detail(people.dan, id)).toMatchObject({ kind: 'unlock', needed: 2, workSeconds: 3600 });
  expect((await decide(people.carol, id, 'approve')).status).toBe(403);
  expect((await decide(people.dan, id, 'approve')).status).toBe(200);
  expect(await status(people.carol)).toBe('403 approval_needed');
  // The same person once more is no second one.
  expect((await decide(people.dan, id, 'approve')).status).toBe(200);
  expect(await status(people.carol)).toBe('403 approval_needed');
  expect((await decide(people.erin, id, 'approve')).status).toBe(200);
  const response = await fetched(people.carol);
  expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 9]);
  expect(response.headers.get('content-security-policy')).toMatch(/^sandbox;/);
  expect(await status(people.dan)).toBe('403 approval_needed');
  expect(await status(people.bob)).toBe('403 approval_needed');
  expect(await status(people.carol, ofBob.id)).toBe('403 approval_needed');
  expect(await auditOf(id)).toEqual([
    ...[
      'request.made carol',
      'decision.refused carol',
      'request.voted dan',
      'request.voted erin',
      'request.approved erin',
    ],
    'original.opened carol',
  ]);
});

test('who may ask: auditors and whom view names, not its own person and no stranger', async () => {
  for (const [name, expected] of [
    ['carol', 200],
    ['bob', 200],
    ['alice', 403],
    ['mallory', 404],
  ] as const)
    expect(`${name} ${(await ask(people[name])).status}`).toBe(`${name} ${expected}`);
  expect(await status(people.alice)).toBe('403 forbidden');
  expect((await ask(people.carol, ofAlice.id, { reason: '' })).status).toBe(400);
  expect((await ask(people.carol, ofAlice.id, { reason: 'x', seconds: 7200 })).status).toBe(400);
});

test('each time is an entry, and without one no byte is handed out', async () => {
  const id = await approved();
  for (let times = 0; times < 3; times++) expect(await status(people.carol)).toBe(200);
  expect((await auditOf(id)).filter((entry) => entry.startsWith('original.opened'))).toHaveLength(3);
  const log = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'));
  const rename = (from: string, to: string) =>
    runInDurableObject(log, (_object, state) => {
      state.storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
    });
  await rename('entries', 'entries_away');
  expect(await status(people.carol)).toBe('503 unavailable');
  await rename('entries_away', 'entries');
  expect(await status(people.carol)).toBe(200);
});

test('it ends with its time, and that is written down', async () => {
  const id = await approved();
  expect(await status(people.carol)).toBe(200);
  await age(id, 61 * MINUTE);
  expect(await status(people.carol)).toBe('403 approval_needed');
  await decide(people.dan, id, 'approve');
  expect((await auditOf(id)).at(-1)).toBe('request.expired gatehouse');
});

test('a policy under which those who agreed may not leaves it closed, and so does one that wants three', async () => {
  await approved();
  await apply(POLICY(RULE).replace('"user:erin@example.com"', '"user:eve@example.com"'), people.bob);
  expect(await status(people.carol)).toBe('403 approval_needed');
  await apply(
    POLICY('{ unlock: { from: ["demo:auditors", "user:dan@example.com", "user:erin@example.com"], count: 3 } }'),
    people.bob,
  );
  expect(await status(people.carol)).toBe('403 approval_needed');
  await apply(POLICY(RULE), people.bob);
  expect(await status(people.carol)).toBe(200);
});

test('of a session of which nothing is kept it says so', async () => {
  const id = await asked(people.carol, ofBob.id);
  for (const who of [people.dan, people.erin]) await decide(who, id, 'approve');
  expect(await status(people.carol, ofBob.id)).toBe('404 not_found');
});

test('its own person neither asks, agrees nor is handed them, as an auditor or named by view', async () => {
  const auditors = POLICY(RULE).replace('auditors: [', 'auditors: ["user:alice@example.com", ');
  for (const text of [auditors, POLICY('{ view: ["user:alice@example.com"] }')]) {
    await apply(text, people.bob);
    expect((await ask(people.alice)).status).toBe(403);
    expect(await status(people.alice)).toBe('403 forbidden');
  }
  await apply(auditors, people.bob);
  const id = await asked();
  expect(await detail(people.alice, id)).toMatchObject({ mayDecide: false });
  for (const decision of ['approve', 'deny'] as const)
    expect((await decide(people.alice, id, decision)).status).toBe(403);
  await decide(people.dan, id, 'approve');
  expect(await status(people.carol)).toBe('403 approval_needed');
  await decide(people.erin, id, 'approve');
  expect(await status(people.carol)).toBe(200);
  expect(await auditOf(id)).toContain('decision.refused alice');
});
