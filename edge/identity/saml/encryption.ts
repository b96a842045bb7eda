// Encrypted assertions (XML Encryption 1.1): AES under a key that came by RSA-OAEP. RSA PKCS #1 v1.5 is not spoken
// (Bleichenbacher), nor 3DES. Whatever fails is one and the same failure, as AES-CBC has no integrity of its own and would be
// an oracle; the signature inside the assertion is checked afterwards.

import { err, ok, type Result } from '../../../core/result.ts';
import { NS } from './names.ts';
import { isNamed, onlyChild, type XmlElement } from './xml.ts';

const OAEP_MGF1P = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p';
const OAEP = 'http://www.w3.org/2009/xmlenc11#rsa-oaep';
const MGF1_OF: Readonly<Record<string, string>> = {
  'http://www.w3.org/2009/xmlenc11#mgf1sha1': 'SHA-1',
  'http://www.w3.org/2009/xmlenc11#mgf1sha256': 'SHA-256',
  'http://www.w3.org/2009/xmlenc11#mgf1sha512': 'SHA-512',
};
const DIGEST_OF: Readonly<Record<string, string>> = {
  'http://www.w3.org/2000/09/xmldsig#sha1': 'SHA-1',
  'http://www.w3.org/2001/04/xmlenc#sha256': 'SHA-256',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'SHA-512',
};
const CIPHERS: Readonly<Record<string, { readonly mode: 'AES-GCM' | 'AES-CBC'; readonly keyBytes: number }>> = {
  'http://www.w3.org/2009/xmlenc11#aes128-gcm': { mode: 'AES-GCM', keyBytes: 16 },
  'http://www.w3.org/2009/xmlenc11#aes256-gcm': { mode: 'AES-GCM', keyBytes: 32 },
  'http://www.w3.org/2001/04/xmlenc#aes128-cbc': { mode: 'AES-CBC', keyBytes: 16 },
  'http://www.w3.org/2001/04/xmlenc#aes256-cbc': { mode: 'AES-CBC', keyBytes: 32 },
};
const BLOCK = 16;

type DecryptionFault = 'decryption_failed';

/** The text of the assertion inside `encrypted`, an EncryptedAssertion. `keys`: PKCS #8, DER; those of a rollover are all tried. */
export async function decryptAssertion(
  encrypted: XmlElement,
  keys: readonly Uint8Array<ArrayBuffer>[],
): Promise<Result<string, DecryptionFault>> {
  const data = onlyChild(encrypted, NS.encryption, 'EncryptedData');
  const carried = data && encryptedKey(encrypted, data);
  const cipher = data && CIPHERS[algorithmOf(data) ?? ''];
  const wrapped = carried && cipherValue(carried);
  const sealed = data && cipherValue(data);
  const hash = carried && oaepHash(carried);
  if (!cipher || !wrapped || !sealed || hash === undefined) return err('decryption_failed');
  for (const pkcs8 of keys) {
    try {
      const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSA-OAEP', hash }, false, ['decrypt']);
      const raw = await crypto.subtle.decrypt({ name: 'RSA-OAEP' }, key, wrapped);
      if (raw.byteLength !== cipher.keyBytes) continue;
      const plain = await (cipher.mode === 'AES-GCM' ? openGcm(raw, sealed) : openCbc(raw, sealed));
      return ok(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain));
    } catch {
      // The next key, or the one failure there is.
    }
  }
  return err('decryption_failed');
}

/** Inside KeyInfo of the data, or beside it (SAML core, 2.3.4). */
function encryptedKey(encrypted: XmlElement, data: XmlElement): XmlElement | undefined {
  const info = onlyChild(data, NS.signature, 'KeyInfo');
  const found = [...(info?.children ?? []), ...encrypted.children].filter((child) =>
    isNamed(child, NS.encryption, 'EncryptedKey'),
  );
  return found.length === 1 ? found[0] : undefined;
}

const algorithmOf = (element: XmlElement): string | undefined =>
  onlyChild(element, NS.encryption, 'EncryptionMethod')?.attributes.get('Algorithm');

function cipherValue(element: XmlElement): Uint8Array<ArrayBuffer> | undefined {
  const data = onlyChild(element, NS.encryption, 'CipherData');
  return base64Bytes((data && onlyChild(data, NS.encryption, 'CipherValue'))?.text ?? '');
}

/** WebCrypto knows one hash for both places. undefined: another key transport, or two different hashes. */
function oaepHash(key: XmlElement): string | undefined {
  const method = onlyChild(key, NS.encryption, 'EncryptionMethod');
  const algorithm = method?.attributes.get('Algorithm');
  if (!method || (algorithm !== OAEP_MGF1P && algorithm !== OAEP)) return undefined;
  const digest = method.children.find((child) => isNamed(child, NS.signature, 'DigestMethod'));
  const mask = method.children.find(({ name }) => name === 'MGF');
  if (method.children.some(({ name }) => name === 'OAEPparams')) return undefined;
  const hash = digest ? DIGEST_OF[digest.attributes.get('Algorithm') ?? ''] : 'SHA-1';
  const maskHash = algorithm === OAEP && mask ? MGF1_OF[mask.attributes.get('Algorithm') ?? ''] : 'SHA-1';
  return hash === maskHash ? hash : undefined;
}

async function openGcm(raw: ArrayBuffer, sealed: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
  return crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: sealed.subarray(0, 12), tagLength: 128 },
    key,
    sealed.subarray(12),
  );
}

/**
 * XML Encryption pads with anything and a length (5.2), WebCrypto insists on PKCS #7: so a block of right padding is put
 * behind, and the old one is taken off here.
 */
async function openCbc(raw: ArrayBuffer, sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', raw, 'AES-CBC', false, ['encrypt', 'decrypt']);
  const last = sealed.subarray(-BLOCK);
  const padding = await crypto.subtle.encrypt({ name: 'AES-CBC', iv: last }, key, new Uint8Array());
  const whole = new Uint8Array(sealed.length + BLOCK);
  whole.set(sealed);
  whole.set(new Uint8Array(padding).subarray(0, BLOCK), sealed.length);
  const plain = new Uint8Array(
    await crypto.subtle.decrypt({ name: 'AES-CBC', iv: whole.subarray(0, BLOCK) }, key, whole.subarray(BLOCK)),
  );
  const padded = plain.at(-1) ?? 0;
  if (padded < 1 || padded > BLOCK || padded > plain.length) throw new Error('padding');
  return plain.subarray(0, plain.length - padded);
}

/** Line breaks and blanks inside are fine; undefined: it is no base64. */
export function base64Bytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  const dense = text.replace(/[\s]+/g, '');
  if (dense === '' || dense.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(dense)) return undefined;
  return Uint8Array.from(atob(dense), (character) => character.charCodeAt(0));
}
