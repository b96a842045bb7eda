// What people hear elsewhere of a statement that waits in a session.

import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { AccessAnswer } from '../../core/api.ts';
import { newId } from '../../core/ids.ts';
import { resource, STATEMENT, TestConnector, type TestLink } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import type { SlackCall } from '../test/slack-facts.ts';

let alice: Caller;
let bob: Caller;
let link: TestLink;
let session: string;
const text = `grant all on orders to intern -- <!channel> ${'x'.repeat(18_000)}`;

beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  link = await (await TestConnector.join('slack-holds')).link([resource('slack-held', { env: 'held' })]);
  const granted = await alice.send('POST', '/requests', { resource: 'slack-held', reason: '<!channel> now' });
  const answer = AccessAnswer.parse(await granted.json());
  if (!('grant' in answer)) throw new Error('no grant');
  const admitted = await link.openSession(answer.grant.id);
  if (admitted.kind !== 'session.admitted') throw new Error(admitted.message);
  session = admitted.opened.session;
});

async function hold(): Promise<string> {
  const request = newId('req');
  const asked = await link.askHold(session, request, { rule: 'held', text });
  if (asked.kind !== 'hold.asked') throw new Error(asked.message);
  return request;
}

const slack = new URL(env.SLACK_API_URL).origin;

/** The body of the first call of a method that names the request, once there is one. */
async function bodyOf(method: string, id: string): Promise<string> {
  let found: string | undefined;
  const look = async () => {
    const calls = await (await fetch(`${slack}/calls`)).json<SlackCall[]>();
    found = calls.find((call) => call.method === method && call.body.includes(id))?.body;
    return found;
  };
  await expect.poll(look, { timeout: 10_000 }).toBeDefined();
  return found ?? '';
}

test('Slack shows it cut and with its digest, and interprets nothing of it', async () => {
  const message = JSON.parse(await bodyOf('chat.postMessage', await hold())) as {
    text: string;
    blocks: { text?: { type: string; text: string }; elements?: { action_id: string }[] }[];
  };
  expect(message.text).toMatch(/^alice@example\.com waits to run a statement on slack-held\./);
  const facts = message.blocks.map((block) => block.text?.text ?? '').join('\n');
  expect(facts).toContain(`Digest: ${STATEMENT.digest}`);
  expect(facts).toContain('Tables: public.orders');
  expect(facts).toContain('Transaction: open, and holds its locks meanwhile');
  expect(facts).toMatch(/^grant all on orders /m);
  expect(facts).toMatch(/x\n… cut: \d+ characters more in Gatehouse$/m);
  expect(facts).toMatch(/Decide by: \d/);
  const written = message.blocks.filter((block) => block.text?.text.includes('<!channel>'));
  // The reason, and the statement itself.
  expect(written.map((block) => block.text?.type)).toEqual(['plain_text', 'plain_text']);
  expect(message.blocks.flatMap((block) => block.elements ?? []).map(({ action_id }) => action_id)).toEqual([
    'gatehouse_approve',
    'gatehouse_deny',
    'gatehouse_open',
  ]);
});

test('Teams and the webhook name it by its digest', async () => {
  const id = await hold();
  expect(await bodyOf('/teams', id)).toContain(STATEMENT.digest);
  const { data } = JSON.parse(await bodyOf('/webhook', id));
  expect(data).toMatchObject({
    kind: 'statement',
    statement: {
      session,
      digest: STATEMENT.digest,
      tables: ['public.orders'],
      inTransaction: true,
      pattern: 'grant',
      parameters: [],
    },
  });
  expect(data.statement.text.length).toBeLessThanOrEqual(1200);
});

test('the message in Slack follows when it is decided elsewhere', async () => {
  const id = await hold();
  await bodyOf('chat.postMessage', id);
  await bob.send('POST', `/approvals/${id}/decision`, { decision: 'approve' });
  expect(await bodyOf('chat.update', id)).toContain('Approved by bob@example.com');
});
