import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseOrigin, readLogin, resolveAccount, storeLogin } from './settings.ts';

let dir: string;
const login = {
  url: 'https://gw.example',
  email: 'a@example.com',
  token: 'gat_stored',
  expiresAt: '2030-01-01T00:00:00.000Z',
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-cli-'));
});
afterEach(() => rm(dir, { recursive: true }));

const devFile = (token: string) => ({
  portal: 'http://localhost:1',
  api: 'http://localhost:1/api/v1',
  people: { alice: { email: 'alice@example.com', token } },
  listeners: {},
  objects: '/x',
  pids: {},
});

describe('the account a command acts as', () => {
  it('is the demo person, before environment and stored login', async () => {
    await writeFile(join(dir, 'dev.json'), JSON.stringify(devFile('gat_alice')));
    const env = { GATEHOUSE_URL: 'https://other.example', GATEHOUSE_TOKEN: 'gat_env', XDG_CONFIG_HOME: dir };
    await storeLogin(env, login);
    const account = await resolveAccount({ data: dir, as: 'alice' }, env);
    expect([account.origin, account.token.reveal()]).toEqual(['http://localhost:1', 'gat_alice']);
  });

  it('is the environment before the stored login', async () => {
    const env = { GATEHOUSE_URL: 'https://gw.example', GATEHOUSE_TOKEN: 'gat_env', XDG_CONFIG_HOME: dir };
    await storeLogin(env, login);
    expect((await resolveAccount({}, env)).token.reveal()).toBe('gat_env');
  });

  it('is the stored login, and only for the address it was stored for', async () => {
    const env = { XDG_CONFIG_HOME: dir };
    await storeLogin(env, login);
    expect((await resolveAccount({}, env)).token.reveal()).toBe('gat_stored');
    await expect(resolveAccount({}, { ...env, GATEHOUSE_URL: 'https://other.example' })).rejects.toMatchObject({
      exitCode: 2,
      reason: 'not_signed_in',
    });
  });

  it.each([
    [{ data: 'DIR' }, {}, '--data also needs --as PERSON: one of alice'],
    [{ data: 'DIR', as: 'toString' }, {}, '--as toString: there is no such person'],
    [{}, { GATEHOUSE_TOKEN: 'gat_x' }, 'GATEHOUSE_URL is not'],
    [{}, {}, 'not signed in: run gatehouse login URL'],
  ])('is asked for in one line when %j and %j do not say it', async (options, env, message) => {
    await writeFile(join(dir, 'dev.json'), JSON.stringify(devFile('gat_alice')));
    const given = 'data' in options ? { ...options, data: dir } : options;
    const failed = resolveAccount(given, { ...env, XDG_CONFIG_HOME: dir });
    await expect(failed).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
  });
});

describe('the stored login', () => {
  it('is written where only its owner reads it', async () => {
    await storeLogin({ XDG_CONFIG_HOME: dir }, login);
    expect((await stat(join(dir, 'gatehouse', 'login.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, 'gatehouse'))).mode & 0o777).toBe(0o700);
    expect(await readLogin({ XDG_CONFIG_HOME: dir })).toEqual(login);
  });

  it('is refused when others can read it', async () => {
    await mkdir(join(dir, 'gatehouse'));
    await writeFile(join(dir, 'gatehouse', 'login.json'), JSON.stringify(login));
    await chmod(join(dir, 'gatehouse', 'login.json'), 0o644);
    await expect(readLogin({ XDG_CONFIG_HOME: dir })).rejects.toMatchObject({ reason: 'login_exposed' });
  });

  it('stands under HOME when XDG_CONFIG_HOME is missing or relative', async () => {
    await storeLogin({ HOME: dir, XDG_CONFIG_HOME: 'relative' }, login);
    expect(await readLogin({ HOME: dir })).toEqual(login);
  });
});

describe('an address', () => {
  it('must be encrypted unless it is this machine', () => {
    expect(parseOrigin('https://gw.example/portal')).toBe('https://gw.example');
    expect(parseOrigin('http://localhost:8440/')).toBe('http://localhost:8440');
    expect(() => parseOrigin('http://gw.example')).toThrow('not encrypted');
    expect(() => parseOrigin('gw.example')).toThrow('expected https://HOST');
  });
});
