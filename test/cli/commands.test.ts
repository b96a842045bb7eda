// What scripts rely on, whatever the server says: exit codes, one-line errors, JSON, and
// terminals that recorded data cannot drive.

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fault, useFakeApi } from './fake-api.ts';
import { freePortBase, gatehouse } from './run-cli.ts';

const SESSION = 'ses_01m7xr5fk9b56k8brj0dvrwre8';
const { replies, seen, origin, run, runProcess } = useFakeApi();

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

describe('connectors', () => {
  const connector = (name: string, changes: object) => ({
    ...{ id: 'con_01m7xr2y76rsw2kt403zh5pxa5', name, key: 'K', joinedAt: '2026-11-20T10:00:00.000Z' },
    ...changes,
  });
  const status = { accepting: true, sessions: 3, lagMs: 18, logFree: 42_000_000_000 };
  const backlog = { bytes: 1_400_000, objects: 4, oldest: '2026-11-20T10:00:00.000Z' };

  it('become replicas of a site, or of none', async () => {
    const id = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies[`PUT /api/v1/connectors/${id}/site`] = () => ({ body: JSON.parse(seen.at(-1)?.body ?? '') });
    const moved = await run('connectors', 'site', id, 'office');
    expect([moved.code, moved.stdout]).toEqual([0, expect.stringContaining(`${id} is a replica of office now.`)]);
    const out = await run('--json', 'connectors', 'site', id);
    expect([out.code, JSON.parse(out.stdout)]).toEqual([0, { id, site: null }]);
    expect(seen.map(({ body }) => JSON.parse(body))).toEqual([{ site: 'office' }, { site: null }]);
    const wrong = await run('connectors', 'site', id, 'Büro');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('SITE Büro')]);
    expect(seen).toHaveLength(2);
  });

  it('are listed with site, standing, sessions, lag, disk and backlog, and by an edge of an earlier release without', async () => {
    const connectors = [
      connector('one', {
        online: true,
        standing: 'linked',
        site: 'office',
        resources: ['demo'],
        status: { ...status, backlog },
      }),
      connector('two', { online: true, standing: 'draining', resources: ['demo'] }),
      connector('idle', { online: true, standing: 'linked', resources: [] }),
      connector('old', { online: false }),
    ];
    replies['GET /api/v1/connectors'] = { body: { connectors } };
    const { code, stdout } = await run('connectors');
    const rows = stdout.split('\n');
    expect(code).toBe(0);
    expect(rows[1]).toMatch(/one +office +linked +now +3 +18 ms +39\.1 GiB +1\.3 MiB since 2026-11-20/);
    expect(rows[2]).toMatch(/two +draining +now/);
    expect(rows[3]).toMatch(/idle +serves nothing +now/);
    expect(rows[4]).toMatch(/old +away +never/);
    const asJson = await run('connectors', '--json');
    expect(JSON.parse(asJson.stdout)).toEqual({ connectors });
  });

  it('are invited to a site', async () => {
    const invited = { token: 'gjt_x', id: '0a'.repeat(32), expiresAt: '2026-11-20T10:00:00.000Z', site: 'office' };
    replies['POST /api/v1/connectors/join-tokens?site=office'] = { body: invited };
    expect((await run('join-token', '--site', 'office')).stdout).toContain('office');
    expect(await run('join-token', '--site', 'No Site')).toMatchObject({ code: 2 });
  });
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
    [['search', 'drop', '--nope'], "unknown option '--nope'"],
    [['search'], "missing required argument 'QUERY'"],
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['session'], "missing required argument 'SESSION'"],
    [['session', 'x'], 'SESSION x: expected an id that begins with ses_'],
    [['request', 'demo', '--for', '1 hour'], '--for 1 hour: expected a duration'],
    [['sessions', '--limit', '0'], '--limit 0: expected a whole number'],
    [['sessions', '--since', 'soon'], '--since soon: expected 2h, "2 hours ago", yesterday, 2026-11-20 or'],
    [['export', SESSION, '--format', 'pdf'], '--format pdf'],
    [['replay', SESSION, '--speed', '-1'], '--speed -1'],
    [['replay', SESSION, '--idle', 'long'], '--idle long: expected a number of seconds'],
    [['replay', SESSION, '--at', 'noon'], '--at noon: expected seconds, or a time such as 1:30'],
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
    [{ status: 401, body: fault('unauthorized', 'Sign in.') }, 2, 'unauthorized'],
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
    const leaving = { ...resource('leaving'), connector: { ...resource('leaving').connector, draining: true } };
    const resources = [resource('new'), resource('well', { at }), resource('away', { at, fault }), leaving];
    replies['GET /api/v1/resources'] = { body: { resources } };
    const { code, stdout } = await run('resources');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^new .* not tried yet$/m);
    expect(stdout).toMatch(/^leaving .* local \(connector stopping\)/m);
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
    const found = {
      session: SESSION,
      moment: 1.504,
      at: '2026-11-20T03:00:01.500Z',
      snippet: `select ${EVIL}`,
      marks: [[7, 12]],
    };
    const where = {
      kind: 'statement',
      action: 1,
      lane: 0,
      outcome: EVIL,
      email: EVIL,
      resource: 'demo',
      protocol: 'postgres',
    };
    replies['GET /api/v1/search'] = { body: { hits: [{ ...found, ...where }], cursor: 'c' } };
    for (const args of [
      ['sessions'],
      ['sessions', '--json'],
      ['search', 'evil', '-good'],
      ['search', 'evil', '--json'],
      ['replay', SESSION, '--no-wait'],
      ['replay', SESSION, '--no-wait', '--json'],
      ['replay', SESSION, '--markers'],
      ['replay', SESSION, '--markers', '--json'],
    ]) {
      const { code, stdout } = await run(...args);
      expect([args, code]).toEqual([args, 0]);
      expect(stdout).toContain('evil');
      expect(stdout.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\u202e]/u);
    }
    // Statements of one session may be milliseconds apart.
    expect((await run('search', 'evil')).stdout).toContain(`${SESSION} at 1.504 s`);
    const printed = JSON.parse((await run('sessions', '--json')).stdout);
    expect(printed.sessions[0].reason).toBe(EVIL);
  });

  it('sessions and session say that a rule is gone, which is nothing to worry about', async () => {
    replies['GET /api/v1/sessions'] = { body: { sessions: [entry({ ruleGone: true }), entry()] } };
    const { stdout } = await run('sessions');
    expect(stdout.match(/sealed, rule gone/g)).toHaveLength(1);
    expect(stdout).toContain('the policy has no such rule any more');
    expect(stdout).not.toContain('!');
    replies[`GET /api/v1/sessions/${SESSION}`] = { body: { session: entry({ ruleGone: true }), segments: [] } };
    expect((await run('session', SESSION)).stdout).toMatch(/by rule demo, which the policy does not have any more/);
  });

  it('sessions marks those that are watched on approval, and says how to ask', async () => {
    replies['GET /api/v1/sessions'] = { body: { sessions: [entry({ needsApproval: true }), entry()] } };
    const { stdout } = await run('sessions');
    expect(stdout.match(/sealed, on approval/g)).toHaveLength(1);
    expect(stdout).toContain('on approval: somebody has to agree before you watch: gatehouse request-view ID');
    replies['GET /api/v1/sessions'] = { body: { sessions: [entry()] } };
    expect((await run('sessions')).stdout).not.toContain('on approval');
  });

  it('session says what masks hid and what of that is not kept', async () => {
    const coverage = {
      ...{
        lanes: { count: 1, first: 0, last: 0, recorded: 'full', exceptions: [], more: 0 },
        masked: [],
        refused: [],
        exemptions: [],
      },
      hidden: [{ by: 'shop', count: 2 }],
      originals: { frames: 12, bytes: 900, keys: 2 },
      notKept: [{ reason: 'too_large', count: 3 }],
    };
    replies[`GET /api/v1/sessions/${SESSION}`] = { body: { session: entry(), segments: [], coverage } };
    const { stdout } = await run('session', SESSION);
    expect(stdout).toMatch(/^not shown +2 values that the client sent: rule shop$/m);
    expect(stdout).toMatch(/^originals +what masks hid in 12 frames is kept, sealed to 2 keys$/m);
    expect(stdout).toMatch(/^not kept +hidden and not kept: 3 values, .*too large$/m);
  });

  it('ask the API what the flags say', async () => {
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    await run('sessions', '--user', 'a@b.c', '--since', '2026-11-20', '--limit', '7', '--task', 'T', '--cursor', 'c');
    expect(Object.fromEntries(new URL(seen[0]?.url ?? '', origin()).searchParams)).toEqual({
      email: 'a@b.c',
      since: '2026-11-20T00:00:00.000Z',
      limit: '7',
      task: 'T',
      cursor: 'c',
    });
    expect(seen[0]?.authorization).toBe('Bearer gat_secret');
  });

  it('search for all the words that stand on the line, also those that begin with a dash', async () => {
    replies['GET /api/v1/search'] = { body: { hits: [] } };
    await run('search', 'user:alice', '"drop table"', '-orders', '--limit', '7', '--cursor', 'c', '--json');
    expect(Object.fromEntries(new URL(seen[0]?.url ?? '', origin()).searchParams)).toEqual({
      q: 'user:alice "drop table" -orders',
      limit: '7',
      cursor: 'c',
    });
  });

  it.each([[['--no-wait']], [['--no-wait', '--json']], [['--markers']], [['--markers', '--json']]])(
    'replay %j says so where the session ended before the moment, or has not come to it',
    async (more) => {
      const startedAt = '2026-11-20T12:00:00.000Z';
      const play = async (endedAt: string | undefined, at: string) => {
        const session = entry({ startedAt, ...(endedAt && { endedAt }) });
        const events = [
          { kind: 'opened', timeUs: 0, session },
          { kind: 'statement', timeUs: 40_000_000, statement: 1, text: 'select 1' },
          ...(endedAt ? [{ kind: 'ended', timeUs: 104_000_000, reason: 'client_closed', message: 'bye' }] : []),
        ];
        const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
        replies[`GET /api/v1/sessions/${SESSION}/replay`] = { text };
        return run('replay', SESSION, '--at', at, ...more);
      };
      const ended = '2026-11-20T12:01:44.000Z';
      const beyond = await play(ended, '9:00');
      expect([beyond.code, beyond.stdout]).toEqual([2, '']);
      expect(beyond.stderr).toContain('--at 9:00: the session ended at 1:44.000');
      // A row that says otherwise: the recording is asked.
      const later = await play('2026-11-20T13:00:00.000Z', '9:00');
      expect([later.code, later.stderr]).toEqual([2, expect.stringContaining('ended at 1:44.000')]);
      expect((await play(ended, '1:44')).code).toBe(0);
      expect((await play(ended, '1:20')).code).toBe(0);
      const live = await play(undefined, '1:00');
      expect([live.code, live.stderr]).toEqual([
        2,
        expect.stringContaining('--at 1:00: the session is still running, and its recording goes to 0:40.000'),
      ]);
      expect((await play(undefined, '0:40')).code).toBe(0);
    },
  );

  it('replay from a moment shows first what ran then, and for how long', async () => {
    const session = entry({ startedAt: '2026-11-20T12:00:00.000Z', endedAt: '2026-11-20T12:01:44.000Z' });
    const events = [
      { kind: 'opened', timeUs: 0, session },
      { kind: 'statement', timeUs: 1_000_000, statement: 1, text: 'select 1' },
      {
        ...{ kind: 'result', timeUs: 1_100_000, statement: 1 },
        tags: ['SELECT 1'],
        rows: 1,
        bytes: 9,
        durationUs: 100,
      },
      { kind: 'statement', timeUs: 40_000_000, statement: 2, text: 'select pg_sleep(60)' },
      {
        ...{ kind: 'result', timeUs: 100_000_000, statement: 2, tags: [], rows: 0, bytes: 9, durationUs: 60_000_000 },
        error: { code: '57014', severity: 'ERROR', message: 'canceled', hint: 'Ask for less.\nAnd sooner.' },
      },
    ];
    replies[`GET /api/v1/sessions/${SESSION}/replay`] = {
      text: events.map((one) => `${JSON.stringify(one)}\n`).join(''),
    };
    const { stdout, code } = await run('replay', SESSION, '--at', '1:20', '--no-wait');
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(1)).toEqual([
      'running for 40 s at that moment',
      '[0:40.000] 2> select pg_sleep(60)',
      expect.stringMatching(/^\[1:40\.000\] 2: ERROR 57014: canceled /),
      '    HINT: Ask for less.',
      '    And sooner.',
      '',
    ]);
    const json = await run('replay', SESSION, '--at', '1:20', '--no-wait', '--json');
    expect(
      json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).statement),
    ).toEqual([2, 2]);
  });

  it('search says where a word may have been meant as an operator, on the first page', async () => {
    replies['GET /api/v1/search'] = { body: { hits: [] } };
    expect((await run('search', 'drop', 'AND', 'orders')).stdout).toMatch(/Hint: Words beside each other are all/);
    expect((await run('search', 'drop', 'AND', 'orders', '--cursor', 'c')).stdout).not.toContain('Hint');
    expect((await run('search', 'drop', '"and"')).stdout).not.toContain('Hint');
    expect(JSON.parse((await run('search', 'drop', 'AND', 'orders', '--json')).stdout)).toEqual({ hits: [] });
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
        verification_uri: `${origin()}/device`,
        verification_uri_complete: `${origin()}/device?user_code=BCDF-GHJK`,
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
    const signedIn = await gatehouse(['login', origin(), '--json'], env);
    expect(signedIn.stderr).toContain('BCDF-GHJK');
    expect(JSON.parse(signedIn.stdout)).toMatchObject({ url: origin(), email: 'alice@example.com' });
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
