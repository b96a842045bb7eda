// Notices against a server that behaves as Slack's documentation says, and what others hear.

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromBase64, toBase64 } from '../../core/scram.ts';
import { secret } from '../../core/secret.ts';
import { remote } from '../objects/rpc.ts';
import { EDGE } from '../test/browser.ts';
import {
  type Asking,
  all,
  buttonsOf,
  calls,
  decide,
  delivered,
  messageOf,
  nth,
  plan,
  slack,
  startAsking,
  stub,
  until,
} from '../test/slack.ts';
import { BOT_TOKEN, type PlannedAnswer, WEBHOOK_SECRET } from '../test/slack-facts.ts';
import { SlackApi } from './slack-api.ts';
import { slackNotifier } from './slack.ts';
import { audit } from '../test/grants.ts';

const encoder = new TextEncoder();
let asking: Asking;
beforeAll(async () => {
  asking = await startAsking('slack');
});

describe('a message', () => {
  test('carries the request with its buttons, and what people wrote cannot act in it', async () => {
    const id = await asking.ask('<!channel> *now* & \u202eevil');
    const message = messageOf((await nth('chat.postMessage', id))[0]);
    expect(message.channel).toBe('#approvals');
    expect(buttonsOf(message)).toEqual(['gatehouse_approve', 'gatehouse_deny', 'gatehouse_open']);
    const elements = message.blocks.flatMap((block) => block.elements ?? []);
    expect(elements.map(({ value, url }) => value ?? url)).toEqual([id, id, `${EDGE}/requests/${id}`]);
    expect(message.text).not.toContain('<!channel>');
    expect(message.blocks.every((block) => block.text === undefined || block.text.type === 'plain_text')).toBe(true);
    const facts = message.blocks.map((block) => block.text?.text ?? '').join('\n');
    expect(facts).toContain('Why: <!channel> *now* & \\u202eevil');
    expect(facts).toContain('For: 30 min');
    const [call] = await calls('chat.postMessage', id);
    expect(call?.headers.authorization).toBe(`Bearer ${BOT_TOKEN}`);
  });

  test('is updated in place when somebody decides elsewhere', async () => {
    const id = await asking.ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    await decide(asking.bob, id, 'approve');
    const update = messageOf((await nth('chat.update', id))[0]);
    expect(update.channel).toBe('C0000APPROVALS');
    expect(update.ts).toMatch(/^1700000000\./);
    expect(buttonsOf(update)).toEqual(['gatehouse_open']);
    expect(JSON.stringify(update.blocks)).toContain('Approved by bob@example.com');
    expect((await calls('chat.postMessage', id)).length).toBe(1);
  });

  test('that is gone is made anew', async () => {
    const id = await asking.ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    await plan('chat.update', { status: 200, body: '{"ok":false,"error":"message_not_found"}' });
    await decide(asking.bob, id, 'deny', 'not today');
    const posts = await nth('chat.postMessage', id, 2);
    expect(JSON.stringify(messageOf(posts[1]).blocks)).toContain('Denied by bob@example.com: not today');
  });

  test('warns in its thread before the request expires', async () => {
    const id = await asking.ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    await runInDurableObject(stub(id), (_object, state) => {
      const row = state.storage.sql.exec('SELECT document FROM approval').one();
      const approval = JSON.parse(String(row.document));
      approval.askedAt = new Date(Date.now() - 3_600_000).toISOString();
      approval.decideBy = new Date(Date.now() + 60_000).toISOString();
      state.storage.sql.exec('UPDATE approval SET document = ?', JSON.stringify(approval));
    });
    await runDurableObjectAlarm(stub(id));
    const warning = messageOf((await nth('chat.postMessage', id, 2))[1]);
    expect(warning.thread_ts).toMatch(/^1700000000\./);
    expect(warning.text).toContain('Expires soon');
  });

  test('of a broken glass is loud', async () => {
    const name = asking.nextResource();
    await asking.alice.send('POST', '/requests', { resource: name, reason: 'down', breakGlass: true });
    const call = await until(async () =>
      (await all()).find((each) => each.method === 'chat.postMessage' && each.body.includes(name)),
    );
    const message = messageOf(call);
    expect(message.text).toMatch(/^<!channel> alice@example\.com broke the glass/);
    expect(buttonsOf(message)).toEqual(['gatehouse_open']);
    expect(call.body).not.toContain('ght_');
  });
});

describe('when Slack does not take a message', () => {
  test.each<[string, PlannedAnswer[], number]>([
    [
      'it waits as long as Retry-After says',
      [{ status: 429, headers: { 'retry-after': '2' }, body: '{"ok":false,"error":"ratelimited"}' }],
      2000,
    ],
    ['it tries again after a 5xx', [{ status: 503, body: 'busy' }], 900],
    [
      'it tries again after an error that passes',
      [{ status: 200, body: '{"ok":false,"error":"internal_error"}' }],
      900,
    ],
    ['it tries again after an answer that is none', [{ status: 200, body: '<html>' }], 900],
    [
      'it tries again after an error that somebody has to mend',
      [{ status: 200, body: '{"ok":false,"error":"not_in_channel"}' }],
      900,
    ],
    ['it follows no redirect', [{ status: 302, headers: { location: '/stolen' } }], 900],
  ])('%s', async (_name, answers, afterMs) => {
    await plan('chat.postMessage', ...answers);
    const id = await asking.ask();
    const posts = await nth('chat.postMessage', id, answers.length + 1);
    expect((posts[1]?.at ?? 0) - (posts[0]?.at ?? 0)).toBeGreaterThanOrEqual(afterMs);
    await delivered(id);
    expect((await all()).some(({ method }) => method === '/stolen')).toBe(false);
  });

  test('the others hear of it all the same, and the late message shows how it stands by then', async () => {
    await plan('chat.postMessage', { status: 500 });
    const id = await asking.ask();
    await nth('/teams', id);
    await nth('/webhook', id);
    await decide(asking.bob, id, 'approve');
    const posts = await nth('chat.postMessage', id, 2);
    expect(buttonsOf(messageOf(posts[1]))).toEqual(['gatehouse_open']);
    await delivered(id);
    expect((await asking.stateOf(id)).state).toBe('approved');
  });

  test('it is given up after a day, and the audit log says so', async () => {
    await plan('chat.postMessage', { status: 500 });
    const id = await asking.ask();
    await nth('chat.postMessage', id);
    await plan('chat.postMessage', { status: 500 });
    await until(async () =>
      runInDurableObject(stub(id), (_object, state) => {
        const at = new Date(Date.now() - 25 * 3_600_000).toISOString();
        return state.storage.sql.exec('UPDATE outbox SET at = ? WHERE tries = 1', at).rowsWritten > 0;
      }),
    );
    await delivered(id);
    const { entries } = await audit.list({ kind: 'notice.failed', limit: 1 });
    expect(entries[0]).toMatchObject({
      object: id,
      details: { notifier: 'slack', notice: 'asked', reason: 'status_500' },
    });
  });
});

describe('others hear of it', () => {
  test('a webhook, signed, with one id for all tries', async () => {
    await plan('/webhook', { status: 500 });
    const id = await asking.ask();
    const [first, second] = await nth('/webhook', id, 2);
    if (!first || !second) throw new Error('two tries');
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    const { 'webhook-id': notice, 'webhook-timestamp': at, 'webhook-signature': signature } = second.headers;
    const key = await crypto.subtle.importKey(
      'raw',
      fromBase64(WEBHOOK_SECRET.slice(6)),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    );
    const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(`${notice}.${at}.${second.body}`));
    expect(signature).toBe(`v1,${toBase64(new Uint8Array(mac))}`);
    expect(JSON.parse(second.body)).toMatchObject({
      type: 'request.asked',
      data: {
        request: id,
        state: 'pending',
        requester: { email: 'alice@example.com' },
        link: `${EDGE}/requests/${id}`,
      },
    });
    expect(second.body).not.toContain('subject');
    await decide(asking.bob, id, 'approve');
    const events = await nth('/webhook', id, 3);
    expect(JSON.parse(events[2]?.body ?? '{}')).toMatchObject({
      type: 'request.approved',
      data: { votes: [{ email: 'bob@example.com' }] },
    });
  });

  test('Teams, as an Adaptive Card whose texts are read as they are', async () => {
    const id = await asking.ask('[click](http://evil.test)');
    const [call] = await nth('/teams', id);
    const { type, attachments } = JSON.parse(call?.body ?? '{}');
    expect([type, attachments[0].contentType]).toEqual(['message', 'application/vnd.microsoft.card.adaptive']);
    const { body, actions } = attachments[0].content;
    expect(new Set(body.map((block: { type: string }) => block.type))).toEqual(new Set(['RichTextBlock']));
    expect(actions).toEqual([{ type: 'Action.OpenUrl', title: 'Open in Gatehouse', url: `${EDGE}/requests/${id}` }]);
  });
});

describe('an incoming webhook of Slack', () => {
  const api = new SlackApi(`${slack}/api`, secret(BOT_TOKEN));
  const webhook = secret(`${slack}/services/T/B/token`);
  const noticeOf = async (id: string) => {
    const approval = await remote(env.APPROVAL, id).read();
    if (!approval) throw new Error('no request');
    const notice = { id: `${id}-1`, kind: 'asked' as const, at: approval.askedAt, approval };
    return [notice, { current: approval, link: `${EDGE}/requests/${id}`, memory: undefined }] as const;
  };

  test('gets a message with a link and no buttons when clicks cannot be checked', async () => {
    const id = await asking.ask();
    const notifier = slackNotifier({ api: undefined, channel: '#approvals', webhook, signed: false, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toEqual({ kind: 'delivered' });
    const message = messageOf((await calls('/services/T/B/token', id))[0]);
    expect(buttonsOf(message)).toEqual(['gatehouse_open']);
    expect(message.text).toContain(`<${EDGE}/requests/${id}|Open in Gatehouse>`);
  });

  test('says it when the bot cannot, and not when the bot merely has to wait', async () => {
    const id = await asking.ask();
    const notifier = slackNotifier({ api, channel: '#nowhere', webhook, signed: true, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toEqual({ kind: 'delivered' });
    expect((await calls('/services/T/B/token', id)).length).toBe(1);
    await plan('chat.postMessage', { status: 429, headers: { 'retry-after': '30' } });
    expect(await notifier.deliver(...(await noticeOf(id)))).toEqual({
      kind: 'failed',
      reason: 'rate_limited',
      afterMs: 30_000,
    });
  });

  test('that is no more is a failure to try again', async () => {
    const id = await asking.ask();
    await plan('/services/T/B/token', { status: 404, body: 'no_service' });
    const notifier = slackNotifier({ api: undefined, channel: '#approvals', webhook, signed: true, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toMatchObject({ kind: 'failed', reason: 'status_404' });
  });

  test('has no buttons from a bot either when clicks cannot be checked', async () => {
    const id = await asking.ask();
    await delivered(id);
    const notifier = slackNotifier({ api, channel: '#approvals', webhook: undefined, signed: false, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toMatchObject({ kind: 'delivered' });
    expect(buttonsOf(messageOf((await calls('chat.postMessage', id)).at(-1)))).toEqual(['gatehouse_open']);
  });
});
