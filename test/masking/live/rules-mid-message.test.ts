// Masks that come into force in the middle of a message of the target, while a refused statement still waits for its
// error: what was asked under them is masked, wherever the chunks end.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../../harness/gateway.ts';
import { query } from '../../harness/postgres/client-messages.ts';
import {
  dialRaw,
  type FakeTarget,
  logInRaw,
  type RawPeer,
  startFakeTarget,
} from '../../harness/postgres/raw-postgres.ts';
import { until } from '../../harness/run.ts';

const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const described = message('T', int16(1), 'email\0', 0, int16(0), 25, int16(0xffff), -1, int16(0));
const row = (value: string) => message('D', int16(1), value.length, value);
const ready = message('Z', 'I');
const error = message('E', 'SERROR\0VERROR\0C42601\0Msyntax error\0\0');
const LONG = row('x'.repeat(200));

/** Half of a long row stands in front of it. */
const REST = Buffer.concat([
  LONG.subarray(100),
  message('C', 'SELECT 1\0'),
  ready,
  error,
  ready,
  described,
  LONG,
  row('victim@example.com'),
  message('C', 'SELECT 2\0'),
  ready,
]);
const statements = [{ block: ['drop'] }];

let target: FakeTarget;
let gateway: Gateway;
beforeAll(async () => {
  target = await startFakeTarget(async () => {});
  gateway = await startGateway({ targets: { demo: trusted(target.port) } });
});
afterAll(async () => {
  await gateway.close();
  await target.close();
});

test.each(Array.from({ length: 24 }, (_, index) => 1 + index * 19))('cut at %i', async (cut) => {
  gateway.edge.rules = SessionRules.parse({ policyVersion: 1, rule: 'test', limits: {}, statements });
  const client = await dialRaw(gateway.port);
  await logInRaw(client, gateway.edge.issue().secret);
  const upstream = target.connections.at(-1) as RawPeer;
  client.send(query('select a from t'), query('drop table t'));
  await until('both are sent', () => upstream.received.toString().includes('refused'));
  upstream.send(described, LONG.subarray(0, 100));
  await until('it came', () => client.received.length === described.length + 100);
  gateway.edge.applyRules(
    SessionRules.parse({
      policyVersion: 2,
      rule: 'test',
      limits: {},
      statements,
      mask: [{ detect: ['email'], with: 'placeholder' }],
    }),
  );
  client.send(query('select email from people'));
  await until('it is sent', () => upstream.received.toString().includes('people'));
  const recorded = gateway.log.last.counts.target;
  upstream.send(REST.subarray(0, cut));
  await until('it came', () => gateway.log.last.counts.target > recorded || cut < 5);
  upstream.send(REST.subarray(cut));
  await until('all of it came', () => client.received.toString('latin1').includes('SELECT 2'));
  for (const seen of [client.received, gateway.log.last.wire('target')]) {
    expect(seen.toString('latin1')).not.toContain('victim@');
    expect(seen.toString('latin1')).toContain('[email]');
  }
  expect(client.received.toString('latin1')).toContain('42501');
  client.socket.destroy();
});
