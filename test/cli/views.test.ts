// Asking for recordings at the command line: what is sent, what is printed, which use is refused.

import { expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { fault, useFakeApi } from './fake-api.ts';

const { replies, seen, run } = useFakeApi();
const [session, request] = [newId('ses'), newId('req')];
const json = (text: string) => JSON.parse(text) as unknown;
const at = '2026-11-20T10:00:00.000Z';
const asked = (state: string) => ({
  body: { request: { id: request, state, link: `https://gw/requests/${request}` } },
});

it('request-view asks with a reason and a length, and says how it stands', async () => {
  replies[`POST /api/v1/sessions/${session}/view`] = asked('pending');
  const { stdout } = await run('request-view', session, '--reason', 'INC-7', '--for', '30m');
  expect(stdout).toContain(`${request} waits for approval: https://gw/requests/${request}`);
  expect(json(seen[0]?.body ?? '')).toEqual({ reason: 'INC-7', seconds: 1800 });
  replies[`POST /api/v1/sessions/${session}/view`] = asked('approved');
  expect((await run('request-view', session, '--reason', 'x')).stdout).toContain(`gatehouse replay ${session}`);
  expect((await run('request-view', session, '--reason', 'x', '--json')).stdout).toContain('"approved"');
});

it('unlock asks the same way, for the originals', async () => {
  replies[`POST /api/v1/sessions/${session}/unlock`] = asked('pending');
  expect((await run('unlock', session, '--reason', 'court order')).stdout).toContain(`${request} waits for approval`);
  replies[`POST /api/v1/sessions/${session}/unlock`] = asked('approved');
  expect((await run('unlock', session, '--reason', 'x')).stdout).toContain(`gatehouse original ${session}`);
});

const id = newId('shr');
const share = {
  ...{ id, session, by: 'bob@example.com', with: ['user:dan@example.com', 'okta:dba'], madeAt: at, until: at },
  ...{ state: 'open', opened: 2 },
};

it('share prints the link, and shares lists without it', async () => {
  replies[`POST /api/v1/sessions/${session}/shares`] = { body: { share, link: 'https://gw/shared#gsl_x' } };
  const args = ['--for', '7d', '--at', '1:02:03.5', '--with', 'dan@example.com', 'group:okta:dba'];
  const { stdout } = await run('share', session, ...args);
  expect(stdout).toMatch(/^https:\/\/gw\/shared#gsl_x\n/);
  expect(stdout).toContain('dan@example.com, okta:dba');
  expect(stdout).toContain(`gatehouse unshare ${id}`);
  expect(json(seen[0]?.body ?? '')).toEqual({
    ...{ seconds: 604_800, moment: 3723.5, with: ['dan@example.com', 'group:okta:dba'] },
  });
  replies['GET /api/v1/shares'] = { body: { shares: [share], cursor: id } };
  const listed = await run('shares', '--session', session);
  expect(listed.stdout).toMatch(new RegExp(`${id} +open +${session}.*2 people +bob@example.com`));
  expect(listed.stdout).toContain(`--cursor ${id}`);
  expect(seen.at(-1)?.url).toBe(`/api/v1/shares?session=${session}`);
  const revoked = { ...share, state: 'revoked', revoked: { at, by: 'carol@example.com' } };
  replies[`POST /api/v1/shares/${id}/revoke`] = { body: revoked };
  expect(json((await run('unshare', id, '--json')).stdout)).toEqual({ share: revoked });
});

it.each([
  [['share', session, '--at', 'noon'], '--at noon'],
  [['share', session, '--for', '7'], '--for 7'],
  [['unshare', session], 'LINK'],
  [['unlock', session], '--reason'],
  [['request-view', session], '--reason'],
  [['request-view', 'ses_x', '--reason', 'x'], 'SESSION'],
  [['request-view', session, '--reason', 'x', '--for', 'long'], '--for long'],
])('%j is refused', async (args, words) => {
  const { code, stderr } = await run(...args);
  expect([code, seen.length]).toEqual([2, 0]);
  expect(stderr).toContain(words);
});

it('what one has to ask for first says how', async () => {
  const message = `Ask: gatehouse request-view ${session} --reason TEXT`;
  replies[`GET /api/v1/sessions/${session}/replay`] = { status: 403, body: fault('approval_needed', message) };
  const { code, stderr } = await run('replay', session);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

it('approvals shows whose session it is, and what its own person does next', async () => {
  const approval = {
    ...{ id: request, kind: 'view', state: 'pending', requester: { email: 'bob@example.com', name: 'Bob' } },
    ...{ resource: 'demo', reason: 'INC-7', labels: {}, rule: 'demo', askedAt: at, decideBy: at, workSeconds: 1800 },
    ...{ needed: 1, votes: [], link: 'https://gw/r', yours: false, mayDecide: true, mayReview: false },
    recording: { session, owner: 'alice@example.com\x1b[31m' },
  };
  replies['GET /api/v1/approvals'] = { body: { approvals: [approval] } };
  const shown = (await run('approvals')).stdout;
  expect(shown).toContain('bob@example.com asks to watch a session on demo');
  expect(shown).toMatch(new RegExp(`session\\s+${session}`));
  expect(shown).toContain(`gatehouse approve ${request}`);
  expect(shown).not.toContain('\x1b[31m');
  const mine = { ...approval, state: 'approved', workUntil: at, yours: true, mayDecide: false };
  replies['GET /api/v1/approvals'] = { body: { approvals: [mine] } };
  expect((await run('approvals')).stdout).toContain(`gatehouse replay ${session}`);
});
