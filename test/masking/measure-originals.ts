// node test/masking/measure-originals.ts: what it costs to keep what masks hide (ADR 52). A SELECT of 100,000 rows through psql, two
// of eight columns masked, recorded for real into a folder: CPU of the gateway's process (the archiver's thread in it) and bytes
// stored, with originals and without, in turn.

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import pg from 'pg';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { startGateway, trusted } from '../harness/gateway.ts';
import { findClient, startPostgres } from '../harness/postgres/postgres.ts';
import { openLog, testConnector } from '../harness/recording.ts';
import { run } from '../harness/run.ts';

const ROWS = 100_000;
const ROUNDS = 7;
const psql = findClient('psql') ?? '';
const server = await startPostgres();
const direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
await direct.connect();
await direct.query(`create table customers as select n as id, 'user' || n || '@example.com' as email,
  '+1415555' || lpad((n % 10000)::text, 4, '0') as phone, 'Maria Gonzalez' as name, now() as created,
  (n % 977)::numeric / 2 as total, 'please leave the parcel with the neighbour' as note, 'shipped' as status
  from generate_series(1, ${ROWS}) n`);
const place = mkdtempSync(join(tmpdir(), 'gatehouse-measure-'));
const objects = join(place, 'objects');
const connector = testConnector();
const { log } = await openLog(connector, join(place, 'log'), { store: { kind: 'directory', root: objects } });
const gateway = await startGateway({ targets: { demo: trusted(server.port) }, log, connector: connector.id });
gateway.edge.rules = SessionRules.parse({
  policyVersion: 1,
  rule: 'r',
  limits: {},
  mask: [{ columns: ['*.email', '*.phone'], with: 'partial' }],
});
const { secret } = gateway.edge.issue();
const env = {
  PGHOST: gateway.host,
  PGPORT: String(gateway.port),
  PGUSER: 'alice@example.com',
  PGDATABASE: 'demo',
  PGPASSWORD: secret,
};
const recipients = [await identityToRecipient(await generateX25519Identity())];

const stored = (ending: string): number => {
  if (!existsSync(objects)) return 0;
  const files = readdirSync(objects, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
  return files.reduce((sum, name) => sum + statSync(join(objects, name)).size, 0);
};
async function round(originals: string[] | undefined) {
  gateway.edge.originals = originals;
  const before = { segments: stored('.seg'), originals: stored('.original') };
  const [cpu, begun] = [process.cpuUsage(), performance.now()];
  const ran = await run(psql, ['-X', '-A', '-t', '-o', '/dev/null', '-c', 'select * from customers'], { env });
  if (ran.code !== 0) throw new Error(ran.stderr);
  const ms = performance.now() - begun;
  await log.drain(30_000);
  const { user, system } = process.cpuUsage(cpu);
  return {
    ms,
    cpuMs: (user + system) / 1000,
    segments: stored('.seg') - before.segments,
    originals: stored('.original') - before.originals,
  };
}
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const results = { off: [] as Awaited<ReturnType<typeof round>>[], on: [] as Awaited<ReturnType<typeof round>>[] };
await round(undefined);
await round(recipients);
for (let again = 0; again < ROUNDS; again++) {
  results.off.push(await round(undefined));
  results.on.push(await round(recipients));
}
for (const [name, rounds] of Object.entries(results)) {
  const of = (key: 'ms' | 'cpuMs' | 'segments' | 'originals') => Math.round(median(rounds.map((one) => one[key])));
  console.log(
    `originals ${name}: ${of('ms')} ms, CPU ${of('cpuMs')} ms, .seg ${of('segments')} bytes, .original ${of('originals')} bytes`,
  );
}
await direct.end();
await gateway.close();
await log.close();
await server.stop();
rmSync(place, { recursive: true, force: true });
process.exit(0);
