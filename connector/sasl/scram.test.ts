import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { GrantCandidate } from '../../core/control.ts';
import { newId } from '../../core/ids.ts';
import { secret } from '../../core/secret.ts';
import { findCandidate, sameKey, ScramClient, ScramServer, storedKeyOf } from './scram.ts';

const salt = Buffer.from('0123456789abcdef');
const ITERATIONS = 4096;

function candidate(password: string, over: { salt?: Buffer; iterations?: number } = {}): GrantCandidate {
  const salted = pbkdf2Sync(password, over.salt ?? salt, over.iterations ?? ITERATIONS, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  return {
    id: newId('grt'),
    verifier: {
      storedKey: createHash('sha256').update(hmac('Client Key')).digest('base64'),
      serverKey: hmac('Server Key').toString('base64'),
    },
    until: '2030-01-01T00:00:00.000Z',
    revoked: false,
  };
}

interface Setup {
  candidates: readonly GrantCandidate[];
  clientBinding?: Buffer | undefined;
  serverBinding?: Buffer | undefined;
  offered?: readonly string[];
}

async function exchange(password: string, setup: Setup) {
  const client = new ScramClient({
    binding: setup.clientBinding,
    mechanisms: setup.offered ?? ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
    password: secret(password),
    nonce: 'client-nonce',
  });
  const server = new ScramServer({
    mechanism: client.mechanism,
    binding: setup.serverBinding,
    salt,
    iterations: ITERATIONS,
    candidates: setup.candidates,
    nonce: 'server-nonce',
  });
  const first = server.first(Buffer.from(client.first()));
  if (!first.ok) return { client, failed: first.error };
  const final = await client.final(first.value);
  if (!final.ok) return { client, failed: final.error };
  const proven = server.final(Buffer.from(final.value));
  if (!proven.ok) return { client, failed: proven.error };
  return { client, grant: proven.value.grant, verified: client.verify(proven.value.reply).ok };
}

describe('SCRAM-SHA-256', () => {
  it('gives the messages of the example in RFC 7677', async () => {
    const client = new ScramClient({
      binding: undefined,
      mechanisms: ['SCRAM-SHA-256'],
      password: secret('pencil'),
      nonce: 'rOprNGfwEbeRWgbNEkqO',
    });
    const serverFirst = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
    const final = await client.final(serverFirst);
    // The example names the user in client-first, which PostgreSQL leaves empty: so the proof differs, the rest does not.
    expect(final.ok && final.value).toMatch(/^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=/);
    const example = candidate('pencil', { salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64') });
    const server = new ScramServer({
      mechanism: 'SCRAM-SHA-256',
      binding: undefined,
      salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
      iterations: 4096,
      candidates: [example],
      nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    });
    expect(server.first(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))).toEqual({ ok: true, value: serverFirst });
    const proven = server.final(
      Buffer.from(
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      ),
    );
    expect(proven.ok && proven.value.reply).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it('finds which of several grants the client holds, and proves itself to the client', async () => {
    const candidates = [candidate('one'), candidate('two'), candidate('three')];
    for (const [i, password] of ['one', 'two', 'three'].entries()) {
      const result = await exchange(password, { candidates });
      expect(result).toMatchObject({ grant: { id: candidates[i]?.id }, verified: true });
    }
  });

  it('refuses a wrong password and a person without grants alike', async () => {
    expect((await exchange('wrong', { candidates: [candidate('right')] })).failed).toBe('wrong');
    expect((await exchange('wrong', { candidates: [] })).failed).toBe('wrong');
  });

  it('binds to the TLS connection where both sides can', async () => {
    const binding = Buffer.alloc(32, 7);
    const result = await exchange('one', {
      candidates: [candidate('one')],
      clientBinding: binding,
      serverBinding: binding,
    });
    expect(result.client.mechanism).toBe('SCRAM-SHA-256-PLUS');
    expect(result.verified).toBe(true);
  });

  it('refuses a login that was made for another TLS connection', async () => {
    const result = await exchange('one', {
      candidates: [candidate('one')],
      clientBinding: Buffer.alloc(32, 1),
      serverBinding: Buffer.alloc(32, 2),
    });
    expect(result.failed).toBe('binding');
  });

  it('refuses a client that was led to believe that the gateway cannot bind', async () => {
    const binding = Buffer.alloc(32, 7);
    const result = await exchange('one', {
      candidates: [candidate('one')],
      clientBinding: binding,
      serverBinding: binding,
      offered: ['SCRAM-SHA-256'],
    });
    expect(result.failed).toBe('binding');
  });

  it('does not take a server for the target that cannot sign', async () => {
    const client = new ScramClient({
      binding: undefined,
      mechanisms: ['SCRAM-SHA-256'],
      password: secret('x'),
      nonce: 'abcdefgh',
    });
    await client.final(`r=abcdefghij,s=${salt.toString('base64')},i=4096`);
    expect(client.verify(`v=${Buffer.alloc(32).toString('base64')}`).ok).toBe(false);
    expect(client.verify('e=other-error').ok).toBe(false);
  });

  it.each([
    'r=other,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096',
    'r=abcdefgh,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096',
    'r=abcdefghij,s=,i=4096',
    'r=abcdefghij,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=0',
    'r=abcdefghij,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=1000000000',
    'm=ext,r=abcdefghij,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096',
    '',
  ])('refuses the server-first-message %j', async (serverFirst) => {
    const client = new ScramClient({
      binding: undefined,
      mechanisms: ['SCRAM-SHA-256'],
      password: secret('x'),
      nonce: 'abcdefgh',
    });
    expect((await client.final(serverFirst)).ok).toBe(false);
  });

  it.each([
    '',
    'n,,n=,r=',
    'n,,n=,r=short',
    'x,,n=,r=abcdefghijkl',
    'p=tls-unique,,n=,r=abcdefghijkl',
    'n,a=admin,n=,r=abcdefghijkl',
  ])('refuses the client-first-message %j', (first) => {
    const server = new ScramServer({
      mechanism: 'SCRAM-SHA-256',
      binding: undefined,
      salt,
      iterations: 4096,
      candidates: [],
      nonce: 'n',
    });
    expect(server.first(Buffer.from(first)).ok).toBe(false);
  });
});

describe('a plain password', () => {
  it('is compared with every candidate', async () => {
    const candidates = [candidate('one'), candidate('two')];
    const key = await storedKeyOf(secret('two'), salt, ITERATIONS);
    let compared = 0;
    const found = findCandidate(candidates, (storedKey) => {
      compared++;
      return sameKey(key, storedKey);
    });
    expect(found?.id).toBe(candidates[1]?.id);
    expect(compared).toBe(2);
  });
});
