// A text that the holder of a key signed, as `ssh-keygen -Y sign` does (PROTOCOL.sshsig of OpenSSH).
//
//    armoured: `SSHSIG` | uint32 1 | string key | string namespace | string reserved | string hash | string signature
//    signed:   `SSHSIG` | string namespace | string reserved | string hash | string digest of the text

import { equalBytes, fromBase64 } from '../scram.ts';
import { blobOf, readWhole } from './fields.ts';
import { isSignature, signatureAlgorithms, type SshPublicKey } from './public-key.ts';

const MAGIC = new TextEncoder().encode('SSHSIG');
const VERSION = 1;
const HASHES: Readonly<Record<string, string>> = { sha256: 'SHA-256', sha512: 'SHA-512' };
const MAX_ARMOURED = 8_192;
const ARMOUR = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/\n]+={0,2}\n)-----END SSH SIGNATURE-----$/;

/** Whether `armoured` is the key's signature over this very text, made for this namespace. */
export async function isSignedText(
  armoured: string,
  key: SshPublicKey,
  { namespace, text }: { readonly namespace: string; readonly text: string },
): Promise<boolean> {
  const blob = readArmour(armoured);
  if (!blob || !MAGIC.every((byte, at) => blob[at] === byte)) return false;
  const read = readWhole(blob.subarray(MAGIC.length), (fields) => {
    if (fields.uint32() !== VERSION) return undefined;
    const signedBy = fields.string();
    const made = { namespace: fields.text(), reserved: fields.string(), hash: fields.text() };
    return { ...made, signedBy, signature: fields.string() };
  });
  const hash = read && HASHES[read.hash];
  if (!hash || read.namespace !== namespace || !equalBytes(read.signedBy, key.blob)) return false;
  const digest = new Uint8Array(await crypto.subtle.digest(hash, new TextEncoder().encode(text)));
  const signed = blobOf({ plain: MAGIC }, namespace, read.reserved, read.hash, digest);
  for (const algorithm of signatureAlgorithms(key.type))
    if (await isSignature(key, algorithm, signed, read.signature)) return true;
  return false;
}

function readArmour(armoured: string): Uint8Array | undefined {
  if (armoured.length > MAX_ARMOURED) return undefined;
  const encoded = ARMOUR.exec(armoured.trim().replaceAll('\r\n', '\n'))?.[1]?.replaceAll('\n', '');
  return encoded === undefined || encoded.length % 4 !== 0 ? undefined : fromBase64(encoded);
}
