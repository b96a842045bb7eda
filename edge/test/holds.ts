// A connector with a session in which statements are held, for tests of what becomes of them.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach } from 'vitest';
import { AccessAnswer, RequestDetail } from '../../core/api.ts';
import { newId } from '../../core/ids.ts';
import { resource, TestConnector, type TestLink } from './connector.ts';
import { audit as readable } from './grants.ts';
import { type Caller, callerAs } from './people.ts';

export const MINUTE = 60_000;
export let alice: Caller;
export let bob: Caller;
export let carol: Caller;
export let mallory: Caller;
export let link: TestLink;
export let session: string;

export const RULED = `administrators: ["demo:administrators"]
auditors: ["demo:auditors"]
groups: { dba: ["demo:dba"] }
rules:
  - name: ruled
    resources: { env: ruled }
    who: [everyone]
    access: { ttl: 1h }
    statements:
      - { block: [drop] }
      - { hold: [grant, revoke], approval: { from: [dba, "demo:developers"], within: 5m } }
      - { hold: [alter], approval: { from: ["demo:auditors", dba], count: 2, within: 10m } }
    unparsable: hold
`;
export const apply = async (text: string, who = bob) => {
  const applied = await who.send('PUT', '/policy', { text });
  if (applied.status !== 200) throw new Error(await applied.text());
};
export const open = async (who = alice, on = link, name = 'held-db') => {
  const answer = AccessAnswer.parse(
    await (await who.send('POST', '/requests', { resource: name, reason: 'SHOP-1' })).json(),
  );
  if (!('grant' in answer)) throw new Error('no grant');
  const admitted = await on.openSession(answer.grant.id);
  if (admitted.kind !== 'session.admitted') throw new Error(admitted.message);
  return { session: admitted.opened.session as string, grant: answer.grant.id as string };
};
export const decide = (who: Caller, id: string, decision: 'approve' | 'deny', comment = '') =>
  who.send('POST', `/approvals/${id}/decision`, { decision, comment });
export const detail = async (who: Caller, id: string) =>
  RequestDetail.parse(await (await who.get(`/requests/${id}`)).json()).approval;
export const decided = (id: string, on = link) => on.next('hold.decided', ({ request }) => request === id);
export const asked = async (change = {}) => {
  const request = newId('req');
  const answer = await link.askHold(session, request, change);
  if (answer.kind !== 'hold.asked') throw new Error(answer.message);
  return { request, answer };
};
export const stub = (id: string) => env.APPROVAL.get(env.APPROVAL.idFromName(id));
export const audit = async (limit = 200) => (await readable.list({ limit })).entries;
export const auditOf = async (id: string) =>
  (await audit())
    .filter(({ kind, object, details }) => kind !== 'request.viewed' && (object === id || details.request === id))
    .map(({ kind, actor }) => `${kind} ${actor.split('@')[0]}`)
    .reverse();
export const newestFault = async () => (await audit(1)).find(({ kind }) => kind === 'connector.fault')?.details;
export const ended = (of: string) => ({
  kind: 'session.ended',
  session: of,
  reason: 'client_closed',
  message: '',
  at: new Date().toISOString(),
});
/** What a clock would have done. */
export const age = (id: string, ms: number) =>
  runInDurableObject(stub(id), async (_object, state) => {
    const row = state.storage.sql.exec('SELECT document FROM approval').one();
    const approval = JSON.parse(String(row.document)) as Record<'askedAt' | 'decideBy' | 'workUntil', string>;
    for (const name of ['askedAt', 'decideBy', 'workUntil'] as const)
      if (approval[name]) approval[name] = new Date(Date.parse(approval[name]) - ms).toISOString();
    state.storage.sql.exec('UPDATE approval SET document = ?', JSON.stringify(approval));
  });

/** For the file that calls it: a session of alice's under RULED before each test. */
export function withHeldSessions(): void {
  beforeAll(async () => {
    [alice, bob, carol, mallory] = await Promise.all([
      callerAs('alice'),
      callerAs('bob'),
      callerAs('carol'),
      callerAs('mallory'),
    ]);
    await alice.get('/me');
    const connector = await TestConnector.join('holds');
    link = await connector.link([resource('held-db', { env: 'ruled' })]);
  });
  beforeEach(async () => {
    await apply(RULED);
    ({ session } = await open());
  });
}
