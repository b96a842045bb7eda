// Clicks as Slack sends them, and what only looks like them.

import { SELF } from 'cloudflare:test';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { EDGE } from '../test/browser.ts';
import {
  type Asking,
  all,
  bodyOf,
  buttonsOf,
  calls,
  click,
  delivered,
  interact,
  messageOf,
  nth,
  plan,
  signatureOf,
  startAsking,
  submission,
  until,
} from '../test/slack.ts';
import { audit } from '../test/grants.ts';

let asking: Asking;
beforeAll(async () => {
  asking = await startAsking('clicks');
});

describe('a click', () => {
  test('approves as the person whom Slack says it is', async () => {
    const id = await asking.ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    const response = await interact(click('approve', id));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await asking.stateOf(id)).toMatchObject({
      state: 'approved',
      votes: [{ email: 'bob@example.com', via: 'slack' }],
    });
    expect(buttonsOf(messageOf((await nth('chat.update', id))[0]))).toEqual(['gatehouse_open']);
  });

  test('of an approver by name, whose e-mail Slack says nothing about but that it is theirs, counts', async () => {
    const id = await asking.ask();
    expect((await interact(click('approve', id, 'UCAROL'))).status).toBe(200);
    expect((await asking.stateOf(id)).state).toBe('approved');
  });

  test('on Deny opens a form, and the form denies with its reason', async () => {
    const id = await asking.ask();
    expect((await interact(click('deny', id))).status).toBe(200);
    const [opened] = await nth('views.open', id);
    const { view } = JSON.parse(opened?.body ?? '{}');
    expect([view.type, view.callback_id, view.private_metadata]).toEqual(['modal', 'gatehouse_deny_reason', id]);
    expect((await asking.stateOf(id)).state).toBe('pending');

    const empty = await interact(submission(id, null));
    expect(await empty.json()).toMatchObject({
      response_action: 'errors',
      errors: { reason: expect.stringContaining('Say why') },
    });
    const response = await interact(submission(id, 'not on a Friday'));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await asking.stateOf(id)).toMatchObject({
      state: 'denied',
      ended: { by: 'bob@example.com', reason: 'not on a Friday' },
    });
  });

  test('whose trigger has expired is told to click again', async () => {
    const id = await asking.ask();
    expect((await interact(click('deny', id, 'UBOB', 'expired.1'))).status).toBe(200);
    const told = await until(async () => (await all()).filter(({ method }) => method === 'chat.postEphemeral').at(-1));
    expect(JSON.parse(told.body)).toMatchObject({ user: 'UBOB', text: expect.stringContaining('Click Deny again') });
    expect((await asking.stateOf(id)).state).toBe('pending');
  });

  test.each([
    ['asked for it', 'UALICE', 'Nobody decides on what they asked for'],
    ['is no approver', 'UMALLORY', 'There is no such request'],
    ['never signed in', 'UNOBODY', 'Sign in once'],
    ['has no confirmed e-mail', 'UUNCONFIRMED', 'no confirmed e-mail'],
    ['shows no e-mail', 'UNOEMAIL', 'no confirmed e-mail'],
    ['comes from another organisation', 'USTRANGER', 'Only members'],
    ['is of another team', 'UOTHERTEAM', 'Only members'],
    ['has left', 'UGONE', 'Only members'],
  ])('of somebody who %s decides nothing, and they are told why', async (_what, user, said) => {
    const id = await asking.ask();
    expect((await interact(click('approve', id, user))).status).toBe(200);
    const told = (await all())
      .filter(({ method, body }) => method === 'chat.postEphemeral' && body.includes(user))
      .at(-1);
    expect(JSON.parse(told?.body ?? '{}').text).toContain(said);
    const answer = await (await interact(submission(id, 'no', user))).json<{ errors: { reason: string } }>();
    expect(answer.errors.reason).toContain(said);
    expect((await asking.stateOf(id)).state).toBe('pending');
    if (user === 'UMALLORY') return;
    const { entries } = await audit.list({ kind: 'decision.refused', limit: 2 });
    expect(entries.map(({ object }) => object)).toEqual([id, id]);
  });

  test('on the link asks for nothing', async () => {
    const id = await asking.ask();
    expect((await interact(click('open', id))).status).toBe(200);
    expect((await interact({ type: 'view_closed', user: { id: 'UBOB' } })).status).toBe(200);
    expect((await asking.stateOf(id)).state).toBe('pending');
  });

  test('fails for all to see when Slack does not say who it was', async () => {
    const id = await asking.ask();
    await plan('users.info', { status: 502 });
    expect((await interact(click('approve', id))).status).toBe(503);
    expect((await asking.stateOf(id)).state).toBe('pending');
    expect((await interact(click('approve', id))).status).toBe(200);
    expect((await asking.stateOf(id)).state).toBe('approved');
  });
});

describe('what did not come from Slack', () => {
  test.each<[string, Parameters<typeof interact>[1]]>([
    ['is signed with another key', { key: 'another' }],
    ['is older than five minutes', { ageSeconds: 301 }],
    ['comes from the future', { ageSeconds: -302 }],
    ['was changed on its way', { sent: `${bodyOf({})}x` }],
    ['has no signature', { headers: { 'x-slack-signature': '' } }],
    ['has a signature of another version', { headers: { 'x-slack-signature': `v1=${'0'.repeat(64)}` } }],
    [
      'has another time than the signed one',
      { headers: { 'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000) - 60) } },
    ],
    ['has no time', { headers: { 'x-slack-request-timestamp': 'now' } }],
  ])('is refused: %s', async (_name, change) => {
    const id = await asking.ask();
    expect((await interact(click('approve', id), change)).status).toBe(401);
    expect((await asking.stateOf(id)).state).toBe('pending');
  });

  test('is refused when it is too big, before anything else', async () => {
    expect((await interact({ ...click('approve', newId('req')), filler: 'x'.repeat(200_000) })).status).toBe(413);
  });

  test('works once: delivered again it is acknowledged and does nothing', async () => {
    const id = await asking.ask();
    const body = bodyOf(click('deny', id));
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': await signatureOf(timestamp, body),
    };
    const send = (more: object) =>
      SELF.fetch(`${EDGE}/slack/interactions`, { method: 'POST', body, headers: { ...headers, ...more } });
    expect((await send({})).status).toBe(200);
    expect((await send({ 'x-slack-retry-num': '1', 'x-slack-retry-reason': 'http_timeout' })).status).toBe(200);
    expect((await calls('views.open', id)).length).toBe(1);
  });

  test("calls no address but the settings'", async () => {
    // Other tests of this run use a webhook of Slack, and clicks on its messages.
    const others = /^\/(services|response)\//;
    const seen = new Set((await all()).map(({ method }) => method));
    const called = [...seen].filter((method) => method.startsWith('/') && !others.test(method));
    expect(called.sort()).toEqual(['/teams', '/webhook']);
  });
});
