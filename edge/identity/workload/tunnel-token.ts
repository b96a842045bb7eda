// What a program opens tunnels with, as it has no API token: `gtt_`, the id of its grant, and a MAC of that under a key of the edge.
// It is for that grant and nothing else, is worth nothing once the grant has ended or was revoked, and opens no session: each
// connection in a tunnel proves the grant to the connector by its secret, which the edge does not see again. Nothing is stored.

import { GrantId } from '../../../core/ids.ts';
import { toHex } from '../../../core/recording/segment.ts';
import { type Secret, secret } from '../../../core/secret.ts';
import type { UseCaseDeps } from '../../use-cases/deps.ts';
import type { SignedIn } from '../signed-in.ts';

const BEARER = /^Bearer gtt_(grt_[0-9a-hjkmnp-tv-z]{26})_([0-9a-f]{64})$/;

export async function tunnelToken(deps: Pick<UseCaseDeps, 'tunnelKey'>, grant: GrantId): Promise<Secret<string>> {
  const mac = await crypto.subtle.sign('HMAC', await keyOf(deps), bytesOf(grant));
  return secret(`gtt_${grant}_${toHex(new Uint8Array(mac))}`);
}

/** undefined: it is no such token, or its grant is no more. */
export async function whoHoldsGrant(
  request: Request,
  deps: Pick<UseCaseDeps, 'tunnelKey' | 'grants' | 'clock'>,
): Promise<SignedIn | undefined> {
  const [, id = '', mac = ''] = BEARER.exec(request.headers.get('authorization') ?? '') ?? [];
  const grant = GrantId.safeParse(id);
  if (!grant.success) return undefined;
  // Compares in constant time.
  if (!(await crypto.subtle.verify('HMAC', await keyOf(deps), bytesOfHex(mac), bytesOf(id)))) return undefined;
  const stored = await deps.grants.find(grant.data);
  if (!stored || stored.grant.revoked || Date.parse(stored.grant.until) <= deps.clock.now()) return undefined;
  const { identity, grant: held } = stored;
  return { identity: { ...identity, authenticatedAt: held.from }, via: 'grant', grant: grant.data };
}

const bytesOf = (grant: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(grant));
const bytesOfHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16));

async function keyOf({ tunnelKey }: Pick<UseCaseDeps, 'tunnelKey'>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', await tunnelKey(), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ]);
}
