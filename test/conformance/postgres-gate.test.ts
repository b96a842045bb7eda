// The policy in force for real clients: what is blocked, warned about and let through, and what the
// database, the client and the recording say of it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StatementEntry } from '../../core/policy/statements.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres.ts';
import { run, until } from '../harness/run.ts';

let server: PostgresServer;
let gateway: Gateway;
let env: Record<string, string>;
let direct: Record<string, string>;

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
  direct = { PGHOST: '127.0.0.1', PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: 'postgres' };
});

afterAll(async () => {
  await gateway?.close();
  await server?.stop();
  expect(gateway.bugs).toEqual([]);
});

function rules(...statements: StatementEntry[]): void {
  gateway.edge.rules = { policyVersion: 1, rule: 'orders-prod', statements, limits: {} };
}

beforeEach(async () => {
  gateway.log.sessions.length = 0;
  rules({ block: ['drop', 'truncate', 'delete without where'], hint: 'Ask the dba group.' }, { warn: ['update'] });
  const made = await run(
    psql(),
    ['-qX', '-c', 'drop table if exists t; create table t as select g as id from generate_series(1, 3) g'],
    { env: direct },
  );
  expect(made.code).toBe(0);
});

function psql(): string {
  const found = findClient('psql');
  if (!found) throw new Error('psql is not installed (Debian: postgresql-client)');
  return found;
}

const client = (...args: string[]) => run(psql(), ['-X', '-v', 'VERBOSITY=verbose', ...args], { env });
const rows = async () => (await run(psql(), ['-Xtc', 'select count(*) from t'], { env: direct })).stdout.trim();

describe('psql', () => {
  it('is told which rule blocked, with the hint, and nothing of the text runs', async () => {
    const ran = await client('-c', 'select 1; drop table t');
    expect(ran.stderr).toContain('ERROR:  42501: Gatehouse: Blocked by rule orders-prod: it is what "drop" names.');
    expect(ran.stderr).toContain('HINT:  Ask the dba group.');
    expect(ran.stdout).toBe('');
    expect(ran.code).toBe(1);
    expect(await rows()).toBe('3');
    const recording = gateway.log.last;
    await until('it ended', () => recording.ended !== undefined);
    expect(recording.facts('action.refused')).toMatchObject([
      { statement: 1, reason: 'blocked', rule: 'orders-prod', pattern: 'drop', policyVersion: 1 },
    ]);
    expect(recording.facts('statement.started').map(({ text }) => text)).toEqual(['select 1; drop table t']);
    expect(recording.facts('statement.finished')).toMatchObject([{ statement: 1, error: { code: '42501' } }]);
    expect(recording.wire('client').toString('latin1')).not.toContain('gatehouse refused');
    expect(server.log()).not.toContain('drop table t\n\n');
  });

  it('goes on in the same session, and is warned', async () => {
    const ran = await client('-c', 'drop table t', '-c', 'update t set id = id + 1', '-c', 'select count(*) from t');
    expect(ran.stderr).toContain('42501');
    expect(ran.stderr).toContain('WARNING:  01000: Gatehouse: Rule orders-prod warns: it is what "update" names.');
    expect(ran.stdout).toContain('UPDATE 3');
    expect(ran.stdout).toContain('(1 row)');
    expect(gateway.log.last.facts('action.warned')).toMatchObject([{ statement: 2, pattern: 'update' }]);
  });

  it('finds its transaction failed, as after any error', async () => {
    const script =
      'begin; \n insert into t values (9);\n drop table t;\n select 1;\n commit;\n select count(*) from t;\n';
    const ran = await run(psql(), ['-Xt', '-v', 'VERBOSITY=verbose'], { env, input: script });
    expect(ran.stderr).toContain('42501');
    expect(ran.stderr).toContain('25P02');
    expect(ran.stdout).toContain('ROLLBACK');
    expect(await rows()).toBe('3');
  });
});
