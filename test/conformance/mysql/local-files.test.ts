// LOAD DATA LOCAL: a file of the client's goes to the target where a rule names it, is the one that the statement names, and stands
// in the recording.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { has } from '../../../connector/protocols/mysql/wire/capabilities.ts';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { okPacket, readError } from '../../../connector/protocols/mysql/wire/replies.ts';
import { type Gateway, password, startGateway, trusted } from '../../harness/gateway.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import {
  dialMysql,
  type FakeMysql,
  logInRawMysql,
  query,
  type RawMysql,
  settingsAnswer,
  startFakeMysql,
  textResult,
} from '../../harness/mysql/raw-mysql.ts';
import { run, until } from '../../harness/run.ts';

const USER = 'alice@example.com#demo';
const APPROVED = { kind: 'approved', by: ['bob@example.com'], comment: '' } as const;
const OPEN = [{ allow: ['*', 'load data local'] }];
const sha256 = (...parts: readonly (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

describe('with a real server', () => {
  let place: GuardedMysql;
  let directory: string;
  let file: string;
  const content = Array.from({ length: 3_000 }, (_, n) => `${n}\tname ${n} näthing\n`).join('');

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-infile-'));
    file = join(directory, 't.txt');
    writeFileSync(file, content);
    place = await startGuardedMysql({ serverVersion: '5.5.5-10.11.19-MariaDB-gatehouse' }, ['--local-infile=1']);
    await place.server.sql(
      'use shop',
      'create table t (id int primary key, name varchar(50))',
      'create table people (id int primary key, ssn varchar(50))',
    );
  });
  beforeEach(async () => {
    await place.server.sql('delete from shop.t');
    place.rules(OPEN);
  });
  afterAll(async () => {
    await place.close();
    rmSync(directory, { recursive: true });
  });

  const rows = async () => Number((await place.server.sql('select count(*) as n from shop.t'))[0]?.n);
  const load = (name = file, table = 't') => `load data local infile '${name}' into table ${table}`;
  const client = (sql: string) => place.run('mariadb', ['--local-infile=1', 'shop'], sql);

  it('mariadb-import sends a file, and the recording has its content, name, size and SHA-256', async () => {
    const ran = await place.run('mariadb-import', ['--local', 'shop', file]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(await rows()).toBe(3_000);
    const recorded = await place.recorded();
    const statement = recorded.facts('statement.started').find(({ text }) => /LOAD DATA/.test(text));
    const [opened] = recorded.facts('file.accessed');
    expect(opened).toMatchObject({ operation: 'open', path: file, flags: ['read'] });
    expect(opened?.action).toBe((statement?.action ?? 0) + 1);
    const size = Buffer.byteLength(content);
    expect(recorded.facts('file.transferred')).toMatchObject([
      { action: opened?.action, path: file, direction: 'upload', size, sha256: sha256(content) },
    ]);
    expect(recorded.facts('file.transferred')[0]).not.toHaveProperty('partial');
    expect(recorded.wire('client').includes('2999\tname 2999 näthing')).toBe(true);
  });

  it.each([
    ['the client', () => client(`${load()}; select count(*) from t`)],
    [
      'PHP: mysqli',
      () => php(`$m->query(${JSON.stringify(load())}); echo $m->query('select count(*) from t')->fetch_row()[0];`),
    ],
  ])('%s sends it, and goes on', async (_name, send) => {
    expect(await send()).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/3000\s*$/) });
  });

  const php = (code: string) =>
    run('php', [
      ...['-d', 'mysqli.allow_local_infile=1', '-r'],
      `$m = mysqli_init(); $m->ssl_set(null, null, '${place.caFile}', null, null);
       $m->real_connect('127.0.0.1', '${USER}', '${place.secret}', 'shop', ${place.gateway.port}, null, MYSQLI_CLIENT_SSL); ${code}`,
    ]);

  const mysql2 = async (sql: string, from: Readable) => {
    const c = await place.connect({ flags: ['+LOCAL_FILES'] });
    return c.query({ sql, infileStreamFactory: () => from } as never).finally(() => c.end().catch(() => {}));
  };

  it('mysql2 sends one of 24 MB under a mask by detectors, and what an error of the target names is as it was', async () => {
    place.rules(OPEN, { mask: [{ detect: ['email'], with: 'placeholder' }] });
    const big = Array.from({ length: 24 }, (_, n) => `${n}\t${'x'.repeat(1_000_000)}\n`);
    await mysql2(load('big', 't (id, @x)'), Readable.from(big.map((line) => Buffer.from(line))));
    expect(await rows()).toBe(24);
    const recorded = await place.recorded();
    expect(recorded.facts('file.transferred')).toMatchObject([{ size: big.join('').length, sha256: sha256(...big) }]);
    const failed = mysql2(load('big', 'none'), Readable.from([Buffer.from('1\n')]));
    await expect(failed).rejects.toMatchObject({ errno: 1146 });
  });

  it.each([
    ['a rule that says nothing about statements', undefined],
    ['one that blocks others', [{ block: ['drop'] }]],
    ['one that allows everything', [{ allow: ['*'] }]],
    ['one that allows changes', [{ allow: ['read', 'write', 'session'] }]],
    ['one that allows the wider kind', [{ allow: ['*', 'load data'] }]],
    ['one that names another table', [{ allow: ['*', 'load data local on other'] }]],
  ])('%s sends none', async (_name, statements) => {
    if (statements) place.rules(statements);
    else place.rules([], { statements: undefined } as never);
    for (const sql of [load(), `/*!50000 load data local infile '${file}' into table t */`]) {
      const ran = await client(sql);
      expect(ran.stderr).toMatch(
        /ERROR 1227 \(42000\) at line 1: Gatehouse: Blocked by rule orders-prod: .*load data local/,
      );
      expect((await place.recorded()).facts('file.accessed')).toEqual([]);
    }
    const c = await place.connect({ flags: ['+LOCAL_FILES'] });
    await expect(c.execute(load())).rejects.toMatchObject({ errno: 1227 });
    await c.end();
    expect(await rows()).toBe(0);
  });

  it('is taken alone in its text, and as a query', async () => {
    const c = await place.connect({ multipleStatements: true, flags: ['+LOCAL_FILES'] });
    for (const sql of [`select 1; ${load()}`, `${load()}; select 1`, `prepare p from "${load()}"`])
      await expect(c.query(sql)).rejects.toMatchObject({ errno: 1235 });
    await expect(c.execute(load())).rejects.toMatchObject({ errno: 1235 });
    expect((await c.query('select 1 as one'))[0]).toEqual([{ one: 1 }]);
    await c.end();
  });

  it('waits for an approval before the target asks', async () => {
    place.rules([{ hold: ['load data local'], approval: { from: ['dba'], count: 1, within: 300_000 } }]);
    const ran = client(load());
    const { edge } = place.gateway;
    await until('it is held', () => edge.held.length > 0);
    expect(await rows()).toBe(0);
    const one = edge.held.shift();
    expect(one?.asked).toMatchObject({ action: { text: load(), touches: ['t'] } });
    one?.decide(APPROVED);
    expect(await ran).toMatchObject({ code: 0 });
    expect(await rows()).toBe(3_000);
  });

  it('beside masked columns goes into tables that have none, and into others not at all', async () => {
    place.rules(OPEN, { mask: [{ columns: ['people.ssn'], with: 'placeholder' }] });
    expect(await client(load())).toMatchObject({ code: 0 });
    expect(await rows()).toBe(3_000);
    const refused = await client(load(file, 'people'));
    expect(refused.stderr).toMatch(/1227.*its file would be recorded as it is/);
    const copied = await client(`${load()} (id, name) set name = (select ssn from people limit 1)`);
    expect(copied.stderr).toMatch(/1227/);
  });

  it('an error of the target comes behind the file, and the session goes on', async () => {
    await place.server.sql(
      "create trigger shop.no before insert on shop.t for each row if new.id = 2 then signal sqlstate '45000' set message_text = 'no two'; end if",
    );
    const ran = await place.run(
      'mariadb',
      ['--local-infile=1', '--force', 'shop'],
      `${load()}; select count(*) from t`,
    );
    await place.server.sql('drop trigger shop.no');
    expect(ran).toMatchObject({
      stdout: 'count(*)\n0\n',
      stderr: expect.stringContaining('ERROR 1644 (45000) at line 1: no two'),
    });
    expect((await place.recorded()).facts('file.transferred')).toMatchObject([
      { size: Buffer.byteLength(content), partial: ['write_failed'] },
    ]);
  });

  it('of a client that breaks off in the middle nothing is kept, and the recording says so', async () => {
    const peer = await dialMysql(place.gateway.port);
    await logInRawMysql(peer, USER, place.secret);
    peer.send(query('use shop'));
    await peer.next();
    peer.send(query(load('half')));
    expect((await peer.next())?.payload.toString('latin1', 1)).toBe('half');
    peer.send(packet(2, '1\tone\n2\ttwo\n'), Buffer.from([9, 0, 0, 3, 0x33]));
    await until('it is recorded', () => place.gateway.log.last.wire('client').includes('2\ttwo'));
    peer.stream.destroy();
    const recorded = await place.recorded();
    expect(recorded.facts('file.transferred')).toMatchObject([{ size: 12, partial: ['not_closed', 'unanswered'] }]);
    await until('the server gave it up', async () => {
      const [left] = await place.server.sql(
        "select count(*) as n from information_schema.processlist where user = 'app'",
      );
      return Number(left?.n) === 0;
    });
    expect(await rows()).toBe(0);
  });
});

describe('with a server that is not honest', () => {
  let target: FakeMysql;
  let gateway: Gateway;
  let peer: RawMysql;
  let grant: ReturnType<Gateway['edge']['issue']>;
  /** What the server got for its demand, and then as a command. */
  let got: { sequence: number; payload: string }[];
  /** Its answer to whatever it is asked; the rest of the talk. */
  let demand: Buffer;
  let then: (server: RawMysql) => Promise<void>;

  beforeEach(async () => {
    got = [];
    demand = packet(1, 0xfb, 'a.txt');
    then = async (server) => {
      for (let one = await server.next(); one; one = await server.next()) {
        got.push({ sequence: one.sequence, payload: one.payload.toString('latin1') });
        if (one.payload.length === 0) return server.send(okPacket(one.sequence + 1));
      }
    };
    target = await startFakeMysql(async (server) => {
      for (let one = await server.next(); one; one = await server.next()) {
        const settings = settingsAnswer(one.payload);
        if (settings) server.send(settings);
        else if (one.payload.toString('latin1', 1) === 'select 2') server.send(textResult(['two'], [['2']]));
        else {
          for (const byte of demand) server.send(Buffer.of(byte));
          await then(server);
        }
      }
    });
    const upstream = trusted(target.port, { user: 'app', password: password('x'), database: undefined });
    gateway = await startGateway({ protocol: 'mysql', targets: { demo: upstream } });
    gateway.edge.rules = { ...gateway.edge.rules, statements: OPEN, unparsable: 'allow' };
    peer = await dialMysql(gateway.port);
    grant = gateway.edge.issue();
    await logInRawMysql(peer, USER, grant.secret);
  });
  afterEach(async () => {
    await gateway.close();
    await target.close();
  });

  const LOAD = query("load data local infile 'a.txt' into table t");
  /** The answer to a command behind it. */
  const goesOn = async () => {
    peer.send(query('select 2'));
    for (const first of [1, 0x03, 0x01]) expect((await peer.next())?.payload[0]).toBe(first);
    await peer.next();
  };

  it.each([
    ['any statement', query('select 1'), 'a.txt'],
    ['one that cannot be read', query('frobnicate'), 'a.txt'],
    ['a load of another file', LOAD, '/etc/passwd'],
    ['a load of a file that begins alike', LOAD, 'a.txt\0'],
    ['a load of the file in other letters', LOAD, 'A.TXT'],
    ['a load of a file of the server', query("load data infile 'a.txt' into table t"), 'a.txt'],
  ])('it asks for a file at %s, and gets none: the client is told', async (_name, statement, name) => {
    demand = packet(1, 0xfb, name);
    peer.send(statement);
    const answer = await peer.next();
    expect(answer?.sequence).toBe(1);
    expect(answer && readError(answer.payload)).toMatchObject({
      code: 1227,
      message: `Gatehouse: The database asks for the file ${JSON.stringify(name)}, which the statement does not name, or no rule allows. Nothing of it was sent.`,
    });
    expect(got).toEqual([{ sequence: 2, payload: '' }]);
    await goesOn();
    peer.stream.destroy();
    await until('it ended', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.facts('file.accessed')).toEqual([]);
    expect(gateway.log.last.facts('statement.finished')[0]?.error?.code).toBe('1227 (42000)');
  });

  it('a file of packets that are cut anywhere, and of 16 MiB, goes over; a command behind it goes on', async () => {
    let bytes = 0;
    const hash = createHash('sha256');
    then = async (server) => {
      for (let continued = false; ; ) {
        const one = await server.next();
        if (!one) return;
        if (one.payload.length === 0 && !continued) break;
        hash.update(one.payload);
        bytes += one.payload.length;
        continued = one.payload.length === 0xffffff;
      }
      server.send(packet(7, 0, 3, 0, 2, 0, 0, 0));
    };
    peer.send(LOAD);
    expect((await peer.next())?.payload.toString('latin1', 1)).toBe('a.txt');
    const big = Buffer.alloc(0xffffff, 'x');
    const parts = [
      ...[packet(2, 'first'), packet(3, big), packet(5, Buffer.alloc(1_200_000, 'y')), packet(6), query('select 2')],
    ];
    const all = Buffer.concat(parts);
    for (let at = 0, size = 1; at < all.length; at += size, size = Math.min(size * 3, 70_001))
      peer.send(all.subarray(at, at + size));
    expect(await peer.next()).toMatchObject({ sequence: 7 });
    const content = ['first', big, Buffer.alloc(1_200_000, 'y')];
    expect([bytes, hash.digest('hex')]).toEqual([5 + 0xffffff + 1_200_000, sha256(...content)]);
    for (const first of [1, 0x03, 0x01]) expect((await peer.next())?.payload[0]).toBe(first);
    await peer.next();
    await goesOn();
    const transferred = () => gateway.log.last.facts('file.transferred');
    expect(transferred()).toMatchObject([{ path: 'a.txt', size: bytes, sha256: sha256(...content) }]);
  });

  it('a client that says something else meanwhile, or counts wrong, ends its session, and none of that goes on', async () => {
    for (const [at, wrong] of [query('drop table t'), packet(3, 'content')].entries()) {
      const server = target.connections.at(-1);
      peer.send(LOAD);
      await peer.next();
      peer.send(wrong);
      const last = (await peer.untilClosed()).at(-1);
      expect(last && readError(last.payload).message).toMatch(/packets of a file came out of order/);
      await until('the server is left', () => server?.closed === true);
      expect(got).toEqual([]);
      if (at > 0) break;
      peer = await dialMysql(gateway.port);
      await logInRawMysql(peer, USER, gateway.edge.issue().secret);
    }
  });

  it('a command that came before the demand waits, and is no content', async () => {
    then = async () => {};
    peer.send(LOAD, query('select 2'));
    expect((await peer.next())?.payload.toString('latin1', 1)).toBe('a.txt');
    const last = (await peer.untilClosed()).at(-1);
    expect(last && readError(last.payload).message).toMatch(/out of order/);
    expect(target.connections.at(-1)?.received.length).toBe(0);
  });

  it('an answer before the file is over ends the session behind it', async () => {
    then = async (server) => {
      server.send(packet(2, 0xff, 0x16, 0x04, '#HY000gone'));
    };
    peer.send(LOAD);
    await peer.next();
    const seen = await peer.untilClosed();
    expect(seen[0] && readError(seen[0].payload).message).toBe('gone');
    await until('it ended', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.facts('file.transferred')).toMatchObject([
      { size: 0, partial: ['not_closed', 'write_failed'] },
    ]);
    expect(gateway.log.last.ended?.reason).toBe('protocol_fault');
  });

  it('a demand behind another result ends the session, and the client sees nothing of it', async () => {
    demand = Buffer.concat([packet(1, 0, 0, 0, 10, 0, 0, 0), packet(2, 0xfb, 'a.txt')]);
    peer.send(LOAD);
    const [result, last, ...more] = await peer.untilClosed();
    expect([result?.payload[0], last && readError(last.payload).message, more]).toEqual([
      0,
      'Gatehouse: The session ends: for what the database sent: it asks the client for a file that no statement here names.',
      [],
    ]);
    expect(got).toEqual([]);
  });

  it('under masks the answer behind the file has the number that is due', async () => {
    gateway.edge.rules = { ...gateway.edge.rules, mask: [{ detect: ['email'], with: 'placeholder' }] };
    const masked = await dialMysql(gateway.port);
    await logInRawMysql(masked, USER, grant.secret);
    masked.send(LOAD);
    expect((await masked.next())?.payload.toString('latin1', 1)).toBe('a.txt');
    masked.send(packet(2, 'content'), packet(3));
    expect(await masked.next()).toMatchObject({ sequence: 4, payload: okPacket(4).subarray(4) });
    masked.stream.destroy();
  });

  it('a client that is silent in the middle of its file is idle', async () => {
    gateway.edge.rules = { ...gateway.edge.rules, limits: { idle: 200 } };
    const silent = await dialMysql(gateway.port);
    await logInRawMysql(silent, USER, grant.secret);
    silent.send(LOAD);
    await silent.next();
    silent.send(packet(2, 'content'));
    const last = (await silent.untilClosed()).at(-1);
    expect([last?.sequence, last && readError(last.payload).code]).toEqual([3, 4031]);
    expect(got).toEqual([{ sequence: 2, payload: 'content' }]);
  });

  it('of content that is not recorded yet nothing goes on', async () => {
    peer.send(LOAD);
    await peer.next();
    const { log } = gateway;
    log.stalled = true;
    peer.send(packet(2, 'content'), packet(3));
    await until('it is about to be recorded', () => log.last.wire('client').includes('content'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toEqual([]);
    log.resume();
    expect(await peer.next()).toMatchObject({ sequence: 4 });
    expect(got.map(({ payload }) => payload)).toEqual(['content', '']);
  });

  it('a grant that ends in the middle is heard, numbered as the answer that is due', async () => {
    then = () => new Promise(() => {});
    peer.send(LOAD);
    await peer.next();
    peer.send(packet(2, 'some'));
    await until('it is recorded', () => gateway.log.last.wire('client').includes('some'));
    gateway.edge.revoke(grant.id);
    const last = (await peer.untilClosed()).at(-1);
    expect(last?.sequence).toBe(3);
  });
});

it.each([
  [undefined, false],
  [[{ allow: ['*'] }], false],
  [[{ block: ['load data local'] }], false],
  [OPEN, true],
  [[{ hold: ['load data local on t'], approval: { from: ['dba'], count: 1, within: 1000 } }], true],
])('under %j a target is told that the client may be asked: %s', async (statements, told) => {
  const target = await startFakeMysql(async (server) => {
    for (let one = await server.next(); one; one = await server.next())
      server.send(settingsAnswer(one.payload) ?? okPacket(1));
  });
  const upstream = trusted(target.port, { user: 'app', password: password('x'), database: undefined });
  const gateway = await startGateway({ protocol: 'mysql', targets: { demo: upstream } });
  gateway.edge.rules = { ...gateway.edge.rules, ...(statements && { statements }) };
  const peer = await dialMysql(gateway.port);
  await logInRawMysql(peer, USER, gateway.edge.issue().secret);
  expect(target.agreed.map((agreed) => has(agreed, 'LOCAL_FILES'))).toEqual([told]);
  peer.stream.destroy();
  await gateway.close();
  await target.close();
});
