import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '../logger.ts';
import { environmentCredential } from './environment.ts';
import { fileCredential } from './file.ts';
import { createCredentials } from './open-credential.ts';
import { awsSecretStore } from './aws/secrets-manager.ts';
import { CACHE_MS, storedCredential } from './secret-store.ts';

const VALUE = 'correct horse battery staple';
let lines: string[];
const log = createLogger((line) => lines.push(line), { level: 'debug' });
beforeEach(() => {
  lines = [];
});

describe('from the environment', () => {
  test('gives the value as it is when asked', async () => {
    const environment: Record<string, string> = { SHOP: VALUE };
    const credential = environmentCredential('SHOP', environment);
    const fetched = await credential.fetch();
    expect(fetched.ok && fetched.value.reveal()).toBe(VALUE);
    expect(inspect(fetched)).not.toContain(VALUE);
  });

  test.each([
    [undefined, 'environment variable SHOP is not set'],
    ['', 'environment variable SHOP is empty'],
    [`${VALUE}\0`, 'environment variable SHOP holds a NUL byte'],
    [VALUE.repeat(1000), 'environment variable SHOP is longer than 16384 bytes'],
  ])('refuses %j', async (value, message) => {
    const fetched = await environmentCredential('SHOP', { SHOP: value }).fetch();
    expect(fetched).toEqual({ ok: false, error: { reason: 'credential_unavailable', message } });
  });
});

describe('from a file', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-credential-'));
    path = join(directory, 'password');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('is read anew for every session, without the line ending at its end', async () => {
    const credential = fileCredential(path, log);
    writeFileSync(path, `${VALUE}\n`, { mode: 0o600 });
    const first = await credential.fetch();
    expect(first.ok && first.value.reveal()).toBe(VALUE);
    writeFileSync(path, ' rotated \r\n');
    const second = await credential.fetch();
    expect(second.ok && second.value.reveal()).toBe(' rotated ');
    expect(lines).toEqual([]);
  });

  test('warns once when everybody can read it', async () => {
    writeFileSync(path, VALUE);
    chmodSync(path, 0o644);
    const credential = fileCredential(path, log);
    await credential.fetch();
    await credential.fetch();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('credential.exposed');
    expect(lines[0]).not.toContain(VALUE);
  });

  test.each([
    ['missing', () => {}, /cannot be read \(ENOENT\)$/],
    ['empty', () => writeFileSync(path, '\n'), /is empty$/],
    ['too long', () => writeFileSync(path, 'x'.repeat(16_385)), /is longer than 16384 bytes$/],
    ['binary', () => writeFileSync(path, 'a\0b'), /holds a NUL byte$/],
  ])('says what is wrong when it is %s', async (_name, make, message) => {
    make();
    const fetched = await fileCredential(path, log).fetch();
    expect(fetched).toMatchObject({ ok: false, error: { message: expect.stringMatching(message) } });
  });

  test('a directory is no credential', async () => {
    const fetched = await fileCredential(directory, log).fetch();
    expect(fetched).toMatchObject({ ok: false, error: { message: `${directory} is not a regular file` } });
  });
});

// A server that follows the API's documentation: AWS JSON 1.1, target in a header.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
describe('from AWS Secrets Manager', () => {
  let server: Server;
  let calls: string[];
  let secrets: Record<string, { SecretString?: string; SecretBinary?: string }>;

  beforeEach(async () => {
    calls = [];
    secrets = {};
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { SecretId } = JSON.parse(Buffer.concat(chunks).toString()) as { SecretId: string };
      calls.push(`${request.headers['x-amz-target']} ${SecretId}`);
      const signed = request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ');
      const found = secrets[SecretId];
      const type = { 'content-type': 'application/x-amz-json-1.1' };
      if (!signed) response.writeHead(400, type).end(JSON.stringify({ __type: 'MissingAuthenticationTokenException' }));
      else if (!found) {
        const error = { __type: 'ResourceNotFoundException', Message: `not found, but ${VALUE} was near` };
        response.writeHead(400, type).end(JSON.stringify(error));
      } else response.writeHead(200, type).end(JSON.stringify({ Name: SecretId, VersionId: 'v1', ...found }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', `http://127.0.0.1:${port}`);
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await new Promise((resolve) => server.close(resolve));
  });

  const fetchKey = (id: string, key?: string) => storedCredential(awsSecretStore(), id, `secret ${id}`, key).fetch();

  test('the whole string, or one key of JSON', async () => {
    secrets = {
      plain: { SecretString: VALUE },
      rds: { SecretString: JSON.stringify({ username: 'app', password: VALUE }) },
    };
    const plain = await fetchKey('plain');
    expect(plain.ok && plain.value.reveal()).toBe(VALUE);
    const rds = await fetchKey('rds', 'password');
    expect(rds.ok && rds.value.reveal()).toBe(VALUE);
    expect(calls).toEqual(['secretsmanager.GetSecretValue plain', 'secretsmanager.GetSecretValue rds']);
  });

  test.each([
    ['missing', undefined, undefined, 'secret it could not be fetched (ResourceNotFoundException)'],
    ['binary', { SecretBinary: 'aGk=' }, undefined, 'holds binary data'],
    ['not JSON', { SecretString: VALUE }, 'password', 'secret it is not JSON, so it has no key password'],
    ['without the key', { SecretString: JSON.stringify({ pass: VALUE }) }, 'password', 'secret it has no key password'],
    ['a list', { SecretString: JSON.stringify([VALUE]) }, 'password', 'secret it has no key password'],
    ['inherited', { SecretString: '{}' }, 'constructor', 'secret it has no key constructor'],
    ['a number', { SecretString: '{"password":1}' }, 'password', 'key password of secret it is not a string'],
    ['empty', { SecretString: '{"password":""}' }, 'password', 'is empty'],
  ])(
    'law 11: says what is wrong with one that is %s, and nothing of its value',
    async (_name, stored, key, message) => {
      if (stored) secrets = { it: stored };
      const fetched = await fetchKey('it', key);
      expect(fetched).toMatchObject({ ok: false, error: { reason: 'credential_unavailable' } });
      expect(fetched.ok ? '' : fetched.error.message).toContain(message);
      expect(inspect(fetched, { depth: 9 })).not.toContain(VALUE);
    },
  );

  test('a store that does not answer is a fault', async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await fetchKey('plain')).toMatchObject({ ok: false, error: { reason: 'credential_unavailable' } });
    server.listen(0);
  });

  test('a burst of sessions makes one call; a rotation is seen when the cache ends; faults are not kept', async () => {
    let now = 0;
    const credential = storedCredential(
      awsSecretStore(() => now),
      'plain',
      'secret plain',
      undefined,
    );
    expect(await credential.fetch()).toMatchObject({ ok: false });
    secrets = { plain: { SecretString: VALUE } };
    const answers = await Promise.all([credential.fetch(), credential.fetch(), credential.fetch()]);
    expect(answers.every((it) => it.ok)).toBe(true);
    expect(calls).toHaveLength(2);
    secrets = { plain: { SecretString: 'rotated' } };
    now = CACHE_MS + 1;
    const rotated = await credential.fetch();
    expect(rotated.ok && rotated.value.reveal()).toBe('rotated');
  });

  test('what the target refuses is fetched anew at once, and not by every session that it refuses', async () => {
    let now = 0;
    secrets = { plain: { SecretString: VALUE } };
    const credential = storedCredential(
      awsSecretStore(() => now),
      'plain',
      'secret plain',
      undefined,
    );
    const first = await credential.fetch();
    if (!first.ok) throw new Error(first.error.message);
    secrets = { plain: { SecretString: 'rotated' } };
    now = 5_000;
    expect((await credential.fetch()).ok && calls.length).toBe(1);
    const again = await Promise.all([credential.fetch(first.value), credential.fetch(first.value)]);
    expect(again.map((it) => it.ok && it.value.reveal())).toEqual(['rotated', 'rotated']);
    expect(calls).toHaveLength(2);
  });

  test('comes behind the same interface as the others', async () => {
    secrets = { plain: { SecretString: VALUE } };
    const open = createCredentials({ environment: {}, log });
    const fetched = await open.secret({ kind: 'secretsManager', id: 'plain', key: undefined }).fetch();
    expect(fetched.ok && fetched.value.reveal()).toBe(VALUE);
  });
});
