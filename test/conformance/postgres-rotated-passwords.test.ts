// Passwords that change while sessions come: what is kept of them between sessions, and a target that refuses it.

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { LoginKeeper, TargetLogin } from '../../connector/credentials/credential.ts';
import { err, ok } from '../../core/result.ts';
import { type Gateway, password, startGateway, trusted } from '../harness/gateway.ts';
import { type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';

let server: PostgresServer;
let gateway: Gateway;
let kept: string;
let now: string;
let asked: (string | undefined)[];
let away = false;

/** As a store with a cache is: gives what it has, and looks again when that was refused. */
const keeper: LoginKeeper = {
  async next(refused?: TargetLogin) {
    asked.push(refused?.password?.reveal());
    if (away) return err({ reason: 'credential_unavailable', message: 'secret shop is away' });
    if (refused?.password?.reveal() === kept) kept = now;
    return ok({ user: 'app', password: password(kept) });
  },
};

beforeAll(async () => {
  server = await startPostgres({ hba: ['host all app 127.0.0.1/32 scram-sha-256'] });
  const target = trusted(server.port, { user: 'app', password: password('never used'), keeper });
  gateway = await startGateway({ targets: { demo: target } });
});
beforeEach(() => {
  asked = [];
  away = false;
});
afterAll(async () => {
  await gateway?.close();
  await server?.stop();
  expect(gateway.bugs).toEqual([]);
});

async function past(statement: string): Promise<void> {
  const root = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
  await root.connect();
  await root.query(statement).finally(() => root.end());
}
async function connect(): Promise<string> {
  const client = new pg.Client({
    ...{ host: gateway.host, port: gateway.port, user: 'alice@example.com', database: 'demo' },
    password: gateway.edge.issue().secret,
  });
  try {
    await client.connect();
    return (await client.query('select current_user as me')).rows[0].me;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

it('one that was rotated is fetched anew when the target refuses the old one, and once', async () => {
  await past("create role app login password 'first'");
  kept = now = 'first';
  expect(await connect()).toBe('app');
  expect(asked).toEqual([undefined]);
  now = 'second';
  await past("alter role app password 'second'");
  expect(await connect()).toBe('app');
  expect(asked).toEqual([undefined, undefined, 'first']);
  now = 'third, which the target has not';
  await past("alter role app password 'other'");
  expect(await connect()).toMatch(/refused the gateway's own login/);
  expect(asked.slice(3)).toEqual([undefined, 'second']);
});

it('a store that has nothing new is not asked for ever, and one that is away is no fault of the client', async () => {
  kept = now = 'wrong';
  expect(await connect()).toMatch(/refused the gateway's own login/);
  expect(asked).toEqual([undefined, 'wrong']);
  away = true;
  expect(await connect()).toBe(
    'Gatehouse: The gateway could not get its credential for this target. Tell an administrator.',
  );
});
