// What the laws mean on PostgreSQL's wire, beside what suite.ts asks of every protocol.

import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { message } from '../../connector/protocols/postgres/wire/messages.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { type FakeTarget, logInRaw, dialRaw, type RawPeer, startFakeTarget } from '../harness/postgres/raw-postgres.ts';
import { until } from '../harness/run.ts';

const QUERY = message('Q', 'select 1\0');
const ANSWER = Buffer.concat([message('C', 'SELECT 1\0'), message('Z', 'I')]);

let gateway: Gateway;
let target: FakeTarget;

afterEach(async () => {
  await gateway?.close();
  await target?.close();
  expect(gateway.bugs).toEqual([]);
});

async function start(serve?: (peer: RawPeer) => Promise<void>): Promise<{ secret: string }> {
  target = await startFakeTarget(serve);
  gateway = await startGateway({ targets: { demo: trusted(target.port, { connectTimeoutMs: 2000 }) } });
  return gateway.edge.issue();
}

async function session(secret: string): Promise<RawPeer> {
  const peer = await dialRaw(gateway.port);
  const seen = await logInRaw(peer, secret);
  expect(seen.at(-1)?.type).toBe('Z');
  return peer;
}

const idle = async (): Promise<void> => {};

describe('law 1: not recorded, not forwarded', () => {
  it('lets not one byte pass, either way, once the log has failed, and says so', async () => {
    const { secret } = await start(idle);
    const client = await session(secret);
    const upstream = target.connections[0] as RawPeer;
    gateway.log.fault = { reason: 'log_unavailable', message: 'EIO on the test disk' };
    client.send(QUERY);
    upstream.send(ANSWER);
    const told = await client.untilClosed();
    await until('the target was left', () => upstream.closed);
    expect(upstream.receivedBytes - upstreamLogin(upstream)).toBe(0);
    expect(told.map(({ type }) => type)).toEqual(['E']);
    expect(told[0]?.body.toString().split('\0')).toEqual(
      expect.arrayContaining([
        'SFATAL',
        'C53100',
        expect.stringMatching(/^MGatehouse: The gateway cannot record this/),
      ]),
    );
    expect(client.received.length).toBe(0);
    await until('the session ended', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.ended).toMatchObject({ reason: 'log_failed' });
  });

  it('adds no words to a message that the client has a part of', async () => {
    const { secret } = await start(idle);
    const client = await session(secret);
    const upstream = target.connections[0] as RawPeer;
    client.send(QUERY);
    upstream.send(ANSWER.subarray(0, ANSWER.length - 1));
    await until('a part was sent', () => client.received.length === ANSWER.length - 1);
    gateway.log.fault = { reason: 'log_unavailable', message: 'EIO on the test disk' };
    upstream.send(ANSWER.subarray(ANSWER.length - 1));
    await until('it was closed', () => client.closed);
    expect(client.received.equals(ANSWER.subarray(0, ANSWER.length - 1))).toBe(true);
  });

  it('does not carry out a cancel request that could not be recorded', async () => {
    const { secret } = await start(idle);
    const client = await dialRaw(gateway.port);
    const key = (await logInRaw(client, secret)).find(({ type }) => type === 'K')?.body ?? Buffer.alloc(8);
    gateway.log.fault = { reason: 'log_unavailable', message: 'EIO on the test disk' };
    const canceller = await dialRaw(gateway.port);
    canceller.send(Buffer.from([0, 0, 0, 16, 4, 210, 22, 46]), key);
    await canceller.untilClosed();
    expect(target.connections).toHaveLength(1);
  });
});

/** What the fake target read of the login: the start-up packet. */
const upstreamLogin = (peer: RawPeer): number => peer.receivedBytes - peer.received.length;

describe('law 2: no grant, no upstream byte', () => {
  it('dials nothing for whoever is not admitted', async () => {
    const { secret } = await start(idle);
    const attempt = async (over: Partial<pg.ClientConfig>) => {
      const client = new pg.Client({
        host: gateway.host,
        port: gateway.port,
        user: 'alice@example.com',
        database: 'demo',
        password: secret,
        ...over,
      });
      client.on('error', () => {});
      await client.connect().then(
        () => expect.fail('was let in'),
        () => {},
      );
    };
    await attempt({ password: 'wrong' });
    await attempt({ user: 'bob@example.com' });
    await attempt({ database: 'other' });
    await attempt({ user: 'nobody' });
    await attempt({ password: gateway.edge.issue({ until: new Date(0) }).secret });
    const revoked = gateway.edge.issue();
    gateway.edge.revoke(revoked.id);
    await attempt({ password: revoked.secret });
    gateway.edge.refuseOpen = { reason: 'policy_denied', message: 'No.' };
    await attempt({});
    gateway.edge.refuseOpen = undefined;
    gateway.edge.away = { reason: 'edge_unreachable', message: 'Away.' };
    await attempt({});
    gateway.edge.away = undefined;
    gateway.log.refuseOpen = true;
    await attempt({});
    // Garbage, and a cancel request with a key that nobody has.
    const garbage = await dialRaw(gateway.port);
    garbage.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await garbage.untilClosed();
    const canceller = await dialRaw(gateway.port);
    canceller.send(Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 1]));
    await canceller.untilClosed();
    expect(target.connections).toHaveLength(0);
    expect(gateway.edge.reported('attempt.refused')).toHaveLength(10);
  });

  it('dials nothing when the grant is revoked while the edge is asked', async () => {
    await start(idle);
    const grant = gateway.edge.issue();
    const open = gateway.edge.openSession.bind(gateway.edge);
    gateway.edge.openSession = async (input) => {
      const answer = await open(input);
      gateway.edge.revoke(grant.id);
      return answer;
    };
    const peer = await dialRaw(gateway.port);
    expect((await logInRaw(peer, grant.secret)).at(-1)?.type).toBe('E');
    expect(target.connections).toHaveLength(0);
    await until('the end was reported', () => gateway.edge.reported('session.ended').length === 1);
    expect(gateway.edge.reported('session.ended')[0]?.reason).toBe('grant_revoked');
  });
});

describe('law 3: unknown means refuse', () => {
  it.each([
    ['a message type that nobody knows', Buffer.from('~\0\0\0\x04', 'latin1')],
    ['a password message in mid-session', message('p', 'x\0')],
    ['a length below what it counts itself', Buffer.from('Q\0\0\0\x03', 'latin1')],
    ['a negative length', Buffer.from('Q\xff\xff\xff\xff', 'latin1')],
    ['a Query that does not end', message('Q', 'select 1')],
  ])('ends the session at %s from the client', async (_what, bytes) => {
    const { secret } = await start(idle);
    const client = await session(secret);
    client.send(bytes, QUERY);
    const seen = await client.untilClosed();
    expect(seen.map(({ type }) => type)).toEqual(['E']);
    expect(seen[0]?.body.toString()).toContain('C08P01\0');
    expect(target.connections[0]?.received.length).toBe(0);
    await until('the session ended', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.ended?.reason).toBe('protocol_fault');
    // What the gateway said itself is recorded too.
    expect(gateway.log.last.wire('gateway').toString()).toContain('08P01');
  });

  it.each([
    ['CopyBothResponse, which begins replication', message('W', 0)],
    ['a message type that nobody knows', message('~')],
    ['a request to log in again', message('R', 3)],
  ])('ends the session at %s from the target', async (_what, bytes) => {
    const { secret } = await start(idle);
    const client = await session(secret);
    target.connections[0]?.send(bytes, ANSWER);
    const seen = await client.untilClosed();
    expect(seen.map(({ type }) => type)).toEqual(['E']);
    expect(seen[0]?.body.toString()).toContain('C08P01\0');
  });
});
