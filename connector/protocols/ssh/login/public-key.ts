// The method `publickey` (RFC 4252 section 7): keys that the edge certified for a grant, and keys that people registered.
//
//    byte 50 | string user | string service | string `publickey`
//    boolean signed | string algorithm | string key | signed: string signature over (string session id | all before it)
//
// Without a signature it is an offer, which is answered by whether a signature would be of use, and authenticates nobody.

import type { Refusal } from '../../../../core/refusal.ts';
import { err, ok, type Result } from '../../../../core/result.ts';
import { certificateType, withoutCertificate } from '../../../../core/ssh/certificate.ts';
import { signatureAlgorithms } from '../../../../core/ssh/public-key.ts';
import type { Door, KeyOfGrant, ProvenGrant } from '../../../door.ts';
import { type FieldReader, fieldsOf, Malformed, sshMessage, USERAUTH_INFO_REQUEST } from '../wire/messages.ts';
import type { Wanted } from './user-name.ts';

/** The number of USERAUTH_INFO_REQUEST in this method. */
const USERAUTH_PK_OK = USERAUTH_INFO_REQUEST;
/** Plain keys of one connection that the edge is asked about: an agent may have many, and nobody is anybody yet. */
const MAX_ASKED = 12;

type KeyAnswer =
  /** A signature by it would do: `reply` says so. */
  | { readonly kind: 'offered'; readonly reply: Buffer }
  /** `details`: what the recording is to say of it. */
  | { readonly kind: 'proven'; readonly proof: ProvenGrant; readonly details: Readonly<Record<string, string>> }
  /** `words`: why, where the authority made it. `signed`: it tried, and did not only ask. */
  | { readonly kind: 'refused'; readonly signed: boolean; readonly words?: string };

interface Shown {
  readonly key: KeyOfGrant;
  readonly details: Readonly<Record<string, string>>;
}

/** What one connection shows of keys. */
export class ShownKeys<Upstream> {
  readonly #door: Door<Upstream>;
  readonly #sessionId: Buffer;
  #asked = 0;

  constructor(door: Door<Upstream>, sessionId: Buffer) {
    this.#door = door;
    this.#sessionId = sessionId;
  }

  /** `fields`: behind the method's name. An error ends the login. */
  async answer(payload: Buffer, fields: FieldReader, wanted: Wanted | undefined): Promise<Result<KeyAnswer, Refusal>> {
    const signed = fields.boolean();
    const algorithm = fields.text();
    const blob = fields.string();
    const unsigned = payload.length - fields.rest().length;
    const signature = signed ? fields.string() : undefined;
    if (fields.rest().length > 0) throw new Malformed('a message is longer than its fields');
    const certified = withoutCertificate(algorithm);
    const plain = certified ?? algorithm;
    const shown = wanted ? await this.#find(wanted, plain, blob, certified !== undefined) : ok(undefined);
    if (!shown.ok) {
      // What the authority made and does not hold here is told, and another proof may follow.
      if (shown.error.reason !== 'credentials_wrong') return shown;
      return ok({ kind: 'refused', signed, words: shown.error.message });
    }
    if (!shown.value) return ok({ kind: 'refused', signed });
    if (!signature) return ok({ kind: 'offered', reply: sshMessage(USERAUTH_PK_OK, algorithm, blob) });
    const { key, details } = shown.value;
    const data = Buffer.concat([fieldsOf(this.#sessionId), payload.subarray(0, unsigned)]);
    const proof = await key.prove(plain, data, signature);
    const email = wanted?.email?.toLowerCase();
    if (!proof || (email !== undefined && proof.claim.email !== email)) return ok({ kind: 'refused', signed });
    return ok({ kind: 'proven', proof, details });
  }

  async #find(
    { resource }: Wanted,
    algorithm: string,
    blob: Buffer,
    certified: boolean,
  ): Promise<Result<Shown | undefined, Refusal>> {
    // An RSA key says `ssh-rsa`, and signs by SHA-2 alone.
    const type = algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm;
    if (!signatureAlgorithms(type).includes(algorithm)) return ok(undefined);
    if (!saysType(blob, certified ? certificateType(type) : type)) return ok(undefined);
    if (certified) {
      const found = await this.#door.certified(resource, blob);
      if (!found.ok) return found;
      return ok(found.value && { key: found.value, details: { certificate: found.value.serial } });
    }
    if (++this.#asked > MAX_ASKED) return ok(undefined);
    const found = await this.#door.registered(resource, blob);
    if (!found.ok) return err(found.error);
    return ok(found.value && { key: found.value, details: { key: found.value.fingerprint } });
  }
}

function saysType(blob: Buffer, type: string): boolean {
  const name = fieldsOf(type);
  return blob.subarray(0, name.length).equals(name);
}
