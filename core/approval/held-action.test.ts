import { expect, test } from 'vitest';
import { Approval } from '../approval.ts';
import { FromConnector, holdActionOf } from '../control.ts';
import { actionOf, HeldAction, HeldStatement, statementOf } from '../held-action.ts';
import { newId } from '../ids.ts';

const digest = 'ab'.repeat(32);
const EARLIER = {
  text: 'grant all on orders to intern',
  parameters: ['1', null],
  digest,
  tables: ['public.orders'],
  pattern: 'grant',
  inTransaction: true,
  estimate: { rows: 3, cost: 1.5 },
};

test('a statement is the same in the words of the first release and in those of now', () => {
  const action = HeldAction.parse(actionOf(HeldStatement.parse(EARLIER)));
  const { tables, ...rest } = EARLIER;
  expect(action).toEqual({ ...rest, kind: 'statement', touches: tables });
  expect(statementOf(action)).toEqual(EARLIER);
  for (const kind of ['command', 'request', 'forward'] as const)
    expect(statementOf({ ...action, kind })).toBeUndefined();
});

test('what a connector of the first release asks is read', () => {
  const ask = { call: 1, request: newId('req'), session: newId('ses'), rule: 'orders', policyVersion: 3 };
  const read = FromConnector.parse({ ...ask, kind: 'hold.ask', statement: EARLIER });
  if (read.kind !== 'hold.ask') throw new Error(read.kind);
  expect(FromConnector.parse(holdActionOf(read))).toEqual({
    ...ask,
    kind: 'hold.action',
    action: actionOf(HeldStatement.parse(EARLIER)),
  });
});

test('an approval that the first release stored is read, and one of now stays as it is', () => {
  const subject = { resource: 'orders', reason: '', labels: {}, session: newId('ses') };
  const stored = {
    id: newId('req'),
    requester: { subject: 'alice', email: 'alice@example.com', name: 'Alice' },
    rule: 'orders',
    policyVersion: 3,
    state: 'pending',
    askedAt: '2026-11-20T09:00:00Z',
    decideBy: '2026-11-20T09:05:00Z',
    workMs: 600_000,
    needed: 1,
    votes: [],
    warned: false,
  };
  const read = Approval.parse({ ...stored, subject: { ...subject, kind: 'statement', ...EARLIER } });
  const { tables, ...rest } = EARLIER;
  expect(read.subject).toEqual({ ...subject, ...rest, kind: 'statement', touches: tables });
  expect(Approval.parse(JSON.parse(JSON.stringify(read)))).toEqual(read);
  const access = { ...stored, subject: { kind: 'access', resource: 'orders', reason: 'SHOP-1', labels: {} } };
  expect(Approval.parse(access)).toEqual(access);
});
