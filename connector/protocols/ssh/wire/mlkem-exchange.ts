// mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex): ML-KEM-768 and X25519 side by side, so that what is recorded
// today stays secret as long as either holds.
//
//    C_INIT     1184 bytes encapsulation key | 32 bytes X25519 key        by the client
//    S_REPLY    1088 bytes ciphertext        | 32 bytes X25519 key        by the server
//    K          SHA-256(ML-KEM's shared key | X25519's shared secret), a string and no number
//
// Keys are checked by OpenSSL: it throws for an encapsulation key that is none, and for a secret of zeros.

import {
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

const ENCAPSULATION_KEY_BYTES = 1184;
const CIPHERTEXT_BYTES = 1088;
const X25519_BYTES = 32;

/** Of SubjectPublicKeyInfo, up to the key itself (RFC 8410; draft-ietf-lamps-kyber-certificates). */
const MLKEM_HEADER = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');
const X25519_HEADER = Buffer.from('302a300506032b656e032100', 'hex');

interface HybridSide {
  /** For the other side; of a server once it has agreed. */
  readonly sent: Buffer;
  /** K. Once. Throws for what is no key. */
  agree(received: Buffer): Buffer;
}

export function hybridClient(): HybridSide {
  const kem = generateKeyPairSync('ml-kem-768');
  const curve = generateKeyPairSync('x25519');
  return {
    sent: Buffer.concat([raw(kem.publicKey, MLKEM_HEADER), raw(curve.publicKey, X25519_HEADER)]),
    agree(received) {
      const [ciphertext, point] = twoParts(received, CIPHERTEXT_BYTES);
      return secretOf(decapsulate(kem.privateKey, ciphertext), curve.privateKey, point);
    },
  };
}

export function hybridServer(): HybridSide {
  let sent: Buffer = Buffer.alloc(0);
  return {
    get sent() {
      return sent;
    },
    agree(received) {
      const [key, point] = twoParts(received, ENCAPSULATION_KEY_BYTES);
      const { ciphertext, sharedKey } = encapsulate(publicKey(MLKEM_HEADER, key));
      const curve = generateKeyPairSync('x25519');
      sent = Buffer.concat([ciphertext, raw(curve.publicKey, X25519_HEADER)]);
      return secretOf(sharedKey, curve.privateKey, point);
    },
  };
}

function secretOf(shared: Uint8Array, own: KeyObject, point: Buffer): Buffer {
  const agreed = diffieHellman({ privateKey: own, publicKey: publicKey(X25519_HEADER, point) });
  return createHash('sha256').update(shared).update(agreed).digest();
}

function twoParts(received: Buffer, first: number): [Buffer, Buffer] {
  if (received.length !== first + X25519_BYTES) throw new Error('a key share of another length');
  return [received.subarray(0, first), received.subarray(first)];
}

const publicKey = (header: Buffer, key: Buffer): KeyObject =>
  createPublicKey({ key: Buffer.concat([header, key]), type: 'spki', format: 'der' });

const raw = (key: KeyObject, header: Buffer): Buffer =>
  key.export({ type: 'spki', format: 'der' }).subarray(header.length);
