// Sessions under way: cancel requests, everything that ends one, and sockets that misbehave.

import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { message, startupMessage } from '../../connector/protocols/postgres/wire/messages.ts';
import { type Gateway, type GatewayOptions, startGateway, trusted } from '../harness/gateway.ts';
import { type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';
import { dialRaw, logInRaw, type RawPeer, startFakeTarget } from '../harness/postgres/raw-postgres.ts';
import { until } from '../harness/run.ts';
import { exportRecorded } from '../harness/session/exported.ts';

let server: PostgresServer;
let admin: pg.Client;
let gateway: Gateway;

beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
  await admin.connect();
});

afterAll(async () => {
  await admin?.end();
  await server?.stop();
});

afterEach(async () => {
  await gateway?.close();
  expect(gateway.bugs).toEqual([]);
});

async function start(options: Partial<GatewayOptions> = {}) {
  gateway = await startGateway({ targets: { demo: trusted(server.port) }, ...options });
  return gateway.edge.issue();
}

async function connect(password: string): Promise<{ client: pg.Client; errors: pg.DatabaseError[] }> {
  const errors: pg.DatabaseError[] = [];
  const client = new pg.Client({
    host: gateway.host,
    port: gateway.port,
    user: 'alice@example.com',
    database: 'demo',
    password,
  });
  client.on('error', (error) => errors.push(error as pg.DatabaseError));
  await client.connect();
  return { client, errors };
}

const running = async (text: string): Promise<number> =>
  (await admin.query(`select 1 from pg_stat_activity where state = 'active' and query = $1`, [text])).rowCount ?? 0;

describe('a cancel request', () => {
  it('stops the statement of the session whose key it shows, and no other', async () => {
    const { secret } = await start();
    const peers: { peer: RawPeer; key: Buffer }[] = [];
    for (const seconds of [61, 62]) {
      const peer = await dialRaw(gateway.port);
      const key = (await logInRaw(peer, secret)).find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0);
      peer.send(message('Q', `select pg_sleep(${seconds})\0`));
      await until('it runs', async () => (await running(`select pg_sleep(${seconds})`)) === 1);
      peers.push({ peer, key });
    }
    const [first, second] = peers;
    const canceller = await dialRaw(gateway.port);
    canceller.send(Buffer.from([0, 0, 0, 16, 4, 210, 22, 46]), second?.key ?? Buffer.alloc(0));
    await canceller.untilClosed();
    const answer = await second?.peer.upTo('Z');
    expect(answer?.find(({ type }) => type === 'E')?.body.toString()).toContain('C57014\0');
    expect(await running('select pg_sleep(61)')).toBe(1);
    expect(gateway.log.sessions.map((one) => one.facts('cancel.requested').length)).toEqual([0, 1]);
    first?.peer.socket.destroy();
    second?.peer.socket.destroy();
  });

  it("shows the target's process id, as pg_backend_pid() and NOTIFY tell it, and a secret of the gateway's", async () => {
    const { secret } = await start();
    const { client } = await connect(secret);
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const heard = new Promise<pg.Notification>((resolve) => client.once('notification', resolve));
    await client.query('listen own');
    await client.query("notify own, 'hello'");
    const { processID } = client as unknown as { processID: number };
    expect([rows[0].pid, (await heard).processId]).toEqual([processID, processID]);
    await client.end();
  });

  it('with another secret stops nothing', async () => {
    const { secret } = await start();
    const peer = await dialRaw(gateway.port);
    const key = Buffer.from((await logInRaw(peer, secret)).find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0));
    peer.send(message('Q', 'select pg_sleep(0.3)\0'));
    key[7] = (key[7] ?? 0) ^ 1;
    const canceller = await dialRaw(gateway.port);
    canceller.send(Buffer.from([0, 0, 0, 16, 4, 210, 22, 46]), key);
    await canceller.untilClosed();
    expect((await peer.upTo('Z')).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
    expect(gateway.log.last.facts('cancel.requested')).toEqual([]);
    peer.socket.destroy();
  });
});

describe('a session ends', () => {
  it('at once when its grant is revoked, and its statement is stopped', async () => {
    const grant = await start();
    const other = gateway.edge.issue();
    const { client, errors } = await connect(grant.secret);
    const { client: untouched } = await connect(other.secret);
    const pending = client.query('select pg_sleep(63)').catch((error: unknown) => error);
    await until('it runs', async () => (await running('select pg_sleep(63)')) === 1);
    gateway.edge.revoke(grant.id, 'left the team');
    // Long before the statement would.
    const error = (await pending) as pg.DatabaseError;
    const message =
      'Gatehouse: The grant was revoked: left the team. Ask for a new one in the portal, then connect again.';
    expect([error.code, error.message]).toEqual(['57P01', message]);
    await until('the statement is stopped', async () => (await running('select pg_sleep(63)')) === 0, 5000);
    await until('the end is recorded', () => gateway.log.sessions[0]?.ended !== undefined);
    expect(gateway.log.sessions[0]?.ended?.reason).toBe('grant_revoked');
    expect((await untouched.query('select 1')).rowCount).toBe(1);
    await untouched.end();
    expect(errors.length).toBeLessThan(3);
  });

  it('within a second of a person ending it, alone, and its statement is stopped', async () => {
    const grant = await start();
    const { client } = await connect(grant.secret);
    const { client: untouched } = await connect(grant.secret);
    const pending = client.query('select pg_sleep(64)').catch((error: unknown) => error);
    await until('it runs', async () => (await running('select pg_sleep(64)')) === 1);
    const at = performance.now();
    const [session] = gateway.edge.opened;
    if (session) gateway.edge.endSession(session, 'bob@example.com', 'it blocks the migration');
    const error = (await pending) as pg.DatabaseError;
    expect(performance.now() - at).toBeLessThan(1000);
    const words = 'Your session was ended by bob@example.com: it blocks the migration';
    expect([error.code, error.message]).toEqual(['57P01', `Gatehouse: ${words}`]);
    await until('the statement is stopped', async () => (await running('select pg_sleep(64)')) === 0, 5000);
    await until('the end is recorded', () => gateway.log.sessions[0]?.ended !== undefined);
    expect(gateway.log.sessions[0]?.ended).toMatchObject({ reason: 'ended_by_person', message: words });
    expect((await untouched.query('select 1')).rowCount).toBe(1);
    // People give reasons in any script; a client reads what its own encoding has.
    await untouched.query("set client_encoding to 'LATIN1'");
    const told = new Promise<Error>((resolve) => untouched.once('error', resolve));
    const other = gateway.edge.opened[1];
    if (other) gateway.edge.endSession(other, 'bob@example.com', 'Übergabe an 運用');
    expect((await told).message).toBe('Gatehouse: Your session was ended by bob@example.com: ?bergabe an ??');
    await until('this end is recorded', () => gateway.log.sessions[1]?.ended !== undefined);
    expect(gateway.log.sessions[1]?.ended?.message).toContain('Übergabe an 運用');
  });

  it('when its grant does, however often it reconnects', async () => {
    await start();
    const ends = Date.now() + 2_000;
    const grant = gateway.edge.issue({ until: new Date(ends) });
    const { client, errors } = await connect(grant.secret);
    await client.query('select 1');
    await until('it is ended', () => gateway.log.last.ended !== undefined);
    expect(Date.now()).toBeGreaterThanOrEqual(ends);
    expect(gateway.log.last.ended?.reason).toBe('grant_expired');
    await until('the client was told', () => errors.length > 0);
    expect(errors[0]?.message).toContain('The grant has ended');
    await expect(connect(grant.secret)).rejects.toThrow('This grant has ended');
  });

  it('after a silence that is too long, and not while something is sent', async () => {
    const grant = await start({ limits: { idleTimeoutMs: 1_000 } });
    const { client, errors } = await connect(grant.secret);
    const began = performance.now();
    while (performance.now() - began < 2_000) {
      await client.query('select 1');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await until('it is ended', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.ended?.reason).toBe('idle_timeout');
    await until('the client was told', () => errors.length > 0);
    expect(errors[0]?.code).toBe('57P05');
  });

  it('when the gateway stops: new ones are refused at once, running ones after the grace', async () => {
    const grant = await start();
    const { client, errors } = await connect(grant.secret);
    const closing = gateway.close(1_000);
    await expect(connect(grant.secret)).rejects.toThrow();
    expect((await client.query('select 1')).rowCount).toBe(1);
    await closing;
    expect(gateway.log.last.ended?.reason).toBe('connector_stopped');
    expect(errors[0]?.code).toBe('57P01');
    expect(gateway.sessions.live()).toEqual([]);
  });

  it('when the target goes away', async () => {
    const grant = await start();
    const { client, errors } = await connect(grant.secret);
    const { rows } = await client.query('select pg_backend_pid() as pid');
    await admin.query('select pg_terminate_backend($1)', [rows[0].pid]);
    await until('it is ended', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.ended?.reason).toBe('target_closed');
    await until('the client was told', () => errors.length > 0);
    expect(errors[0]?.code).toBe('57P01');
  });

  it('when the client vanishes, by FIN or by RST', async () => {
    const grant = await start();
    for (const vanish of ['destroy', 'resetAndDestroy'] as const) {
      const peer = await dialRaw(gateway.port);
      await logInRaw(peer, grant.secret);
      peer.socket[vanish]();
      await until('it is ended', () => gateway.log.last.ended !== undefined);
      expect(gateway.log.last.ended?.reason).toBe('client_closed');
    }
    await until('the backends are gone', async () => {
      const { rows } = await admin.query(
        `select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`,
      );
      return rows[0].n === 1;
    });
    expect(gateway.edge.reported('session.ended')).toHaveLength(2);
  });

  it('gets its answers first when the client closes its half only', async () => {
    const grant = await start();
    const peer = await dialRaw(gateway.port);
    await logInRaw(peer, grant.secret);
    peer.socket.end(message('Q', 'select pg_sleep(0.1), 7\0'));
    expect((await peer.upTo('Z')).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
    await until('it is ended', () => gateway.log.last.ended !== undefined);
  });
});

describe('before the login', () => {
  it('garbage of every kind is turned away and harms nobody', async () => {
    const grant = await start({ limits: { loginDeadlineMs: 2000 } });
    const { client } = await connect(grant.secret);
    const random = (size: number, seed: number) =>
      Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919 + seed * 104729) % 256));
    const startups = [0, 4, 7, 10_001, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1].map((length) => {
      const bytes = Buffer.alloc(12, 'x');
      bytes.writeUInt32BE(length);
      return bytes;
    });
    const nasty = [
      ...startups,
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.from([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5]),
      startupMessage(0x20000, new Map()),
      startupMessage(0x30000, new Map([['user', 'x'.repeat(5000)]])),
      Buffer.from([0, 0, 0, 12, 0, 3, 0, 0, 0x61, 0x62, 0x63, 0x64]),
      ...Array.from({ length: 60 }, (_, seed) => random(200, seed)),
    ];
    await Promise.all(
      nasty.map(async (bytes) => {
        const peer = await dialRaw(gateway.port);
        peer.send(bytes);
        peer.socket.end();
        await peer.untilClosed();
      }),
    );
    expect((await client.query('select 1')).rowCount).toBe(1);
    await client.end();
  });

  it.each([[8193], [2 ** 31 - 1], [0], [-5]])(
    'a password message that declares %i bytes is refused',
    async (length) => {
      await start();
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
      const header = Buffer.from('p\0\0\0\0');
      header.writeInt32BE(length, 1);
      peer.send(header, Buffer.alloc(100));
      expect((await peer.untilClosed()).map(({ type }) => type)).toEqual(['E']);
    },
  );

  /** Fifty that send a byte now and then; runs `work` meanwhile. */
  async function withSlowClients(work: (slow: readonly RawPeer[]) => Promise<void>): Promise<void> {
    const slow = await Promise.all(Array.from({ length: 50 }, () => dialRaw(gateway.port)));
    const drip = setInterval(() => {
      for (const peer of slow) if (!peer.closed) peer.socket.write(Buffer.of(0));
    }, 100);
    await work(slow).finally(() => clearInterval(drip));
    for (const peer of slow) peer.socket.destroy();
  }

  it('slow clients do not keep others out', async () => {
    const grant = await start({ limits: { loginDeadlineMs: 600_000 } });
    await withSlowClients(async (slow) => {
      const { client } = await connect(grant.secret);
      await client.end();
      expect(slow.filter((peer) => peer.closed)).toEqual([]);
    });
  });

  it('slow clients are dropped at the deadline, whatever they send', async () => {
    await start({ limits: { loginDeadlineMs: 500 } });
    await withSlowClients(async (slow) => {
      await Promise.all(slow.map((peer) => peer.untilClosed()));
    });
  });

  it('however many wait and say nothing, a client that logs in gets in, and they are the ones to go', async () => {
    const grant = await start({ limits: { maxUnauthenticated: 20, maxUnauthenticatedPerAddress: 5 } });
    const silent = await Promise.all(Array.from({ length: 12 }, () => dialRaw(gateway.port)));
    await until('all but five are closed', async () => silent.filter((peer) => peer.closed).length === 7);
    const { client } = await connect(grant.secret);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    expect(silent.filter((peer) => peer.closed)).toHaveLength(8);
    for (const peer of silent) peer.socket.destroy();
  });
});

describe('back-pressure', () => {
  it('of a slow client reaches the target, with bounded memory in between', async () => {
    const chunk = message('d', Buffer.alloc(60_000, 'x'));
    let sent = 0;
    const target = await startFakeTarget(async (peer) => {
      peer.send(message('H', Buffer.from([0, 0, 0])));
      const pump = () => {
        while (sent < 200_000_000 && peer.socket.write(chunk)) sent += chunk.length;
      };
      peer.socket.on('drain', pump);
      pump();
    });
    const { secret } = await start({ targets: { demo: trusted(target.port) } });
    gateway.log.keepBytes = false;
    const peer = await dialRaw(gateway.port);
    await logInRaw(peer, secret);
    peer.socket.pause();
    let before = -1;
    await until('the target is stopped', async () => {
      const still = sent === before;
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return still;
    });
    // Socket buffers of the kernel on four sides, and ours.
    expect(sent).toBeLessThan(40_000_000);
    peer.socket.destroy();
    await target.close();
  });
});

describe('what the target says beside a message', () => {
  const told = async (mask: readonly object[]) => {
    const { secret } = await start();
    gateway.edge.rules = { policyVersion: 2, rule: 'shop', statements: [], limits: {}, mask: mask as never };
    const { client } = await connect(secret);
    const heard: pg.DatabaseError[] = [];
    for (const text of [
      'insert into beside (mail) select mail from beside',
      'select mial from beside',
      "do $$ begin raise warning 'careful' using detail = 'a' || ' detail', hint = 'a' || ' hint'; perform 1 / 0; end $$",
    ])
      await client.query(text).catch((error: pg.DatabaseError) => heard.push(error));
    await client.end();
    await until('the session has ended', () => gateway.log.last.ended !== undefined);
    return { heard, recording: gateway.log.last };
  };
  const inWords = (errors: readonly (object | undefined)[]) =>
    errors.map((error) => {
      const { detail, hint, context, where } = error as Record<string, string | undefined>;
      return [detail, hint, context ?? where];
    });

  beforeAll(() => admin.query("create table beside (mail text unique); insert into beside values ('ada@example.com')"));
  afterAll(() => admin.query('drop table beside'));

  it('is in facts, replays and exports, and found', async () => {
    const { heard, recording } = await told([]);
    const errors = recording.facts('statement.finished').flatMap(({ error }) => error ?? []);
    expect(inWords(errors)).toEqual(inWords(heard));
    expect(inWords(errors)).toEqual([
      ['Key (mail)=(ada@example.com) already exists.', undefined, undefined],
      [undefined, 'Perhaps you meant to reference the column "beside.mail".', undefined],
      [
        undefined,
        undefined,
        expect.stringMatching(/^SQL statement "SELECT 1 \/ 0"\nPL\/pgSQL function inline_code_block/),
      ],
    ]);
    expect(recording.facts('notice.received')).toMatchObject([{ detail: 'a detail', hint: 'a hint' }]);
    for (const format of ['text', 'markdown', 'html', 'ndjson', 'asciicast'] as const) {
      const made = (await exportRecorded(recording, { format })).toString();
      for (const words of [
        '=(ada@example.com) already exists.',
        'Perhaps you meant',
        'inline_code_block',
        'a detail',
        'a hint',
      ])
        expect(made).toContain(words);
    }
  });

  it('is there as the client was told it, under masks', async () => {
    const { heard, recording } = await told([{ columns: ['beside.mail'], with: 'placeholder' }]);
    const errors = recording.facts('statement.finished').flatMap(({ error }) => error ?? []);
    expect(inWords(errors)).toEqual(inWords(heard));
    expect(errors[0]?.detail).toBe('Key (mail)=([withheld]) already exists.');
    const frames = recording.frames.map((frame) =>
      frame.bytes ? frame.bytes.toString('latin1') : JSON.stringify(frame),
    );
    expect(frames.join('\n')).not.toContain('ada@example.com');
  });
});
