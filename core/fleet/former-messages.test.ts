// Messages of the control link as the former release sends them, word by word: a fleet may be of two releases. When a message
// changes so that one of these is not read any more, CONTROL_PROTOCOL goes up, and OLDEST_CONTROL_PROTOCOL a release later.

import { expect, test } from 'vitest';
import { FromConnector, FromEdge } from '../control.ts';

const [con, ses, grt, req, tun] = ['con', 'ses', 'grt', 'req', 'tun'].map(
  (kind) => `${kind}_01jdqx8m5k7n3p9r2t4v6w8y0z`,
);
const at = '2026-11-20T10:00:00.000Z';
const digest = 'ab'.repeat(32);
const resource = { name: 'demo', protocol: 'postgres', labels: { env: 'prod' }, endpoint: { host: 'gw', port: 5432 } };
const statement = {
  text: 'drop table x',
  parameters: [],
  digest,
  tables: ['x'],
  pattern: 'drop',
  inTransaction: false,
};
const standing = { request: req, state: 'pending', decideBy: at, by: [], comment: '' };
const identity = { subject: 's', email: 'a@example.com', name: 'A', groups: [], provider: 'demo' };
const rules = { policyVersion: 3, rule: 'r', limits: {} };

const FROM_CONNECTOR = [
  { kind: 'hello', connector: con, build: 'gatehouse 0.0.9', resources: [resource], live: [ses] },
  {
    ...{ kind: 'hello', connector: con, build: 'gatehouse 0.1.0', resources: [], live: [] },
    understands: ['session.end', 'tunnel.open'],
  },
  { kind: 'grants.look_up', call: 1, email: 'a@example.com', resource: 'demo', protocol: 'postgres' },
  { kind: 'grants.find', call: 2, digest: 'ab'.repeat(16), resource: 'demo', protocol: 'mysql' },
  { kind: 'grants.of_key', call: 3, key: `SHA256:${'A'.repeat(43)}`, resource: 'demo', protocol: 'ssh' },
  { kind: 'sign_in.ask', call: 4, resource: 'demo', protocol: 'ssh', address: '10.0.0.9' },
  { kind: 'sign_in.look', call: 5, signIn: 'x' },
  { kind: 'session.open', call: 6, session: ses, grant: grt, client: { address: '10.0.0.9' } },
  { kind: 'hold.ask', call: 7, request: req, session: ses, rule: 'r', policyVersion: 3, statement },
  { kind: 'hold.claim', call: 8, request: req, session: ses, digest },
  { kind: 'report', seq: 1, report: { kind: 'session.ended', session: ses, reason: 'client_closed', message: '', at } },
  { kind: 'report', seq: 2, report: { kind: 'segment.stored', session: ses, number: 0, digest, frames: 4 } },
  { kind: 'report', seq: 3, report: { kind: 'connector.fault', reason: 'disk_low', message: 'm', at } },
  { kind: 'targets.seen', targets: [{ resource: 'demo', at }] },
];

const FROM_EDGE = [
  { kind: 'welcome', policyVersion: 3 },
  { kind: 'welcome', policyVersion: 3, understands: ['targets.seen'], userAuthority: 'ssh-ed25519 AAAA' },
  { kind: 'grants.found', call: 1, salt: 'c2FsdA==', iterations: 4096, candidates: [], email: 'a@example.com' },
  { kind: 'sign_in.asked', call: 4, signIn: 'x', userCode: 'ABCD', link: 'https://gatehouse.example.com/device' },
  { kind: 'sign_in.refused', call: 4, reason: 'edge_unreachable', message: 'm' },
  { kind: 'sign_in.standing', call: 5, state: 'waiting' },
  {
    ...{ kind: 'session.admitted', call: 6, rules },
    opened: {
      ...{ session: ses, identity, resource: 'demo', protocol: 'postgres' },
      grant: {
        ...{ id: grt, request: req, reason: 'r', labels: {}, until: at, rule: 'r', policyVersion: 3 },
        obligations: { record: { retainDays: 30 } },
      },
    },
  },
  { kind: 'session.refused', call: 6, reason: 'policy_denied', message: 'm' },
  { kind: 'acknowledged', seq: 1 },
  { kind: 'grant.revoked', grant: grt, reason: '' },
  { kind: 'session.end', session: ses, by: 'c@example.com', reason: 'r' },
  { kind: 'tunnel.open', tunnel: tun, email: 'a@example.com' },
  { kind: 'rules.in_force', policyVersion: 3, sessions: [ses], rules },
  { kind: 'resource.contested', resource: 'demo', yours: true, other: 'c' },
  { kind: 'hold.asked', call: 7, ...standing, link: 'https://gatehouse.example.com/approvals' },
  { kind: 'hold.refused', call: 7, message: 'm' },
  { kind: 'hold.claimed', call: 8 },
  { kind: 'hold.decided', ...standing },
];

test.each(FROM_CONNECTOR)('of a connector: $kind', (message) => {
  expect(FromConnector.safeParse(message)).toMatchObject({ success: true });
  // What a later release adds to it is no reason to refuse it, and what it calls otherwise is.
  expect(FromConnector.safeParse({ ...message, ofTomorrow: { nested: [1] } })).toEqual(
    FromConnector.safeParse(message),
  );
  expect(FromConnector.safeParse({ ...message, kind: `${message.kind}.tomorrow` }).success).toBe(false);
});

test.each(FROM_EDGE)('of an edge: $kind', (message) => {
  expect(FromEdge.safeParse(message)).toMatchObject({ success: true });
  expect(FromEdge.safeParse({ ...message, ofTomorrow: { nested: [1] } })).toEqual(FromEdge.safeParse(message));
  expect(FromEdge.safeParse({ ...message, kind: `${message.kind}.tomorrow` }).success).toBe(false);
});
