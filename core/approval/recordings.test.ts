import { expect, test } from 'vitest';
import { readPolicy } from '../policy/parse.ts';
import { Approval } from './approval.ts';
import { requestWords, termWords } from './state-words.ts';
import { standingIn, stillSuffices } from './terms.ts';
import { nextTickMs, transition } from './transition.ts';

const AT = Date.parse('2026-11-20T10:00:00.000Z');
const iso = (ms: number) => new Date(ms).toISOString();
const request = (kind: 'view' | 'unlock', needed = 1): Approval =>
  Approval.parse({
    id: 'req_00000000000000000000000001',
    subject: {
      ...{ kind, resource: 'demo', reason: 'INC-7', labels: {}, owner: 'alice@example.com' },
      session: 'ses_00000000000000000000000001',
    },
    requester: { subject: 's#bob', email: 'bob@example.com', name: 'Bob' },
    rule: 'orders',
    policyVersion: 1,
    state: 'pending',
    askedAt: iso(AT),
    decideBy: iso(AT + 3_600_000),
    workMs: 600_000,
    needed,
    votes: [],
    warned: false,
  });
const voter = (name: string, groups: string[] = []) => ({
  subject: `s#${name}`,
  email: `${name}@example.com`,
  name,
  groups,
});
const policy = (record: string) => {
  const read = readPolicy(`administrators: ["okta:admins"]
auditors: ["okta:auditors"]
rules:
  - { name: orders, resources: { env: prod }, who: [everyone], access: { ttl: 1h }, record: ${record} }
`);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value.document;
};
const approve = (approval: Approval, name: string, nowMs: number, needed = 1) =>
  transition(
    approval,
    { kind: 'approve', by: voter(name), comment: '', via: 'api', standing: { isApprover: true, needed } },
    nowMs,
  );

test('what was approved of a recording lasts from the approval on, is not claimed, and ends by the clock', () => {
  const approved = approve(request('view'), 'dan', AT + 1000);
  if (!approved.ok) throw new Error(approved.error);
  const { approval } = approved.value;
  expect(approval).toMatchObject({ state: 'approved', workUntil: iso(AT + 601_000) });
  expect(nextTickMs(approval)).toBe(AT + 601_000);
  const over = transition(approval, { kind: 'tick' }, AT + 601_000);
  expect(over).toMatchObject({
    value: { approval: { state: 'expired', ended: { reason: 'the time that was given is over' } } },
  });
  expect(termWords({ kind: 'view', state: 'approved', workSeconds: 600 })?.value).toBe('10 min, from the approval on');
});

test('originals take two people, whatever was stored or is asked, and neither is whoever asked', () => {
  const terms = policy('{}');
  const standing = standingIn(terms, request('unlock'), voter('carol', ['okta:auditors']));
  expect(standing).toEqual({ isApprover: true, needed: 2 });
  expect(standingIn(terms, request('unlock'), voter('dan', ['okta:dba'])).isApprover).toBe(false);
  const first = approve(request('unlock'), 'carol', AT, 2);
  if (!first.ok) throw new Error(first.error);
  expect(first.value.approval.state).toBe('pending');
  // Twice the same person is one.
  const again = approve(first.value.approval, 'carol', AT, 2);
  expect(again).toMatchObject({ value: { changes: [], approval: { state: 'pending' } } });
  expect(approve(first.value.approval, 'bob', AT, 2)).toEqual({ ok: false, error: 'own_request' });
  expect(approve(first.value.approval, 'erin', AT, 2)).toMatchObject({ value: { approval: { state: 'approved' } } });
});

test.each([
  ['view', '{ viewApproval: { from: ["okta:dba"] } }', ['okta:dba'], true],
  ['view', '{ viewApproval: { from: ["okta:dba"], count: 2 } }', ['okta:dba'], false],
  ['view', '{}', ['okta:dba'], false],
  ['unlock', '{}', ['okta:auditors'], false],
  ['unlock', '{ unlock: { from: ["okta:dba"] } }', ['okta:dba'], false],
] as const)('one vote for %s under record: %s suffices: %s %s', (kind, record, groups, suffices) => {
  const votes = [{ by: voter('dan', [...groups]), at: iso(AT), comment: '', via: 'api' as const }];
  const document = policy(record);
  expect(stillSuffices(document, document.rules[0], { ...request(kind), votes })).toBe(suffices);
  const two = [...votes, { ...votes[0], by: voter('erin', [...groups]) }] as Approval['votes'];
  if (kind === 'unlock')
    expect(stillSuffices(document, document.rules[0], { ...request(kind), votes: two })).toBe(true);
});

test('a rule that asks for one approval of an unlock, or names nobody that there is, is refused', () => {
  const mistakesOf = (record: string) =>
    readPolicy(`administrators: ["okta:admins"]
rules:
  - { name: a, resources: { env: prod }, who: [everyone], access: { ttl: 1h }, record: ${record} }
`);
  expect(mistakesOf('{ unlock: { from: ["okta:dba"], count: 1 } }').ok).toBe(false);
  expect(mistakesOf('{ viewApproval: { from: [] } }').ok).toBe(false);
});

test('in words', () => {
  expect(requestWords({ kind: 'view', state: 'pending' }).did).toBe('asks to watch a session on');
  expect(requestWords({ kind: 'unlock', state: 'approved' }).did).toBe('may open the originals of a session on');
  expect(requestWords({ kind: 'view', state: 'expired' })).toEqual({
    state: 'expired',
    did: 'asked to watch a session on',
  });
});

test.each(['view', 'unlock'] as const)(
  "%s: a session's own person does not decide, and a vote of theirs does not count",
  (kind) => {
    const terms = policy('{ viewApproval: { from: [everyone] }, unlock: { from: [everyone] } }');
    const asked = request(kind, 2);
    expect(approve(asked, 'alice', AT, 2)).toEqual({ ok: false, error: 'own_session' });
    // Signed in some other way they are still who they are.
    const moved = {
      ...asked,
      subject: { ...asked.subject, owner: 'a@old.example', ownerSubject: 's#alice' },
    } as Approval;
    expect(approve(moved, 'alice', AT, 2)).toEqual({ ok: false, error: 'own_session' });
    const votes = (...names: string[]) =>
      names.map((name) => ({ by: voter(name), at: iso(AT), comment: '', via: 'api' as const }));
    const rule = terms.rules[0];
    const suffices = (...names: string[]) => stillSuffices(terms, rule, { ...moved, votes: votes(...names) });
    const other = kind === 'view' ? [] : ['erin'];
    expect([suffices(...other, 'alice'), suffices(...other, 'dan')]).toEqual([false, true]);
  },
);
