// Who gets in, and how a target is logged in to: with a real MariaDB, real clients, and raw ones that do what none does.

import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAPABILITIES } from '../../../connector/protocols/mysql/wire/capabilities.ts';
import { handshakeResponse, readGreeting, responseHead } from '../../../connector/protocols/mysql/wire/handshake.ts';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { okPacket, readError } from '../../../connector/protocols/mysql/wire/replies.ts';
import { OFFERED } from '../../../connector/protocols/mysql/wire/capabilities.ts';
import { password, startGateway, trusted } from '../../harness/gateway.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { dialMysql, logInRawMysql, query, RawMysql, startFakeMysql, USUAL } from '../../harness/mysql/raw-mysql.ts';
import { until } from '../../harness/run.ts';

const USER = 'alice@example.com#demo';
let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql({}, ['--plugin-load-add=auth_ed25519']);
});
beforeEach(() => place.rules([]));
afterAll(() => place.close());

const login = (more: Partial<Parameters<typeof handshakeResponse>[0]> = {}): Buffer =>
  handshakeResponse({
    capabilities: USUAL,
    maxPacketBytes: 1 << 24,
    collation: 45,
    user: Buffer.from(USER),
    answer: Buffer.from(`${place.secret}\0`),
    database: undefined,
    plugin: 'mysql_clear_password',
    attributes: undefined,
    ...more,
  });

async function answerTo(payload: Buffer) {
  const peer = await dialMysql(place.gateway.port);
  const first = await peer.next();
  expect(first && readGreeting(first.payload)).toMatchObject({
    version: '8.0.36-gatehouse',
    plugin: 'caching_sha2_password',
  });
  peer.send(packet(1, payload));
  const answer = await peer.next();
  return { peer, answer, error: answer && readError(answer.payload) };
}

describe('a client', () => {
  it.each([
    ['another secret', { answer: Buffer.from('wrong\0') }, 1045, /is not a grant of this person/],
    ['no password', { answer: Buffer.from('\0') }, 1045, /No password came/],
    ['no name', { user: Buffer.from('') }, 1043, /YOU@EXAMPLE.COM#RESOURCE/],
    ['no person before the resource', { user: Buffer.from('#demo') }, 1043, /YOU@EXAMPLE.COM#RESOURCE/],
    ['a person alone', { user: Buffer.from('alice@example.com') }, 1045, /YOU@EXAMPLE.COM#RESOURCE/],
    [
      'a resource that is not there',
      { user: Buffer.from('alice@example.com#nowhere') },
      1045,
      /is not a grant of this person on the resource nowhere/,
    ],
    [
      'no way to be asked for another login',
      { capabilities: USUAL & ~CAPABILITIES.PLUGIN_AUTH },
      1251,
      /Use a newer client/,
    ],
    ['packets of before 4.1', { capabilities: USUAL & ~CAPABILITIES.PROTOCOL_41 }, 1043, /older than MySQL 4.1/],
  ])('with %s is told so', async (_name, more, code, words) => {
    const { answer, error, peer } = await answerTo(login(more));
    expect(answer?.sequence).toBe(2);
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(words);
    expect(Buffer.byteLength(error?.message ?? '')).toBeLessThan(512);
    expect(await peer.untilClosed()).toEqual([]);
  });

  it('that names a resource alone is known by the secret, and by no other for it', async () => {
    const { edge } = place.gateway;
    const elsewhere = edge.issue({ resource: 'other' });
    const attempts = [
      [place.secret, 0],
      [elsewhere.secret, 1045],
      ['wrong', 1045],
      ['', 1045],
    ] as const;
    for (const [secret, code] of attempts) {
      const peer = await dialMysql(place.gateway.port);
      const answer = await logInRawMysql(peer, 'demo', secret);
      expect(answer && (answer.payload[0] === 0 ? 0 : readError(answer.payload).code)).toBe(code);
      peer.stream.destroy();
    }
    const c = await place.connect({ user: 'demo' });
    await c.changeUser({});
    await c.end();
    expect(place.gateway.log.last.opened.identity.email).toBe('alice@example.com');
  });

  it('that names a plugin whose proof nobody can check is switched, and gets in', async () => {
    for (const plugin of ['mysql_native_password', 'client_ed25519', 'parsec']) {
      const { answer, peer } = await answerTo(login({ plugin, answer: Buffer.alloc(20, 1) }));
      expect(answer?.payload.toString('latin1', 0, 23)).toBe('\xfecaching_sha2_password\0');
      // Its fast proof is not looked at: the secret is asked for.
      peer.send(packet(3, Buffer.alloc(32, 9)));
      expect((await peer.next())?.payload).toEqual(Buffer.of(1, 4));
      // In plain text a client asks for the key.
      peer.send(packet(5, 2));
      expect((await peer.next())?.payload.toString()).toContain('BEGIN PUBLIC KEY');
      peer.stream.destroy();
    }
  });

  it('that uses TLS gets nothing but the greeting in the clear, and its errors inside; CLIENT_SSL need not be said again', async () => {
    const peer = await dialMysql(place.gateway.port);
    await peer.next();
    const before = peer.receivedBytes;
    peer.send(
      packet(1, responseHead({ capabilities: USUAL | CAPABILITIES.SSL, maxPacketBytes: 1 << 24, collation: 45 })),
    );
    const raw = peer.stream as never;
    peer.stream.removeAllListeners('data');
    const secure = connectTls({ socket: raw, ca: place.ca, servername: 'localhost' });
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
    const inside = new RawMysql(secure);
    inside.send(packet(2, login({ answer: Buffer.from('wrong\0') })));
    const answer = await inside.next();
    expect([answer?.sequence, answer && readError(answer.payload).code]).toEqual([3, 1045]);
    expect(peer.receivedBytes).toBe(before);
  });

  it('in plain text is refused where the listener does not allow it', async () => {
    const gateway = await startGateway({ protocol: 'mysql', targets: {}, allowPlainText: false });
    const peer = await dialMysql(gateway.port);
    const answer = await logInRawMysql(peer, USER, 'secret');
    expect(answer && readError(answer.payload)).toMatchObject({ code: 3159 });
    await gateway.close();
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a long packet', Buffer.from([0xff, 0xff, 0xff, 1])],
    ['another number', packet(9, 'x'.repeat(40))],
    ['half a packet', packet(1, 'x'.repeat(40)).subarray(0, 30)],
  ])('that sends %s is let go without a word, and harms nobody', async (_name, bytes) => {
    const peer = await dialMysql(place.gateway.port);
    await peer.next();
    peer.send(bytes);
    peer.stream.end();
    expect(await peer.untilClosed()).toEqual([]);
  });
});

describe('a target', () => {
  const tls = () => ({ mode: 'verify-full' as const, ca: place.ca, serverName: undefined });
  const attempt = async (name: string) => {
    const { secret } = place.gateway.edge.issue({ resource: name });
    return place.connect({ user: `alice@example.com#${name}`, password: secret }).then(
      async (c) => {
        const [rows] = await c.query('select current_user() as u, database() as d');
        await c.end();
        return (rows as unknown[])[0];
      },
      ({ errno, message }) => `${errno} ${message}`,
    );
  };

  it('is logged in to by native passwords, ed25519, no password at all', async () => {
    await place.server.sql(
      "create user ed@'127.0.0.1' identified via ed25519 using password('secret ed ü')",
      "grant all on shop.* to ed@'127.0.0.1'",
      "create user open@'127.0.0.1'",
    );
    place.target('ed', { user: 'ed', password: password('secret ed ü'), tls: tls() });
    place.target('open', { user: 'open', password: undefined, database: undefined });
    expect(await attempt('ed')).toEqual({ u: 'ed@127.0.0.1', d: 'shop' });
    expect(await attempt('open')).toEqual({ u: 'open@127.0.0.1', d: null });
  });

  it('that asks for what is not supported, or refuses, or cannot be trusted, is told of without its secrets', async () => {
    await place.server.sql("create user pam@'127.0.0.1' identified via unix_socket");
    place.target('pam', { user: 'pam', password: password('pam-password') });
    place.target('wrong', { password: password('not it') });
    place.target('nobase', { database: 'missing' });
    place.target('stranger', { tls: { mode: 'verify-full', ca: undefined, serverName: undefined } });
    place.target('othername', { tls: { ...tls(), serverName: 'db.example.com' } });
    place.target('away', { port: 1 });
    const told = await Promise.all(['pam', 'wrong', 'nobase', 'stranger', 'othername', 'away'].map(attempt));
    expect(told.map(String)).toEqual([
      expect.stringMatching(/^1429 Gatehouse: The database (refused the gateway's own login|asks for a kind of login)/),
      expect.stringMatching(/^1429 Gatehouse: The database refused the gateway's own login \(1045\)/),
      expect.stringMatching(/^10(49|44) Gatehouse: The target has no such database/),
      expect.stringMatching(/^1429 Gatehouse: The database's certificate did not verify/),
      expect.stringMatching(/^1429 Gatehouse: The database's certificate did not verify/),
      expect.stringMatching(/^1429 Gatehouse: The database is not reachable \(ECONNREFUSED\)/),
    ]);
    expect(JSON.stringify(told)).not.toMatch(/app-password|pam-password|not it|'app'/);
  });

  it.each(
    Object.keys(CAPABILITIES).filter((name) =>
      [
        'FOUND_ROWS',
        'MULTI_STATEMENTS',
        'MULTI_RESULTS',
        'PS_MULTI_RESULTS',
        'DEPRECATE_EOF',
        'IGNORE_SPACE',
        'INTERACTIVE',
        'TRANSACTIONS',
      ].includes(name),
    ),
  )('without CLIENT_%s is refused to a client that agreed to it, and taken by one that did not', async (name) => {
    const bit = CAPABILITIES[name as keyof typeof CAPABILITIES];
    let got: Buffer | undefined;
    const target = await startFakeMysql(
      async (peer) => {
        got = (await peer.next())?.payload;
        peer.send(okPacket(1));
      },
      { capabilities: OFFERED & ~bit },
    );
    const upstream = trusted(target.port, { user: 'app', password: password('x'), database: undefined });
    const gateway = await startGateway({ protocol: 'mysql', targets: { demo: upstream } });
    const { secret } = gateway.edge.issue();
    const refused = await logInRawMysql(await dialMysql(gateway.port), USER, secret, USUAL);
    expect(refused && readError(refused.payload)).toMatchObject({
      code: 1235,
      message: expect.stringContaining(`CLIENT_${name}`),
    });
    const peer = await dialMysql(gateway.port);
    expect((await logInRawMysql(peer, USER, secret, USUAL & ~bit))?.payload[0]).toBe(0);
    peer.send(query('select 1'));
    expect((await peer.next())?.payload[0]).toBe(0);
    await until('it came as it was sent', () => got?.toString('latin1', 1) === 'select 1');
    await gateway.close();
    await target.close();
  });
});
