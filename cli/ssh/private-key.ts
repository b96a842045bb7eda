// An Ed25519 key of our own making, as ssh takes it: OpenSSH's form (PROTOCOL.key), without a passphrase.
//
//    `openssh-key-v1`, 0 | string cipher | string kdf | string options | uint32 keys | string public key
//    string (uint32 check, twice | string type | string public | string private | string comment | 1, 2, 3... to 8 bytes)

import { generateKeyPairSync, randomInt } from 'node:crypto';
import { blobOf, readWhole } from '../../core/ssh/fields.ts';
import { ED25519, publicKeyLine, readPublicKey } from '../../core/ssh/public-key.ts';
import { type Secret, secret } from '../../core/secret.ts';

const MAGIC = Buffer.from('openssh-key-v1\0');
const [BEGIN, END] = ['-----BEGIN OPENSSH PRIVATE KEY-----', '-----END OPENSSH PRIVATE KEY-----'];
const COMMENT = 'gatehouse';
const BLOCK_BYTES = 8;

interface SshKeyPair {
  /** What a private key's file holds. */
  readonly privateFile: Secret<string>;
  /** `ssh-ed25519 AAAA...`. */
  readonly publicLine: string;
}

export function newSshKey(): SshKeyPair {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const [seed, point] = [jwk.d, jwk.x].map((part) => Buffer.from(part ?? '', 'base64url'));
  if (seed?.length !== 32 || point?.length !== 32) throw new Error('expected an Ed25519 key of 32 bytes');
  const publicBlob = blobOf(ED25519, point);
  const check = randomInt(2 ** 32);
  const fields = blobOf(check, check, { plain: publicBlob }, Buffer.concat([seed, point]), COMMENT);
  const missing = (BLOCK_BYTES - (fields.length % BLOCK_BYTES)) % BLOCK_BYTES;
  const padded = Buffer.concat([fields, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
  const whole = Buffer.from(blobOf({ plain: MAGIC }, 'none', 'none', '', 1, publicBlob, padded));
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    privateFile: secret([BEGIN, ...lines, END, ''].join('\n')),
    publicLine: publicKeyLine(ED25519, publicBlob),
  };
}

/** Of a file that `newSshKey` made. Undefined: it is none. */
export function publicLineOf(privateFile: string): string | undefined {
  const whole = Buffer.from(privateFile.replace(BEGIN, '').replace(END, ''), 'base64');
  const blob = readWhole(whole.subarray(MAGIC.length), (fields) => {
    const head = [fields.text(), fields.text(), fields.text(), fields.uint32()].join(' ');
    const one = fields.string();
    fields.string();
    return head === 'none none  1' ? one : undefined;
  });
  return blob && readPublicKey(blob)?.type === ED25519 ? publicKeyLine(ED25519, blob) : undefined;
}
