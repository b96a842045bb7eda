// The method `publickey` (RFC 4252 section 7), for certificates of the edge's authority. A plain key is nobody's.
//
//    byte 50 | string user | string service | string `publickey`
//    boolean signed | string algorithm | string key | signed: string signature over (string session id | all before it)
//
// Without a signature it is an offer, which is answered by whether a signature would be of use, and authenticates nobody.

import type { Refusal } from '../../../../core/refusal.ts';
import { err, ok, type Result } from '../../../../core/result.ts';
import { certificateType, withoutCertificate } from '../../../../core/ssh/certificate.ts';
import { signatureAlgorithms } from '../../../../core/ssh/public-key.ts';
import type { Door, ProvenGrant } from '../../../door.ts';
import type { Wanted } from './user-name.ts';
import { type FieldReader, fieldsOf, Malformed, sshMessage, USERAUTH_INFO_REQUEST } from '../wire/messages.ts';

/** The number of USERAUTH_INFO_REQUEST in this method. */
const USERAUTH_PK_OK = USERAUTH_INFO_REQUEST;

type KeyAnswer =
  /** A signature by it would do: `reply` says so. */
  | { readonly kind: 'offered'; readonly reply: Buffer }
  | { readonly kind: 'proven'; readonly proof: ProvenGrant; readonly serial: string }
  /** `words`: why, where the authority made it. `signed`: it tried, and did not only ask. */
  | { readonly kind: 'refused'; readonly signed: boolean; readonly words?: string };

/** `fields`: behind the method's name. An error ends the login. */
export async function answerKey<Upstream>(
  payload: Buffer,
  fields: FieldReader,
  wanted: Wanted | undefined,
  sessionId: Buffer,
  door: Door<Upstream>,
): Promise<Result<KeyAnswer, Refusal>> {
  const signed = fields.boolean();
  const algorithm = fields.text();
  const blob = fields.string();
  const unsigned = payload.length - fields.rest().length;
  const signature = signed ? fields.string() : undefined;
  if (fields.rest().length > 0) throw new Malformed('a message is longer than its fields');
  const refused = (words?: string): KeyAnswer => ({
    kind: 'refused',
    signed,
    ...(words !== undefined && { words }),
  });
  const plain = withoutCertificate(algorithm);
  if (!wanted || plain === undefined || !isOfType(blob, plain)) return ok(refused());
  const certified = await door.certified(wanted.resource, blob);
  if (!certified.ok)
    return certified.error.reason === 'credentials_wrong' ? ok(refused(certified.error.message)) : err(certified.error);
  if (!certified.value) return ok(refused());
  if (!signature) return ok({ kind: 'offered', reply: sshMessage(USERAUTH_PK_OK, algorithm, blob) });
  const data = Buffer.concat([fieldsOf(sessionId), payload.subarray(0, unsigned)]);
  const proof = await certified.value.prove(plain, data, signature);
  const { email } = wanted;
  if (!proof || (email !== undefined && proof.claim.email !== email.toLowerCase())) return ok(refused());
  return ok({ kind: 'proven', proof, serial: certified.value.serial });
}

/** Whether the certificate is of a key that signs by the algorithm: an RSA one says `ssh-rsa`, and signs by SHA-2 alone. */
function isOfType(blob: Buffer, algorithm: string): boolean {
  const type = algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm;
  const name = Buffer.from(fieldsOf(certificateType(type)));
  return signatureAlgorithms(type).includes(algorithm) && blob.subarray(0, name.length).equals(name);
}
