// What scripts rely on, whatever the server says: exit codes, one-line errors, JSON, and
// terminals that recorded data cannot drive. The server here is a stand-in that answers
// what a test tells it.

import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openingOf } from '../../core/session-evidence.ts';
import { exportAsciicast } from '../../functions/export/asciicast.ts';
import { exportHtml } from '../../functions/export/html.ts';
import { exportNdjson } from '../../functions/export/ndjson.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { replaySession } from '../../functions/replay/registry.ts';
import { readRecording } from '../../functions/store/read-recording.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { NOTHING_COUNTED } from '../../core/recording/manifest.ts';
import { RecordingBuilder } from '../harness/recording-builder.ts';
import { command, freePortBase, gatehouse } from './run-cli.ts';

interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  /** As it is, instead of JSON. */
  readonly text?: string;
}

const SESSION = 'ses_01m7xr5fk9b56k8brj0dvrwre8';
let server: Server;
let origin: string;
let replies: Record<string, Reply | (() => Reply)>;
let seen: { method: string; url: string; body: string; authorization: string | undefined }[];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      body,
      authorization: request.headers.authorization,
    });
    const found = replies[`${request.method} ${(request.url ?? '').split('?')[0]}`];
    const reply = typeof found === 'function' ? found() : (found ?? { status: 404, body: fault('not_found', 'none') });
    response
      .writeHead(reply.status ?? 200, { 'content-type': 'application/json' })
      .end(reply.text ?? JSON.stringify(reply.body));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  replies = {};
  seen = [];
});

const fault = (reason: string, message: string) => ({ error: { reason, message } });
const account = () => ({ GATEHOUSE_URL: origin, GATEHOUSE_TOKEN: 'gat_secret' });
const run = (...args: string[]) => command(args, account());
/** As a process, for what only one can show. */
const runProcess = (...args: string[]) => gatehouse(args, account());

/** As the functions make it. */
async function exported(builder: RecordingBuilder, format: 'ndjson' | 'html' | 'asciicast'): Promise<string> {
  const place = { connector: builder.connector.id, session: builder.session };
  const parts = readRecording(place, memoryReader(builder.objects), nodeRecordingPlatform);
  const counts = {
    frames: 0,
    actions: 0,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  const session = { ...openingOf(builder.opened), state: 'sealed' as const, segments: 2, counts };
  const chunks = {
    ndjson: () => exportNdjson(session.startedAt, parts),
    html: () => exportHtml(replaySession(session, parts)),
    asciicast: () => exportAsciicast(replaySession(session, parts)),
  };
  let text = '';
  for await (const chunk of chunks[format]()) text += chunk;
  return text;
}

const entry = (changes: object = {}) => ({
  id: SESSION,
  connector: 'con_01m7xr2y76rsw2kt403zh5pxa5',
  resource: 'demo',
  protocol: 'postgres',
  email: 'alice@example.com',
  subject: 's',
  grant: 'grt_01m7xr5fhpxd5ccp0p7jtdc9r1',
  rule: 'demo',
  reason: 'r',
  client: { address: '127.0.0.1' },
  startedAt: '2026-11-20T10:00:00.000Z',
  state: 'sealed',
  counts: { frames: 1, actions: 1, statements: 1, errors: 0, rows: 1, bytes: { client: 1, target: 1, gateway: 1 } },
  segments: 1,
  ...changes,
});

describe('help', () => {
  it('is printed by the program, with exit code 0 and nothing else', async () => {
    const { code, stdout, stderr } = await runProcess('request', '--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: gatehouse request .*--json/s);
  });
});

describe('an error', () => {
  it.each([
    [['sessions', '--nope'], "unknown option '--nope'"],
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['session'], "missing required argument 'SESSION'"],
    [['session', 'x'], 'SESSION x: expected an id that begins with ses_'],
    [['request', 'demo', '--for', '1 hour'], '--for 1 hour: expected a duration'],
    [['sessions', '--limit', '0'], '--limit 0: expected a whole number'],
    [['sessions', '--since', 'soon'], '--since soon: expected 2h, "2 hours ago", yesterday, 2026-11-20 or'],
    [['export', SESSION, '--format', 'pdf'], '--format pdf'],
    [['replay', SESSION, '--speed', '-1'], '--speed -1'],
    [['verify'], 'name one of SESSION, --all and --dir COPY'],
    [['verify', '--all', '--key', 'x'], '--key goes with --dir'],
    [['approve', 'x'], 'REQUEST x: expected an id that begins with req_'],
    [['deny', 'req_01m7xr5fhpxd5ccp0p7jtdc9r1'], "required option '--reason <TEXT>' not specified"],
    [['end', SESSION], "required option '--reason <TEXT>' not specified"],
    [['end', SESSION, '--reason', ' '], '--reason  : say why'],
    [['audit', 'verify', '--actor', 'bob@example.com'], '--actor goes with audit, not with audit verify'],
    [['audit', '--limit', '0'], '--limit 0: expected a whole number'],
    [[], 'name a command'],
  ])('of usage exits 2 with one line that names it: %j', async (args, said) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(said)]);
    expect(seen).toEqual([]);
  });

  it('is JSON with --json, also when the flags themselves are wrong', async () => {
    const { code, stderr } = await runProcess('sessions', '--json', '--nope');
    expect([code, JSON.parse(stderr)]).toEqual([2, fault('usage', "unknown option '--nope'")]);
  });

  it.each([
    [{ status: 403, body: fault('denied', 'Rule x denies it.') }, 1, 'denied'],
    [{ status: 404, body: fault('not_found', 'There is none.') }, 1, 'not_found'],
    [{ status: 401, body: fault('unauthorized', 'Sign in.') }, 1, 'unauthorized'],
    [{ status: 400, body: fault('bad_request', 'limit: no') }, 2, 'bad_request'],
    [{ status: 503, body: fault('unavailable', 'Later.') }, 3, 'unavailable'],
    [{ status: 502, text: '<html>' }, 3, 'unreachable'],
    [{ status: 302, text: '' }, 3, 'unexpected_answer'],
    [{ status: 200, text: 'hello' }, 3, 'unexpected_answer'],
    [{ status: 200, body: { resources: [{ name: 1 }] } }, 3, 'unexpected_answer'],
  ])('of the server, %j, exits %d', async (reply, code, reason) => {
    replies['GET /api/v1/resources'] = reply;
    const failed = await run('resources', '--json');
    expect([failed.code, failed.stdout, JSON.parse(failed.stderr).error.reason]).toEqual([code, '', reason]);
    expect(failed.stderr).not.toContain('gat_secret');
    const plain = await run('resources');
    expect([plain.code, plain.stderr.trimEnd().split('\n').length]).toEqual([code, 1]);
  });

  it('of a server that is not there exits 3', async () => {
    const nobody = `http://127.0.0.1:${await freePortBase()}`;
    const failed = await gatehouse(['sessions'], { GATEHOUSE_URL: nobody, GATEHOUSE_TOKEN: 'x' });
    expect([failed.code, failed.stderr]).toEqual([3, `gatehouse: cannot reach Gatehouse at ${nobody}: ECONNREFUSED\n`]);
  });

  it('of nobody being signed in exits 2 and says how to', async () => {
    const failed = await gatehouse(['sessions']);
    expect([failed.code, failed.stderr]).toEqual([2, expect.stringContaining('run gatehouse login')]);
  });
});

describe('verify', () => {
  it('exits 2, not 1, when somebody may not look or there is no such session', async () => {
    expect((await run('verify', SESSION)).code).toBe(2);
    replies['GET /api/v1/connectors'] = { status: 403, body: fault('forbidden', 'no') };
    replies[`GET /api/v1/witness/${SESSION}`] = { status: 403, body: fault('forbidden', 'not yours') };
    const failed = await run('verify', SESSION, '--json');
    expect([failed.code, JSON.parse(failed.stderr).error.reason]).toEqual([2, 'forbidden']);
    expect((await gatehouse(['verify', '--dir', '/nonexistent'])).code).toBe(2);
  });

  it('of --dir goes on behind what cannot be read, and names it', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'gatehouse-copy-'));
    const [whole, cut, headless, piped] = [1, 2, 3, 4].map(() => new RecordingBuilder().cut().end()) as [
      RecordingBuilder,
      RecordingBuilder,
      RecordingBuilder,
      RecordingBuilder,
    ];
    for (const builder of [whole, cut, headless, piped]) await builder.writeTo(copy);
    // As root everything can be read, but never a folder as a file.
    const unreadable = async ({ connector, session }: RecordingBuilder, name: string) => {
      const path = join(copy, 'recordings', connector.id, session, name);
      await rm(path);
      await mkdir(path);
    };
    await unreadable(cut, '00000001.seg');
    await unreadable(headless, 'manifest.json');
    const pipe = join(copy, 'recordings', piped.connector.id, piped.session, '00000000.seg');
    await rm(pipe);
    execFileSync('mkfifo', [pipe]);
    // It may lead in circles, and must not be left out without a word.
    await symlink('recordings', join(copy, 'linked'));
    await mkdir(join(copy, 'elsewhere'));
    await symlink('00000000.seg', join(copy, 'elsewhere', '00000000.seg'));
    await writeFile(join(copy, 'elsewhere', '00000001.seg'), 'x');
    const { code, stdout } = await gatehouse(['verify', '--dir', copy, '--json']);
    await rm(copy, { recursive: true });
    const answer = JSON.parse(stdout) as {
      proven: boolean;
      sessions: { session: string; proven: boolean; faults: { object: string; reason: string }[] }[];
      unproven: { path: string }[];
    };
    expect([code, answer.proven, answer.sessions.length]).toEqual([1, false, 4]);
    const of = ({ session }: RecordingBuilder) => answer.sessions.find((report) => report.session === session);
    expect(of(whole)?.proven).toBe(true);
    expect(of(cut)?.faults).toMatchObject([{ object: '00000001.seg', reason: 'object_unreadable' }]);
    expect(of(headless)?.faults).toMatchObject([{ object: 'manifest.json', reason: 'object_unreadable' }]);
    expect(of(piped)?.faults).toMatchObject([{ object: '00000000.seg', reason: 'object_unreadable' }]);
    expect(answer.unproven).toMatchObject([{ path: join(copy, 'linked') }, { path: join(copy, 'elsewhere') }]);
  });

  it('does not prove a session whose objects a server hides behind an empty list', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [] } };
    const failed = await run('verify', SESSION, '--json');
    expect(failed.code).toBe(1);
    const reasons = JSON.parse(failed.stdout).faults.map(({ reason }: { reason: string }) => reason);
    expect(reasons).toEqual(expect.arrayContaining(['manifest_missing', 'key_unknown']));
  });

  it('of --all does not prove a session that the witness knows and the catalogue has lost', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: [{ session: SESSION, connector, heads: 1 }] } };
    const head = { number: 0, digest: 'a'.repeat(64), at: '2026-11-20T10:00:00.000Z' };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [head] } };
    const failed = await run('verify', '--all', '--json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ proven: false, sessions: [{ session: SESSION, proven: false }] });
  });

  it('of --all lets a session run that is live, until the edge has witnessed its manifest', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    const session = {
      ...{ id: SESSION, connector, state: 'live', email: 'alice@example.com', subject: 'u1' },
      ...{
        resource: 'shop',
        protocol: 'postgres',
        grant: 'grt_01m7xr2y76rsw2kt403zh5pxa5',
        rule: 'shop',
        reason: 'x',
        client: { address: '::1' },
      },
      ...{ startedAt: '2026-11-20T10:00:00.000Z', segments: 0 },
      counts: NOTHING_COUNTED,
    };
    replies['GET /api/v1/connectors'] = { status: 403, body: fault('forbidden', 'no') };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: [{ session: SESSION, connector, heads: 0 }] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    replies[`GET /api/v1/sessions/${SESSION}`] = { body: { session, segments: [] } };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [] } };
    const ran = await run('verify', '--all');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).toContain(`${SESSION}  STILL RUNNING`);
    expect(ran.stdout).toContain('0 proven.\n\n1 still running: to be proven at the end.');
    expect((await runProcess('verify', SESSION)).code).toBe(1);
    const at = '2026-11-20T10:00:00.000Z';
    const manifest = { digest: 'a'.repeat(64), segments: 0, at };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [], manifest } };
    const removed = await run('verify', '--all', '--json');
    expect([removed.code, JSON.parse(removed.stdout).sessions[0].faults[0].reason]).toEqual([1, 'manifest_missing']);
  });

  it('of --all goes on behind what the archive does not give, and names it', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    const ids = ['8', '9', 'a'].map((last) => SESSION.slice(0, -1) + last);
    const away = { status: 503, body: fault('unavailable', 'The archive does not answer right now.') };
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: ids.map((session) => ({ session, connector, heads: 0 })) } };
    for (const session of ids) {
      const neverBegan = { reason: 'log_failed', at: '2026-11-20T10:00:00.000Z' };
      replies[`GET /api/v1/witness/${session}`] = {
        body: { session, connector, heads: [], ...(session === ids[2] && { neverBegan }) },
      };
    }
    replies[`GET /api/v1/sessions/${ids[0]}/objects`] = away;
    replies[`GET /api/v1/sessions/${ids[1]}/objects`] = {
      body: { connector, objects: [{ name: 'manifest.json', bytes: 7 }] },
    };
    replies[`GET /api/v1/sessions/${ids[1]}/objects/manifest.json`] = away;
    replies[`GET /api/v1/sessions/${ids[2]}/objects`] = { body: { connector, objects: [] } };
    const failed = await run('verify', '--all', '--json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout).sessions).toMatchObject([
      { session: ids[0], faults: [{ object: 'session', reason: 'object_unreadable' }] },
      {
        session: ids[1],
        faults: expect.arrayContaining([
          expect.objectContaining({ object: 'manifest.json', reason: 'object_unreadable' }),
        ]),
      },
      {
        session: ids[2],
        faults: expect.not.arrayContaining([expect.objectContaining({ reason: 'object_unreadable' })]),
      },
    ]);
  });

  it('does not prove a session that the edge never admitted', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    const { stdout } = await run('verify', SESSION, '--json');
    expect(JSON.parse(stdout).faults.at(-1)).toMatchObject({
      object: 'session',
      message: 'the edge never admitted this session',
    });
  });

  it('exits 3 when Gatehouse cannot be reached', async () => {
    const failed = await gatehouse(['verify', '--all'], { GATEHOUSE_URL: 'http://127.0.0.1:9', GATEHOUSE_TOKEN: 'x' });
    expect(failed.code).toBe(3);
  });
});

describe('answers', () => {
  it('say how the last session found a target', async () => {
    const resource = (name: string, target?: object) => ({
      name,
      protocol: 'postgres',
      labels: {},
      endpoint: { host: 'db.example.com', port: 5432 },
      connector: { id: entry().connector, name: 'local', online: true },
      mayAsk: true,
      ...(target && { target }),
    });
    const at = '2026-11-20T12:03:00.000Z';
    const fault = 'The database is not reachable (ECONNREFUSED).\u001b[2J';
    const resources = [resource('new'), resource('well', { at }), resource('away', { at, fault })];
    replies = { 'GET /api/v1/resources': { body: { resources } } };
    const { code, stdout } = await run('resources');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^new .* not tried yet$/m);
    expect(stdout).toMatch(/^well .* reached 2026-11-20 \d\d:03:00\S+$/m);
    expect(stdout).toMatch(
      /^away .* not usable 2026-11-20 \S+: The database is not reachable \(ECONNREFUSED\)\.\\x1b\[2J$/m,
    );
  });

  const EVIL = 'evil\u001b]0;owned\u0007\u009b2J\u202e';

  it('never hand control characters of data to the terminal, in tables, in JSON and in replays', async () => {
    replies['GET /api/v1/sessions'] = { body: { sessions: [entry({ reason: EVIL })] } };
    const started = { kind: 'statement', timeUs: 1, statement: 1, text: `select\n\t'${EVIL}'` };
    const rows = { kind: 'rows', timeUs: 2, statement: 1, columns: [EVIL], rows: [[EVIL, null]], omitted: 0 };
    replies[`GET /api/v1/sessions/${SESSION}/replay`] = {
      text: [{ kind: 'opened', timeUs: 0, session: entry() }, started, rows]
        .map((event) => JSON.stringify(event))
        .join('\n'),
    };
    for (const args of [
      ['sessions'],
      ['sessions', '--json'],
      ['replay', SESSION, '--no-wait'],
      ['replay', SESSION, '--no-wait', '--json'],
    ]) {
      const { code, stdout } = await run(...args);
      expect([args, code]).toEqual([args, 0]);
      expect(stdout).toContain('evil');
      expect(stdout.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\u202e]/u);
    }
    const printed = JSON.parse((await run('sessions', '--json')).stdout);
    expect(printed.sessions[0].reason).toBe(EVIL);
  });

  it('ask the API what the flags say', async () => {
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    await run('sessions', '--user', 'a@b.c', '--since', '2026-11-20', '--limit', '7', '--task', 'T', '--cursor', 'c');
    expect(Object.fromEntries(new URL(seen[0]?.url ?? '', origin).searchParams)).toEqual({
      email: 'a@b.c',
      since: '2026-11-20T00:00:00.000Z',
      limit: '7',
      task: 'T',
      cursor: 'c',
    });
    expect(seen[0]?.authorization).toBe('Bearer gat_secret');
  });

  it('to a request that waits come as the request, and a denied one exits 1', async () => {
    const request = { id: 'req_01m7xr5fhpxd5ccp0p7jtdc9r1', state: 'pending', link: 'https://gw/requests/1' };
    replies['POST /api/v1/requests'] = { body: { request } };
    const waiting = await run('request', 'demo', '--for', '90m', '--trace', 't', '--json');
    expect([waiting.code, JSON.parse(waiting.stdout)]).toEqual([0, { request }]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ resource: 'demo', reason: '', seconds: 5400, trace: 't' });
    replies[`GET /api/v1/requests/${request.id}`] = { body: { request: { ...request, state: 'denied' } } };
    expect((await run('request', 'demo', '--wait', '3')).code).toBe(1);
  });

  it.each(['ndjson', 'html', 'asciicast'] as const)(
    'of a damaged recording is written as %s, and exits 1',
    async (format) => {
      const dir = await mkdtemp(join(tmpdir(), 'gatehouse-out-'));
      // What is recorded may look like the end of a damaged export, and is none.
      const imitation =
        '<section class="error damaged">\u001b[31mthe recording is damaged from here on: {"kind":"fact"';
      const builder = new RecordingBuilder().query(`select '${imitation}'`, Buffer.from('x')).cut().end();
      const [, last] = [...builder.objects.keys()];
      const out = join(dir, 'x');
      for (const code of [0, 1]) {
        if (code === 1) builder.objects.delete(last ?? '');
        replies[`GET /api/v1/sessions/${SESSION}/export`] = { text: await exported(builder, format) };
        const toFile = await runProcess('export', SESSION, '--format', format, '--out', out);
        expect([toFile.code, toFile.stderr.includes('damaged')]).toEqual([code, code === 1]);
        expect((await stat(out)).size).toBeGreaterThan(0);
        expect((await run('export', SESSION, '--format', format)).code).toBe(code);
      }
      await rm(dir, { recursive: true });
    },
  );

  it('leave no half file behind when a download breaks off', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gatehouse-out-'));
    replies[`GET /api/v1/sessions/${SESSION}/export`] = { status: 503, body: fault('unavailable', 'Later.') };
    const out = join(dir, 'x.ndjson');
    expect((await run('export', SESSION, '--out', out)).code).toBe(3);
    await expect(stat(out)).rejects.toThrow();
    await expect(stat(dir).then(() => readFile(out))).rejects.toThrow();
    await rm(dir, { recursive: true });
  });
});

describe('login', () => {
  it('polls until the person approved, stores the token for its owner alone, and logout ends it', async () => {
    const home = await mkdtemp(join(tmpdir(), 'gatehouse-home-'));
    const env = { HOME: home, XDG_CONFIG_HOME: '' };
    let polls = 0;
    replies['POST /api/v1/device/code'] = {
      body: {
        device_code: 'd',
        user_code: 'BCDF-GHJK',
        verification_uri: `${origin}/device`,
        verification_uri_complete: `${origin}/device?user_code=BCDF-GHJK`,
        expires_in: 600,
        interval: 1,
      },
    };
    replies['POST /api/v1/device/token'] = () =>
      polls++ === 0
        ? { status: 400, body: { error: 'authorization_pending', error_description: 'x' } }
        : { body: { access_token: 'gat_new', token_type: 'Bearer', expires_in: 3600 } };
    const identity = {
      subject: 's',
      email: 'alice@example.com',
      name: 'A',
      groups: [],
      provider: 'demo',
      authenticatedAt: '2026-11-20T10:00:00.000Z',
    };
    replies['GET /api/v1/me'] = { body: { identity, administrator: false, auditor: false } };
    replies['DELETE /api/v1/token'] = { status: 204, text: '' };
    const signedIn = await gatehouse(['login', origin, '--json'], env);
    expect(signedIn.stderr).toContain('BCDF-GHJK');
    expect(JSON.parse(signedIn.stdout)).toMatchObject({ url: origin, email: 'alice@example.com' });
    expect(signedIn.stdout + signedIn.stderr).not.toContain('gat_new');
    expect((await stat(join(home, '.config/gatehouse/login.json'))).mode & 0o777).toBe(0o600);
    expect((await gatehouse(['whoami'], env)).stdout).toContain('alice@example.com');
    expect(seen.at(-1)?.authorization).toBe('Bearer gat_new');
    expect((await gatehouse(['logout'], env)).stdout).toContain('Signed out');
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', url: '/api/v1/token' });
    expect((await gatehouse(['whoami'], env)).code).toBe(2);
    await rm(home, { recursive: true });
  });
});
