// Requests that wait for approval, what Slack hears of them from the Worker, and clicks as Slack sends them.

import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { AccessAnswer, RequestDetail } from '../../core/api.ts';
import { EDGE } from './browser.ts';
import { resource, TestConnector } from './connector.ts';
import { type Caller, callerAs } from './people.ts';
import { type PlannedAnswer, SIGNING_SECRET, type SlackCall, TEAM } from './slack-facts.ts';

export const slack = new URL(env.SLACK_API_URL).origin;
const encoder = new TextEncoder();

export interface Asking {
  readonly alice: Caller;
  readonly bob: Caller;
  /** A resource that nobody asked for yet, and whose rule wants an approval. */
  nextResource(): string;
  /** Alice asks for the next one. Gives the request's id. */
  ask(reason?: string): Promise<string>;
  stateOf(id: string): Promise<RequestDetail['approval']>;
}

/** `name`: of a connector of its own, and of its resources. */
export async function startAsking(name: string): Promise<Asking> {
  const alice = await callerAs('alice');
  const bob = await callerAs('bob');
  await callerAs('carol');
  await callerAs('mallory');
  const names = Array.from({ length: 60 }, (_, index) => `${name}-${index}`);
  await (await TestConnector.join(name)).link(names.map((each) => resource(each, { env: 'guarded' })));
  let next = 0;
  const nextResource = () => names[next++] ?? '';
  return {
    alice,
    bob,
    nextResource,
    async ask(reason = 'SHOP-1') {
      const sent = await alice.send('POST', '/requests', { resource: nextResource(), reason });
      const answer = AccessAnswer.parse(await sent.json());
      if (!('request' in answer)) throw new Error('nothing waits');
      return answer.request.id;
    },
    stateOf: async (id) => RequestDetail.parse(await (await alice.get(`/requests/${id}`)).json()).approval,
  };
}

export const decide = (who: Caller, id: string, decision: string, comment = '') =>
  who.send('POST', `/approvals/${id}/decision`, { decision, comment });
export const stub = (id: string) => env.APPROVAL.get(env.APPROVAL.idFromName(id));
export const plan = (method: string, ...answers: PlannedAnswer[]) =>
  fetch(`${slack}/plan`, { method: 'POST', body: JSON.stringify({ method, answers }) });
/** All that ever came, for whatever request. */
export const all = async () => (await fetch(`${slack}/calls`)).json<SlackCall[]>();
/** Calls of a method that name the request; updates name it too, in their link. */
export const calls = async (method: string, id: string) =>
  (await all()).filter((call) => call.method === method && call.body.includes(id));

export async function until<T>(find: () => Promise<T | undefined | false>, withinMs = 10_000): Promise<T> {
  for (const end = Date.now() + withinMs; ; ) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`it did not happen: ${find.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
export const delivered = (id: string) =>
  until(async () =>
    runInDurableObject(
      stub(id),
      (_object, state) => state.storage.sql.exec('SELECT 1 FROM outbox').toArray().length === 0,
    ),
  );
export const nth = (method: string, id: string, count = 1) =>
  until(async () => {
    const found = await calls(method, id);
    return found.length >= count && found;
  });
interface Message {
  channel: string;
  ts?: string;
  text: string;
  blocks: {
    type: string;
    text?: { type: string; text: string };
    elements?: { action_id: string; value?: string; url?: string }[];
  }[];
  thread_ts?: string;
}
export const messageOf = (call: SlackCall | undefined) => JSON.parse(call?.body ?? '{}') as Message;
export const buttonsOf = (message: Message) =>
  message.blocks.flatMap((block) => block.elements ?? []).map(({ action_id }) => action_id);

export async function signatureOf(timestamp: number, body: string, key = SIGNING_SECRET): Promise<string> {
  const imported = await crypto.subtle.importKey('raw', encoder.encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', imported, encoder.encode(`v0:${timestamp}:${body}`)));
  return `v0=${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
export const bodyOf = (payload: object) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
export async function interact(
  payload: object,
  change: { ageSeconds?: number; key?: string; sent?: string; headers?: Record<string, string> } = {},
) {
  const body = bodyOf(payload);
  const timestamp = Math.floor(Date.now() / 1000) - (change.ageSeconds ?? 0);
  return SELF.fetch(`${EDGE}/slack/interactions`, {
    method: 'POST',
    body: change.sent ?? body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': await signatureOf(timestamp, body, change.key),
      ...change.headers,
    },
  });
}
let triggers = 0;
export const click = (
  action: 'approve' | 'deny' | 'open',
  id: string,
  user = 'UBOB',
  trigger = `1.2.${++triggers}`,
) => ({
  type: 'block_actions',
  user: { id: user, username: 'someone', team_id: TEAM },
  api_app_id: 'A1',
  token: 'deprecated',
  trigger_id: trigger,
  team: { id: TEAM, domain: 'tests' },
  channel: { id: 'C0000APPROVALS', name: 'approvals' },
  container: { type: 'message', message_ts: '1.1', channel_id: 'C0000APPROVALS' },
  response_url: `${slack}/never-called`,
  actions: [
    {
      type: 'button',
      action_id: `gatehouse_${action}`,
      block_id: 'x',
      ...(action !== 'open' && { value: id }),
      action_ts: '1.1',
    },
  ],
});
export const submission = (id: string, reason: string | null, user = 'UBOB') => ({
  type: 'view_submission',
  user: { id: user, team_id: TEAM },
  team: { id: TEAM },
  view: {
    id: `V${++triggers}`,
    callback_id: 'gatehouse_deny_reason',
    private_metadata: id,
    state: { values: { reason: { text: { type: 'plain_text_input', value: reason } } } },
  },
});
