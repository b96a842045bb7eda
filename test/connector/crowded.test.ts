// More clients at once than a listener lets log in at a time: they wait for each other, and all get in.

import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { type FakeTarget, logInRaw, RawPeer, startFakeTarget } from '../harness/raw-postgres.ts';

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

function dial(localAddress: string): Socket {
  const socket = connect({ host: '127.0.0.1', port: gateway.port, localAddress, allowHalfOpen: true });
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  return socket;
}

/** Logs in from an address; how long it took, or what was said instead. */
async function honest(localAddress: string): Promise<number | string> {
  const from = performance.now();
  const socket = dial(localAddress);
  await new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  const last = (await logInRaw(new RawPeer(socket), grant.secret)).at(-1);
  const took = performance.now() - from;
  socket.destroy();
  return last?.type === 'Z' ? took : (last?.body.toString() ?? 'closed without a word');
}

test('500 honest clients of one address that come at once all get in', async () => {
  const answers = await Promise.all(Array.from({ length: 500 }, () => honest('127.0.0.1')));
  expect(answers.filter((answer) => typeof answer !== 'number')).toEqual([]);
});
