// What gatehouse psql and gatehouse mysql say before they run anything. With the clients themselves: test/tunnel.

import { expect, it } from 'vitest';
import { useFakeApi } from './fake-api.ts';

const api = useFakeApi();
const GRANT = 'grt_01m7xr5fk9b56k8brj0dvrwre8';
const identity = {
  ...{ subject: 's', email: 'alice@example.com', name: 'A', groups: [], provider: 'p' },
  authenticatedAt: '2026-01-01T00:00:00.000Z',
};
const listed = (name: string, protocol: string) => ({
  ...{ name, protocol, labels: {}, endpoint: { host: 'gw.example.com', port: 1 }, mayAsk: true },
  connector: { id: 'con_01m7xr5fk9b56k8brj0dvrwre8', name: 'c', online: true },
});

it.each([
  ['psql', 'orders', 1, `set PGPASSWORD to it, or end that grant (gatehouse revoke ${GRANT})`],
  ['mysql', 'shop', 1, `set MYSQL_PWD to it, or end that grant (gatehouse revoke ${GRANT})`],
  ['mysql', 'orders', 2, 'another client: gatehouse psql orders'],
  ['psql', 'nothing', 1, 'there is no nothing'],
])('gatehouse %s %s ends with %i', async (client, resource, code, words) => {
  api.replies['GET /api/v1/me'] = { body: { identity, administrator: false, auditor: false } };
  api.replies['GET /api/v1/resources'] = {
    body: { resources: [listed('orders', 'postgres'), listed('shop', 'mysql')] },
  };
  const live = { id: GRANT, resource, until: '2100-01-01T00:00:00.000Z' };
  api.replies['POST /api/v1/requests'] = { body: { live, message: 'there is one' } };
  const ran = await api.run(client, resource, '-c', 'select 1');
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, '', expect.stringContaining(words)]);
});
