// A connector's change of keys: it makes a new one and proves that it has both. Old and new sign one and the same text, so that
// neither whoever stole the old key's token nor whoever knows the new public key can have it changed.
//
//   gatehouse key rotation v1
//   https://gatehouse.example.com            the edge's origin
//   con_01...                                the connector
//   OLD                                      the key that it has, base64url
//   NEW                                      the key that it wants to have
//   2026-11-30T10:00:00.000Z                 when it was signed

import { z } from 'zod';
import { ConnectorId } from '../ids.ts';
import { ConnectorPublicKey } from './connector-keys.ts';

/** Ed25519, base64url. */
const Signature = z.string().regex(/^[A-Za-z0-9_-]{86}$/, 'expected 64 bytes in base64url');

export const RotationRequest = z.strictObject({
  connector: ConnectorId,
  oldKey: ConnectorPublicKey,
  newKey: ConnectorPublicKey,
  at: z.iso.datetime(),
  signatures: z.strictObject({ old: Signature, new: Signature }),
});
export type RotationRequest = z.infer<typeof RotationRequest>;

export const Rotated = z.object({ connector: ConnectorId, key: ConnectorPublicKey });

/** Signed requests are good for so long, clocks that are off included. */
export const ROTATION_GOOD_FOR_MS = 5 * 60_000;

export const rotationText = (
  edge: string,
  { connector, oldKey, newKey, at }: Omit<RotationRequest, 'signatures'>,
): string => `gatehouse key rotation v1\n${edge}\n${connector}\n${oldKey}\n${newKey}\n${at}\n`;
