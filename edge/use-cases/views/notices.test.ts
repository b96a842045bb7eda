import { expect, test } from 'vitest';
import { Approval } from '../../../core/approval/approval.ts';
import { slackMessageOf } from '../../approvals/slack-messages.ts';
import { teamsMessage } from '../../approvals/teams.ts';

const approval = Approval.parse({
  id: 'req_00000000000000000000000001',
  subject: {
    ...{ kind: 'view', resource: 'demo', reason: 'INC-7 <!channel>', labels: {}, owner: 'alice@example.com' },
    session: 'ses_00000000000000000000000001',
  },
  requester: { subject: 's#bob', email: 'bob@example.com', name: 'Bob' },
  rule: 'orders',
  policyVersion: 1,
  state: 'pending',
  askedAt: '2026-11-20T10:00:00.000Z',
  decideBy: '2026-11-20T11:00:00.000Z',
  workMs: 1_800_000,
  needed: 1,
  votes: [],
  warned: false,
});

test('who decides on a recording reads whose session it is, why and for how long, and can decide in Slack', () => {
  const slack = JSON.stringify(slackMessageOf('asked', approval, { link: 'https://gw/r', buttons: true, form: true }));
  const teams = JSON.stringify(
    teamsMessage({ id: 'n', kind: 'asked', at: approval.askedAt, approval }, 'https://gw/r'),
  );
  for (const text of [slack, teams]) {
    expect(text).toContain('bob@example.com asks to watch a session on demo');
    expect(text).toContain('Session: ses_00000000000000000000000001, of alice@example.com');
    expect(text).toContain('For: 30 min');
    expect(text).toContain('Why: INC-7');
  }
  expect(slack).toContain('gatehouse_approve');
});
