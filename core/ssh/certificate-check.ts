// Whether a certificate holds: of this authority, of this kind, for this name, from there, now. Who holds its key is another
// question, which a signature answers.

import { Cidr, isWithin, parseAddress } from '../policy/conditions/networks.ts';
import { equalBytes } from '../scram.ts';
import { readWhole } from './fields.ts';
import type { SshCertificate } from './certificate.ts';
import { ED25519, isSignature, readPublicKey } from './public-key.ts';

export interface ExpectedOfCertificate {
  /** The authority's key as it is on the wire, Ed25519. */
  readonly authority: Uint8Array;
  readonly type: SshCertificate['type'];
  readonly principal: string;
  /** Where the client is. */
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type SshCertificateFault =
  /** Also one whose signature is wrong: nothing that it says was said by the authority. */
  | { readonly reason: 'other_authority' }
  | { readonly reason: 'wrong_type' | 'not_yet_valid' | 'expired' | 'other_principal' | 'other_address' }
  /** A condition that is not understood, or that cannot be met. */
  | { readonly reason: 'critical_option'; readonly name: string };

/** undefined: it holds. The authority is looked at first: of a certificate of anybody else nothing is believed, or told. */
export async function certificateFault(
  certificate: SshCertificate,
  { authority, type, principal, address, now }: ExpectedOfCertificate,
): Promise<SshCertificateFault | undefined> {
  const key = readPublicKey(authority);
  if (key?.type !== ED25519 || !equalBytes(certificate.authority, authority)) return { reason: 'other_authority' };
  if (!(await isSignature(key, ED25519, certificate.signed, certificate.signature)))
    return { reason: 'other_authority' };
  if (certificate.type !== type) return { reason: 'wrong_type' };
  const seconds = BigInt(Math.floor(now / 1000));
  if (seconds < certificate.validAfter) return { reason: 'not_yet_valid' };
  if (seconds >= certificate.validBefore) return { reason: 'expired' };
  // None at all would stand for everybody.
  if (!certificate.principals.includes(principal)) return { reason: 'other_principal' };
  for (const [name, data] of certificate.criticalOptions) {
    if (name !== 'source-address') return { reason: 'critical_option', name };
    const networks = readNetworks(data);
    if (!networks) return { reason: 'critical_option', name };
    if (!isWithin(networks, address)) return { reason: 'other_address' };
  }
  return undefined;
}

/** string: addresses and networks with commas between. Undefined: something in it is neither. */
function readNetworks(data: Uint8Array): string[] | undefined {
  const list = readWhole(data, (fields) => fields.text());
  const networks = list?.split(',').map((written) => {
    const single = written.includes('/') ? undefined : parseAddress(written);
    return single ? `${written}/${written.includes(':') ? 128 : 32}` : written;
  });
  return networks?.every((network) => Cidr.safeParse(network).success) ? networks : undefined;
}
