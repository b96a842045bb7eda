// What rules hide is nowhere: with everything that `npm start` brings up, each way that a value can go
// carries one of its own, and then every byte that was written or said is searched for all of them.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DevFile } from '../../cli/settings.ts';
import {
  command,
  type Finished,
  finish,
  freePortBase,
  npmStart,
  type Started,
  until,
  untilReady,
} from '../cli/run-cli.ts';

const PSQL_FOLDER = ['/usr/lib/postgresql/15/bin', '/usr/bin'].find((folder) => existsSync(join(folder, 'psql')));

const POLICY = `administrators: [demo:administrators]
auditors: [demo:auditors]
groups: { developers: [demo:developers], dba: [demo:dba] }
rules:
  - name: shop
    resources: { env: demo }
    who: [developers, dba]
    access: { ttl: 1h, reason: required }
    statements:
      - { block: [truncate] }
      - { hold: [update], approval: { from: [dba], within: 5m } }
      - { warn: [delete] }
    mask:
      - { columns: ["customers.email", "customers.card_number"], with: placeholder }
      - { columns: ["customers.phone"], with: hash }
      - { detect: [credit-card, email, password, jwt], with: placeholder }
    record: { retain: 30d, view: [dba], viewOwn: true }
`;

/** Each way has its own, so that what is found says which way leaks. */
const marks: string[] = [];
const mark = (way: string): string => {
  const text = `zqsecret-${way}@zq-${way}.example`;
  marks.push(`zqsecret-${way}`, `zq-${way}.example`);
  return text;
};
const IN_ROW = mark('row');
const IN_LITERAL = mark('literal');
const IN_COPY = mark('copyin');
const IN_PARAMETER = mark('parameter');
const IN_BINARY = mark('binaryparameter');
const IN_ERROR = mark('error');
const IN_DUPLICATE = mark('duplicate');
const IN_HELD = mark('held');
const IN_HELD_PARAMETER = mark('heldparameter');
const IN_DENIED = mark('denied');
const IN_GHOST = mark('ghost');
const IN_BLOCKED = mark('blocked');
const IN_WARNED = mark('warned');
const IN_COMMENT = mark('comment');
const IN_NOTIFY = mark('notify');
const IN_NOTICE = mark('notice');
const IN_DO = mark('doblock');
const IN_FOREIGN = mark('detectedonly');
const PASSWORD = 'zqhunter-of-a-role';
const CARD = '4242424242424242';
const PHONE = '+44 20 7946 0958';
marks.push(PASSWORD, CARD, '7946 0958');

let root: string;
let data: string;
let base: number;
let started: Started;
let doubles: Server;
let heard: string[];
let connect: string;
const said: string[] = [];

const as = async (person: string, ...args: string[]): Promise<Finished> => {
  const done = await command(['--data', data, '--as', person, ...args]);
  said.push(`${args.join(' ')}\n${done.stdout}\n${done.stderr}`);
  return done;
};
const answer = async (person: string, ...args: string[]) => JSON.parse((await as(person, '--json', ...args)).stdout);

/** The bytes that the command line would write to a file as they are. */
async function exported(id: string, format: string): Promise<string> {
  const { api, people } = DevFile.parse(JSON.parse(await readFile(join(data, 'dev.json'), 'utf8')));
  const headers = { authorization: `Bearer ${people.carol?.token}` };
  const response = await fetch(`${api}/sessions/${id}/export?format=${format}`, { headers });
  expect(response.status).toBe(200);
  return response.text();
}

beforeEach((ctx) => {
  if (!PSQL_FOLDER) ctx.skip('psql is not installed: apt-get install postgresql-client');
});

beforeAll(async () => {
  heard = [];
  doubles = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    heard.push(`${request.url} ${JSON.stringify(request.headers)} ${body}`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: true, channel: 'C1', ts: '1.000001' }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => doubles.once('listening', resolve));
  const here = `http://127.0.0.1:${(doubles.address() as AddressInfo).port}`;
  root = await mkdtemp(join(tmpdir(), 'gatehouse-secrets-'));
  data = join(root, 'data');
  const policy = join(root, 'policy.yaml');
  await writeFile(policy, POLICY);
  base = await freePortBase();
  started = npmStart(['--data', data, '--port-base', String(base), '--policy', policy], {
    env: {
      SLACK_API_URL: `${here}/api`,
      SLACK_BOT_TOKEN: 'xoxb-of-this-test',
      SLACK_SIGNING_SECRET: 'a-signing-secret-of-this-test',
      TEAMS_WEBHOOK_URL: `${here}/teams`,
      WEBHOOK_URL: `${here}/webhook`,
      WEBHOOK_SECRET: 'a-webhook-secret-of-this-test',
    },
  });
  await untilReady(started);
  connect = (await answer('alice', 'request', 'demo', '--reason', 'SHOP-7')).connect.psql;
  // The answer that shows the grant's secret, once.
  said.length = 0;
});

afterAll(async () => {
  started?.child.kill('SIGTERM');
  await started?.exited;
  doubles?.close();
  await rm(root, { recursive: true, force: true });
});

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function psql(commands: readonly string[], input?: string) {
  const flags = commands.map((command) => ` -c ${quote(command)}`).join('');
  const child = spawn('sh', ['-c', `exec env ${connect} -X -At -v VERBOSITY=verbose${flags}`], {
    env: { PATH: `${PSQL_FOLDER}:/usr/bin:/bin` },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  child.stdin?.end(input ?? '');
  return { child, done: finish(child), errors: () => errors };
}

async function heldRequest(running: ReturnType<typeof psql>): Promise<string> {
  await until(() => /\/requests\/req_\w+/.test(running.errors()), 20_000);
  return /req_\w+/.exec(running.errors())?.[0] ?? '';
}

/** All that stands in a file, with what is compressed in it. */
function contentsOf(path: string): string {
  const bytes = readFileSync(path);
  const parts = [bytes.toString('latin1'), bytes.toString('utf16le')];
  for (let at = bytes.indexOf(ZSTD); at >= 0; at = bytes.indexOf(ZSTD, at + 4)) {
    try {
      parts.push(zstdDecompressSync(bytes.subarray(at)).toString('latin1'));
    } catch {
      // A frame that something else follows is read by its reader alone: pages of its rows are asked for instead.
    }
  }
  return parts.join('\n');
}
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Everything below the data directory but the target's own files and log. */
const files = (): string[] =>
  readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/^postgres\/|^logs\/database\.log$/.test(name) && statSync(join(data, name)).isFile())
    .map((name) => join(data, name));

const found = (text: string): string[] => marks.filter((one) => text.includes(one));
const leaks = (): string[] =>
  undisturbed(() => files().flatMap((path) => found(contentsOf(path)).map((one) => `${one} in ${path}`)));

/** Looks at all files again when one went away meanwhile: a connector clears up behind what it stored. */
function undisturbed<T>(look: () => T): T {
  for (let tries = 1; ; tries++) {
    try {
      return look();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 20) throw error;
    }
  }
}

describe('what rules hide', () => {
  it('reaches no client', async () => {
    const row = `9001, 'Zoe', 'Zapata', '${IN_ROW}', '${PHONE}', 'Ulm', 'DE', '${CARD}', '01/30', now()`;
    const insert = await psql([`insert into customers select ${row}`]).done;
    expect([insert.code, insert.stderr]).toEqual([0, '']);
    const ran = await psql([
      'select * from customers where id = 9001',
      `select id from customers where email = '${IN_LITERAL}'`,
      'select email::int from customers where id = 9001',
      `select '${IN_ERROR}'::int`,
      `insert into customers select ${row.replace(IN_ROW, IN_DUPLICATE)}`,
      `truncate customers -- ${IN_BLOCKED}`,
      `delete from customers where email = '${IN_WARNED}'`,
      `select 1 /* ${IN_COMMENT} */`,
      `notify zq, '${IN_NOTIFY}'`,
      `do $$ begin raise notice '${IN_NOTICE}'; perform '${IN_DO}'::text; end $$`,
      `create role zq_somebody password '${PASSWORD}'`,
      'copy (select email, phone, card_number from customers where id = 9001) to stdout',
      `select 'told', '${IN_FOREIGN}'`,
    ]).done;
    expect(ran.stdout).toContain('told');
    // psql quotes its own statement beside an error; what the database says of it is another thing.
    const theirs = ran.stdout + ran.stderr.replace(/^LINE \d+:.*$/gm, '');
    expect(found(theirs).filter((one) => one.includes('row') || one === CARD || one.includes('7946'))).toEqual([]);
    expect(ran.stdout).not.toContain(IN_FOREIGN);
    const copied = await psql(
      ['copy customers (id, first_name, last_name, email, city, country, created_at) from stdin'],
      `9002\tA\tB\t${IN_COPY}\tUlm\tDE\t2026-01-01\n`,
    ).done;
    expect(copied.stderr).not.toContain('zqsecret');

    const [, password = '', host = '', port = '', database = '', user = ''] =
      /PGPASSWORD=(\S+) .*host=(\S+) port=(\d+) dbname=(\S+) user=(\S+)/.exec(connect) ?? [];
    const client = new pg.Client({
      host,
      port: Number(port),
      database,
      user,
      password,
      ssl: { rejectUnauthorized: false },
    });
    await client.connect();
    await client.query('select id from customers where email = $1', [IN_PARAMETER]);
    await client
      .query('select id from customers where email = $1::bytea::text', [Buffer.from(IN_BINARY)])
      .catch(() => {});
    const held = client.query('update customers set email = $1 where id = 9001', [IN_HELD_PARAMETER]);
    let id = '';
    await until(async () => {
      id = (await answer('bob', 'approvals')).approvals[0]?.id ?? '';
      return id !== '';
    }, 20_000);
    await as('bob', 'approvals');
    await as('bob', 'approve', id, '--comment', 'fine');
    expect((await held).rowCount).toBe(1);
    await client.end();
  });

  it('stands in no request, whoever reads it and wherever', async () => {
    const approved = psql([`update customers set email = '${IN_HELD}' where id = 9001`]);
    const request = await heldRequest(approved);
    await answer('bob', 'approvals');
    await as('bob', 'approve', request);
    expect((await approved.done).stdout).toContain('UPDATE 1');
    const denied = psql([`update customers set phone = '${IN_DENIED}' where card_number = '${CARD}'`]);
    await as('bob', 'deny', await heldRequest(denied), '--reason', 'no');
    expect((await denied.done).stderr).toContain('42501');
    await until(() => heard.filter((one) => one.includes(request)).length >= 5, 20_000);
    for (const place of ['/api/chat.postMessage', '/api/chat.update', '/teams', '/webhook'])
      expect(heard.some((one) => one.startsWith(place))).toBe(true);
    expect(heard.flatMap(found)).toEqual([]);
  });

  it('is in nothing that a killed connector leaves, and what waited there waits no more', async () => {
    const ghost = psql([`update customers set email = '${IN_GHOST}' where id = 9001`]);
    const request = await heldRequest(ghost);
    const { pids } = JSON.parse(await readFile(join(data, 'dev.json'), 'utf8'));
    process.kill(pids.connector, 'SIGKILL');
    expect((await ghost.done).code).not.toBe(0);
    expect(leaks()).toEqual([]);
    await until(async () => {
      const { approvals } = await answer('bob', 'approvals', '--all');
      return approvals.find(({ id }: { id: string }) => id === request)?.state === 'withdrawn';
    }, 40_000);
    expect((await answer('bob', 'approvals')).approvals).toEqual([]);
    expect((await as('bob', 'approve', request)).code).not.toBe(0);
  });

  it('is in no recording, index, export, log, entry or answer', async () => {
    const ids: string[] = [];
    await until(async () => {
      const { sessions } = await answer('carol', 'sessions', '--resource', 'demo', '--limit', '50');
      ids.splice(0, ids.length, ...sessions.map(({ id }: { id: string }) => id));
      return sessions.length >= 6 && sessions.every(({ state }: { state: string }) => state === 'sealed');
    }, 60_000);
    for (const id of ids) {
      const exports = ['ndjson', 'html', 'asciicast'].map((format) => exported(id, format));
      await Promise.all([
        as('carol', 'session', id),
        as('carol', '--json', 'session', id),
        as('carol', 'replay', id, '--speed', '1000'),
      ]);
      said.push(...(await Promise.all(exports)));
    }
    await as('carol', 'audit', '--limit', '500');
    await as('carol', '--json', 'audit', '--limit', '500');
    expect(said.flatMap((text) => found(text).map((one) => `${one} in ${text.slice(0, 60)}`))).toEqual([]);
    expect(leaks()).toEqual([]);
    expect(found(started.output())).toEqual([]);
    // Nor is what lets somebody in.
    const secret = /PGPASSWORD=(ght_\w+)/.exec(connect)?.[1] ?? '';
    expect(secret).toMatch(/^ght_/);
    expect(undisturbed(() => files().filter((path) => contentsOf(path).includes(secret)))).toEqual([]);
    expect(said.join() + heard.join() + started.output()).not.toContain(secret);
    // They were all there to be found: what was written over is marked as such.
    expect(said.join()).toMatch(/\*{8}/);
    expect(JSON.stringify(await answer('carol', 'session', ids[0] ?? ''))).toContain('session');
  });
});
