// More clients at once than a listener lets log in at a time: they wait for each other, and all get in.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Door } from '../../connector/door.ts';
import type { Refusal } from '../../core/refusal.ts';
import { err } from '../../core/result.ts';
import { PROTOCOL_3_0, startupMessage } from '../../connector/protocols/postgres/wire/messages.ts';
import type { UpstreamTarget } from '../../connector/net/dial.ts';
import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import { createAuthority } from '../harness/certificates.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { dialRaw, type FakeTarget, logInRaw, RawPeer, startFakeTarget } from '../harness/postgres/raw-postgres.ts';

let target: FakeTarget;
let gateway: Gateway;
let grant: { secret: string };
const sockets = new Set<Socket>();

beforeAll(async () => {
  target = await startFakeTarget(async (peer) => {
    while (await peer.next());
    peer.socket.end();
  });
  gateway = await startGateway({ targets: { demo: trusted(target.port) } });
  grant = gateway.edge.issue();
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});
afterAll(async () => {
  await gateway.close();
  await target.close();
});

function dial(): RawPeer {
  const socket = connect({ host: '127.0.0.1', port: gateway.port, allowHalfOpen: true });
  sockets.add(socket);
  return new RawPeer(socket);
}

/** Logs in; undefined, or what was said instead. */
async function honest(): Promise<string | undefined> {
  const peer = dial();
  const last = (await logInRaw(peer, grant.secret)).at(-1);
  peer.socket.destroy();
  return last?.type === 'Z' ? undefined : (last?.body.toString() ?? 'closed without a word');
}

test('500 honest clients of one address that come at once all get in', async () => {
  const answers = await Promise.all(Array.from({ length: 500 }, honest));
  expect(answers.filter((answer) => answer !== undefined)).toEqual([]);
});

const CROWDED = {
  severity: 'FATAL',
  code: '53300',
  message: expect.stringContaining('Too many clients log in at this moment. Connect again in a few seconds'),
};

test('who finds neither a place nor room to wait is told, who waits gets in, and who is logging in stays', async () => {
  const small = await startGateway({
    targets: { demo: trusted(target.port) },
    limits: { maxUnauthenticated: 1, maxUnauthenticatedPerAddress: 1 },
  });
  const { secret } = small.edge.issue();
  const logsIn = await dialRaw(small.port);
  logsIn.send(startupMessage(PROTOCOL_3_0, new Map([['user', 'alice@example.com#demo']])));
  // It has been asked for its proof, so it has named itself.
  await logsIn.upTo('R');
  const waits = await dialRaw(small.port);
  expect(await refusalOf({ port: small.port })).toMatchObject(CROWDED);
  logsIn.socket.destroy();
  expect((await logInRaw(waits, secret)).at(-1)?.type).toBe('Z');
  // It was not listened to, so there is nothing to say of it.
  expect(small.edge.reported('attempt.refused')).toEqual([]);
  waits.socket.destroy();
  await small.close();
});

test.each([
  ['in the clear', false],
  ['inside TLS', true],
])('who makes room for others is told why, %s', async (_where, inside) => {
  const authority = await createAuthority();
  const tls = createSecureContext(await authority.issue(['localhost']));
  const postgres = PROTOCOL_MODULES.postgres.create({});
  const refused: Refusal[] = [];
  const carried = Promise.withResolvers<void>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const makesRoom = new AbortController();
    const door: Door<UpstreamTarget> = {
      peer: { address: '127.0.0.1', via: 'listener' },
      async lookUp() {
        const refusal: Refusal = { reason: 'too_many_logins', message: 'Make room.' };
        makesRoom.abort(refusal);
        return err(refusal);
      },
      signIn: () => Promise.reject(new Error('psql has no browser')),
      registered: () => Promise.reject(new Error('psql shows no key')),
      certified: () => Promise.reject(new Error('psql shows no certificate')),
      proveSecret: () => Promise.reject(new Error('psql says who it is')),
      enter: () => Promise.reject(new Error('nobody proved anything')),
      async refused(refusal, told) {
        refused.push(refusal);
        await told;
      },
      tls,
      allowPlainText: true,
      signal: makesRoom.signal,
      progressed() {},
    };
    postgres.carry(socket, door).then(carried.resolve, carried.reject);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const told = await refusalOf({ port, ...(inside && { ssl: { ca: authority.ca, servername: 'localhost' } }) });
  expect(told).toMatchObject({ code: '53300', message: 'Gatehouse: Make room.' });
  // Nobody's grant has its sessions in use: the audit log must not read so.
  await carried.promise;
  expect(refused).toMatchObject([{ reason: 'too_many_logins' }]);
  await new Promise((resolve) => server.close(resolve));
});

/** What the driver makes of it. */
async function refusalOf(where: ClientConfig): Promise<unknown> {
  const client = new Client({ host: '127.0.0.1', user: 'alice@example.com#demo', password: 'x', ...where });
  client.on('error', () => {});
  return client.connect().then(
    () => 'let in',
    (error: unknown) => error,
  );
}
