// Unmodified clients through the gateway to a real PostgreSQL 18, and what the recording says of them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import type { MemoryRecording } from '../harness/memory-log.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';
import { run, until } from '../harness/run.ts';

let server: PostgresServer;
let gateway: Gateway;
let env: Record<string, string>;
let directory: string;

beforeAll(async () => {
  server = await startPostgres();
  gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  const { secret } = gateway.edge.issue();
  env = {
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: secret,
  };
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-clients-'));
});

afterAll(async () => {
  await gateway?.close();
  await server?.stop();
  if (directory) rmSync(directory, { recursive: true });
  expect(gateway.bugs).toEqual([]);
});

beforeEach(() => {
  gateway.log.sessions.length = 0;
});

/** A Debian client, or a skip that says what to install. */
function client(name: string, skip: (note: string) => never): string {
  return findClient(name) ?? skip(`${name} is not installed (Debian: postgresql-client, postgresql-contrib)`);
}

async function recorded(): Promise<MemoryRecording> {
  await until(
    'the session has ended',
    () => gateway.log.sessions.length > 0 && gateway.log.sessions.every((s) => s.ended),
  );
  return gateway.log.last;
}

const finishedOf = (recording: MemoryRecording) => {
  const texts = new Map(recording.facts('statement.started').map((fact) => [fact.action, fact]));
  return recording.facts('statement.finished').map((fact) => ({ ...fact, started: texts.get(fact.action) }));
};

describe('psql', () => {
  it('runs statements, shows errors and goes on', async ({ skip }) => {
    const script = `select 1+1; select 1/0; select 'ünïcode' as t; begin; savepoint a; rollback; \\echo :LAST_ERROR_SQLSTATE`;
    const ran = await run(client('psql', skip), ['-X', '-A', '-t'], { env, input: script });
    expect(ran.stdout).toBe('2\nünïcode\nBEGIN\nSAVEPOINT\nROLLBACK\n22012\n');
    const recording = await recorded();
    expect(recording.ended).toMatchObject({ reason: 'client_closed' });
    expect(
      finishedOf(recording).map(({ started, tags, rows, error }) => [started?.text, tags, rows, error?.code]),
    ).toEqual([
      ['select 1+1;', ['SELECT 1'], 1, undefined],
      ['select 1/0;', [], 0, '22012'],
      [`select 'ünïcode' as t;`, ['SELECT 1'], 1, undefined],
      ['begin;', ['BEGIN'], 0, undefined],
      ['savepoint a;', ['SAVEPOINT'], 0, undefined],
      ['rollback;', ['ROLLBACK'], 0, undefined],
    ]);
  });

  it('copies in and out', async ({ skip }) => {
    const out = join(directory, 'copied');
    const script = `create table copied(a int, b text);
      \\copy copied from program 'seq 1 5000 | sed "s/$/,some text/"' csv
      \\copy copied to '${out}' csv
      \\copy copied from program 'echo not a number,x' csv
      select count(*) from copied;`;
    const ran = await run(client('psql', skip), ['-X', '-A', '-t', '-q'], { env, input: script });
    expect(ran.stdout).toContain('5000\n');
    expect(readFileSync(out, 'utf8').split('\n')).toHaveLength(5001);
    const copies = finishedOf(await recorded()).filter(({ started }) => started?.text.startsWith('COPY'));
    expect(copies.map(({ tags, rows, error }) => [...tags, rows, error?.code])).toEqual([
      ['COPY 5000', 5000, undefined],
      ['COPY 5000', 5000, undefined],
      [0, '22P02'],
    ]);
    expect(copies[0]?.bytes).toBe(copies[1]?.bytes);
  });

  it('stores and fetches large objects, which are function calls on the wire', async ({ skip }) => {
    const source = join(directory, 'large');
    writeFileSync(source, Buffer.alloc(300_000, 'large object '));
    const ran = await run(client('psql', skip), ['-X', '-q'], {
      env,
      input: `\\lo_import ${source}\n\\lo_export :LASTOID ${source}.back\n`,
    });
    expect(ran.stderr).toBe('');
    expect(readFileSync(`${source}.back`).equals(readFileSync(source))).toBe(true);
    const calls = (await recorded()).facts('statement.started').filter(({ form }) => form === 'function');
    expect(calls.length).toBeGreaterThan(5);
  });

  it('gets notifications and notices', async ({ skip }) => {
    const script = `listen ch; notify ch, 'payload'; do $$ begin raise warning 'careful'; end $$;`;
    const ran = await run(client('psql', skip), ['-X', '-q'], { env, input: script });
    expect(ran.stdout).toContain('"ch" with payload "payload"');
    expect(ran.stderr).toContain('careful');
    const recording = await recorded();
    expect(recording.facts('notification.received')).toMatchObject([{ channel: 'ch', payload: 'payload' }]);
    expect(recording.facts('notice.received')).toMatchObject([{ severity: 'WARNING', message: 'careful' }]);
  });

  it('passes its start-up parameters and settings on', async ({ skip }) => {
    const ran = await run(
      client('psql', skip),
      ['-X', '-A', '-t', '-c', 'show application_name', '-c', 'show work_mem', '-c', 'show client_encoding'],
      {
        env: { ...env, PGAPPNAME: 'my app', PGOPTIONS: '-c work_mem=7MB', PGCLIENTENCODING: 'LATIN1' },
      },
    );
    expect(ran.stdout).toBe('my app\n7MB\nLATIN1\n');
    expect((await recorded()).opened.client.application).toBe('my app');
  });

  it('reads facts by the client encoding', async ({ skip }) => {
    await run(client('psql', skip), ['-X', '-q'], {
      env: { ...env, PGCLIENTENCODING: 'LATIN1' },
      input:
        Buffer.from(`select 'fünf';`, 'latin1').toString('latin1') && `set client_encoding to 'UTF8'; select 'fünf';`,
    });
    expect((await recorded()).facts('statement.started').at(-1)?.text).toBe(`select 'fünf';`);
  });

  it('reaches another database of the resource by RESOURCE/DATABASE', async ({ skip }) => {
    const ran = await run(client('psql', skip), ['-X', '-A', '-t', '-c', 'select current_database()'], {
      env: { ...env, PGDATABASE: 'demo/template1' },
    });
    expect(ran.stdout).toBe('template1\n');
    expect((await recorded()).opened.details).toEqual({ database: 'template1' });
  });
});

describe('tools that know databases by their names, with EMAIL#RESOURCE as the user', () => {
  let old: PostgresServer | undefined;
  let through: Gateway | undefined;
  let theirs: Record<string, string>;
  beforeAll(async () => {
    // Debian's pg_dump 15 refuses a server of version 18.
    old = await startPostgres({ version: 15 }).catch(() => undefined);
    if (!old) return;
    through = await startGateway({ targets: { demo: trusted(old.port) } });
    const { secret } = through.edge.issue();
    theirs = { ...env, PGPORT: String(through.port), PGPASSWORD: secret, PGUSER: 'alice@example.com#demo' };
    delete theirs.PGDATABASE;
    const script = `create table a(id serial primary key, t text, b bytea);
      insert into a(t, b) select md5(g::text), decode(md5(g::text), 'hex') from generate_series(1, 20000) g;
      create view v as select count(*) from a; select lo_from_bytea(0, 'large');
      create database restored; create database second; create database "Größe ""1"" #2";`;
    const admin = new pg.Client({ host: old.host, port: old.port, user: 'postgres', database: 'postgres' });
    await admin.connect();
    for (const text of script.split(';')) await admin.query(text);
    await admin.end();
  }, 60_000);
  afterAll(async () => {
    await through?.close();
    await old?.stop();
    expect(through?.bugs ?? []).toEqual([]);
  });
  const tool = async (skip: (note: string) => never, name: string, ...parameters: string[]) => {
    if (!old) skip('Debian package postgresql-15 is not installed');
    return run(client(name, skip), parameters, { env: theirs });
  };

  it('pg_dump and pg_restore take a database apart and put it together again', async ({ skip }) => {
    const file = join(directory, 'dump');
    expect(await tool(skip, 'pg_dump', '-Fc', '-b', '-f', file, 'postgres')).toMatchObject({ code: 0, stderr: '' });
    const restored = await tool(skip, 'pg_restore', '-d', 'restored', '--no-owner', file);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    const sums = ['postgres', 'restored'].map((database) =>
      tool(skip, 'psql', '-XAtc', `select md5(string_agg(a::text, '' order by id)) from a`, database),
    );
    const [one, other] = await Promise.all(sums);
    expect(one?.stdout).toMatch(/^[0-9a-f]{32}\n$/);
    expect(other?.stdout).toBe(one?.stdout);
  });

  it('psql goes from one to another by \\c and by a connection string', async ({ skip }) => {
    const here = String.raw`\c second
      select current_database();
      \c "Größe ""1"" #2"
      select current_database();
      \c "dbname=restored"
      select current_database();
      \c - - - -
      select current_database();`;
    if (!old) skip('Debian package postgresql-15 is not installed');
    const ran = await run(client('psql', skip), ['-XAtq', '-v', 'ON_ERROR_STOP=1'], { env: theirs, input: here });
    expect(ran).toMatchObject({ code: 0, stderr: '', stdout: 'second\nGröße "1" #2\nrestored\nrestored\n' });
  });

  it('createdb and dropdb, vacuumdb -a, reindexdb -a and pg_dumpall reach them all', async ({ skip }) => {
    for (const [name, ...parameters] of [
      ['createdb', 'third'],
      ['vacuumdb', '-a'],
      ['reindexdb', '-a'],
      ['dropdb', 'third'],
    ] as const)
      expect(await tool(skip, name, ...parameters), name).toMatchObject({ code: 0 });
    const all = await tool(skip, 'pg_dumpall');
    expect(all).toMatchObject({ code: 0, stderr: '' });
    const own = { ...theirs, PGPORT: String(old?.port), PGUSER: 'postgres', PGDATABASE: 'postgres' };
    const direct = await run(client('pg_dumpall', skip), [], { env: own });
    const withoutKeys = (text: string) => text.replace(/^(\\(?:un)?restrict) \w+$/gm, '$1');
    expect(direct.stdout).toContain('COPY public.a');
    expect(withoutKeys(all.stdout) === withoutKeys(direct.stdout)).toBe(true);
    const databases = ['postgres', 'Größe "1" #2', 'restored', 'second'];
    expect(through?.log.sessions.map(({ opened }) => opened.details.database)).toEqual(
      expect.arrayContaining(databases),
    );
  });
});

describe('pgbench', () => {
  it.each(['simple', 'extended', 'prepared'])(
    'runs in mode %s, and with a connection for each transaction',
    async (mode) => {
      const pgbench = findClient('pgbench');
      if (!pgbench) throw new Error('pgbench is not installed (Debian: postgresql-contrib)');
      expect((await run(pgbench, ['-i', '-q'], { env })).code).toBe(0);
      for (const more of [
        ['-t', '50'],
        ['-t', '5', '-C'],
      ]) {
        const ran = await run(pgbench, ['-n', '-M', mode, '-c', '4', ...more], { env });
        expect(ran.stdout).toContain('number of failed transactions: 0');
        expect(ran.code).toBe(0);
      }
      await recorded();
      const statements = gateway.log.sessions.flatMap(finishedOf);
      expect(statements.filter(({ error }) => error)).toEqual([]);
      const updates = statements.filter(({ started }) => started?.text.startsWith('UPDATE pgbench_accounts'));
      expect(updates).toHaveLength(220);
      if (mode !== 'simple') expect(updates.every(({ started }) => started?.parameters?.length === 2)).toBe(true);
      expect(updates.every(({ tags }) => tags[0] === 'UPDATE 1')).toBe(true);
    },
  );
});

describe('node-postgres', () => {
  const connect = async (): Promise<pg.Client> => {
    const one = new pg.Client({
      host: gateway.host,
      port: gateway.port,
      user: 'alice@example.com',
      database: 'demo',
      password: env.PGPASSWORD ?? '',
    });
    await one.connect();
    return one;
  };

  it('runs parameterised, named and binary statements', async () => {
    const one = await connect();
    const rows = await one.query('select $1::int4 as i, $2::text as t, $3::bytea as b, $4::text as n', [
      7,
      'seven',
      Buffer.from([7]),
      null,
    ]);
    expect(rows.rows).toEqual([{ i: 7, t: 'seven', b: Buffer.from([7]), n: null }]);
    for (const value of [1, 2])
      expect((await one.query({ name: 'named', text: 'select $1::int + 1 as r', values: [value] })).rows).toEqual([
        { r: value + 1 },
      ]);
    // `binary` is in the driver and not in its types.
    const binary = { text: 'select 42::int4 as answer', values: [], binary: true };
    expect((await one.query(binary)).rows).toEqual([{ answer: 42 }]);
    await expect(one.query('select $1::int', ['no number'])).rejects.toThrow('invalid input syntax');
    await one.end();
    const facts = finishedOf(await recorded());
    expect(facts[0]?.started?.parameters).toEqual([
      { type: 0, format: 'text', value: '7' },
      { type: 0, format: 'text', value: 'seven' },
      { type: 0, format: 'binary', value: '\\x07' },
      { type: 0, format: 'text', value: null },
    ]);
    expect(
      facts.slice(1, 3).map(({ started }) => [started?.text, started?.prepared, started?.parameters?.[0]?.value]),
    ).toEqual([
      ['select $1::int + 1 as r', 'named', '1'],
      ['select $1::int + 1 as r', 'named', '2'],
    ]);
    expect(facts.at(-1)?.error?.code).toBe('22P02');
  });

  it('reads a portal in parts', async () => {
    const one = await connect();
    await one.query('begin');
    await one.query('declare c cursor for select generate_series(1, 100)');
    expect((await one.query('fetch 30 from c')).rowCount).toBe(30);
    await one.query('commit');
    const limited = { text: 'select generate_series(1, 100)', values: [], rows: 10 };
    expect((await one.query(limited)).rows).toHaveLength(100);
    await one.end();
    const suspended = finishedOf(await recorded()).filter((fact) => fact.suspended);
    expect(suspended.length).toBe(10);
    expect(suspended.every(({ rows }) => rows === 10)).toBe(true);
    expect(new Set(suspended.map(({ action }) => action)).size).toBe(1);
  });
});

describe('postgres.js', () => {
  it('pipelines, uses cursors, COPY and notifications', async () => {
    const sql = postgres({
      host: gateway.host,
      port: gateway.port,
      user: 'alice@example.com',
      database: 'demo',
      password: env.PGPASSWORD ?? '',
      max: 1,
      onnotice: () => {},
    });
    const many = await Promise.all(Array.from({ length: 200 }, (_, i) => sql<{ n: number }[]>`select ${i}::int as n`));
    expect(many.map(([row]) => row?.n)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    const failures = await Promise.allSettled([sql`select 1`, sql`select 1/0`, sql`select 2`]);
    expect(failures.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    let seen = 0;
    await sql`select generate_series(1, 1000)`.cursor(100, (rows) => {
      seen += rows.length;
    });
    expect(seen).toBe(1000);
    await sql`create table streamed(a int, b text)`;
    const writable = await sql`copy streamed from stdin`.writable();
    for (let i = 0; i < 1000; i++) writable.write(`${i}\trow\n`);
    await new Promise((resolve) => writable.end(resolve));
    expect(await sql`select count(*)::int from streamed`).toMatchObject([{ count: 1000 }]);
    const readable = await sql`copy streamed to stdout`.readable();
    let bytes = 0;
    for await (const chunk of readable) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(7890);
    await sql.begin(async (transaction) => {
      await transaction`insert into streamed values (-1, 'x')`;
      await transaction.savepoint((inner) => inner`select broken`).catch(() => {});
    });
    await sql.end();
    const facts = finishedOf(await recorded());
    expect(facts.filter(({ error }) => error?.code === '22012')).toHaveLength(1);
    const numbers = facts.filter(({ started }) => started?.text === 'select $1::int as n');
    expect(numbers.map(({ started }) => started?.parameters?.[0]?.value)).toEqual(
      Array.from({ length: 200 }, (_, i) => String(i)),
    );
    expect(facts.find(({ started }) => started?.text === 'copy streamed from stdin')).toMatchObject({
      rows: 1000,
      tags: ['COPY 1000'],
    });
  });
});

describe('many megabytes', () => {
  it('arrive as they were sent, over several sessions at once, and are recorded as they arrived', async ({ skip }) => {
    const psql = client('psql', skip);
    const copy = (n: number) =>
      `copy (select g, md5((g * ${n})::text), repeat('x', g % 300) from generate_series(1, 150000) g) to stdout`;
    const straight = { ...env, PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: 'postgres' };
    const sums = await Promise.all(
      [1, 2, 3, 4].map(async (n) => {
        const through = await run(psql, ['-X', '-c', copy(n)], { env });
        const direct = await run(psql, ['-X', '-c', copy(n)], { env: straight });
        expect(through.stdout.length).toBeGreaterThan(20_000_000);
        expect(through.stdout === direct.stdout).toBe(true);
        return through.stdout;
      }),
    );
    await recorded();
    const texts = gateway.log.sessions.map((session) => {
      const wire = session.wire('target');
      const rows: Buffer[] = [];
      for (let at = 0; at < wire.length; at += 1 + wire.readInt32BE(at + 1))
        if (wire[at] === 0x64) rows.push(wire.subarray(at + 5, at + 1 + wire.readInt32BE(at + 1)));
      return Buffer.concat(rows).toString();
    });
    expect(new Set(texts)).toEqual(new Set(sums));
  });
});

describe('a recording', () => {
  it('holds exactly what went over the wire behind the login, in both directions', async () => {
    const one = new pg.Client({
      host: gateway.host,
      port: gateway.port,
      user: 'alice@example.com',
      database: 'demo',
      password: env.PGPASSWORD ?? '',
    });
    await one.connect();
    await one.query('select $1::text', ['x'.repeat(300_000)]);
    await one.end();
    const recording = await recorded();
    const [fact] = finishedOf(recording);
    const part = (direction: 'client' | 'target', at: { offset: number; length: number } | undefined) =>
      at &&
      recording
        .wire(direction)
        .subarray(at.offset, at.offset + at.length)
        .toString('latin1');
    const answer = part('target', fact?.at);
    // ParseComplete first, CommandComplete last.
    expect(answer?.startsWith('1')).toBe(true);
    expect(answer?.endsWith('SELECT 1\0')).toBe(true);
    expect(part('client', fact?.started?.at)?.startsWith('B')).toBe(true);
    expect(fact?.started?.parameters?.[0]).toMatchObject({ bytes: 300_000 });
    expect(JSON.stringify(recording.frames.map(({ bytes }) => bytes?.toString('latin1')))).not.toContain(
      env.PGPASSWORD,
    );
    expect(recording.wire('client').includes('SCRAM')).toBe(false);
  });
});
