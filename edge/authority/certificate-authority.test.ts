import 'reflect-metadata';
import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import {
  type GeneralName,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from '@peculiar/x509';
import { beforeAll, expect, test } from 'vitest';
import { EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';

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
