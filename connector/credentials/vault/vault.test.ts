import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { ok } from '../../../core/result.ts';
import { createAuthority } from '../../../test/harness/certificates.ts';
import { KEYS } from '../../../test/harness/credentials/aws-double.ts';
import { VaultDouble } from '../../../test/harness/credentials/vault-double.ts';
import { createLogger } from '../../logger.ts';
import type { SessionScope } from '../credential.ts';
import { environmentCredential } from '../environment.ts';
import { fileCredential } from '../file.ts';
import { createCredentials } from '../open-credential.ts';
import { storedCredential } from '../secret-store.ts';
import { VaultClient, type VaultSettings } from './vault-client.ts';
import { vaultDynamicLogin, vaultStaticLogin, vaultStaticStore } from './vault-database.ts';
import { kvId, kvName, vaultKvStore } from './vault-kv.ts';

/** Renewals take their time. */
const SLOW = { timeout: 15_000 };

let vault: VaultDouble;
let directory: string;
let lines: string[];
let environment: Record<string, string>;
const log = createLogger((line) => lines.push(line), { level: 'debug' });
beforeEach(async () => {
  vault = await VaultDouble.start();
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-vault-'));
  lines = [];
  environment = { SECRET_ID: 'the secret id' };
});
afterEach(async () => {
  await vault.close();
  rmSync(directory, { recursive: true });
});

const APPROLE: VaultSettings['auth'] = {
  ...{ kind: 'approle', mount: 'approle', roleId: 'the role id' },
  secretId: { kind: 'env', name: 'SECRET_ID' },
};
function clientOf(auth: VaultSettings['auth'] = APPROLE, more: Partial<VaultSettings> = {}): VaultClient {
  const settings = {
    ...{ address: vault.address, namespace: undefined, ca: undefined, timeoutMs: 2_000 },
    ...more,
    auth,
  };
  return new VaultClient({
    settings,
    log,
    aws: async () => async () => ok(KEYS),
    credential: (source) =>
      source.kind === 'env'
        ? environmentCredential(source.name, environment)
        : fileCredential((source as { path: string }).path, log),
  });
}
const fileOf = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text, { mode: 0o600 });
  return join(directory, name);
};
const shop = { mount: 'secret', version: 2, path: 'team/shop' } as const;
const kv = (client: VaultClient, place: Parameters<typeof kvId>[0] = shop, key = 'password') =>
  storedCredential(vaultKvStore(client), kvId(place), kvName(place), key);

describe('passwords in the KV engine', () => {
  test('are read in version 1 and 2, in a namespace', async () => {
    vault.kv.set('secret/data/team/shop', { password: 'two' });
    vault.kv.set('kv/shop', { password: 'one' });
    const client = clientOf(APPROLE, { namespace: 'team-a' });
    const two = await kv(client).fetch();
    expect(two.ok && two.value.reveal()).toBe('two');
    const one = await kv(client, { mount: 'kv', version: 1, path: 'shop' }).fetch();
    expect(one.ok && one.value.reveal()).toBe('one');
    expect(vault.calls.map(({ path, namespace }) => `${namespace} ${path}`)).toEqual([
      'team-a auth/approle/login',
      'team-a secret/data/team/shop',
      'team-a kv/shop',
    ]);
  });

  test('are logged in for by each method', async () => {
    vault.kv.set('secret/data/team/shop', { password: 'two' });
    vault.tokens.set('of the agent', { endsAt: Number.POSITIVE_INFINITY });
    const methods: VaultSettings['auth'][] = [
      { kind: 'token', token: { kind: 'file', path: fileOf('token', 'of the agent\n') } },
      APPROLE,
      { ...{ kind: 'kubernetes', mount: 'kubernetes', role: 'gatehouse' }, tokenFile: fileOf('jwt', 'the jwt\n') },
      { ...{ kind: 'aws', mount: 'aws', role: 'gatehouse', region: 'eu-west-1' }, serverId: 'vault.example.com' },
    ];
    for (const auth of methods) expect(await kv(clientOf(auth)).fetch()).toMatchObject({ ok: true });
    environment.SECRET_ID = 'hunter2';
    const wrong = await kv(clientOf()).fetch();
    expect(wrong).toMatchObject({
      error: {
        message: expect.stringMatching(
          /^Vault secret secret\/team\/shop could not be fetched: the login by approle failed: .*\(400\)/,
        ),
      },
    });
    expect(inspect(wrong, { depth: 9 })).not.toContain('hunter2');
  });

  test.each([
    [503, /it is sealed or being looked after \(503\): unseal it/],
    [403, /permission denied \(403\)/],
    [404, /nothing at that path \(404\)/],
    [429, /too many requests \(429\)/],
    [472, /disaster recovery cluster \(472\): set address to the active cluster/],
    [473, /performance standby \(473\): set address to the active node/],
    [500, /an error of its own \(500\)/],
    [418, /it answered with HTTP 418/],
  ])('law 11: an answer of %d is told by what it means, and not by its words', async (status, words) => {
    vault.kv.set('secret/data/team/shop', { password: 'two' });
    const client = clientOf();
    await kv(client).fetch();
    for (let n = 0; n < 3; n++) vault.next.push({ status });
    const fetched = await kv(client).fetch();
    vault.next.length = 0;
    expect(fetched).toMatchObject({ ok: false, error: { message: expect.stringMatching(words) } });
    expect(inspect(fetched, { depth: 9 }) + lines.join()).not.toContain('hunter2');
  });

  test('are asked for once more where it has too many requests for a moment', async () => {
    vault.kv.set('secret/data/team/shop', { password: 'two' });
    const client = clientOf();
    await client.call({ method: 'GET', path: 'secret/data/team/shop' });
    vault.next.push({ status: 429 });
    expect((await kv(client).fetch()).ok).toBe(true);
  });

  test('a token that has ended is replaced, and a refusal is not asked about for ever', async () => {
    vault.kv.set('secret/data/team/shop', { password: 'two' });
    const client = clientOf();
    await kv(client).fetch();
    vault.tokens.clear();
    expect((await kv(client).fetch()).ok).toBe(true);
    expect(vault.calls.filter(({ path }) => path.endsWith('/login'))).toHaveLength(2);
    vault.denied.add('secret/data/team/shop');
    expect((await kv(client).fetch()).ok).toBe(false);
    expect(vault.calls.filter(({ path }) => path.endsWith('/login')).length).toBeLessThanOrEqual(3);
  });

  test('a standby that redirects is followed to the active node, and nowhere less safe', async () => {
    const active = await VaultDouble.start();
    active.tokens.set('t', { endsAt: Number.POSITIVE_INFINITY });
    active.kv.set('secret/data/team/shop', { password: 'active' });
    const client = clientOf({ kind: 'token', token: { kind: 'file', path: fileOf('token', 't') } });
    const to = (location: string) => vault.next.push({ status: 307, headers: { location } });
    to(`${active.address}/v1/secret/data/team/shop`);
    const found = await kv(client).fetch();
    expect(found.ok && found.value.reveal()).toBe('active');
    for (const location of [
      'http://vault.example.com/v1/secret/data/team/shop',
      `${active.address}/other`,
      'nonsense://',
    ]) {
      to(location);
      expect(await kv(client).fetch()).toMatchObject({
        error: { message: expect.stringMatching(/redirects where nobody follows/) },
      });
    }
    await active.close();
  });

  test('inside TLS that the named authority certifies, and no other', async () => {
    const authority = await createAuthority();
    const secured = await VaultDouble.start({ tls: await authority.issue(['127.0.0.1']) });
    secured.tokens.set('t', { endsAt: Number.POSITIVE_INFINITY });
    secured.kv.set('secret/data/team/shop', { password: 'secured' });
    const auth = { kind: 'token', token: { kind: 'file', path: fileOf('token', 't') } } as const;
    const through = (ca: string) => kv(clientOf(auth, { address: secured.address, ca: fileOf('ca.pem', ca) })).fetch();
    expect((await through(authority.ca)).ok).toBe(true);
    expect(await through((await createAuthority('Another')).ca)).toMatchObject({
      error: { message: expect.stringMatching(/it is not reachable \([A-Z_]+\)/) },
    });
    await secured.close();
  });

  test('a Vault that does not answer ends in time', async () => {
    vault.silent = 'secret';
    const fetched = await kv(clientOf(APPROLE, { timeoutMs: 100 })).fetch();
    expect(fetched).toMatchObject({ error: { message: expect.stringMatching(/it did not answer in time/) } });
  });

  test('without its settings it is said where they go', async () => {
    const { secret } = createCredentials({ environment: {}, log });
    expect(await secret({ kind: 'vaultKv', ...shop, key: 'password' }).fetch()).toMatchObject({
      error: { message: expect.stringMatching(/^vault is missing in connector.yaml/) },
    });
  });
});

describe('users of the database engine', () => {
  const place = { host: 'db', port: 5432, user: undefined };
  const role = { mount: 'database', role: 'app' };
  let over: AbortController;
  let told: string[];
  let given: Promise<unknown>[];
  let scope: SessionScope;
  beforeEach(() => {
    over = new AbortController();
    told = [];
    given = [];
    scope = {
      ...{ id: newId('ses'), owner: 'con', untilMs: Date.now() + 3_600_000, over: over.signal },
      onFault: (message) => told.push(message),
      givingBack: (work) => given.push(work),
    };
  });
  const next = async (keeper: ReturnType<ReturnType<typeof vaultDynamicLogin>>) => {
    const login = await keeper.next();
    if (!login.ok) throw new Error(login.error.message);
    return login.value;
  };

  test('one is made for a session, the same for all of its dials, and revoked when it is over', async () => {
    const keeper = vaultDynamicLogin(clientOf(), role)(place, scope);
    const login = await next(keeper);
    expect(await next(keeper)).toBe(login);
    expect(keeper.made).toEqual({ by: 'vault', role: 'app' });
    expect(vault.leases.size).toBe(1);
    over.abort();
    await Promise.all(given);
    expect(vault.leases.size).toBe(0);
    expect(told).toEqual([]);
  });

  test('one that the target refuses is followed by another, once', async () => {
    const keeper = vaultDynamicLogin(clientOf(), role)(place, scope);
    const first = await next(keeper);
    const second = await keeper.next(first);
    expect(second.ok && second.value.user).not.toBe(first.user);
    expect(await keeper.next(second.ok ? second.value : first)).toEqual(second);
    over.abort();
    await Promise.all(given);
    expect(vault.leases.size).toBe(0);
  });

  test('a session that is over before its answer came leaves none', async () => {
    const client = clientOf();
    await client.call({ method: 'GET', path: 'database/static-creds/x' });
    const keeper = vaultDynamicLogin(client, role)(place, scope);
    const asked = keeper.next();
    over.abort();
    await asked;
    await expect
      .poll(
        () =>
          vault.leases.size +
          (given.length === 1 || vault.calls.every(({ path }) => !path.includes('/creds/')) ? 0 : 1),
      )
      .toBe(0);
    await Promise.all(given);
    expect(vault.leases.size).toBe(0);
  });

  test('its lease is renewed while the session lives, and the token with it', async () => {
    vault.leaseMs = 1_000;
    vault.tokenMs = 2_000;
    await next(vaultDynamicLogin(clientOf(), role)(place, scope));
    const renewals = (path: string) => vault.calls.filter((call) => call.path === path).length;
    await expect
      .poll(() => [renewals('sys/leases/renew') > 2, renewals('auth/token/renew-self') > 0], SLOW)
      .toEqual([true, true]);
    expect([...vault.leases.values()].every(({ endsAt }) => endsAt > Date.now())).toBe(true);
    over.abort();
    await Promise.all(given);
    expect(told).toEqual([]);
  });

  test.each([
    [
      'is not renewable',
      () => {
        vault.renewable = false;
      },
      /ends in 1 s, before its grant: the lease is not renewable/,
    ],
    [
      'comes to its longest time',
      () => {
        vault.leaseMaxMs = 1_200;
      },
      /its max_ttl is near/,
    ],
    [
      'was ended by somebody',
      () => setTimeout(() => vault.leases.clear(), 100),
      /Vault does not know the lease any more/,
    ],
  ])('the operator is told of a lease that %s', async (_how, make, words) => {
    vault.leaseMs = 1_000;
    make();
    await next(vaultDynamicLogin(clientOf(), role)(place, scope));
    await expect.poll(() => told, SLOW).toEqual([expect.stringMatching(words)]);
    expect(told[0]).toContain(`user of session ${scope.id}`);
    over.abort();
    await Promise.all(given);
  });

  test('a revocation that fails is tried again', async () => {
    await next(vaultDynamicLogin(clientOf(), role)(place, scope));
    vault.next.push({ status: 503 });
    over.abort();
    await Promise.all(given);
    expect(vault.leases.size).toBe(0);
    expect(told).toEqual([]);
  });

  test('an unknown role is named', async () => {
    const login = await vaultDynamicLogin(clientOf(), { mount: 'database', role: 'nobody' })(place, scope).next();
    expect(login).toMatchObject({
      error: { message: expect.stringMatching(/^Vault role database\/creds\/nobody is not known at http/) },
    });
  });

  test('of a static role: kept for a moment, and read anew where the target refuses it', async () => {
    vault.statics.set('database/static-creds/app', { username: 'app', password: 'first' });
    let now = 0;
    const keeper = vaultStaticLogin(
      vaultStaticStore(clientOf(), () => now),
      role,
    )(place, scope);
    const first = await next(keeper);
    vault.statics.set('database/static-creds/app', { username: 'app', password: 'rotated' });
    now = 3_000;
    expect((await next(keeper)).password?.reveal()).toBe('first');
    const newer = await keeper.next(first);
    expect(newer.ok && newer.value.password?.reveal()).toBe('rotated');
  });
});
