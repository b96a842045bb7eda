import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { PendingRequest } from '../../../core/api.ts';
import type { HoldSearch } from '../../../core/retention/hold.ts';
import { SearchPage } from '../../../core/search/page.ts';
import { admitted } from '../../test/admissions.ts';
import { apply, audit, decide } from '../../test/holds.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

// Rules that are removed or renamed: what they said of watching their sessions stays. carol and dan are auditors.
const { ofAlice } = SESSIONS;
const POLICY = (name: string, record: string) => `administrators: ["demo:administrators"]
auditors: ["demo:auditors", "user:dan@example.com"]
rules:
  - name: ${name}
    resources: { env: demo }
    who: [everyone]
    access: { ttl: 1h }
    record: { ${record} }
`;
const NAME = 'demo-developers';
const BOUND = 'viewApproval: { from: ["user:erin@example.com"], auditors: true, for: 30m }';

let people: Record<'alice' | 'bob' | 'carol' | 'dan' | 'erin', Caller>;
beforeAll(async () => {
  await admitted(ofAlice);
  const names = ['alice', 'bob', 'carol', 'dan', 'erin'] as const;
  const callers = await Promise.all(names.map((name) => callerAs(name)));
  people = Object.fromEntries(names.map((name, index) => [name, callers[index]])) as typeof people;
});
beforeEach(async () => {
  await apply(POLICY(NAME, BOUND), people.bob);
  const { approvals } = await (await people.carol.get('/approvals')).json<{
    approvals: { id: string; yours: boolean }[];
  }>();
  for (const { id, yours } of approvals) if (yours) await people.carol.send('POST', `/requests/${id}/withdraw`);
});

const watches = async (who: Caller) => {
  const answer = await who.get(`/sessions/${ofAlice.id}/replay`);
  const text = await answer.text();
  return answer.status === 200 ? 'watches' : String(JSON.parse(text).error.reason);
};
const searched = async () =>
  (
    await (
      await fetch(`${(env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL}/searched`)
    ).json<{ view: { except?: string[] } }>()
  ).view;

test('auditors whom it bound still ask, of another auditor, and searches leave its sessions out', async () => {
  expect(await watches(people.carol)).toBe('approval_needed');
  await apply(POLICY('renamed', 'view: []'), people.bob);
  // Nor does a policy after that forget it.
  await apply(POLICY('renamed', 'view: ["demo:dba"]'), people.bob);
  expect(await watches(people.carol)).toBe('approval_needed');
  expect(await watches(people.alice)).toBe('watches');
  const { hits } = SearchPage.parse(await (await people.carol.get('/search?q=drop')).json());
  expect(hits.map(({ session }) => session)).not.toContain(ofAlice.id);
  expect(await searched()).toMatchObject({ except: [NAME] });
  const asked = await people.carol.send('POST', `/sessions/${ofAlice.id}/view`, { reason: 'INC-7' });
  const { id } = PendingRequest.parse(await asked.json()).request;
  expect((await decide(people.erin, id, 'approve')).status).toBe(404);
  expect((await decide(people.carol, id, 'approve')).status).toBe(403);
  expect((await decide(people.dan, id, 'approve')).status).toBe(200);
  expect(await watches(people.carol)).toBe('watches');
  expect(await watches(people.dan)).toBe('approval_needed');
  // A rule of that name speaks for them again.
  await apply(POLICY(NAME, 'view: []'), people.bob);
  expect(await watches(people.dan)).toBe('watches');
  await apply(POLICY('renamed', 'view: []'), people.bob);
  expect(await watches(people.dan)).toBe('watches');
});

test('nobody passes its sessions on', async () => {
  await apply(POLICY(NAME, 'share: none'), people.bob);
  await apply(POLICY('renamed', 'share: everyone'), people.bob);
  const made = await people.carol.send('POST', `/sessions/${ofAlice.id}/shares`, { with: ['erin@example.com'] });
  expect([made.status, await made.text()]).toEqual([403, expect.stringContaining('lets nobody pass')]);
});

test('what would go is told before, and when it is done', async () => {
  const text = POLICY('renamed', 'view: []');
  const before = await (await people.bob.send('POST', '/policy/effects', { text })).json();
  expect(before).toMatchObject({ rulesGone: [{ rule: NAME, auditorsAsk: true }] });
  const applied = await (await people.bob.send('PUT', '/policy', { text })).json();
  expect(applied).toMatchObject({ rulesGone: [{ rule: NAME, auditorsAsk: true }] });
  const back = await (await people.bob.send('PUT', '/policy', { text: POLICY(NAME, 'share: none') })).json();
  expect(back).toMatchObject({ rulesGone: [] });
  const none = await (await people.bob.send('POST', '/policy/effects', { text })).json();
  expect(none).toMatchObject({ rulesGone: [{ rule: NAME, auditorsAsk: false }] });
});

test('a search for a hold goes through no rule whose sessions take an approval, and says so', async () => {
  const answer = await people.carol.send('POST', '/holds/searches', { query: 'drop' });
  expect(await answer.json<HoldSearch>()).toMatchObject({ notSearched: [NAME] });
  expect(await searched()).toMatchObject({ rules: 'all', except: [NAME] });
  await apply(POLICY(NAME, 'view: []'), people.bob);
  const whole = await people.carol.send('POST', '/holds/searches', { query: 'drop' });
  expect(await whole.json<HoldSearch>()).not.toHaveProperty('notSearched');
});

test('a look, and originals, that nobody agreed to are written down', async () => {
  await watches(people.carol);
  await people.carol.get(`/sessions/${ofAlice.id}/originals`);
  const refused = (await audit()).filter(
    ({ kind, actor, details }) =>
      kind === 'attempt.refused' && actor.startsWith('carol') && details.reason === 'approval_needed',
  );
  expect(refused.map(({ object, details }) => `${object} ${details.wanted}`)).toEqual(
    expect.arrayContaining([`${ofAlice.id} session.viewed`, `${ofAlice.id} original.opened`]),
  );
});
