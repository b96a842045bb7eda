// `gatehouse policy` as a process, against an edge that keeps a policy and nothing else. What the real
// edge does with one is in edge/routes/api.test.ts and test/e2e/example-policy/in-force.ts.

import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BARE_ENV } from '../harness/child-env.ts';
import { command, finish, gatehouse, npmStart } from './run-cli.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../docs/examples/policy.yaml');
const SMALL = `administrators: [demo:administrators]
rules:
  - name: shop
    resources: { env: demo }
    who: [demo:developers]
    access: { ttl: 1h }
`;

let dir: string;
let server: Server;
let origin: string;
let inForce: {
  version: number;
  text: string;
  appliedAt: string;
  appliedBy: string;
  mistakes: string[];
  warnings: string[];
};
let effects: object[] = [];
let me: { email: string; groups: string[] };
let received: { text: string; after?: number }[];
/** Runs right before the edge looks at what it got. */
let beforePut: () => void;

const resource = (name: string, labels: object) => ({
  name,
  protocol: 'postgres',
  labels,
  endpoint: { host: 'gw', port: 5432 },
  connector: { id: 'con_01m7xr2y76rsw2kt403zh5pxa5', name: 'c', online: true },
  mayAsk: true,
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-policy-'));
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const [status, answer] = respond(`${request.method} ${request.url}`, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  inForce = {
    version: 3,
    text: SMALL,
    appliedAt: '2026-11-20T10:00:00.000Z',
    appliedBy: 'bob@example.com',
    mistakes: [],
    warnings: [],
  };
  me = { email: 'bob@example.com', groups: ['demo:dba', 'demo:administrators'] };
  received = [];
  effects = [];
  beforePut = () => undefined;
});

function respond(asked: string, body: string): [number, unknown] {
  const error = (reason: string, message: string) => ({ error: { reason, message } });
  switch (asked) {
    case 'GET /api/v1/policy':
      if (!me.groups.includes('demo:administrators')) return [403, error('forbidden', 'Only administrators read it.')];
      return [200, inForce];
    case 'GET /api/v1/me': {
      const identity = {
        subject: 's',
        name: 'B',
        provider: 'demo',
        authenticatedAt: '2026-11-20T10:00:00.000Z',
        ...me,
      };
      return [200, { identity, administrator: true, auditor: false }];
    }
    case 'GET /api/v1/resources':
      return [200, { resources: [resource('demo', { env: 'demo' }), resource('attic', { env: 'old' })] }];
    case 'PUT /api/v1/policy': {
      beforePut();
      const sent: { text: string; after?: number } = JSON.parse(body);
      received.push(sent);
      if (sent.after !== inForce.version) return [409, error('conflict', 'Somebody else applied a policy meanwhile.')];
      inForce = { ...inForce, version: inForce.version + 1, text: sent.text };
      return [200, { ...inForce, effects }];
    }
    case 'POST /api/v1/policy/effects':
      return [200, { effects }];
    default:
      return [404, error('not_found', asked)];
  }
}

const env = () => ({ GATEHOUSE_URL: origin, GATEHOUSE_TOKEN: 'gat_secret', TZ: 'UTC' });
const policy = (...args: string[]) => gatehouse(['policy', ...args], env());
/** Where the answer is what matters, and not how the program ends. */
const answer = (...args: string[]) => command(['policy', ...args], env());
async function file(text: string): Promise<string> {
  const path = join(dir, `${Math.random().toString(36).slice(2)}.yaml`);
  await writeFile(path, text);
  return path;
}
const example = () => readFile(EXAMPLE, 'utf8');

it.each(['show', 'test', 'explain', 'apply', 'schema'])('policy %s --help fits a screen', async (name) => {
  const { code, stdout } = await answer(name, '--help');
  expect(code).toBe(0);
  expect(stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(24);
  expect(Math.max(...stdout.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80);
});

describe('show', () => {
  it('prints the text alone on standard output, so that it can be kept, and whose it is beside it', async () => {
    const shown = await policy('show');
    expect(shown).toEqual({
      code: 0,
      stdout: SMALL,
      stderr: 'version 3, applied by bob@example.com at 2026-11-20 10:00:00+00:00\n',
    });
    expect(JSON.parse((await answer('show', '--json')).stdout)).toEqual(inForce);
  });

  it('to somebody who may not see it exits 1', async () => {
    me.groups = [];
    expect((await answer('show')).code).toBe(1);
  });
});

describe('test', () => {
  it('of the example in the documentation holds, without any Gatehouse', async () => {
    const tried = await command(['policy', 'test', '--file', EXAMPLE]);
    expect([tried.code, tried.stderr]).toEqual([0, '']);
    expect(tried.stdout).toMatch(/^ok {4}nobody drops a table\n(ok .*\n)+4 of 4 tests hold\.\n$/);
  });

  it('tells each difference with its place, and exits 1', async () => {
    const path = await file((await example()).replace('verdict: block', 'verdict: hold'));
    const tried = await policy('test', '--file', path);
    expect(tried.code).toBe(1);
    expect(tried.stdout.split('\n').slice(0, 2)).toEqual([
      'FAILS nobody drops a table (line 23, column 5)',
      '        line 30, column 42: expect.verdict: expected hold, got block: it is what "drop" names',
    ]);
    expect(tried.stderr).toBe(`gatehouse: ${path}: 1 of 4 tests do not hold\n`);
    const asJson = await answer('test', '--file', path, '--json');
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      passed: 3,
      failed: 1,
      cases: [
        { line: 23, holds: false, differences: [{ field: 'expect.verdict', line: 30, column: 42, got: 'block' }] },
        {},
        {},
        {},
      ],
    });
    expect(JSON.parse(asJson.stderr).error.reason).toBe('tests_failed');
  });

  it('of a policy without tests says so', async () => {
    const tried = await answer('test', '--file', await file(SMALL));
    expect([tried.code, tried.stdout]).toEqual([0, expect.stringContaining('It has no tests.')]);
  });

  it('of what is no policy exits 2 with a line for each mistake, and its place', async () => {
    const path = await file(SMALL.replace('who:', 'whom:').replace('1h', '1'));
    const tried = await policy('test', '--file', path);
    expect([tried.code, tried.stdout]).toEqual([2, '']);
    expect(tried.stderr.trimEnd().split('\n')).toEqual([
      `gatehouse: --file ${path}: line 5, column 5: rules[0].whom: is not known here; did you mean who?`,
      expect.stringMatching(/: line 6, column 15: rules\[0\]\.access\.ttl: /),
    ]);
    const { error } = JSON.parse((await policy('test', '--file', path, '--json')).stderr);
    expect(error).toMatchObject({
      reason: 'policy_mistakes',
      mistakes: [{ line: 5, column: 5, path: 'rules[0].whom' }, {}],
    });
    expect((await answer('test', '--file', join(dir, 'none'))).stderr).toContain('there is no such file');
  });
});

describe('apply', () => {
  it('shows the diff, what it means and for whom, and puts it in force', async () => {
    const path = await file(SMALL.replace('demo:developers', 'demo:dba'));
    expect((await policy('apply', '--file', path, '--dry-run')).stdout).toMatch(/\nNothing was applied\.\n$/);
    const [grant, session] = ['grt_01m7xr5fhpxd5ccp0p7jtdc9r1', 'ses_01m7xr5fhpxd5ccp0p7jtdc9r1'];
    effects = [{ grant, email: 'a@example.com', resource: 'demo', opens: false, ends: [session], changes: [] }];
    const applied = await policy('apply', '--file', path, '--yes');
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    expect(applied.stdout).toBe(
      [
        '--- version 3',
        `+++ ${path}`,
        '@@ -2,5 +2,5 @@',
        ' rules:',
        '   - name: shop',
        '     resources: { env: demo }',
        '-    who: [demo:developers]',
        '+    who: [demo:dba]',
        '     access: { ttl: 1h }',
        '',
        'Rule changed: shop (who)',
        'demo:developers loses demo (shop; now no rule)',
        'demo:dba gains demo (shop)',
        'It ends 1 live session, leaves 1 live grant without access:',
        `  session ${session} of a@example.com on demo would end`,
        `  grant ${grant} of a@example.com on demo would open nothing any more`,
        'It has no tests.',
        'Version 4 is in force since 2026-11-20 10:00:00+00:00. Running sessions follow it from their next action on.',
        'It ended 1 live session, left 1 live grant without access:',
        `  session ${session} of a@example.com on demo ended`,
        `  grant ${grant} of a@example.com on demo opens nothing any more`,
        '',
      ].join('\n'),
    );
    expect(received).toEqual([{ text: inForce.text, after: 3 }]);
    const again = await answer('apply', '--file', path, '--yes', '--json');
    expect(JSON.parse(again.stdout)).toEqual({ applied: false, policy: inForce });
    expect(received.length).toBe(1);
  });

  it('gives scripts the same as JSON', async () => {
    const { stdout } = await answer('apply', '--file', EXAMPLE, '--yes', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      applied: true,
      policy: { version: 4 },
      changes: { rules: { added: [], changed: [{ rule: 'shop' }] }, auditors: { added: ['demo:auditors'] } },
      access: [{ who: 'demo:dba', resource: 'demo', effect: 'gains' }],
    });
  });

  it('without a terminal asks for --yes, and applies nothing', async () => {
    const refused = await policy('apply', '--file', EXAMPLE);
    expect([refused.code, received]).toEqual([2, []]);
    expect(refused.stderr).toBe('gatehouse: nothing was applied: there is no terminal to ask on, so say --yes\n');
    expect((await answer('apply', '--file', EXAMPLE, '--json')).code).toBe(2);
  });

  it('on a terminal asks, and takes nothing but yes for a yes', async () => {
    for (const [typed, code, applied] of [
      ['n', 1, 0],
      ['', 1, 0],
      ['y', 0, 1],
    ] as const) {
      const asked = await onTerminal(['policy', 'apply', '--file', EXAMPLE], `${typed}\n`);
      expect(asked.stdout).toContain('Apply it as version 4? [y/N]');
      expect([typed, asked.code, received.length]).toEqual([typed, code, applied]);
    }
  });

  it('refuses a policy whose tests do not hold, unless told not to look', async () => {
    const path = await file((await example()).replace('verdict: block', 'verdict: hold'));
    const refused = await policy('apply', '--file', path, '--yes');
    expect([refused.code, received]).toEqual([1, []]);
    expect(refused.stderr).toContain('expected hold, got block');
    expect((await answer('apply', '--file', path, '--yes', '--skip-tests')).code).toBe(0);
  });

  it('refuses a policy that has no administrators, or not the one who applies it', async () => {
    const nobody = await answer('apply', '--yes', '--file', await file(SMALL.replace('[demo:administrators]', '[]')));
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('line 1, column 1: administrators: ')]);
    const others = await answer('apply', '--yes', '--file', await file(SMALL.replace('demo:adm', 'okta:adm')));
    expect([others.code, others.stderr]).toEqual([1, expect.stringContaining('administrators does not name you')]);
    expect(received).toEqual([]);
  });

  it('exits 1 with advice when somebody else was faster', async () => {
    beforePut = () => {
      inForce = { ...inForce, version: 9, appliedBy: 'dave@example.com' };
    };
    const late = await policy('apply', '--file', EXAMPLE, '--yes', '--json');
    expect([late.code, JSON.parse(late.stderr).error]).toEqual([
      1,
      { reason: 'conflict', message: expect.stringContaining('gatehouse policy show') },
    ]);
    expect(inForce.text).toBe(SMALL);
  });
});

describe('explain', () => {
  it('says to whom what masks hide is kept', async () => {
    const key = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj';
    const file = join(await mkdtemp(join(tmpdir(), 'gatehouse-policy-')), 'policy.yaml');
    const rule = `{ name: shop, resources: { env: demo }, who: ["user:a@b.c"], access: { ttl: 1h }, mask: [{ columns: ["*.email"], with: partial }]`;
    await writeFile(file, `administrators: [x:y]\nrules:\n  - ${rule}, record: { originals: { to: [${key}] } } }\n`);
    const about = ['--person', 'a@b.c', '--resource', 'demo', '--label', 'env=demo'];
    const told = await command(['policy', 'explain', '--file', file, ...about]);
    expect([told.code, told.stdout]).toEqual([0, expect.stringContaining(`Kept, sealed: what masks hide, to ${key}`)]);
  });

  const alice = [
    '--person',
    'alice@example.com',
    '--group',
    'demo:developers',
    '--resource',
    'demo',
    '--label',
    'env=demo',
  ];

  it('says which rule, which entry and which mask decide, and where they stand', async () => {
    const statement = 'select id, upper(email) as shouted from customers; truncate orders';
    const told = await command(['policy', 'explain', '--file', EXAMPLE, ...alice, '--statement', statement]);
    expect([told.code, told.stderr]).toEqual([0, '']);
    expect(told.stdout).toBe(
      `alice@example.com asks for demo env=demo (${EXAMPLE})

Access allow: rule shop gives access (line 9), at most 1 h
  shop  decides: env=demo, developers (demo:developers)

Statement block: it is what "truncate" names (statements, entry 1, line 14)
  does  select on customers, truncate on orders
  hint  Ask the DBAs for a migration.

  COLUMN   SHOWN    FROM             BECAUSE
  id       clear    customers.id     no mask names it
  shouted  partial  customers.email  "customers.email" (mask, entry 1)
  In any text: credit-card (placeholder), iban (placeholder), jwt (placeholder)
`,
    );
  });

  it('says why nobody gives access', async () => {
    const args = [
      '--file',
      EXAMPLE,
      '--person',
      'carol@example.com',
      '--resource',
      'demo',
      '--label',
      'env=prod',
      '--json',
    ];
    const { stdout } = await command(['policy', 'explain', ...args]);
    expect(JSON.parse(stdout).access).toMatchObject({
      decision: 'deny',
      reason: 'no_rule',
      rules: [
        {
          rule: 'shop',
          decides: false,
          labels: [{ label: 'env', actual: 'prod', fits: false }],
          who: [{ fits: false }, { fits: false }],
        },
      ],
    });
  });

  it('without a file is about the policy in force, the one who asks, and the resource as announced', async () => {
    me = { email: 'bob@example.com', groups: ['demo:developers', 'demo:administrators'] };
    const told = await answer('explain', '--resource', 'demo', '--json');
    expect(JSON.parse(told.stdout)).toMatchObject({
      policy: { version: 3 },
      person: 'bob@example.com',
      resource: { name: 'demo', labels: { env: 'demo' } },
      access: { decision: 'allow', rule: 'shop', line: 3, seconds: 3600 },
    });
    expect((await answer('explain', '--resource', 'nowhere')).code).toBe(1);
  });
});

it('npm start --policy tells every mistake on a line of its own, with its place, and exits 2', async () => {
  const path = await file(SMALL.replace('who:', 'whom:'));
  const started = npmStart(['--policy', path, '--data', join(dir, 'data')]);
  expect(await started.exited).toBe(2);
  expect(started.output().trimEnd().split('\n')).toEqual([
    `gatehouse: --policy ${path}: line 5, column 5: rules[0].whom: is not known here; did you mean who?`,
  ]);
});

/** With a pseudo-terminal for all three streams, by util-linux's script. */
async function onTerminal(args: readonly string[], typed: string) {
  const line = [process.execPath, resolve(import.meta.dirname, '../../cli/main.ts'), ...args].map(
    (each) => `'${each}'`,
  );
  const child = spawn('script', ['-qefc', line.join(' '), '/dev/null'], {
    env: { ...BARE_ENV, HOME: '/nonexistent', ...env() },
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('[y/N]')) child.stdin.write(typed);
  });
  return finish(child);
}
