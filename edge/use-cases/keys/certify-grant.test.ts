// Certificates for grants, by the API.

import { SELF } from 'cloudflare:test';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApiError, IssuedSshCertificate } from '../../../core/api.ts';
import { Resource } from '../../../core/resource.ts';
import { fromBase64 } from '../../../core/scram.ts';
import { certificateFault } from '../../../core/ssh/certificate-check.ts';
import { readCertificate } from '../../../core/ssh/certificate.ts';
import { blobOf } from '../../../core/ssh/fields.ts';
import { grantOf } from '../../../core/ssh/grant-certificate.ts';
import { ED25519, publicKeyLine, readPublicLine } from '../../../core/ssh/public-key.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector } from '../../test/connector.ts';
import { grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

const KEY = `${publicKeyLine(ED25519, blobOf(ED25519, new Uint8Array(32).fill(7)))} alice@laptop`;
let alice: Caller;
let bob: Caller;
let userAuthority: string | undefined;

beforeAll(async () => {
  [alice, bob] = [await callerAs('alice'), await callerAs('bob')];
  const connector = await TestConnector.join('shells');
  const web = {
    ...resource('web'),
    protocol: 'ssh' as const,
    login: 'deploy',
    endpoint: { host: 'gw.example.com', port: 2222, hostKey: 'ssh-ed25519 AAAAC3Nz' },
  };
  const link = await connector.open();
  const resources = [web, resource('shop')].map((one) => Resource.parse(one));
  link.send({ kind: 'hello', connector: connector.id, build: 'tests', resources, live: [], understands: [] });
  ({ userAuthority } = await link.next('welcome'));
});

const certify = (who: Caller, grant: string, publicKey = KEY) =>
  who.send('POST', `/grants/${grant}/ssh-certificate`, { publicKey });
const refusalOf = async (response: Response) => [response.status, (await response.json<ApiError>()).error.reason];

describe('a certificate for a grant', () => {
  test("is the authority's, for the grant, its resource and its person, and is written down first", async () => {
    const grant = await grantFor(alice, 'web');
    const response = await certify(alice, grant.id);
    expect(response.status).toBe(200);
    const issued = await response.json<IssuedSshCertificate>();
    expect(issued).toMatchObject({
      grant: grant.id,
      resource: 'web',
      host: 'gw.example.com',
      port: 2222,
      user: 'deploy@web',
    });
    expect(issued.knownHosts).toEqual([
      expect.stringMatching(/^@cert-authority \[gw\.example\.com\]:2222 ssh-ed25519 AAAA[\w+/]{64,}$/),
      '[gw.example.com]:2222 ssh-ed25519 AAAAC3Nz',
    ]);
    const certificate = readCertificate(fromBase64(issued.certificate.split(' ')[1] ?? ''));
    if (!certificate) throw new Error('it cannot be read');
    expect(issued.certificate.split(' ')[0]).toBe('ssh-ed25519-cert-v01@openssh.com');
    expect(String(certificate.serial)).toBe(issued.serial);
    expect(grantOf(certificate)).toEqual({ id: grant.id, email: 'alice@example.com' });
    const authority = readPublicLine(userAuthority ?? '')?.blob;
    if (!authority) throw new Error('the connector was not told the authority');
    const expected = { authority, type: 'user' as const, principal: 'web', address: '192.0.2.1', now: Date.now() };
    expect(await certificateFault(certificate, expected)).toBeUndefined();
    const lasts = Date.parse(issued.until) - Date.now();
    expect(lasts).toBeGreaterThan(4 * 60_000);
    expect(lasts).toBeLessThanOrEqual(5 * 60_000);
    expect(await newest('grant.certified')).toMatchObject({
      actor: 'alice@example.com',
      object: grant.id,
      details: {
        resource: 'web',
        serial: issued.serial,
        until: issued.until,
        key: expect.stringMatching(/^SHA256:.{43}$/),
      },
    });
  });

  test('is for its holder alone, administrators neither; nobody learns which grants there are', async () => {
    const grant = await grantFor(alice, 'web');
    const before = await newest('grant.certified');
    expect(await refusalOf(await certify(bob, grant.id))).toEqual([404, 'not_found']);
    expect(await refusalOf(await certify(bob, 'grt_01h00000000000000000000000'))).toEqual([404, 'not_found']);
    expect(await newest('attempt.refused')).toMatchObject({
      actor: 'bob@example.com',
      details: { wanted: 'grant.certified' },
    });
    const nobody = await SELF.fetch(`${EDGE}/api/v1/grants/${grant.id}/ssh-certificate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: KEY }),
    });
    expect(nobody.status).toBe(401);
    expect(await newest('grant.certified')).toEqual(before);
  });

  test('is not made once the grant is revoked, nor for what is reached otherwise', async () => {
    const grant = await grantFor(alice, 'web');
    await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'tests' });
    expect(await refusalOf(await certify(alice, grant.id))).toEqual([409, 'conflict']);
    expect(await refusalOf(await certify(alice, (await grantFor(alice, 'shop')).id))).toEqual([409, 'conflict']);
  });

  test.each([
    ['', 'nothing'],
    ['ssh-ed25519 AAAA', 'a cut one'],
    [`${publicKeyLine('ssh-dss', blobOf('ssh-dss', new Uint8Array(20)))}`, 'DSA'],
    [
      publicKeyLine('ssh-rsa', blobOf('ssh-rsa', new Uint8Array([1, 0, 1]), new Uint8Array(128).fill(0x7f))),
      'a short RSA key',
    ],
    [`${KEY}\n${KEY}`, 'two'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----', 'a private key'],
  ])('is not made of %j: %s', async (publicKey) => {
    const grant = await grantFor(bob, 'web');
    expect(await refusalOf(await certify(bob, grant.id, publicKey))).toEqual([400, 'bad_request']);
    await bob.send('POST', `/grants/${grant.id}/revoke`, {});
  });

  test('is no key to be certified itself', async () => {
    const grant = await grantFor(alice, 'web');
    const { certificate } = await (await certify(alice, grant.id)).json<IssuedSshCertificate>();
    expect(await refusalOf(await certify(alice, grant.id, certificate))).toEqual([400, 'bad_request']);
  });
});
