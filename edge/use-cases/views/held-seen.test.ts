import { expect, test } from 'vitest';
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
  expect(seen).not.toHaveProperty('held');
  expect(seen).not.toHaveProperty('statement');
  for (const who of [alice, bob]) expect(await detail(who, request)).toHaveProperty('held');
  await apply(RULED);
});
