// Registered public keys: by the API, and as connectors ask for them.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { ApiError, RegisteredKey } from '../../../core/api.ts';
import { Resource, ResourceName } from '../../../core/resource.ts';
import { toBase64 } from '../../../core/scram.ts';
import { blobOf } from '../../../core/ssh/fields.ts';
import { ED25519, fingerprintOf, publicKeyLine } from '../../../core/ssh/public-key.ts';
import { PersonKeys } from '../../storage/people/person-keys.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

let alice: Caller;
let bob: Caller;
let link: TestLink;

interface TestKey {
  readonly line: string;
  readonly blob: Uint8Array;
  sign(text: string, namespace?: string): Promise<string>;
}

/** Signs as ssh-keygen does. */
async function newKey(): Promise<TestKey> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair;
  const point = new Uint8Array((await crypto.subtle.exportKey('raw', pair.publicKey)) as ArrayBuffer);
  const blob = blobOf(ED25519, point);
  const magic = { plain: new TextEncoder().encode('SSHSIG') };
  return {
    line: publicKeyLine(ED25519, blob),
    blob,
    async sign(text, namespace = 'gatehouse-key') {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-512', new TextEncoder().encode(text)));
      const signed = blobOf(magic, namespace, '', 'sha512', digest);
      const bytes = new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, signed));
      const armoured = toBase64(blobOf(magic, 1, blob, namespace, '', 'sha512', blobOf(ED25519, bytes)));
      return `-----BEGIN SSH SIGNATURE-----\n${armoured}\n-----END SSH SIGNATURE-----\n`;
    },
  };
}

const wanted = (person: string) => `This key signs in ${person}@example.com at http://localhost:8787\n`;
async function add(
  who: Caller,
  key: TestKey,
  options: { line?: string; name?: string; text?: string; by?: TestKey } = {},
) {
  const { line = key.line, name = '', text = wanted(who === bob ? 'bob' : 'alice'), by = key } = options;
  return who.send('POST', '/keys', { publicKey: line, name, signature: await by.sign(text) });
}
const listed = async (who: Caller) =>
  (await (await who.get('/keys')).json<{ keys: RegisteredKey[] }>()).keys.map(({ fingerprint }) => fingerprint);
const refusalOf = async (response: Response) => [response.status, (await response.json<ApiError>()).error.reason];
let call = 0;
async function asked(key: string, name = 'web', protocol: 'ssh' | 'postgres' = 'ssh') {
  link.send({ kind: 'grants.of_key', call: ++call, key, resource: ResourceName.parse(name), protocol });
  return link.next('grants.found');
}

beforeAll(async () => {
  [alice, bob] = [await callerAs('alice'), await callerAs('bob')];
  const connector = await TestConnector.join('keys');
  link = await connector.open();
  const web = Resource.parse({ ...resource('web'), protocol: 'ssh' });
  const resources = [web, Resource.parse(resource('shop'))];
  link.send({ kind: 'hello', connector: connector.id, build: 'tests', resources, live: [], understands: [] });
  expect((await link.next('welcome')).understands).toContain('grants.of_key');
});

test('one is registered, listed and removed by its person, and written down first', async () => {
  const key = await newKey();
  const fingerprint = await fingerprintOf(key.blob);
  const added = await (
    await add(alice, key, { line: `${key.line} alice@laptop`, name: 'laptop' })
  ).json<RegisteredKey>();
  expect(added).toMatchObject({ fingerprint, type: ED25519, name: 'laptop' });
  expect((Date.parse(added.expiresAt) - Date.now()) / 86_400_000).toBeCloseTo(90, 1);
  expect(await newest('key.added')).toMatchObject({ actor: 'alice@example.com', object: fingerprint });
  expect(await listed(alice)).toContain(fingerprint);
  expect(await listed(bob)).toEqual([]);
  expect(await refusalOf(await bob.send('POST', '/keys/remove', { fingerprint }))).toEqual([404, 'not_found']);
  expect(await refusalOf(await add(bob, key))).toEqual([409, 'conflict']);
  expect(await newest('key.added')).toMatchObject({ actor: 'alice@example.com' });
  expect((await add(alice, key)).status).toBe(200);
  expect((await alice.send('POST', '/keys/remove', { fingerprint })).status).toBe(200);
  expect(await newest('key.removed')).toMatchObject({ actor: 'alice@example.com', object: fingerprint });
  expect(await listed(alice)).not.toContain(fingerprint);
  expect((await add(bob, key)).status).toBe(200);
});

test('nobody registers a key that is not theirs: its holder signs for whom, and where', async () => {
  const key = await newKey();
  const other = await newKey();
  for (const options of [
    { by: other },
    { text: wanted('bob') },
    { text: wanted('alice').replace('localhost', 'elsewhere') },
    { text: wanted('alice').trimEnd() },
  ])
    expect(await refusalOf(await add(alice, key, options))).toEqual([400, 'bad_request']);
  const forAnother = await key.sign(wanted('alice'), 'git');
  for (const signature of [forAnother, '', 'x', forAnother.replaceAll('SSH SIG', 'PGP SIG')])
    expect(await refusalOf(await alice.send('POST', '/keys', { publicKey: key.line, signature }))).toEqual([
      400,
      'bad_request',
    ]);
  expect(await listed(alice)).not.toContain(await fingerprintOf(key.blob));
  expect((await add(alice, key)).status).toBe(200);
});

test('a connector finds the grant of its person for its own resource, without the verifier, and nothing else', async () => {
  const key = await newKey();
  const fingerprint = await fingerprintOf(key.blob);
  await add(alice, key);
  expect(await asked(fingerprint)).toMatchObject({ candidates: [] });
  const grant = await grantFor(alice, 'web');
  const found = await asked(fingerprint);
  expect(found.email).toBe('alice@example.com');
  expect(found.candidates).toEqual([
    { id: grant.id, until: grant.until, revoked: false, verifier: { storedKey: '', serverKey: '' } },
  ]);
  await grantFor(alice, 'shop');
  for (const other of [
    await asked(fingerprint, 'shop'),
    await asked(fingerprint, 'web', 'postgres'),
    await asked(fingerprint, 'nowhere'),
    await asked(await fingerprintOf((await newKey()).blob)),
  ])
    expect([other.candidates, other.email]).toEqual([[], undefined]);
  await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'tests' });
  expect((await asked(fingerprint)).candidates).toMatchObject([{ id: grant.id, revoked: true }]);
  await alice.send('POST', '/keys/remove', { fingerprint });
  expect(await asked(fingerprint)).toMatchObject({ candidates: [] });
});

test.each(['', 'ssh-ed25519 AAAA', 'ssh-ed25519-cert-v01@openssh.com AAAA'])('%j is none', async (line) => {
  expect(await refusalOf(await add(alice, await newKey(), { line }))).toEqual([400, 'bad_request']);
});

test('a person has so many, and each ends by itself', async () => {
  await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), async (_object, state) => {
    const keys = new PersonKeys(state.storage.sql);
    const one = (index: number) => ({ fingerprint: `SHA256:${index}`, type: ED25519, name: '' });
    for (let index = 0; index < 20; index++) expect(keys.add('dora@example.com', one(index), 1000).ok).toBe(true);
    expect(keys.add('dora@example.com', one(20), 1000)).toEqual({ ok: false, error: 'too_many' });
    expect(keys.add('dora@example.com', one(3), 2000).ok).toBe(true);
    const end = 1000 + 90 * 86_400_000;
    expect([keys.holder('SHA256:1', end - 1), keys.holder('SHA256:1', end)]).toEqual(['dora@example.com', undefined]);
    expect(keys.of('dora@example.com', end)).toHaveLength(1);
    // What has ended is nobody's: somebody else may register it.
    expect(keys.add('emil@example.com', one(1), end).ok).toBe(true);
    keys.cleanUp(end);
    expect(keys.of('dora@example.com', 0)).toHaveLength(1);
  });
});
