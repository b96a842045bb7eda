// Key exchange between two of our own sides, and the arithmetic by itself.

import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, encapsulate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hybridClient, hybridServer } from './mlkem-exchange.ts';
import { newEd25519Key, Packets, parsePrivateKey } from './ssh2.ts';

const PING = Buffer.from([80, 1, 2, 3]);

/** Both sides, with what each was told. `pump` hands on all that they wrote. */
function sides() {
  const hostKey = parsePrivateKey(newEd25519Key());
  if (!hostKey) throw new Error('no key');
  const written = { server: [] as Buffer[], client: [] as Buffer[] };
  const told = { server: [] as string[], client: [] as string[] };
  const make = (of: 'server' | 'client') =>
    new Packets(of === 'server' ? { of, hostKey } : { of, preferred: [], verify: () => true }, {
      write: (bytes) => void written[of].push(bytes),
      payload: (payload) => void told[of].push(payload.toString('hex')),
      keysExchanged: () => void told[of].push('keys'),
      disconnected: (words) => void told[of].push(`left: ${words}`),
      failed: (error) => void told[of].push(`failed: ${error.message}`),
    });
  const server = make('server');
  const client = make('client');
  const pump = () => {
    while (written.server.length + written.client.length > 0) {
      for (const bytes of written.server.splice(0)) client.take(bytes);
      for (const bytes of written.client.splice(0)) server.take(bytes);
    }
  };
  server.start();
  client.start();
  return { server, client, told, written, pump };
}

const ping = (from: Packets) => from.send(PING.length, (packet, start) => PING.copy(packet, start));

describe('mlkem768x25519-sha256', () => {
  it('is what two of our own agree on, again when keys are exchanged anew by either', () => {
    const { server, client, told, pump } = sides();
    pump();
    expect([server.algorithms, client.algorithms]).toEqual(
      Array(2).fill('mlkem768x25519-sha256 aes128-gcm@openssh.com'),
    );
    expect(server.sessionId.equals(client.sessionId)).toBe(true);
    for (const side of [client, server]) {
      const { sessionId } = side;
      ping(client);
      ping(server);
      side.exchangeKeysAnew();
      pump();
      expect(side.sessionId).toBe(sessionId);
      expect(side.algorithms).toContain('mlkem768x25519-sha256');
    }
    ping(client);
    ping(server);
    pump();
    const hex = PING.toString('hex');
    for (const name of ['server', 'client'] as const) {
      expect(told[name].filter((one) => one === 'keys')).toHaveLength(3);
      expect(told[name].filter((one) => one === hex)).toHaveLength(3);
      expect(told[name].filter((one) => one !== hex && one !== 'keys')).toEqual([]);
    }
  });

  it('the key is the digest of both secrets, ML-KEM’s first', () => {
    const server = hybridServer();
    const curve = generateKeyPairSync('x25519');
    const shared: Buffer[] = [];
    const client = hybridClient();
    const key = server.agree(client.sent);
    expect([client.sent.length, server.sent.length, key.length]).toEqual([1216, 1120, 32]);
    expect(client.agree(server.sent).equals(key)).toBe(true);
    // A server of its own making, from the parts.
    const other = hybridClient();
    const spki = (header: string, raw: Buffer) =>
      createPublicKey({ key: Buffer.concat([Buffer.from(header, 'hex'), raw]), type: 'spki', format: 'der' });
    const theirs = spki('308204b2300b0609608648016503040402038204a100', other.sent.subarray(0, 1184));
    const { ciphertext, sharedKey } = encapsulate(theirs);
    shared.push(Buffer.from(sharedKey));
    const point = spki('302a300506032b656e032100', other.sent.subarray(1184));
    shared.push(diffieHellman({ privateKey: curve.privateKey, publicKey: point }));
    const own = curve.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
    const expected = createHash('sha256').update(Buffer.concat(shared)).digest();
    expect(other.agree(Buffer.concat([ciphertext, own])).equals(expected)).toBe(true);
  });

  it('refuses what is no key: another length, coefficients beyond the modulus, a point that gives zeros', () => {
    const { sent } = hybridClient();
    const cases: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['one byte less', sent.subarray(1)],
      ['one byte more', Buffer.concat([sent, Buffer.alloc(1)])],
      ['no ML-KEM key', Buffer.concat([Buffer.alloc(1184, 0xff), sent.subarray(1184)])],
      ['a point of zeros', Buffer.concat([sent.subarray(0, 1184), Buffer.alloc(32)])],
    ];
    for (const [name, bytes] of cases) expect(() => hybridServer().agree(bytes), name).toThrow();
    const client = hybridClient();
    const server = hybridServer();
    server.agree(client.sent);
    expect(() => client.agree(server.sent.subarray(1))).toThrow('another length');
    expect(() => client.agree(Buffer.concat([server.sent.subarray(0, 1088), Buffer.alloc(32)]))).toThrow();
    // A ciphertext that was touched gives another key (FIPS 203 has no error for it), so the signature does not fit.
    const touched = Buffer.from(server.sent);
    touched.writeUInt8(touched.readUInt8(7) ^ 1, 7);
    expect(client.agree(touched).equals(client.agree(server.sent))).toBe(false);
  });

  it('what was changed on the way, or is no key, ends the exchange with words', () => {
    const change = (at: (packet: Buffer) => void, which: 'client' | 'server') => {
      const { server, client, told, written } = sides();
      // Version and KEXINIT of both, then C_INIT.
      for (const bytes of written.server.splice(0)) client.take(bytes);
      for (const bytes of written.client.splice(0)) server.take(bytes);
      for (const bytes of written.server.splice(0)) client.take(bytes);
      const init = written.client.splice(0);
      if (which === 'client') at(init.at(-1) as Buffer);
      for (const bytes of init) server.take(bytes);
      const reply = written.server.splice(0);
      if (which === 'server') at(reply[0] as Buffer);
      for (const bytes of reply) client.take(bytes);
      return [...told.server, ...told.client].filter((one) => one.startsWith('failed'));
    };
    expect(change(() => {}, 'client')).toEqual([]);
    // Behind its length, padding, number and the string's length.
    expect(change((packet) => packet.fill(0xff, 10, 1194), 'client')[0]).toContain('computing DH secret');
    expect(change((packet) => packet.writeUInt8(packet.readUInt8(500) ^ 1, 500), 'server')[0]).toContain('signature');
  });
});
