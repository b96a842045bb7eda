// The same program of a driver against a server and through a gateway with a policy, each in a
// database of its own made from one template: what it printed, step by step.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import pg from 'pg';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { createAuthority } from '../certificates.ts';
import { type Gateway, password, startGateway, trusted } from '../gateway.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';

/** Nothing of people.email, .ssn, .born and of cards in any text; no DELETE of all, no DROP; TRUNCATE waits. */
export const POLICY = {
  policyVersion: 1,
  rule: 'people-prod',
  statements: [
    { block: ['delete without where', 'drop'], hint: 'Ask the dba group.' },
    { warn: ['update'], hint: 'Is the ticket in the comment?' },
    { hold: ['truncate'], approval: { from: ['dba'], count: 1, within: '5m' } },
  ],
  unparsable: 'allow',
  mask: [
    { columns: ['people.email', 'people.ssn', 'people.born'], with: 'placeholder' },
    { detect: ['credit-card'], with: 'placeholder' },
  ],
};

/** The role may read and write people and own things, and may not do what the policy stops. */
const SCHEMA = `
  create role app login password 'app-password';
  create table people (id int primary key, name text not null, email text, ssn int, born date, note text, tags text[]);
  insert into people select n, 'Ann ' || n, 'person' || n || '@example.com', 987654321, '1987-06-05',
    case when n % 2 = 0 then 'card 4111111111111111 on file' else 'näthing 😀' end, array['a', 'b' || n]
    from generate_series(1, 50) n;
  create view contacts as select id, email as contact, upper(name) as name from people;
  create table orders (id int primary key, person int not null references people, total numeric(10, 2) default 0);
  create index orders_by_person on orders (person);
  comment on column orders.total is 'in euro';
  create table things (id int primary key, name text unique, payload bytea, at timestamptz);
  create table scratch (id int);
  create table slow (id int);
  create function say(what text) returns int language plpgsql as $$ begin raise warning 'have %', what; return 1; end $$;
  alter table things owner to app; alter table scratch owner to app; alter table slow owner to app;
  grant select, insert, update on people, orders, contacts to app;
  analyze`;

export interface Line {
  readonly step: string;
  readonly result: unknown;
  /** Since the program was started. */
  readonly ms: number;
}

export interface DriverPlace {
  readonly server: PostgresServer;
  readonly gateway: Gateway;
  /** Of the certificate authority, PEM. */
  readonly ca: string;
  readonly directory: string;
  /** Environments for libpq and its like: past the gateway, and through it. */
  ways(name: string): Promise<{ direct: Way; through: Way }>;
  sql(text: string, database?: string): Promise<unknown[][]>;
  close(): Promise<void>;
}

export interface Way {
  readonly env: Record<string, string>;
  /** Ends the session that says that it waits for this. */
  end(): Promise<void>;
}

export async function startDriverPlace(version: 15 | 18 = 18): Promise<DriverPlace> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-drivers-'));
  const authority = await createAuthority();
  const own = await authority.issue(['localhost', '127.0.0.1']);
  const ca = join(directory, 'ca.pem');
  writeFileSync(ca, authority.ca);
  const server = await startPostgres({ version, tls: own, hba: ['host all app 127.0.0.1/32 scram-sha-256'] });
  const sql = async (text: string, database = 'postgres') => {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database });
    await client.connect();
    const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' }).finally(() => client.end());
    return rows;
  };
  await sql('create database scenario');
  await sql(SCHEMA, 'scenario');
  const gateway = await startGateway({
    targets: new Proxy(
      {},
      {
        get: (_, name) =>
          trusted(server.port, {
            user: 'app',
            password: password('app-password'),
            database: `${String(name)}_through`,
          }),
      },
    ),
    tls: createSecureContext(own),
  });
  gateway.edge.rules = SessionRules.parse(POLICY);
  return {
    server,
    gateway,
    ca,
    directory,
    sql,
    async ways(name) {
      for (const way of ['direct', 'through']) await sql(`create database ${name}_${way} template scenario`);
      const tls = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: ca, PGHOST: '127.0.0.1', PGTZ: 'UTC' };
      const grant = gateway.edge.issue({ resource: name });
      return {
        direct: {
          env: {
            ...tls,
            PGPORT: String(server.port),
            PGUSER: 'app',
            PGPASSWORD: 'app-password',
            PGDATABASE: `${name}_direct`,
          },
          async end() {
            await sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}_direct'`);
          },
        },
        through: {
          env: {
            ...tls,
            PGPORT: String(gateway.port),
            PGUSER: `alice@example.com#${name}`,
            PGPASSWORD: grant.secret,
            PGDATABASE: `${name}_through`,
          },
          end: async () => gateway.edge.revoke(grant.id),
        },
      };
    },
    async close() {
      await gateway.close();
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Runs a program; where it prints `ready` its session is ended. */
export function runScenario(command: readonly string[], way: Way): Promise<{ lines: Line[]; stderr: string }> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...way.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 110_000);
    const started = performance.now();
    const lines: Line[] = [];
    let rest = '';
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const line = JSON.parse(part) as Line;
        // It says so just before it sends what runs when its session ends.
        if (line.step === 'ready') setTimeout(() => way.end().catch(reject), 300);
        else lines.push({ ...line, ms: Math.round(performance.now() - started) });
      }
    });
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      resolve({ lines, stderr: stderr + rest });
    });
  });
}
