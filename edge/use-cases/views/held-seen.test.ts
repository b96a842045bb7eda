import { expect, test } from 'vitest';
import { ListedApproval } from '../../../core/api.ts';
import { alice, apply, asked, bob, carol, detail, RULED, withHeldSessions } from '../../test/holds.ts';

// carol is an auditor, and no approver of what is held here; bob and alice are.
const BOUND = RULED.replace(
  '    unparsable: hold',
  '    record: { viewApproval: { from: [dba], auditors: true } }\n    unparsable: hold',
);

withHeldSessions();

test('an auditor who has to ask before they watch sees that an action waits, and not its text', async () => {
  const { request } = await asked();
  expect(await detail(carol, request)).toHaveProperty('held');
  await apply(BOUND);
  const seen = await detail(carol, request);
  expect(seen).toMatchObject({ id: request, state: 'pending', mayDecide: false });
  const listed = await (await carol.get('/approvals?which=all')).json<{ approvals: unknown[] }>();
  const inList = listed.approvals.map((each) => ListedApproval.parse(each)).find(({ id }) => id === request);
  for (const each of [seen, inList]) {
    expect(each).toBeDefined();
    expect(each).not.toHaveProperty('held');
    expect(each).not.toHaveProperty('statement');
  }
  for (const who of [alice, bob]) expect(await detail(who, request)).toHaveProperty('held');
  await apply(RULED);
});
