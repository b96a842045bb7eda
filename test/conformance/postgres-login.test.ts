// Logins of clients: TLS, versions, how they name a resource, and everybody who is turned away.

import { connect as connectTls, createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { join } from 'node:path';
import {
  int32,
  message,
  PROTOCOL_3_0,
  PROTOCOL_3_2,
  startupMessage,
} from '../../connector/protocols/postgres/wire/messages.ts';
import { startGateway, trusted } from '../harness/gateway.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import { dialRaw, logInRaw, RawPeer } from '../harness/postgres/raw-postgres.ts';
import { run, until } from '../harness/run.ts';
import {
  authority,
  connectAs,
  directory,
  gateway,
  grant,
  refusedAs,
  server,
  withLogins,
} from '../harness/postgres/logins.ts';

withLogins();

describe('a client comes in', () => {
  it('with sslmode=verify-full against the authority, and channel binding', async ({ skip }) => {
    const psql = findClient('psql') ?? skip('psql is not installed (Debian: postgresql-client)');
    const ran = await run(psql, ['-X', '-A', '-t', '-c', '\\conninfo', '-c', 'select 1'], {
      env: {
        PGHOST: 'localhost',
        PGHOSTADDR: gateway.host,
        PGPORT: String(gateway.port),
        PGUSER: 'alice@example.com',
        PGDATABASE: 'demo',
        PGPASSWORD: grant.secret,
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: join(directory, 'ca.pem'),
        PGCHANNELBINDING: 'require',
      },
    });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('TLSv1.3');
    expect(gateway.log.last.opened.client.tls).toMatch(/^TLSv1\.3 TLS_AES/);
  });

  it('with TLS from the first byte', async () => {
    const socket = connectTls({
      host: gateway.host,
      port: gateway.port,
      ca: authority.ca,
      ALPNProtocols: ['postgresql'],
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const seen = await logInRaw(new RawPeer(socket), grant.secret);
    expect(seen.at(-1)?.type).toBe('Z');
    socket.destroy();
  });

  it('but not with TLS from the first byte that names no protocol', async () => {
    const socket = connectTls({ host: gateway.host, port: gateway.port, ca: authority.ca });
    const peer = new RawPeer(socket);
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect((await peer.untilClosed()).map(({ type }) => type)).toEqual(['E']);
  });

  it('is told N when it asks for GSS encryption, and goes on', async () => {
    const peer = await dialRaw(gateway.port);
    peer.send(int32(8), int32(80877104));
    expect((await peer.take(1))?.toString()).toBe('N');
    expect((await logInRaw(peer, grant.secret)).at(-1)?.type).toBe('Z');
    peer.socket.destroy();
  });

  it('with version 3.2 gets a long cancel key, with 3.0 a short one', async () => {
    for (const [version, bytes] of [
      [PROTOCOL_3_2, 36],
      [0x30000, 8],
    ] as const) {
      const peer = await dialRaw(gateway.port);
      const seen = await logInRaw(peer, grant.secret, {}, version);
      expect(seen.find(({ type }) => type === 'K')?.body.length).toBe(bytes);
      expect(seen.some(({ type }) => type === 'v')).toBe(false);
      peer.socket.destroy();
    }
  });

  it.each([
    // [asked, answered, bytes of the cancel key's secret]
    [0x30009, PROTOCOL_3_2, 32],
    [0x30003, PROTOCOL_3_2, 32],
    [0x30002, PROTOCOL_3_2, 32],
    // Never released: named to nobody, and older than what has long keys.
    [0x30001, PROTOCOL_3_0, 4],
    [0x30000, PROTOCOL_3_0, 4],
  ])(
    'with version %i and unknown protocol options is told what is known, and not more than it asked',
    async (asked, answered, bytes) => {
      const peer = await dialRaw(gateway.port);
      const seen = await logInRaw(peer, grant.secret, { '_pq_.compression': 'zstd' }, asked);
      expect(seen[0]?.type).toBe('v');
      expect(seen[0]?.body.readInt32BE(0)).toBe(answered);
      expect(seen[0]?.body.toString('latin1', 8)).toBe('_pq_.compression\0');
      expect(seen.find(({ type }) => type === 'K')?.body.length).toBe(4 + bytes);
      expect(seen.at(-1)?.type).toBe('Z');
      peer.socket.destroy();
    },
  );

  it.each([
    ['alice@example.com#demo', 'template1', 'template1'],
    ['alice@example.com#demo', undefined, 'postgres'],
    ['Alice@example.com#demo', 'demo/x', undefined],
    ['alice@example.com', 'demo/template1', 'template1'],
  ])('as user %s with database %s', async (user, database, reached) => {
    const peer = await dialRaw(gateway.port);
    const seen = await logInRaw(peer, grant.secret, { user, database: database ?? '' });
    expect(seen.at(-1)?.type).toBe(reached === undefined ? 'E' : 'Z');
    if (reached === undefined) expect(seen.at(-1)?.body.toString()).toContain('C3D000\0');
    else {
      peer.send(message('Q', 'select current_database()\0'));
      expect((await peer.upTo('Z'))[1]?.body.toString('latin1', 6)).toBe(reached);
    }
    peer.socket.destroy();
  });

  it('with its password in the clear, where the listener says so and inside TLS only', async () => {
    const other = await startGateway({
      tls: createSecureContext(await authority.issue(['localhost'])),
      targets: { demo: trusted(server.port) },
      clientAuth: 'password',
    });
    const { secret } = other.edge.issue();
    const ssl = { ca: authority.ca, servername: 'localhost' };
    const client = await connectAs({ port: other.port, password: secret, ssl });
    await client.end();
    expect((await refusedAs({ port: other.port, password: 'wrong', ssl }))[0]).toBe('28P01');
    expect((await refusedAs({ port: other.port, password: secret }))[0]).toBe('0A000');
    await other.close();
  });
});

describe('a client is turned away', () => {
  const last = () => gateway.edge.reported('attempt.refused').at(-1);

  it.each([
    ['a wrong secret', { password: 'wrong' }],
    ['a person who has no grant', { user: 'bob@example.com' }],
    ['a person who does not exist', { user: 'nobody@nowhere.example' }],
    ['a resource that does not exist', { database: 'nowhere', password: 'wrong' }],
  ])('for %s, in the same words', async (_what, over) => {
    const before = gateway.log.sessions.length;
    const [code, text] = await refusedAs(over);
    expect(code).toBe('28P01');
    expect(text).toBe(
      `Gatehouse: The password is not a grant of this person on the resource ${'database' in over ? over.database : 'demo'}. Ask for one in the portal, and use its secret as the password. To name a database: user=EMAIL#RESOURCE, or dbname=RESOURCE/DATABASE.`,
    );
    expect(last()).toMatchObject({ reason: 'credentials_wrong', clientAddress: '127.0.0.1' });
    expect(gateway.log.sessions.length).toBe(before);
  });

  it("for somebody else's grant", async () => {
    const { secret } = gateway.edge.issue({ email: 'bob@example.com' });
    expect((await refusedAs({ password: secret }))[0]).toBe('28P01');
  });

  it('for a grant that has ended, and told to ask for a new one', async () => {
    const { secret } = gateway.edge.issue({ until: new Date(Date.now() - 1000) });
    const [code, text] = await refusedAs({ password: secret });
    expect([code, text]).toEqual(['28000', 'Gatehouse: This grant has ended. Ask for a new one in the portal.']);
    expect(last()?.reason).toBe('grant_expired');
  });

  it('for a grant that was revoked', async () => {
    const revoked = gateway.edge.issue();
    gateway.edge.revoke(revoked.id);
    expect(await refusedAs({ password: revoked.secret })).toEqual(['28000', expect.stringContaining('revoked')]);
  });

  it('while the edge is away (law 4)', async () => {
    gateway.edge.away = { reason: 'edge_unreachable', message: 'The portal cannot be reached. Try again in a moment.' };
    expect((await refusedAs({}))[0]).toBe('57P03');
    gateway.edge.away = undefined;
  });

  it('when the edge will not open the session', async () => {
    gateway.edge.refuseOpen = { reason: 'too_many_sessions', message: 'This grant has its sessions in use.' };
    expect((await refusedAs({}))[0]).toBe('53300');
    gateway.edge.refuseOpen = undefined;
  });

  it('while the log takes no sessions (law 1)', async () => {
    gateway.log.refuseOpen = true;
    expect((await refusedAs({}))[0]).toBe('53100');
    gateway.log.refuseOpen = false;
    // Nothing of it will ever be stored, so the edge is told that there is nothing to wait for.
    expect(gateway.edge.reported('session.ended').at(-1)).toMatchObject({ reason: 'log_failed', neverBegan: true });
  });

  it.each([
    ['no e-mail address', { user: 'postgres' }, '08P01'],
    ['no resource', { database: 'Not A Resource' }, '3D000'],
    ['no resource in the user', { user: 'alice@example.com#Not A Resource' }, '3D000'],
    ['a resource alone', { user: 'demo', database: 'postgres' }, '08P01'],
    ['replication', { replication: 'database' }, '0A000'],
  ])('for %s, at once', async (_what, over, code) => {
    const peer = await dialRaw(gateway.port);
    const seen = await logInRaw(peer, grant.secret, over as Record<string, string>);
    expect(seen.map(({ type }) => type)).toEqual(['E']);
    expect(seen[0]?.body.toString()).toContain(`C${code}\0`);
    peer.socket.destroy();
  });

  it('for plain text where the listener takes TLS only', async () => {
    const other = await startGateway({
      tls: createSecureContext(await authority.issue(['localhost'])),
      targets: { demo: trusted(server.port) },
      allowPlainText: false,
    });
    const { secret } = other.edge.issue();
    expect(await refusedAs({ port: other.port, password: secret })).toEqual([
      '0A000',
      expect.stringContaining('sslmode=require'),
    ]);
    await other.close();
  });

  it('for bytes that came before TLS and behind the request for it (CVE-2021-23214)', async () => {
    const peer = await dialRaw(gateway.port);
    peer.send(int32(8), int32(80877103), startupMessage(0x30000, new Map([['user', 'mallory@example.com']])));
    const seen = await peer.untilClosed();
    expect(seen.map(({ type }) => type)).toEqual(['E']);
  });

  it('and not counted when psql only came to learn that it needs a password', async () => {
    const before = gateway.edge.reports.length;
    const peer = await dialRaw(gateway.port);
    peer.send(
      startupMessage(
        0x30000,
        new Map([
          ['user', 'alice@example.com'],
          ['database', 'demo'],
        ]),
      ),
    );
    await peer.next();
    peer.socket.destroy();
    await peer.untilClosed();
    await (await connectAs()).end();
    await until('that session ended', () => gateway.edge.reports.length > before);
    expect(gateway.edge.reports.slice(before).map(({ kind }) => kind)).toEqual(['session.ended']);
  });
});
