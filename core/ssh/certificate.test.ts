import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../scram.ts';
import { certificateFault } from './certificate-check.ts';
import { readCertificate, type SshCertificate, withoutCertificate, writeCertificate } from './certificate.ts';
import { blobOf } from './fields.ts';
import { grantCertificateTerms, grantOf } from './grant-certificate.ts';
import { ED25519, isSignature, publicKeyLine, readPublicKey, readPublicLine } from './public-key.ts';
import { ResourceName } from '../resource.ts';
import { GrantId } from '../ids.ts';

/** As ssh-keygen made them (make-certificates.sh beside the file). */
const made = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../test/fixtures/ssh/certificates.json'), 'utf8'),
) as Record<string, string>;
const blob = (name: string) => fromBase64((made[name] ?? '').split(' ')[1] ?? '');
const certificate = (name: string) => readCertificate(blob(name)) as SshCertificate;
const authority = blob('authority');
async function newEd25519() {
  const keys = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  if (!('privateKey' in keys)) throw new Error('expected a key pair');
  return keys;
}
const NOW = Date.parse('2026-11-30T12:00:00Z');
const expected = { authority, type: 'user' as const, principal: 'web', address: '198.51.100.1', now: NOW };
const faultOf = async (name: string, other: Partial<typeof expected> = {}) =>
  (await certificateFault(certificate(name), { ...expected, ...other }))?.reason;

describe('a certificate of ssh-keygen', () => {
  it.each(['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'])(
    'of a key of type %s is read and holds',
    async (name) => {
      const read = certificate(name);
      expect(read).toMatchObject({ serial: 7n, type: 'user', principals: ['web'], validAfter: 0n });
      expect([...read.extensions.keys()]).toContain('permit-pty');
      expect(grantOf(read)).toEqual({ id: 'grt_01h00000000000000000000000', email: 'alice@example.com' });
      expect(`${read.key.type}-cert-v01@openssh.com`).toBe((made[name] ?? '').split(' ')[0]);
      expect(await faultOf(name)).toBeUndefined();
      // Wherever its bytes stand: in the middle of a message, say.
      const within = Buffer.concat([Buffer.alloc(11, 0xff), blob(name)]).subarray(11);
      expect(readCertificate(within)?.serial).toBe(7n);
    },
  );

  it.each([
    ['otherAuthority', 'other_authority'],
    ['host', 'wrong_type'],
    ['expired', 'expired'],
    ['early', 'not_yet_valid'],
    ['otherPrincipal', 'other_principal'],
    ['noPrincipal', 'other_principal'],
    ['sourceAddress', 'other_address'],
    ['forceCommand', 'critical_option'],
    ['unknownOption', 'critical_option'],
    ['unknownExtension', undefined],
  ])('%s: %s', async (name, reason) => expect(await faultOf(name)).toBe(reason));

  it('may be used from the addresses that it names, and from what is within its networks', async () => {
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8::1'])
      expect(await faultOf('sourceAddress', { address })).toBeUndefined();
    for (const address of ['11.1.2.3', '192.0.2.8', '2001:db9::1', '', 'localhost'])
      expect(await faultOf('sourceAddress', { address })).toBe('other_address');
  });

  it('holds to the second: from its beginning on, and no more at its end', async () => {
    const from = Date.parse('2020-01-01T00:00:00Z');
    const { validAfter, validBefore } = certificate('expired');
    const at = (seconds: bigint, ms = 0) => faultOf('expired', { now: Number(seconds) * 1000 + ms });
    expect(Math.abs(Number(validAfter) * 1000 - from)).toBeLessThan(86_400_000);
    expect([await at(validAfter, -1), await at(validAfter), await at(validBefore, -1), await at(validBefore)]).toEqual([
      'not_yet_valid',
      undefined,
      undefined,
      'expired',
    ]);
  });

  it('that is changed anywhere is none of the authority, or none at all', async () => {
    const bytes = blob('sourceAddress');
    for (let at = 0; at < bytes.length; at++) {
      const bent = new Uint8Array(bytes);
      bent[at] = (bent[at] ?? 0) ^ 1;
      const read = readCertificate(bent);
      if (read) expect((await certificateFault(read, expected))?.reason, `byte ${at}`).toBe('other_authority');
    }
  });

  it('that is cut, or longer than it should be, is none', () => {
    const bytes = blob('ed25519');
    for (let length = 0; length < bytes.length; length++)
      expect(readCertificate(bytes.subarray(0, length))).toBeUndefined();
    expect(readCertificate(blobOf({ plain: bytes }, 'more'))).toBeUndefined();
    expect(readCertificate(new Uint8Array(100_000))).toBeUndefined();
  });

  it('is no authority, nor a key to be certified', async () => {
    const own = { ...expected, authority: blob('ed25519') };
    expect((await certificateFault(certificate('ed25519'), own))?.reason).toBe('other_authority');
    expect(readPublicKey(blob('ed25519'))).toBeUndefined();
    expect(readPublicLine(made.ed25519 ?? '')).toBeUndefined();
    // Nor is one read that is for a certificate.
    const nested = blobOf('ssh-ed25519-cert-v01@openssh.com-cert-v01@openssh.com', {
      plain: blob('ed25519').subarray(36),
    });
    expect(readCertificate(nested)).toBeUndefined();
  });
});

describe('a certificate of ours', () => {
  const id = GrantId.parse('grt_01h00000000000000000000000');
  const grant = { id, email: 'alice@example.com', resource: ResourceName.parse('web') };

  async function issue(type: 'user' | 'host' = 'user', change: Partial<SshCertificate> = {}) {
    const keys = await newEd25519();
    const own = blobOf(ED25519, new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey)));
    const key = readPublicLine(made.authority ?? '');
    if (!key) throw new Error('the key cannot be read');
    const terms = { ...grantCertificateTerms({ ...grant, untilMs: NOW + 60_000 }, 1n, NOW), type, ...change };
    const bytes = await writeCertificate(key, terms, new Uint8Array(32), own, async (data) =>
      blobOf(ED25519, new Uint8Array(await crypto.subtle.sign('Ed25519', keys.privateKey, data))),
    );
    return { own, bytes, read: readCertificate(bytes) };
  }

  it('is read as it was written, and never outlives its grant', async () => {
    const { own, read } = await issue();
    if (!read) throw new Error('it is not read');
    expect(await certificateFault(read, { ...expected, authority: own })).toBeUndefined();
    expect(grantOf(read)).toEqual({ id, email: 'alice@example.com' });
    expect(read.validBefore).toBe(BigInt((NOW + 60_000) / 1000));
    const long = grantCertificateTerms({ ...grant, untilMs: NOW + 86_400_000 }, 1n, NOW);
    expect(long.validBefore).toBe(BigInt(NOW / 1000 + 300));
  });

  it('whose options stand twice, or in another order, is none', async () => {
    const { bytes } = await issue('user', {
      extensions: new Map([
        ['a', new Uint8Array()],
        ['b', new Uint8Array()],
      ]),
    });
    const text = Buffer.from(bytes);
    const at = text.indexOf(Buffer.from('\0\0\0\x01a\0\0\0\0\0\0\0\x01b', 'latin1'));
    for (const [a, b] of ['bb', 'ba', 'aa']) {
      const bent = Buffer.from(text);
      bent.write(a ?? '', at + 4, 'latin1');
      bent.write(b ?? '', at + 13, 'latin1');
      expect(readCertificate(bent)).toBeUndefined();
    }
  });

  it.each([`${id}`, `${id} alice`, ` ${id} alice@example.com`, `${id} alice@example.com x`, 'alice@example.com', ''])(
    'that says %j is for no grant',
    (keyId) => expect(grantOf({ keyId })).toBeUndefined(),
  );
});

describe('a public key', () => {
  it('is taken as a line of a file that ends in .pub, and by nothing else', () => {
    const line = made.authority ?? '';
    const key = readPublicLine(line);
    expect(key && publicKeyLine(key.type, key.blob)).toBe(line.split(' ').slice(0, 2).join(' '));
    for (const wrong of [
      '',
      'ssh-ed25519',
      'ssh-ed25519 !',
      `command="x" ${line}`,
      line.replace('ed25519', 'rsa'),
      `${line}\n${line}`,
    ])
      expect(readPublicLine(wrong)).toBeUndefined();
  });

  const rsa = (exponent: number[], modulusBytes: number) =>
    readPublicKey(
      blobOf('ssh-rsa', new Uint8Array(exponent), new Uint8Array([0, ...Array<number>(modulusBytes).fill(0xff)])),
    );
  it('of RSA is neither short nor endless, nor has an exponent by which anybody can sign', () => {
    expect(rsa([1, 0, 1], 256)).toBeDefined();
    expect(rsa([1, 0, 1], 255)).toBeUndefined();
    expect(rsa([1, 0, 1], 1025)).toBeUndefined();
    expect(rsa([1], 256)).toBeUndefined();
    expect(rsa([2], 256)).toBeUndefined();
    expect(rsa([1, 0, 0, 0, 1], 256)).toBeUndefined();
  });
});

describe('a signature', () => {
  const data = new TextEncoder().encode('session and request');
  async function rsaKey(hash: string) {
    const keys = await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash },
      true,
      ['sign', 'verify'],
    );
    const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey);
    const number = (text = '') => {
      const bytes = Buffer.from(text, 'base64url');
      return (bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    };
    const key = readPublicKey(blobOf('ssh-rsa', number(jwk.e), number(jwk.n)));
    if (!key) throw new Error('the key cannot be read');
    const bytes = new Uint8Array(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', keys.privateKey, data));
    return { key, bytes };
  }

  it('by RSA is of the algorithm that it names, which rests on SHA-2', async () => {
    const sha2 = await rsaKey('SHA-256');
    const by = (named: string, inside: string, bytes = sha2.bytes) =>
      isSignature(sha2.key, named, data, blobOf(inside, bytes));
    expect(await by('rsa-sha2-256', 'rsa-sha2-256')).toBe(true);
    expect(await by('rsa-sha2-512', 'rsa-sha2-512')).toBe(false);
    expect(await by('rsa-sha2-512', 'rsa-sha2-256')).toBe(false);
    expect(await by('rsa-sha2-256', 'ssh-rsa')).toBe(false);
    const sha1 = await rsaKey('SHA-1');
    for (const [named, inside] of [
      ['ssh-rsa', 'ssh-rsa'],
      ['rsa-sha2-256', 'ssh-rsa'],
      ['rsa-sha2-256', 'rsa-sha2-256'],
    ])
      expect(await isSignature(sha1.key, named ?? '', data, blobOf(inside ?? '', sha1.bytes))).toBe(false);
  });

  it('of Ed25519 is none of other bytes, nor longer, nor by a key of another type', async () => {
    const keys = await newEd25519();
    const key = readPublicKey(blobOf(ED25519, new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey))));
    if (!key) throw new Error('the key cannot be read');
    const bytes = new Uint8Array(await crypto.subtle.sign('Ed25519', keys.privateKey, data));
    const whole = blobOf(ED25519, bytes);
    expect(await isSignature(key, ED25519, data, whole)).toBe(true);
    expect(await isSignature(key, ED25519, data.subarray(1), whole)).toBe(false);
    expect(await isSignature(key, ED25519, data, blobOf({ plain: whole }, 'x'))).toBe(false);
    expect(await isSignature(key, ED25519, data, blobOf(ED25519, new Uint8Array([...bytes, 0])))).toBe(false);
    expect(await isSignature(key, 'rsa-sha2-256', data, blobOf('rsa-sha2-256', bytes))).toBe(false);
    expect(toBase64(whole)).toMatch(/^AAAAC3NzaC1lZDI1NTE5/);
  });

  it('of ECDSA by a point that is not on its curve is none', async () => {
    const point = new Uint8Array(65).fill(7);
    point[0] = 4;
    const key = readPublicKey(blobOf('ecdsa-sha2-nistp256', 'nistp256', point));
    if (!key) throw new Error('the key cannot be read');
    const signature = blobOf('ecdsa-sha2-nistp256', blobOf(new Uint8Array([1]), new Uint8Array([1])));
    expect(await isSignature(key, 'ecdsa-sha2-nistp256', data, signature)).toBe(false);
  });
});

it.each([
  ['ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519'],
  ['rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-512'],
  ['ssh-ed25519', undefined],
  ['', undefined],
])('%s names the algorithm %s', (name, algorithm) => expect(withoutCertificate(name)).toBe(algorithm));
