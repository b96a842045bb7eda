// Makes test/fixtures/recordings/FORMAT-NAME: the stored objects of a real session, and its replay.
// Kept for good: what this release wrote, later ones must read.
//
//   node test/harness/capture-recording.ts v2-node-postgres

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startGateway, trusted } from './gateway.ts';
import { memoryReader } from './memory-reader.ts';
import { startPostgres } from './postgres/postgres.ts';
import { writeObjects } from './recording-builder.ts';
import { replayStored, storeRecording } from './stored-session.ts';

const name = process.argv[2];
if (!name || !/^v\d+-[a-z0-9-]+$/.test(name)) throw new Error('name the fixture: v2-something');
const folder = join(import.meta.dirname, '../fixtures/recordings', name);

const server = await startPostgres();
const gateway = await startGateway({ targets: { demo: trusted(server.port) } });
const { secret } = gateway.edge.issue();
const { host, port } = gateway;
const client = new pg.Client({ host, port, user: 'alice@example.com', password: secret, database: 'demo' });
await client.connect();
await client.query('create temp table customers (id int primary key, name text, born date, balance numeric)');
await client.query('insert into customers values ($1, $2, $3, $4)', [1, 'Ada', '1815-12-10', '12.50']);
await client.query("insert into customers values (2, null, 'infinity', 'NaN')");
await client.query({ text: 'select * from customers order by id', binary: true } as pg.QueryConfig);
await client.query('select 1 as a; select 2 as b; select from customers');
await client.query('select * from nowhere').catch(() => {});
await client.query("do $$ begin raise warning 'watch out'; end $$");
await client.end();

while (!gateway.log.sessions[0]?.ended) await new Promise((resolve) => setTimeout(resolve, 10));
const builder = storeRecording(gateway.log.sessions[0], 2048);
const events: unknown[] = [];
for await (const event of replayStored(builder.opened, memoryReader(builder.objects))) events.push(event);
await mkdir(folder, { recursive: true });
await writeObjects(folder, builder.objects);
await writeFile(join(folder, 'replay.json'), `${JSON.stringify({ opened: builder.opened, events }, null, 2)}\n`);
await gateway.close();
await server.stop();
