import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ResourceName } from '../core/resource.ts';
import { announcedResources, announcementProblem, certificateHosts } from './announce.ts';
import { loadConfig } from './config/load-config.ts';
import type { ConnectorConfig } from './config/settings.ts';
import { createCredentials } from './credentials/open-credential.ts';
import { createLogger } from './logger.ts';
import { storeSettings } from './store-settings.ts';
import { newId } from '../core/ids.ts';
import { createTargets } from './targets.ts';

let directory: string;
let faults: string[];
const environment: Record<string, string | undefined> = {};
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-targets-'));
  faults = [];
  environment.SHOP = 'first';
});
afterEach(() => rmSync(directory, { recursive: true }));

function configOf(resources: string, more: readonly string[] = []): ConnectorConfig {
  writeFileSync(join(directory, 'c.yaml'), `resources:\n${resources}`);
  const flags = [
    '--config',
    'c.yaml',
    '--name',
    'n',
    '--edge',
    'http://localhost:1',
    '--state',
    's',
    '--store-directory',
    'o',
  ];
  const loaded = loadConfig(
    [...flags, ...(more.length ? more : ['--listen-postgres', '127.0.0.1:5432'])],
    {},
    directory,
  );
  if (!loaded.ok || !loaded.value?.config) throw new Error(loaded.ok ? 'help' : loaded.error.join());
  return loaded.value.config;
}

const SHOP = `  - name: shop
    protocol: postgres
    labels: { env: prod }
    host: db.internal
    user: app
    password: { env: SHOP }
    tls: { ca: ca.pem, serverName: db.example }
`;

const targetsOf = (config: ConnectorConfig) =>
  createTargets(
    'postgres',
    config.resources,
    createCredentials({ environment, log: createLogger(() => {}) }),
    (resource, message) => {
      faults.push(`${resource}: ${message}`);
    },
  );
const name = (text: string) => ResourceName.parse(text);
const session = {
  ...{ id: newId('ses'), untilMs: Date.now() + 3_600_000, owner: newId('con') },
  over: new AbortController().signal,
};

test('law 9: a resource that is not in the file cannot be dialled', async () => {
  const target = await targetsOf(configOf(SHOP))(name('other'), session);
  expect(target).toMatchObject({ ok: false, error: { reason: 'resource_unknown' } });
});

test('law 8: the credential is fetched for each session, and printing a target shows none', async () => {
  writeFileSync(join(directory, 'ca.pem'), 'PEM');
  const targets = targetsOf(configOf(SHOP));
  const first = await targets(name('shop'), session);
  environment.SHOP = 'second';
  const second = await targets(name('shop'), session);
  expect(first.ok && first.value.password?.reveal()).toBe('first');
  expect(second.ok && second.value.password?.reveal()).toBe('second');
  expect(inspect(second, { depth: 9 }) + JSON.stringify(second)).not.toContain('second');
  expect(second).toMatchObject({ value: { tls: { mode: 'verify-full', ca: 'PEM', serverName: 'db.example' } } });
});

test('a missing credential or authority refuses the session; the details go to the operator alone', async () => {
  const targets = targetsOf(configOf(SHOP));
  const untrusted = await targets(name('shop'), session);
  expect(untrusted).toMatchObject({ ok: false, error: { reason: 'upstream_untrusted' } });
  environment.SHOP = undefined;
  const keyless = await targets(name('shop'), session);
  expect(keyless).toMatchObject({ ok: false, error: { reason: 'upstream_login_failed' } });
  expect(faults).toEqual([
    `shop: ${join(directory, 'ca.pem')} cannot be read (ENOENT)`,
    'shop: environment variable SHOP is not set',
    `shop: ${join(directory, 'ca.pem')} cannot be read (ENOENT)`,
  ]);
  expect(JSON.stringify([untrusted, keyless])).not.toMatch(/SHOP|ca\.pem/);
});

test('laws 8 and 9: what is announced holds no address or credential of a target', () => {
  const config = configOf(SHOP, ['--listen-postgres', '0.0.0.0:5432', '--advertise-postgres', 'gw.example:6432']);
  expect(announcedResources(config, new Map([['postgres', { host: '0.0.0.0', port: 5432 }]]))).toEqual([
    { name: 'shop', protocol: 'postgres', labels: { env: 'prod' }, endpoint: { host: 'gw.example', port: 6432 } },
  ]);
  expect(certificateHosts(config)).toEqual(['gw.example', 'localhost', '127.0.0.1']);
});

test('an advertised host without a port goes with the port that is bound', () => {
  const config = { ...configOf(SHOP) };
  const own = config.listeners.get('postgres');
  if (!own) throw new Error('no listener');
  const listener = { ...own, advertise: { host: 'gw.example', port: undefined } };
  const [announced] = announcedResources(
    { ...config, listeners: new Map([['postgres', listener]]) },
    new Map([['postgres', { host: '::', port: 7000 }]]),
  );
  expect(announced?.endpoint).toEqual({ host: 'gw.example', port: 7000 });
});

test('more resources than one message carries are refused at the start', () => {
  const many = Array.from(
    { length: 1000 },
    (_, index) => `  - { name: r${index}, protocol: postgres, host: h, user: u, description: "${'x'.repeat(100)}" }\n`,
  );
  expect(announcementProblem(configOf(many.join('')))).toMatch(/^resources: 1000 with their labels .* divide them/);
  expect(announcementProblem(configOf(SHOP))).toBeUndefined();
});

test('the events token comes from its variable, and is asked for when it is missing', () => {
  const config = configOf(SHOP, ['--listen-postgres', '127.0.0.1:1', '--events-url', 'http://127.0.0.1:9/']);
  expect(storeSettings(config.store, { GATEHOUSE_EVENTS_TOKEN: 'x' })).toEqual({
    ok: true,
    value: { kind: 'directory', root: join(directory, 'o'), events: { url: 'http://127.0.0.1:9/events', token: 'x' } },
  });
  expect(storeSettings(config.store, {})).toEqual({
    ok: false,
    error: 'GATEHOUSE_EVENTS_TOKEN is not set: it holds the token for http://127.0.0.1:9/',
  });
});
