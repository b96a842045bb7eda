// Taking a connector's new key. Old and new signed the same text, so whoever asks has both; nothing else is asked, so that a
// connector that lost the answer, and with it its right to sign in by the old key, can ask again by the same pair.

import { importJWK } from 'jose';
import {
  ROTATION_GOOD_FOR_MS,
  type Rotated,
  type RotationRequest,
  rotationText,
} from '../../../core/connectors/key-rotation.ts';
import { ok, type Result } from '../../../core/result.ts';
import type { z } from 'zod';
import type { UseCaseFault } from '../../gatehouse.ts';
import { fault, note, noteCounted, type UseCaseDeps } from '../../use-cases/deps.ts';
import { tellKeys } from '../../connector-keys/tell-keys.ts';

export async function rotateConnectorKey(
  deps: UseCaseDeps,
  request: RotationRequest,
  address: string,
): Promise<Result<z.infer<typeof Rotated>, UseCaseFault>> {
  const refused = async (reason: string, message: string) => {
    const details = { reason, wanted: 'connector.key_rotated', address };
    await noteCounted(deps, { kind: 'attempt.refused', actor: 'gatehouse', object: 'connector-key', details });
    return fault('forbidden', message);
  };
  const { connector: id, oldKey, newKey, at, signatures } = request;
  if (Math.abs(Date.parse(at) - deps.clock.now()) > ROTATION_GOOD_FOR_MS)
    return refused(
      'rotation_stale',
      'This change of keys was signed too long ago, or by a clock that is off. Sign it again.',
    );
  const text = new TextEncoder().encode(rotationText(deps.publicUrl, request));
  const both = await Promise.all([isSigned(text, oldKey, signatures.old), isSigned(text, newKey, signatures.new)]);
  if (oldKey === newKey || !both.every(Boolean))
    return refused('signature_wrong', 'A change of keys is signed by both, the old and the new.');
  const before = (await deps.directory.keysOfConnector(id))?.keys.at(-1);
  if (before?.key === oldKey)
    await note(deps, {
      kind: 'connector.key_rotated',
      actor: `connector:${id}`,
      object: id,
      details: { from: oldKey, to: newKey, address },
    });
  const rotated = await deps.directory.rotateKey(id, oldKey, newKey);
  if (rotated.ok) {
    await tellKeys(deps, id);
    return ok({ connector: id, key: newKey });
  }
  switch (rotated.error) {
    case 'revoked':
      return refused('connector_revoked', 'This connector was revoked: none of its keys is taken any more.');
    case 'key_known':
      return refused('key_known', 'The new key is, or was, in use. Make another.');
    case 'too_many':
      return refused('too_many_keys', 'This connector has changed its key too often: have it join anew.');
    case 'old_key_wrong':
      return refused('old_key_wrong', 'The old key is not the one that this connector has.');
  }
}

async function isSigned(text: Uint8Array, publicKey: string, signature: string): Promise<boolean> {
  try {
    const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: publicKey }, 'EdDSA');
    if (!(key instanceof CryptoKey)) return false;
    return await crypto.subtle.verify('Ed25519', key, bytesOf(signature), new Uint8Array(text));
  } catch {
    return false;
  }
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
