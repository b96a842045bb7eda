// Rules and limits of running sessions, with real psql: in force at once, and with words that say what to do.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { type Gateway, type GatewayOptions, startGateway, trusted } from '../harness/gateway.ts';
import { type OwnDatabase, ownDatabase } from '../harness/postgres/own-database.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import { openLog, readRecording, testConnector, verifyStored } from '../harness/recording.ts';
import { type Ran, run, until } from '../harness/run.ts';

const psql = findClient('psql');
let server: OwnDatabase;
let admin: pg.Client;
let gateway: Gateway;

beforeAll(async () => {
  server = await ownDatabase();
  admin = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: server.database });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await server?.drop();
});
afterEach(async () => {
  await gateway?.close();
  expect(gateway.bugs).toEqual([]);
});

let version = 1;
const rules = (more: object = {}, rule = 'orders') => SessionRules.parse({ policyVersion: ++version, rule, ...more });
const limits = (given: object, rule?: string) => rules({ limits: given }, rule);

async function start(first: SessionRules, more: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ targets: { demo: trusted(server.port, { database: server.database }) }, ...more });
  gateway.edge.rules = first;
}

function runPsql(statements: string): Promise<Ran> {
  if (!psql) throw new Error('psql is not installed');
  const place = `host=${gateway.host} port=${gateway.port} dbname=demo user=alice@example.com sslmode=prefer`;
  const env = { PGPASSWORD: gateway.edge.issue().secret };
  return run(psql, ['-X', '-At', place], { env, input: statements });
}
const ended = () => until('the end is recorded', () => gateway.log.last.ended !== undefined);
const running = async (text: string) =>
  (await admin.query(`select 1 from pg_stat_activity where state = 'active' and query = $1`, [`${text};`])).rowCount ??
  0;
const runs = (text: string) => until('it runs', async () => (await running(text)) === 1);
const stopped = (text: string) => until('it is stopped', async () => (await running(text)) === 0);

describe('a limit ends a session, with what to do', () => {
  it('that lasts too long, and what runs is cancelled', async () => {
    await start(limits({ sessionLength: '1s' }));
    const answer = await runPsql('select pg_sleep(71);\n');
    expect(answer.stderr).toContain('Rule orders lets a session last 1s. Connect again to go on.');
    await stopped('select pg_sleep(71)');
    await ended();
    expect(gateway.log.last.ended?.reason).toBe('session_too_long');
    expect(gateway.edge.reported('session.ended')).toMatchObject([{ reason: 'session_too_long' }]);
  });

  it('whose time window is over', async () => {
    await start(limits({ endsAt: new Date(Date.now() + 500).toISOString() }));
    const answer = await runPsql('select pg_sleep(72);\n');
    expect(answer.stderr).toContain('The time in which rule orders lets sessions be open is over.');
    expect(gateway.log.last.ended?.reason).toBe('time_window_over');
  });

  it('that is idle, by its rule where that is stricter than the connector', async () => {
    await start(limits({ idle: '1s' }), { limits: { idleTimeoutMs: 60_000 } });
    const answer = await runPsql('select 1;\n\\! sleep 2\nselect 2;\n');
    expect(answer.stdout).toBe('1\n');
    expect(answer.stderr).toContain('as long as rule orders lets a session be idle');
    expect(gateway.log.last.ended?.reason).toBe('idle_timeout');
  });

  it('that is idle, and not while a statement runs that says nothing', async () => {
    await start(limits({ idle: '1s' }));
    const answer = await runPsql("select 'slept' || pg_sleep(2.5);\n\\! sleep 2\nselect 2;\n");
    expect(answer.stdout).toBe('slept\n');
    expect(gateway.log.last.ended?.reason).toBe('idle_timeout');
  });

  it('that has had its rows, and what runs is cancelled', async () => {
    await start(limits({ rowsOut: 1_000 }));
    const text = 'select g, pg_sleep(case when g > 2000 then 74 else 0 end) from generate_series(1, 2001) g';
    const answer = await runPsql(`select generate_series(1, 900);\n${text};\n`);
    expect(answer.stdout.split('\n').filter((line) => /^\d+$/.test(line))).toHaveLength(900);
    expect(answer.stderr).toContain('Rule orders gives a session 1000 rows, and this one asked for more.');
    await stopped(text);
    await ended();
    expect(gateway.log.last.ended?.reason).toBe('rows_exceeded');
  });
});

describe('a policy that is applied while a session runs', () => {
  it('changes its limits at once: one that is exceeded already ends it, in the midst of a statement', async () => {
    await start(rules());
    const pending = runPsql('select 1;\nselect pg_sleep(75);\n');
    await runs('select pg_sleep(75)');
    gateway.edge.applyRules(limits({ sessionLength: '1h' }));
    gateway.edge.applyRules(limits({ endsAt: new Date(Date.now() - 1000).toISOString() }, 'office-hours'));
    const answer = await pending;
    expect(answer.stdout).toBe('1\n');
    expect(answer.stderr).toContain('rule office-hours');
    await stopped('select pg_sleep(75)');
    expect(gateway.log.last.facts('rules.changed')).toMatchObject([{ rule: 'orders' }, { rule: 'office-hours' }]);
  });

  it('without rules for it ends it', async () => {
    await start(rules());
    const pending = runPsql('select pg_sleep(76);\n');
    await runs('select pg_sleep(76)');
    gateway.edge.applyRules(undefined);
    expect((await pending).stderr).toContain('The policy in force gives you no access any more.');
    expect(gateway.log.last.ended?.reason).toBe('policy_denied');
  });

  it('law 4: with rules that cannot be applied ends it, and lets nobody in', async () => {
    await start(rules());
    const broken: SessionRules = { ...rules(), statements: [{ block: ['no such act'] }] };
    const pending = runPsql('select pg_sleep(77);\n');
    await runs('select pg_sleep(77)');
    gateway.edge.applyRules(broken);
    expect((await pending).stderr).toContain('cannot apply the policy that is in force');
    await ended();
    expect(gateway.log.last.ended?.reason).toBe('policy_denied');
    expect((await runPsql('select 1;\n')).stderr).toContain('cannot apply the policy that is in force');
    await until('its end is reported', () => gateway.edge.reported('session.ended').length === 2);
    expect(gateway.log.last.ended?.reason).toBe('policy_denied');
    // Whoever runs the connector hears of it: the edge should never have let such a policy in.
    expect(gateway.bugs.splice(0).map(String)).toEqual([
      expect.stringContaining('no such act'),
      expect.stringContaining('no such act'),
    ]);
  });

  it('is not lost on a session that is just being opened', async () => {
    await start(rules());
    const openSession = gateway.edge.openSession.bind(gateway.edge);
    let push: () => void = () => undefined;
    gateway.edge.openSession = async (input) => {
      const answer = await openSession(input);
      push();
      return answer;
    };
    // The admission still carries the rules of before.
    push = () => gateway.edge.applyRules(limits({ sessionLength: '1s' }, 'newer'));
    expect((await runPsql('select pg_sleep(78);\n')).stderr).toContain('Rule newer lets a session last 1s');
    push = () => gateway.edge.applyRules(undefined);
    const denied = await runPsql('select 1;\n');
    expect(denied.stderr).toContain('The policy in force gives you no access any more.');
    expect(denied.stdout).toBe('');
  });

  it('lets as many statements a minute run as it says', async () => {
    await start(limits({ statementsPerMinute: 3 }));
    const answer = await runPsql(Array.from({ length: 5 }, (_, i) => `select ${i};\n`).join(''));
    expect(answer.stdout).toBe('0\n1\n2\n');
    expect(
      answer.stderr.match(/Rule orders lets a session run 3 statements a minute\. Go on in \d+ s\./g),
    ).toHaveLength(2);
    await ended();
    expect(gateway.log.last.facts('action.refused')).toMatchObject([
      { reason: 'too_many_statements' },
      { reason: 'too_many_statements' },
    ]);
  });
});

describe('a session that its policy exempts from recording', () => {
  it('works like any other; its recording holds that it was, what the policy did, and not a byte of the wire', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-exempt-'));
    const connector = testConnector();
    const objects = join(place, 'objects');
    const { log } = await openLog(connector, join(place, 'connector'), { store: { kind: 'directory', root: objects } });
    try {
      await start(rules(), { log, connector: connector.id });
      gateway.edge.exempt = 'a payroll run';
      const pending = runPsql(`select 'sesame' || 1;\nselect pg_sleep(2), 'sesame';\nselect 'sesame' || 2;\n`);
      await runs(`select pg_sleep(2), 'sesame'`);
      gateway.edge.applyRules(limits({ rowsOut: 100_000 }, 'payroll'));
      expect((await pending).stdout).toBe('sesame1\n|sesame\nsesame2\n');
      await gateway.close();
      expect((await log.drain(10_000)).drained).toBe(true);
      const [session = expect.fail('no session was opened')] = gateway.edge.opened;
      const stored = readRecording(objects, connector, session);
      expect(stored.facts.map(({ kind }) => kind)).toEqual(['session.opened', 'rules.changed', 'session.ended']);
      expect(JSON.stringify(stored.facts)).not.toContain('sesame');
      for (const direction of ['client', 'target', 'gateway'] as const) expect(stored.wire(direction)).toHaveLength(0);
      const report = await verifyStored(objects, connector, session);
      expect(report).toMatchObject({ proven: true, exempt: 'a payroll run' });
      expect(report.manifest?.coverage).toMatchObject({
        lanes: { count: 1, last: 0, recorded: 'none', note: 'a payroll run' },
        exemptions: ['a payroll run'],
      });
    } finally {
      await log.close();
      rmSync(place, { recursive: true, force: true });
    }
  });
});
