// What the edge signs of an order, and what is kept of a purged session.

import { expect, it } from 'vitest';
import { ConnectorId, SessionId } from '../ids.ts';
import { orderText, PurgeOrder, RetentionReason, tombstoneOf } from './purge.ts';

const place = {
  session: SessionId.parse(`ses_${'0'.repeat(26)}`),
  connector: ConnectorId.parse(`con_${'1'.repeat(26)}`),
};
const admitted = {
  email: 'alice@example.com',
  resource: 'orders',
  startedAt: '2026-11-20T12:00:00.000Z',
  endedAt: '2026-11-20T13:00:00.000Z',
};
const order = PurgeOrder.parse({
  ...{ mode: 'due', at: '2027-03-01T00:00:00.000Z', audit: 9, granted: 30, holds: 'ab'.repeat(32), admitted },
});

it('an order is signed as these lines: another text ends every order of an earlier release', () => {
  expect(orderText(place, order)).toBe(
    `gatehouse purge order v2
${place.session}
${place.connector}
due
2027-03-01T00:00:00.000Z
9
30
${'ab'.repeat(32)}
["alice@example.com","orders","2026-11-20T12:00:00.000Z","2026-11-20T13:00:00.000Z"]
`,
  );
  const { granted: _, holds: __, admitted: ___, ...bare } = order;
  expect(orderText(place, bare).split('\n').slice(6)).toEqual(['-', '-', '-', '']);
  const { endedAt: ____, ...running } = admitted;
  expect(orderText(place, { ...order, admitted: running })).toContain('"2026-11-20T12:00:00.000Z",null]\n');
});

it('an order with a member that nothing signs is none', () => {
  expect(PurgeOrder.safeParse({ ...order, past: 'compliance' }).success).toBe(false);
  expect(PurgeOrder.safeParse({ ...order, admitted: { ...admitted, more: 1 } }).success).toBe(false);
});

it('of a purged session what is known is kept, and nothing that is not', () => {
  const evidence = { versions: 3, markers: 0, bytes: 5, manifest: undefined, lastSegment: 'ab'.repeat(32) };
  expect(tombstoneOf({ retention: undefined, evidence })).toStrictEqual({
    ...{ versions: 3, markers: 0, bytes: 5, lastSegment: 'ab'.repeat(32) },
  });
});

it.each(['', '   ', '\u200b'])('a reason is not %j', (reason) => {
  expect(RetentionReason.safeParse(reason).success).toBe(false);
});
