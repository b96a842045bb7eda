// Tunnels through the real relay in workerd, as the command line and a connector hold them; behind them services of the test.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient } from '../../cli/api-client.ts';
import { openLocalPort } from '../../cli/tunnel/local-port.ts';
import type { Tunnel } from '../../cli/tunnel/open-tunnel.ts';
import { dialRelay } from '../../connector/tunnel/dial-relay.ts';
import { newId } from '../../core/ids.ts';
import { OpenedTunnel } from '../../core/tunnel/opened-tunnel.ts';
import { sayNothing, startTunnelConnector, type TunnelConnector } from './kit/connector.ts';
import { startTunnelEdge, type TunnelEdge } from './kit/edge.ts';
import { heard, tunnelPerson, type TunnelPerson } from './kit/person.ts';
import { digestOfPattern, digestOfStream, SERVICES } from './kit/services.ts';

const MIB = 1024 * 1024;
const LIMITS = { tunnels: 5, ofAPerson: 4, handshakeMs: 1_500 };

let directory: string;
let edge: TunnelEdge;
let connector: TunnelConnector;
let client: ApiClient;
let alice: TunnelPerson;
let bob: TunnelPerson;
let mood: 'as ever' | 'without a certificate' | 'silent' = 'as ever';
const open: Tunnel[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-relay-'));
  edge = await startTunnelEdge(directory);
  connector = await startTunnelConnector({ edge, directory, services: SERVICES, limits: LIMITS, mood: () => mood });
  ({ client } = await edge.clientOf('alice'));
  alice = tunnelPerson(client);
  bob = tunnelPerson((await edge.clientOf('bob')).client);
  for (const name of Object.keys(SERVICES)) await alice.grant(name);
  await bob.grant('echo');
});
afterAll(async () => {
  await connector?.stop();
  await edge?.stop();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  mood = 'as ever';
  for (const tunnel of open.splice(0)) {
    tunnel.close();
    await tunnel.closed;
  }
});

async function tunnelTo(resource: string, by = alice): Promise<Tunnel> {
  const tunnel = await by.open(resource);
  open.push(tunnel);
  return tunnel;
}

const quiet = (stream: Duplex): Duplex => stream.on('error', () => {});

async function echoed(tunnel: Tunnel, text: string): Promise<string> {
  const stream = quiet(tunnel.connect('echo'));
  stream.end(text);
  return heard(stream);
}

/** Writes until nobody takes more; how much was taken. */
async function fill(stream: Duplex): Promise<number> {
  const block = Buffer.alloc(64 * 1024, 1);
  let taken = 0;
  for (let idle = 0; idle < 20; ) {
    if (stream.writableNeedDrain) {
      idle++;
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    idle = 0;
    taken += block.length;
    stream.write(block);
  }
  return taken;
}

describe('a connection', () => {
  test('that ended its own side still gets 16 MiB of answer, to the last odd byte', async () => {
    const stream = quiet((await tunnelTo('answers-at-the-end')).connect());
    const total = 16 * MIB + 1;
    stream.end(String(total));
    expect(await digestOfStream(stream)).toBe(digestOfPattern(total, 7));
  });

  test('is seen by the connector from where the portal sees its person', async () => {
    expect(await heard(quiet((await tunnelTo('who')).connect()))).toBe('127.0.0.1 tunnel');
  });

  test('that nobody reads at the target stops itself, and no other', async () => {
    const tunnel = await tunnelTo('deaf');
    // Together more than goes under way in one direction.
    const stuck = Array.from({ length: 8 }, () => quiet(tunnel.connect()));
    for (const taken of await Promise.all(stuck.map(fill))) expect(taken).toBeLessThan(2 * MIB);
    expect(await echoed(tunnel, 'beside them')).toBe('beside them');
  });

  test('that nobody reads on this machine stops itself, and no other', async () => {
    const tunnel = await tunnelTo('source');
    const local = await openLocalPort(tunnel, 0, () => {});
    const stuck = Array.from({ length: 8 }, () => quiet(tunnel.connect()));
    for (const stream of stuck) stream.write(`${8 * MIB}\n`);
    await Promise.all(stuck.map((stream) => new Promise((resolve) => stream.once('readable', resolve))));
    expect(await echoed(tunnel, 'beside them')).toBe('beside them');
    // And what waited is whole.
    expect(await digestOfStream(stuck[0] as Duplex)).toBe(digestOfPattern(8 * MIB, 7));
    local.close();
  });

  test('beyond what a tunnel takes is refused at once, and says so', async () => {
    const tunnel = await tunnelTo('deaf');
    const kept = Array.from({ length: 256 }, () => quiet(tunnel.connect()));
    const refused = await new Promise<Error>((resolve) => tunnel.connect().once('error', resolve));
    expect(refused.message).toContain('256 connections go through this tunnel already');
    kept[0]?.destroy();
    await new Promise((resolve) => kept[0]?.once('close', resolve));
    expect(await echoed(tunnel, 'in its place')).toBe('in its place');
  });
});

describe('a connector that takes no tunnel says why, at once', () => {
  test('one person has too many', async () => {
    await expect.poll(() => connector.running()).toBe(0);
    for (let n = 0; n < LIMITS.ofAPerson; n++) await tunnelTo('echo');
    await expect(alice.open('echo')).rejects.toThrow(/was not opened: you have 4 tunnels open at this connector/);
    expect(await echoed(await tunnelTo('echo', bob), 'others do not mind')).toBe('others do not mind');
    await expect(bob.open('echo')).rejects.toThrow(/was not opened: the connector has its 5 tunnels open/);
  });

  test('it has no certificate yet', async () => {
    mood = 'without a certificate';
    await expect(alice.open('echo')).rejects.toThrow(/was not opened: the connector has no certificate yet/);
  });
});

describe('TLS within has a deadline', () => {
  test('for a connector that answers and does not prove itself', async () => {
    mood = 'silent';
    await expect(alice.open('echo', 1_000)).rejects.toThrow(/did not prove who it is in time/);
  });

  test('for a client that comes and says nothing', async () => {
    const { tunnel } = await client.post('/tunnels', { resource: 'echo' }, OpenedTunnel);
    const end = sayNothing((events) => client.socket(`/tunnels/${tunnel}`, events));
    expect(await end.closed).toEqual({ kind: 'lost', message: 'the other end left' });
    expect(connector.lines.filter(({ event }) => event === 'tunnel.closed').at(-1)?.message).toBe(
      'no client came in by it in time',
    );
  });
});

test('a relay that accepts and never answers is given up, at both ends', async () => {
  const mute = createServer((socket) => void socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const origin = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const nothing = { message() {}, closed() {} };
  const ofPerson = new ApiClient({ origin, dialTimeoutMs: 200 }).socket('/tunnels/x', nothing);
  expect(await ofPerson).toEqual({ ok: false, error: { final: false, message: 'no answer in time' } });
  const ofConnector = dialRelay(origin, newId('tun'), 'Bearer x', nothing, 200);
  expect(await ofConnector).toMatchObject({ ok: false, error: { message: 'the relay did not answer in time' } });
  mute.close();
});

test('a login that was revoked ends its tunnel when that has to connect anew, and opens no other', async () => {
  const gone = await edge.clientOf('alice');
  const person = tunnelPerson(gone.client);
  const tunnel = await tunnelTo('echo', person);
  expect(await echoed(tunnel, 'before')).toBe('before');
  await gone.client.delete('/token');
  await expect(person.open('echo')).rejects.toThrow(/gatehouse login signs in again/);
  person.sockets.at(-1)?.terminate();
  expect(await tunnel.closed).toEqual({
    kind: 'lost',
    message: 'you are not signed in any more (gatehouse login signs in again)',
  });
});
