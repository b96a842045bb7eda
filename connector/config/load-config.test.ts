import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from './load-config.ts';
import { allowsPlainText } from './sections.ts';
import { helpText, readFlags } from './flags.ts';
import { readDocument } from './read-document.ts';

const resource = (more: string) =>
  `resources:\n  - name: shop\n    protocol: postgres\n    host: db.internal\n    user: app\n${more}`;

// Text of the file, and the line it must be refused with.
const WRONG: readonly (readonly [name: string, text: string, line: string])[] = [
  [
    'an unknown key',
    'resourcez: []\n',
    'c.yaml:1:1: resourcez: unknown key: see docs/connector.md for the keys there are',
  ],
  ['an unknown key below', resource('    colour: red\n'), 'c.yaml:6:5: resources[0].colour: unknown key'],
  [
    'an unknown key in the place of a password',
    resource('    password: { env: A, hunter2: x }\n'),
    'c.yaml:6:5: resources[0].password: a key in it is not known: it takes env, file, secretsManager, ssm, vault, rdsIam and key',
  ],
  [
    'a URL for a host',
    'resources:\n  - name: shop\n    protocol: postgres\n    host: postgres://u:hunter2@db\n    user: app\n',
    'c.yaml:4:5: resources[0].host: expected a name or an address alone: no scheme, user, port or path',
  ],
  ['an unknown key in tls', resource('    tls: { verify: no }\n'), 'c.yaml:6:12: resources[0].tls.verify: unknown key'],
  ['an unknown listener', 'listeners:\n  oracle: {}\n', 'c.yaml:2:3: listeners.oracle: unknown key'],
  ['an unknown limit', 'limits:\n  idle: 3\n', 'c.yaml:2:3: limits.idle: unknown key'],
  [
    'an unknown key of s3',
    'store:\n  s3: { bucket: abc, region: x, acl: y }\n',
    'c.yaml:2:33: store.s3.acl: unknown key',
  ],
  [
    'a literal password',
    resource('    password: hunter2\n'),
    'c.yaml:6:5: resources[0].password: a password does not stand in this file: name its place with { env: NAME }, { file: PATH } or { secretsManager: NAME }',
  ],
  [
    'a numeric password',
    resource('    password: 123456\n'),
    'c.yaml:6:5: resources[0].password: a password does not stand in this file',
  ],
  [
    'a password from two places',
    resource('    password: { env: A, file: b }\n'),
    'c.yaml:6:5: resources[0].password: expected exactly one of env, file, secretsManager',
  ],
  [
    'a key without Secrets Manager',
    resource('    password: { env: A, key: b }\n'),
    'c.yaml:6:5: resources[0].password: key goes with secretsManager, ssm, vault only',
  ],
  [
    'a password in a variable that cannot be one',
    resource('    password: { env: "A-B" }\n'),
    'c.yaml:6:17: resources[0].password.env: expected the name of an environment variable',
  ],
  [
    'a literal masking key',
    `masking:\n  key: ${'5f'.repeat(32)}\n`,
    'c.yaml:2:3: masking.key: a key does not stand in this file: name its place with { env: NAME }',
  ],
  ['an unknown key of masking', 'masking:\n  salt: { env: A }\n', 'c.yaml:2:3: masking.salt: unknown key'],
  [
    'a name that is none',
    'resources:\n  - name: Shop DB\n    protocol: postgres\n    host: h\n    user: u\n',
    'c.yaml:2:5: resources[0].name: expected lower-case letters, digits and dashes, at most 63',
  ],
  [
    'a missing host',
    'resources:\n  - name: shop\n    protocol: postgres\n    user: u\n',
    'c.yaml:2:5: resources[0].host: is missing',
  ],
  [
    'a missing user',
    'resources:\n  - name: shop\n    protocol: postgres\n    host: h\n',
    'c.yaml:2:5: resources[0].user: is missing',
  ],
  [
    'an unknown protocol',
    'resources:\n  - name: shop\n    protocol: oracle\n    host: h\n    user: u\n',
    'c.yaml:3:5: resources[0].protocol: expected postgres',
  ],
  ['a port out of range', resource('    port: 70000\n'), 'c.yaml:6:5: resources[0].port: '],
  ['a port in words', resource('    port: high\n'), 'c.yaml:6:5: resources[0].port: expected a number'],
  [
    'a tls mode that is none',
    resource('    tls: { mode: maybe }\n'),
    'c.yaml:6:12: resources[0].tls.mode: expected verify-full, require-unverified or off',
  ],
  [
    'a ca without verification',
    resource('    tls: { mode: off, ca: x }\n'),
    'c.yaml:6:5: resources[0].tls: ca and serverName go with mode verify-full only',
  ],
  [
    'a token for RDS outside of verified TLS',
    resource('    password: { rdsIam: true }\n    tls: { mode: require-unverified }\n'),
    'c.yaml:7:5: resources[0].tls: rdsIam sends its token in the clear inside TLS',
  ],
  [
    "a user beside Vault's",
    resource('    password: { vault: { role: app } }\n'),
    'resources[0].user: Vault names the user of its role: leave it out',
  ],
  [
    'a secret of Vault without a key',
    resource('    password: { vault: { path: team/shop } }\n'),
    'c.yaml:6:5: resources[0].password: key names what of a Vault secret it is',
  ],
  [
    'a path of Vault that leads elsewhere',
    resource('    password: { vault: { path: ../sys/seal }, key: password }\n'),
    'resources[0].password.vault.path: expected a path such as team/shop',
  ],
  [
    'a user beside session users',
    resource('    sessionUser: { template: t, admin: { user: a } }\n'),
    'resources[0].user: sessionUser makes a user for each session: leave user and password out',
  ],
  [
    'an administrator without a name',
    'resources:\n  - { name: shop, protocol: postgres, host: h, sessionUser: { template: t, admin: {} } }\n',
    'resources[0].sessionUser.admin.user: is missing',
  ],
  [
    'an administrator that Vault makes for a session',
    'resources:\n  - { name: shop, protocol: postgres, host: h, sessionUser: { template: t, admin: { password: { vault: { role: r } } } } }\n',
    'resources[0].sessionUser.admin.password: an administrator stays when a session is over',
  ],
  [
    'a Vault far away without TLS',
    'vault: { address: "http://vault.example.com", auth: { token: { env: T } } }\n',
    'c.yaml:1:10: vault.address: http is for a Vault on this machine only: use https',
  ],
  [
    'a token of Vault in the file',
    'vault: { address: "https://vault.example.com", auth: { token: hunter2 } }\n',
    'vault.auth.token: a token does not stand in this file: name its place with { file: PATH } or { env: NAME }',
  ],
  ['a label name', resource('    labels: { Env: prod }\n'), "c.yaml:6:15: resources[0].labels.Env: a label's name is"],
  [
    'a label that is no text',
    resource('    labels: { env: 1 }\n'),
    'c.yaml:6:15: resources[0].labels.env: expected text',
  ],
  [
    'a name twice',
    `${resource('')}  - { name: shop, protocol: postgres, host: h, user: u }\n`,
    'c.yaml:6:7: resources[1].name: resources[0] has this name already: names are unique',
  ],
  [
    'two stores',
    'store: { directory: a, s3: { bucket: abc, region: x } }\n',
    'c.yaml:1:1: store: expected exactly one of directory, s3',
  ],
  ['an edge that is no address', 'edge: gatehouse\n', 'c.yaml:1:1: edge: expected an address such as'],
  [
    'an edge with a password',
    'edge: https://a:hunter2@b\n',
    'c.yaml:1:1: edge: an address must not hold a user or a password',
  ],
  [
    'two places of the join token',
    'join: { tokenEnv: A, tokenFile: b }\n',
    'c.yaml:1:1: join: expected exactly one of tokenEnv, tokenFile',
  ],
  [
    'plain text in words',
    'listeners: { postgres: { plainText: sometimes } }\n',
    'c.yaml:1:26: listeners.postgres.plainText: expected never, loopback or always',
  ],
  ['a limit below its least', 'limits: { idleMinutes: 0 }\n', 'c.yaml:1:11: limits.idleMinutes: '],
  ['a key twice', 'name: a\nname: b\n', 'c.yaml:2:1: this key stands here twice: keep one'],
  ['a tab', 'resources:\n\t- a\n', 'c.yaml:2:1: a tab cannot indent YAML'],
  ['an open quote', 'name: "hunter2\n', 'c.yaml:2:1: a closing quote'],
  ['an unknown alias', 'name: *hunter2\n', 'c.yaml:1:1: an alias'],
  ['nothing', '', 'c.yaml:1:1: the file is empty: it needs at least "resources:"'],
  ['a list', '- a\n', 'c.yaml:1:1: the file: expected keys with values'],
];

describe('connector.yaml', () => {
  test.each(WRONG)('refuses %s in one line that names file, line, column and key', (_name, text, line) => {
    const read = readDocument(text, 'c.yaml');
    expect(read.ok ? ['accepted'] : read.error.lines).toEqual([expect.stringContaining(line)]);
  });

  test('says all that is wrong at once', () => {
    const read = readDocument(
      'edge: gatehouse\nresourcez: []\nresources:\n  - { name: a, host: h, colour: red }\n  - { name: B, protocol: postgres }\n',
      'c.yaml',
    );
    const said = read.ok ? [] : read.error.lines.map((line) => line.split(': ').slice(0, 2).join(': '));
    expect(said.sort()).toEqual([
      'c.yaml:1:1: edge',
      'c.yaml:2:1: resourcez',
      'c.yaml:4:25: resources[0].colour',
      'c.yaml:4:5: resources[0].protocol',
      'c.yaml:4:5: resources[0].user',
      'c.yaml:5:5: resources[1].host',
      'c.yaml:5:5: resources[1].user',
      'c.yaml:5:7: resources[1].name',
    ]);
    const flat = readDocument('name: a\nname: b\n\tx: 1\n', 'c.yaml');
    expect(flat.ok ? 0 : flat.error.lines.length).toBeGreaterThan(1);
  });

  test('law 11: never shows what may be a password', () => {
    for (const [, text] of WRONG) {
      const read = readDocument(text, 'c.yaml');
      expect(read.ok ? '' : read.error.lines.join()).not.toMatch(/hunter2|123456/);
    }
  });
});

describe('loadConfig', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const load = (text: string, flags: readonly string[] = [], environment: Record<string, string> = {}) => {
    mkdirSync(join(directory, 'etc'), { recursive: true });
    writeFileSync(join(directory, 'etc', 'c.yaml'), text);
    const loaded = loadConfig(['--config', 'etc/c.yaml', ...flags], environment, directory);
    if (!loaded.ok) return loaded.error.join('\n');
    return loaded.value?.config;
  };
  const listenersOf = (config: ReturnType<typeof load>) => {
    if (typeof config !== 'object') throw new Error(config ?? 'help');
    return config.listeners;
  };
  const FLAGS = [
    ...['--name', 'dev', '--edge', 'http://127.0.0.1:8787', '--state', 'state'],
    ...['--store-directory', 'objects', '--listen-postgres', '127.0.0.1:0'],
  ];

  const S3 = [
    ...[...FLAGS.slice(0, 6), ...FLAGS.slice(8)],
    ...['--store-bucket', 'abc', '--store-region', 'eu-west-1'],
  ];

  test('a bucket that notifies nobody, from flags', () => {
    const lock = ['--store-endpoint', 'http://127.0.0.1:9000', '--store-lock', 'GOVERNANCE'];
    expect(load(resource(''), [...S3, ...lock, '--events-url', 'http://127.0.0.1:8788'])).toMatchObject({
      store: {
        ...{ kind: 's3', bucket: 'abc', region: 'eu-west-1', endpoint: 'http://127.0.0.1:9000', lock: 'GOVERNANCE' },
        events: { url: 'http://127.0.0.1:8788', tokenEnv: 'GATEHOUSE_EVENTS_TOKEN' },
      },
    });
  });

  test('a file with resources alone, the rest from flags', () => {
    const config = load(resource('    password: { file: secrets/shop }\n    tls: { ca: ca.pem }\n'), [
      ...FLAGS,
      ...['--events-url', 'http://127.0.0.1:9000'],
    ]);
    expect(config).toMatchObject({
      name: 'dev',
      edge: 'http://127.0.0.1:8787',
      join: { kind: 'env', name: 'GATEHOUSE_JOIN_TOKEN' },
      // From a flag: relative to where the command runs. From the file: relative to the file.
      state: join(directory, 'state'),
      store: {
        kind: 'directory',
        directory: join(directory, 'objects'),
        events: { url: 'http://127.0.0.1:9000', tokenEnv: 'GATEHOUSE_EVENTS_TOKEN' },
      },
      resources: [
        {
          name: 'shop',
          settings: {
            port: 5432,
            login: { password: { kind: 'file', path: join(directory, 'etc', 'secrets/shop') } },
            tls: { mode: 'verify-full', ca: join(directory, 'etc', 'ca.pem') },
          },
        },
      ],
    });
    expect(listenersOf(config).get('postgres')).toMatchObject({
      listen: { host: '127.0.0.1', port: 0 },
      plainText: 'loopback',
    });
  });

  test('what is wrong in a section does not hide what another one lacks', () => {
    const text =
      'state: s\nstore: { directry: d }\nresources:\n  - { name: a, host: h, user: u }\n  - { name: a, protocl: postgres }\n';
    expect(load(text)?.toString().split('\n')).toEqual([
      expect.stringContaining('etc/c.yaml:2:10: store.directry: unknown key'),
      expect.stringContaining('etc/c.yaml:4:5: resources[0].protocol: is missing'),
      expect.stringContaining('etc/c.yaml:5:5: resources[1].protocol: is missing'),
      expect.stringContaining('etc/c.yaml:5:5: resources[1].host: is missing'),
      expect.stringContaining('etc/c.yaml:5:16: resources[1].protocl: unknown key'),
      expect.stringContaining('etc/c.yaml:5:5: resources[1].user: is missing'),
      expect.stringContaining('etc/c.yaml:5:7: resources[1].name: resources[0] has this name already'),
      expect.stringContaining('name is missing'),
      expect.stringContaining('edge is missing'),
      expect.stringContaining('listeners.postgres.advertise is missing'),
    ]);
  });

  test('places of credentials, and logins that are made', () => {
    const shop = (more: string) =>
      load(`resources:\n  - { name: shop, protocol: postgres, host: h, ${more} }\n`, FLAGS);
    const settingsOf = (more: string) => {
      const config = shop(more);
      if (typeof config !== 'object') throw new Error(config);
      return config.resources[0]?.settings;
    };
    expect(settingsOf('user: u, password: { ssm: /shop/db }')).toMatchObject({
      login: { user: 'u', password: { kind: 'ssm', id: '/shop/db' } },
    });
    expect(settingsOf('user: u, password: { vault: { path: team/shop }, key: p }')).toMatchObject({
      login: { password: { kind: 'vaultKv', mount: 'secret', version: 2, path: 'team/shop', key: 'p' } },
    });
    expect(settingsOf('password: { vault: { staticRole: app } }')).toMatchObject({
      login: { user: undefined, password: { kind: 'vaultDatabase', mount: 'database', role: 'app', static: true } },
    });
    expect(settingsOf('user: u, password: { rdsIam: { region: eu-west-1 } }')).toMatchObject({
      login: { password: { kind: 'rdsIam', region: 'eu-west-1' } },
    });
    expect(settingsOf('sessionUser: { template: t, admin: { user: a, password: { env: P } } }')).toMatchObject({
      login: { user: 'a', password: { kind: 'env', name: 'P' } },
      template: 't',
    });
    const vault =
      'vault: { address: "https://vault:8200", ca: ca.pem, auth: { approle: { roleId: r, secretId: { file: s } } } }\n';
    expect(load(`${vault}${resource('')}`, FLAGS)).toMatchObject({
      vault: {
        ...{ address: 'https://vault:8200', ca: join(directory, 'etc/ca.pem'), timeoutMs: 5000 },
        auth: { kind: 'approle', mount: 'approle', secretId: { kind: 'file', path: join(directory, 'etc/s') } },
      },
    });
  });

  test('a flag wins over its variable, and both over the file', () => {
    const text = `name: file\nlogLevel: error\n${resource('')}`;
    const environment = { GATEHOUSE_NAME: 'variable', GATEHOUSE_LOG_LEVEL: 'debug' };
    expect(load(text, FLAGS, environment)).toMatchObject({ name: 'dev', logLevel: 'debug' });
    expect(load(text, FLAGS.slice(2), environment)).toMatchObject({ name: 'variable' });
    expect(load(text, FLAGS.slice(2))).toMatchObject({ name: 'file', logLevel: 'error' });
  });

  test('sessions may go on for five minutes after a stop, and of a site it is where the file or a flag says so', () => {
    expect(load(resource(''), FLAGS)).toMatchObject({ limits: { drainMs: 300_000 }, ecsTaskProtection: false });
    expect(load(resource(''), FLAGS)).not.toHaveProperty('site', expect.anything());
    const text = `site: office\necsTaskProtection: true\nlimits: { drainSeconds: 80 }\n${resource('')}`;
    expect(load(text, FLAGS)).toMatchObject({ site: 'office', limits: { drainMs: 80_000 }, ecsTaskProtection: true });
    const over = { GATEHOUSE_SITE: 'paris', GATEHOUSE_DRAIN_SECONDS: '0' };
    expect(load(text, FLAGS, over)).toMatchObject({ site: 'paris', limits: { drainMs: 0 } });
  });

  test('verification of the target is the default', () => {
    expect(load(resource(''), FLAGS)).toMatchObject({ resources: [{ settings: { tls: { mode: 'verify-full' } } }] });
  });

  test.each([
    [['--nmae', 'x'], "Unknown option '--nmae'"],
    [['--name', 'No Good', ...FLAGS.slice(2)], '--name: expected lower-case'],
    [FLAGS.slice(2), 'name is missing'],
    [FLAGS.slice(0, 2), 'edge is missing'],
    [FLAGS.slice(0, 4), 'state is missing'],
    [FLAGS.slice(0, 6), 'store is missing'],
    [FLAGS.slice(0, 8), 'listeners.postgres.advertise is missing'],
    [['--edge', 'http://gatehouse.example.com', ...FLAGS.slice(0, 2)], 'http is for an edge on this machine only'],
    [['--edge', 'https://gatehouse.example.com/x', ...FLAGS.slice(0, 2)], '--edge: expected no path'],
    [['--edge', 'https://a:hunter2@b', ...FLAGS.slice(0, 2)], '--edge: an address must not hold'],
    [[...FLAGS, '--listen-postgres', 'nonsense'], '--listen-postgres: expected HOST:PORT'],
    [[...FLAGS, '--health', '1'], '--health: expected HOST:PORT'],
    [[...FLAGS, '--site', 'No Site'], '--site: expected lower-case letters'],
    [[...FLAGS, '--drain-seconds', '5m'], '--drain-seconds: expected seconds, at most 3600'],
    [[...FLAGS, '--drain-seconds', '3601'], '--drain-seconds: expected seconds, at most 3600'],
    [[...FLAGS, '--log-level', 'loud'], '--log-level: expected debug'],
    [[...FLAGS, '--store-bucket', 'abc'], 'recordings go to one of them, not both'],
    [[...S3, '--store-endpoint', 'https://a:hunter2@b'], '--store-endpoint: expected an address'],
    [[...S3, '--store-lock', 'none'], '--store-lock: expected COMPLIANCE or GOVERNANCE'],
  ])('%j is refused: %s', (flags, message) => {
    const refused = load(resource(''), flags);
    expect(refused).toContain(message);
    expect(refused).not.toMatch(/hunter2/);
  });

  test('what is missing and what is wrong is said at once', () => {
    const said = load(`edge: https://gatehouse.example.com/x\n${resource('')}`, ['--name', 'No Good', '--health', '1']);
    expect(String(said).split('\n')).toEqual([
      '--name: expected lower-case letters, digits and dashes, at most 63',
      'etc/c.yaml:1:1: edge: expected no path behind the host',
      expect.stringContaining('state is missing'),
      expect.stringContaining('store is missing'),
      expect.stringContaining('listeners.postgres.advertise is missing'),
      '--health: expected HOST:PORT',
    ]);
  });

  describe('a file with resources alone that is checked', () => {
    test('is told of its resources, and of nothing that whoever starts a connector with it gives', () => {
      const loaded = () => loadConfig(['--config', 'etc/c.yaml', '--check'], {}, directory);
      load(resource('    password: { file: p }\n'), []);
      expect(loaded()).toMatchObject({
        ok: true,
        value: {
          config: undefined,
          resources: [{ settings: { login: { password: { path: join(directory, 'etc', 'p') } } } }],
        },
      });
      expect(String(load(resource('    port: high\n    hots: x\n'), ['--check'])).split('\n')).toEqual([
        expect.stringContaining('resources[0].port: expected a number'),
        expect.stringContaining('resources[0].hots: unknown key'),
      ]);
    });

    test.each([
      ['it has more', `name: n\n${resource('')}`, []],
      ['more in it is wrong', `name: [n]\n${resource('')}`, []],
      ['a flag gives more', resource(''), ['--edge', 'https://gatehouse.example.com']],
      ['it has no resources', 'resources: []\n', []],
    ])('is read as the whole where %s', (_how, text, flags) => {
      expect(load(text, ['--check', ...flags])).toContain('state is missing');
    });

    test('and that is started lacks the rest', () => expect(load(resource(''))).toContain('name is missing'));
  });

  test('names the variable when the value came from one', () => {
    expect(load(resource(''), FLAGS, { GATEHOUSE_LOG_LEVEL: 'loud' })).toContain('GATEHOUSE_LOG_LEVEL: expected debug');
  });

  test('a file that is not there is one line', () => {
    const loaded = loadConfig(['--config', 'no/such.yaml'], {}, directory);
    expect(loaded).toEqual({ ok: false, error: ['no/such.yaml cannot be read (ENOENT): give its path with --config'] });
  });

  test.each([
    ['127.0.0.1', 'loopback', true],
    ['::1', 'loopback', true],
    ['localhost', 'loopback', true],
    ['0.0.0.0', 'loopback', false],
    ['10.0.0.1', 'loopback', false],
    ['127.example.com', 'loopback', false],
    ['127.0.0.1', 'never', false],
    ['0.0.0.0', 'always', true],
  ] as const)('a listener on %s with plainText %s: plain text is %s', (host, plainText, allowed) => {
    const listener = { listen: { host, port: 1 }, plainText, advertise: undefined, written: {} };
    expect(allowsPlainText(listener)).toBe(allowed);
  });

  test('plain text is for loopback alone unless the file says otherwise', () => {
    expect(listenersOf(load(resource(''), FLAGS)).get('postgres')).toMatchObject({ plainText: 'loopback' });
  });

  test('a protocol that no resource has, and nobody names, is not listened for', () => {
    expect(listenersOf(load('resources: []\n', FLAGS.slice(0, 8))).size).toBe(0);
    expect(listenersOf(load('resources: []\n', FLAGS)).size).toBe(1);
  });
});

describe('docs/connector.md', () => {
  const page = readFileSync(new URL('../../docs/connector.md', import.meta.url), 'utf8');

  test('shows files that are valid', () => {
    const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '');
    expect(examples).toHaveLength(4);
    for (const example of examples) {
      const read = readDocument(example, 'docs/connector.md');
      expect(read.ok ? [] : read.error.lines).toEqual([]);
    }
  });

  test('lists every flag with its variable', () => {
    const loaded = readFlags(['--help'], {});
    expect(loaded.ok).toBe(true);
    for (const line of helpText()
      .split('\n')
      .filter((it) => it.startsWith('  --'))) {
      const flag = line.trim().split(' ')[0] ?? '';
      expect(page, flag).toContain(`\`${flag}`);
      if (flag !== '--check') expect(page).toContain(`GATEHOUSE_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`);
    }
  });
});
