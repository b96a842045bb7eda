// Public keys of those who may open what masks hide, as age writes them (C2SP age.md, the X25519 recipient type): bech32 with
// the prefix `age`, 32 bytes. Only public keys are ever told to Gatehouse: an identity that is written here by mistake is refused.

import { bech32 } from '@scure/base';
import { z } from 'zod';

const KEY_BYTES = 32;
/** What its 32 bytes and the checksum come to. */
const LETTERS = 62;
/** Every shared secret with one of these is zero, so anybody could open what is sealed to it (RFC 7748 section 6.1). Little-endian, the top bit cleared. */
const OF_SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** `age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj`. */
export const AgeRecipient = z
  .string()
  .max(4_000)
  .superRefine((text, context) => {
    const message = mistakeIn(text);
    if (message) context.addIssue({ code: 'custom', message });
  });

/** Words never quote the text: it may be what its author must keep to themselves. */
function mistakeIn(text: string): string | undefined {
  if (/^age-secret-key-/i.test(text))
    return 'is the identity, which opens what is sealed: keep it to yourself, make a new one, and write its public key (age1..., age-keygen -y FILE)';
  if (/^age1pq1/.test(text))
    return 'is a key of the post-quantum kind, which is not supported yet: use one that age-keygen makes';
  if (/^age1[a-z0-9]+1/.test(text) && text.length !== LETTERS)
    return 'is a key of a plugin: use one of X25519, which age-keygen makes';
  if (text !== text.toLowerCase() || !text.startsWith('age1'))
    return 'expected a public key of age in lower case: age1 and 58 letters, as age-keygen prints it';
  if (text.length !== LETTERS)
    return `is no public key of age: it has ${text.length} letters, and such a key ${LETTERS}`;
  const decoded = bech32.decodeUnsafe(text, LETTERS);
  const key = decoded && bech32.fromWordsUnsafe(decoded.words);
  if (decoded?.prefix !== 'age' || key?.length !== KEY_BYTES)
    return 'is no public key of age: its checksum is wrong, so a letter of it is mistyped or missing';
  key[KEY_BYTES - 1] = (key[KEY_BYTES - 1] as number) & 0x7f;
  const hex = Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return OF_SMALL_ORDER.has(hex) ? 'is no key that keeps a secret: make one with age-keygen' : undefined;
}
