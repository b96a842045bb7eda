// The key that signs the log's checkpoints: Ed25519, derived from EDGE_SECRET, so that it is there before anything is
// stored and the same in every object. Its name is the log's: the portal's host, and what the log is of.

import { fromBase64 } from '../../core/scram.ts';
import type { Secret } from '../../core/secret.ts';
import { type NoteKey, noteKey, type SignNote } from '../../core/tlog/note.ts';
import { deriveKey } from '../keys.ts';

/** PKCS #8 before the 32 bytes of an Ed25519 key (RFC 8410 section 7). */
const PKCS8 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);

export async function logSigner(
  edgeSecret: Secret<Uint8Array<ArrayBuffer>>,
  publicUrl: string,
): Promise<{ readonly key: NoteKey; readonly sign: SignNote }> {
  const seed = await deriveKey(edgeSecret, 'log-key');
  const pkcs8 = new Uint8Array(PKCS8.length + seed.length);
  pkcs8.set(PKCS8);
  pkcs8.set(seed, PKCS8.length);
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'Ed25519' }, true, ['sign']);
  const jwk = await crypto.subtle.exportKey('jwk', privateKey);
  if (jwk instanceof ArrayBuffer || jwk.x === undefined) throw new Error('expected the public half of the key');
  const publicKey = fromBase64(jwk.x.replaceAll('-', '+').replaceAll('_', '/'));
  return {
    key: await noteKey(`${new URL(publicUrl).host}/sessions`, 'log', publicKey),
    sign: async (data) =>
      new Uint8Array(await crypto.subtle.sign({ name: 'Ed25519' }, privateKey, new Uint8Array(data))),
  };
}
