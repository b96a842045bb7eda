// CSV of results as psql printed them, through a gateway to a real PostgreSQL; and back into one by COPY.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectSameInCuts } from '../harness/session/cut-recorded.ts';
import { exportRecorded, unzipped } from '../harness/session/exported.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import type { MemoryRecording } from '../harness/memory-log.ts';
import { type OwnDatabase, ownDatabase } from '../harness/postgres/own-database.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import { run } from '../harness/run.ts';

let server: OwnDatabase;
let gateway: Gateway;
let grant: { secret: string };
let dir: string;
const psql = findClient('psql') ?? '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-csv-'));
  server = await ownDatabase();
  gateway = await startGateway({ targets: { demo: trusted(server.port, { database: server.database }) } });
  grant = gateway.edge.issue();
});
afterAll(async () => {
  await gateway?.close();
  await server?.drop();
  await rm(dir, { recursive: true, force: true });
});

async function recordingOf(work: () => Promise<unknown>): Promise<MemoryRecording> {
  const before = gateway.log.sessions.length;
  await work();
  await expect.poll(() => gateway.log.sessions.at(-1)?.ended, { timeout: 10_000 }).toBeDefined();
  const recording = gateway.log.sessions[before];
  if (!recording) throw new Error('nothing was recorded');
  return recording;
}

const through = () => ({
  PGHOST: gateway.host,
  PGPORT: String(gateway.port),
  PGUSER: 'alice@example.com',
  PGPASSWORD: grant.secret,
  PGDATABASE: 'demo',
});
const ALL = `select g as id, case when g % 7 = 0 then null when g % 7 = 1 then '' else repeat('é"漢,' || chr(10) || 'x', g % 11) end as note,
  decode(md5(g::text), 'hex') as digest, (g - 500)::numeric / 3 as share, '2024-01-01'::timestamptz + g * interval '1 minute' as at
  from generate_series(1, 1500) g order by g`;
const toLf = (csv: string) => csv.replaceAll('\r\n', '\n');

it('is what psql prints as CSV, of 1,500 rows and not the hundred that a replay shows', async () => {
  let printed = '';
  const recording = await recordingOf(async () => {
    const ran = await run(psql, ['-X', '--csv', '-c', ALL], { env: through() });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    printed = ran.stdout;
  });
  expect(printed.split('\n').length).toBeGreaterThan(1500);
  const csv = (await exportRecorded(recording, { format: 'csv', statement: 1, exact: 'true' })).toString();
  // psql prints NULL and the empty text alike.
  expect(toLf(csv).replace(/,""(?=,)/g, ',')).toBe(printed);
});

it('goes back by COPY as it was: NULL, empty texts, bytes, quotes, newlines', async () => {
  const recording = await recordingOf(() => run(psql, ['-X', '-c', ALL], { env: through() }));
  const file = join(dir, 'back.csv');
  await writeFile(file, await exportRecorded(recording, { format: 'csv', statement: 1, exact: 'true' }));
  const script = `create temp table back (id int, note text, digest bytea, share numeric, at timestamptz);
    \\copy back from '${file}' with (format csv, header true)
    select count(*), count(note) filter (where note = ''), (select count(*) from (select * from back except all (${ALL})) d),
      (select count(*) from ((${ALL}) except all select * from back) d) from back`;
  const ran = await run(psql, ['-X', '-At', '-v', 'ON_ERROR_STOP=1'], { env: server.env, input: script });
  expect(ran.stderr).toBe('');
  expect(ran.stdout.trim().split('\n').at(-1)).toBe('1500|312|0|0');
});

it('has a file for each result in an archive, and a list of statements', async () => {
  const statements = [
    'select 1 as one; select 2 as two',
    'create table t (a int)',
    'select * from t',
    'select nothing',
  ];
  const recording = await recordingOf(() =>
    run(psql, ['-X', ...statements.flatMap((each) => ['-c', each])], { env: through() }),
  );
  const files = await unzipped(await exportRecorded(recording, { format: 'csv' }), join(dir, 'all.zip'));
  expect(files).toMatchObject({
    'statement-1.csv': 'one\r\n1\r\n',
    'statement-1-2.csv': 'two\r\n2\r\n',
    'statement-3.csv': 'a\r\n',
  });
  expect(Object.keys(files)).toHaveLength(4);
  const list = files['statements.csv']?.split('\r\n') ?? [];
  expect(list[0]).toBe('statement,at,text,parameters,answer,rows,milliseconds,error,verdict');
  expect(list[1]).toMatch(
    /^1,\d{4}-\d\d-\d\dT[\d:.]+Z,select 1 as one; select 2 as two,,"SELECT 1, SELECT 1",2,\d+\.\d{3},,$/,
  );
  expect(list[4]).toMatch(/,"ERROR 42703: column ""nothing"" does not exist",$/);
  await expect(exportRecorded(recording, { format: 'csv', statement: 9 })).rejects.toThrow(
    'statement 9 has no results',
  );
});

it('has rows that drivers take in binary and in parts', async () => {
  const recording = await recordingOf(async () => {
    const client = new pg.Client({
      ...{
        host: gateway.host,
        port: gateway.port,
        user: 'alice@example.com',
        password: grant.secret,
        database: 'demo',
      },
    });
    await client.connect();
    await client.query({
      text: "select g::int as i, 1.5::float8 as f, decode('00ff', 'hex') as b, null as n, '{\"a\": 1}'::jsonb as j from generate_series($1::int, 3) g",
      values: [1],
      binary: true,
    } as never);
    await client.query({ text: 'select g from generate_series(1, 5) g', rows: 2 } as never);
    await client.end();
  });
  expect((await exportRecorded(recording, { format: 'csv', statement: 1 }, 300)).toString()).toBe(
    ['i,f,b,n,j', ...[1, 2, 3].map((i) => `${i},1.5,\\x00ff,,"{""a"": 1}"`), ''].join('\r\n'),
  );
  expect((await exportRecorded(recording, { format: 'csv', statement: 2 }, 300)).toString()).toBe(
    'g\r\n1\r\n2\r\n3\r\n4\r\n5\r\n',
  );
});

it('decodes what came in another encoding, and shows bytes where it is not known', async () => {
  const recording = await recordingOf(() =>
    run(
      psql,
      [
        '-X',
        '-c',
        "set client_encoding = 'LATIN1'",
        '-c',
        'select chr(233) as e',
        '-c',
        "set client_encoding = 'SQL_ASCII'; select chr(233) as e",
      ],
      {
        env: through(),
      },
    ),
  );
  expect((await exportRecorded(recording, { format: 'csv', statement: 2 })).toString()).toBe('e\r\né\r\n');
  // The change and the rows came in one answer, in front of the word on which encoding it is.
  expect((await exportRecorded(recording, { format: 'csv', statement: 3 })).toString()).toBe('e\r\n\\xc3\\xa9\r\n');
});

it('cuts a row of more than 16 MiB, and says so', async () => {
  const recording = await recordingOf(() =>
    run(psql, ['-X', '-At', '-c', "select 1 as a, repeat('x', 17 * 1024 * 1024) as b, 2 as c"], {
      env: through(),
      stdout: 'ignore',
    }),
  );
  const csv = (await exportRecorded(recording, { format: 'csv', statement: 1 }, 1024 * 1024)).toString();
  expect(csv.length).toBeGreaterThan(16 * 1024 * 1024);
  expect(csv).toMatch(/^a,b,c\r\n1,x+… \(cut: 17825792 bytes were recorded\),… \(cut: \d+ bytes were recorded\)\r\n$/);
});

it('is the same in all formats when it is made by runs that are cut short and killed', async () => {
  const recording = await recordingOf(async () => {
    const client = new pg.Client({
      ...{ host: gateway.host, port: gateway.port, user: 'alice@example.com' },
      ...{ password: grant.secret, database: 'demo' },
    });
    await client.connect();
    await client.query("select 1 as one; select g, repeat('é漢', g) as text from generate_series(1, 150) g");
    for (const name of ['a', 'b', 'a'])
      await client.query({ name, text: `select $1::int as ${name}, now() is null as b`, values: [7] });
    await expect(client.query('select nothing')).rejects.toThrow();
    await client.end();
    const copy = 'copy (select g, md5(g::text) from generate_series(1, 200) g) to stdout';
    await run(psql, ['-X', '-c', copy, '-c', 'set client_encoding to latin1', '-c', "select chr(233) || 'x' as é"], {
      env: through(),
    });
  });
  const formats = await expectSameInCuts(recording);
  expect(formats).toEqual(expect.arrayContaining(['ndjson', 'text', 'markdown', 'html', 'asciicast', 'csv', 'csv 1']));
});
