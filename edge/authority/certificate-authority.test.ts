import 'reflect-metadata';
import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import {
  type GeneralName,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import { Resource } from '../../core/resource.ts';
import { fromBase64 } from '../../core/scram.ts';
import { readCertificate } from '../../core/ssh/certificate.ts';
import { blobOf } from '../../core/ssh/fields.ts';
import { ED25519, publicKeyLine } from '../../core/ssh/public-key.ts';
import { remote } from '../objects/rpc.ts';
import { EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { newest } from '../test/grants.ts';

let connector: TestConnector;
beforeAll(async () => {
  connector = await TestConnector.join('listener');
  await connector.link([resource('shop', {}, 'Shop.Example.com'), resource('ip', {}, '10.0.0.7')]);
});

async function csrFor(
  names: { type: 'dns' | 'ip'; value: string }[],
  algorithm = { name: 'ECDSA', namedCurve: 'P-256' },
) {
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=whatever the connector says',
    keys,
    signingAlgorithm: { ...algorithm, hash: 'SHA-256' },
    extensions: names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [],
  });
  return request.toString('pem');
}

const ask = async (csr: string, jwt?: string) =>
  SELF.fetch(`${EDGE}/api/v1/connectors/certificate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${jwt ?? (await connector.jwt())}` },
    body: JSON.stringify({ csr }),
  });

test('signs for announced hosts; the chain holds against /ca.pem', async () => {
  const response = await ask(
    await csrFor([
      { type: 'dns', value: 'shop.example.com' },
      { type: 'ip', value: '10.0.0.7' },
      { type: 'dns', value: 'localhost' },
    ]),
  );
  expect(response.status).toBe(200);
  const issued = await response.json<{ certificate: string; authority: string; notAfter: string }>();
  const authorityPem = await (await SELF.fetch(`${EDGE}/ca.pem`)).text();
  expect(issued.authority).toBe(authorityPem);
  const authority = new X509Certificate(authorityPem);
  const certificate = new X509Certificate(issued.certificate);
  expect(await certificate.verify({ publicKey: authority.publicKey })).toBe(true);
  expect(await authority.verify({ publicKey: authority.publicKey })).toBe(true);
  expect(certificate.issuer).toBe(authority.subject);
  expect(certificate.subject).toBe(`CN=${connector.id}`);
  const names = certificate
    .getExtension(SubjectAlternativeNameExtension)
    ?.names.items.map(({ value }: GeneralName) => value);
  expect(names).toEqual(['shop.example.com', '10.0.0.7', 'localhost']);
  const days = (certificate.notAfter.getTime() - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(29.9);
  expect(days).toBeLessThanOrEqual(30);
});

test.each<[string, { type: 'dns' | 'ip'; value: string }[], string]>([
  [
    "another's host",
    [
      { type: 'dns', value: 'shop.example.com' },
      { type: 'dns', value: 'bank.example.com' },
    ],
    'bank.example.com',
  ],
  ['a wildcard', [{ type: 'dns', value: '*.example.com' }], '*.example.com'],
  ['another address', [{ type: 'ip', value: '10.0.0.8' }], '10.0.0.8'],
  ['no name', [], 'subject alternative names'],
])('signs nothing for %s', async (_what, names, told) => {
  const response = await ask(await csrFor(names));
  expect(response.status).toBe(400);
  expect(JSON.stringify(await response.json())).toContain(told);
});

test('signs no request that is damaged, or whose signature is not its own', async () => {
  const csr = await csrFor([{ type: 'dns', value: 'localhost' }]);
  const bent = csr.replace(/.(?=.{30}-----END)/s, (letter) => (letter === 'A' ? 'B' : 'A'));
  for (const bad of ['', 'not a request', bent]) expect((await ask(bad)).status).toBe(400);
});

test('signs for nobody without the key that joined', async () => {
  const csr = await csrFor([{ type: 'dns', value: 'localhost' }]);
  const { privateKey } = await TestConnector.newKey();
  expect((await ask(csr, await connector.jwt({ key: privateKey }))).status).toBe(401);
  const used = await connector.jwt();
  expect((await ask(csr, used)).status).toBe(200);
  expect((await ask(csr, used)).status).toBe(401);
});

test('is made once, and its key is stored wrapped', async () => {
  const both = await Promise.all([1, 2].map(async () => (await SELF.fetch(`${EDGE}/ca.pem`)).text()));
  expect(both[0]).toBe(both[1]);
  await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), async (_object, state) => {
    const wrapped = String(state.storage.sql.exec('SELECT wrapped_key FROM authority').one().wrapped_key);
    const sealed = Uint8Array.from(atob(wrapped.split('.')[1] ?? ''), (character) => character.charCodeAt(0));
    await expect(
      crypto.subtle.importKey('pkcs8', sealed, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
    ).rejects.toThrow();
  });
});

const HOST_KEY = publicKeyLine(ED25519, blobOf(ED25519, new Uint8Array(32).fill(7)));

describe('the authority for host keys', () => {
  let gateway: TestConnector;
  beforeAll(async () => {
    gateway = await TestConnector.join('gateway');
    const link = await gateway.open();
    const at = (name: string, host: string, hostKey = HOST_KEY) =>
      Resource.parse({ name, protocol: 'ssh', endpoint: { host, port: 2222, hostKey } });
    const resources = [
      at('web', 'Gw.Example.com'),
      at('files', 'files.example.com'),
      at('other', 'x.example.com', 'ssh-ed25519 AAAA'),
    ];
    link.send({ kind: 'hello', connector: gateway.id, build: 'tests', resources, live: [], understands: [] });
    await link.next('welcome');
  });
  const certify = async (publicKey: string, jwt?: string) =>
    SELF.fetch(`${EDGE}/api/v1/connectors/host-certificate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${jwt ?? (await gateway.jwt())}` },
      body: JSON.stringify({ publicKey }),
    });

  test('certifies one that was announced, for the hosts that it was announced with', async () => {
    const response = await certify(`${HOST_KEY} comment`);
    expect(response.status).toBe(200);
    const { certificate, until } = await response.json<{ certificate: string; until: string }>();
    const read = readCertificate(fromBase64(certificate.split(' ')[1] ?? ''));
    expect(read).toMatchObject({
      type: 'host',
      keyId: gateway.id,
      principals: ['files.example.com', 'gw.example.com', 'localhost', '127.0.0.1', '::1'],
    });
    expect(read && publicKeyLine(read.key.type, read.key.blob)).toBe(HOST_KEY);
    const days = (Date.parse(until) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
    // Neither authority's key is the other's.
    const grants = remote(env.DIRECTORY);
    const [user, host] = await Promise.all((['user', 'host'] as const).map((use) => grants.sshAuthority(use)));
    expect(read?.authority).toEqual(blobOf(ED25519, fromBase64(host?.publicKey ?? '')));
    expect(user?.publicKey).not.toBe(host?.publicKey);
    expect(await newest('connector.certified')).toMatchObject({ actor: `connector:${gateway.id}` });
  });

  test('certifies no other key, for no other connector, and for nobody without its key', async () => {
    const other = publicKeyLine(ED25519, blobOf(ED25519, new Uint8Array(32).fill(8)));
    for (const line of [other, 'ssh-ed25519 AAAA', '']) expect((await certify(line)).status).toBe(400);
    expect((await certify(HOST_KEY, await connector.jwt())).status).toBe(400);
    const { privateKey } = await TestConnector.newKey();
    expect((await certify(HOST_KEY, await gateway.jwt({ key: privateKey }))).status).toBe(401);
  });

  test('stores its keys wrapped, and makes each once', async () => {
    const made = await remote(env.DIRECTORY).keepSshAuthority('host', { publicKey: 'x', wrappedKey: 'y' });
    expect(made.publicKey).not.toBe('x');
    const sealed = fromBase64(made.wrappedKey.split('.')[1] ?? '');
    await expect(crypto.subtle.importKey('pkcs8', sealed, 'Ed25519', false, ['sign'])).rejects.toThrow();
  });
});
