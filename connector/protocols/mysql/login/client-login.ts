// Who is there: the user is `EMAIL#RESOURCE`, or `RESOURCE` alone (docs/adr/0027), and the grant's secret is the password.
//
// The secret itself has to come, since what the edge keeps of it is a SCRAM verifier (docs/adr/0020): inside TLS, or
// encrypted for a key of ours, or in the clear where the listener allows plain text. A person or resource that does not
// exist is treated as one whose grants never match, packet for packet.

import { constants, generateKeyPair, type KeyObject, privateDecrypt, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { Email } from '../../../../core/identity.ts';
import type { Refusal } from '../../../../core/refusal.ts';
import { ResourceName } from '../../../../core/resource.ts';
import { type Secret, secret } from '../../../../core/secret.ts';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { Claim } from '../../../door.ts';
import { AUTH_MORE_DATA, authSwitch, NONCE_BYTES, readAttributes } from '../wire/handshake.ts';
import type { LoginPackets } from './login-packets.ts';
import { type Arrived, CACHING_SHA2 } from './start.ts';

export const CLEAR = 'mysql_clear_password';
/** `clear`: for clients that have no caching_sha2_password. */
type ClientAuth = 'caching_sha2' | 'clear';

// caching_sha2_password: https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
const PERFORM_FULL_AUTHENTICATION = 4;
const REQUEST_PUBLIC_KEY = 2;
const MAX_PASSWORD_BYTES = 8 * 1024;
const RSA_BITS = 2048;

export interface MysqlWish {
  /** `email` undefined: the secret says whose it is. */
  readonly claim: { readonly email: string | undefined; readonly resource: string };
  /** As the client spelt it. */
  readonly user: string;
  /** At the target; undefined: the resource's own. */
  readonly database: string | undefined;
  readonly application: string | undefined;
}

const FORM = 'The user must be the resource, or your e-mail address and the resource: YOU@EXAMPLE.COM#RESOURCE.';

/** The wishes in a login packet. */
export function readMysqlWish({ response }: Arrived): Result<MysqlWish, { refusal: Refusal; claim?: Claim }> {
  const user = response.user.toString('utf8');
  // An e-mail address may hold a # itself, and a resource's name no @.
  const hash = user.lastIndexOf('#');
  const alone = hash < 0 && ResourceName.safeParse(user).success;
  const [address, resource] = alone ? ['', user] : hash < 0 ? [user, ''] : [user.slice(0, hash), user.slice(hash + 1)];
  const email = alone ? undefined : Email.safeParse(address);
  const refuse = (reason: Refusal['reason'], message: string) =>
    err({ refusal: { reason, message }, claim: { email: address, resource } });
  if (email?.success === false) return refuse('bad_request', FORM);
  if (!ResourceName.safeParse(resource).success) return refuse('resource_unknown', `No resource is named. ${FORM}`);
  const database = response.database?.toString('utf8');
  const attributes = readAttributes(response.attributes);
  const application = attributes.get('program_name') ?? attributes.get('_client_name');
  return ok({
    claim: { email: email?.data, resource },
    user,
    database: database === '' ? undefined : database,
    application: application?.slice(0, 200) || undefined,
  });
}

/** The key that clients in plain text encrypt for. Made when the first asks; a process has one. */
export class PasswordKey {
  #pair: Promise<{ readonly publicKey: string; readonly privateKey: KeyObject }> | undefined;

  get(): Promise<{ readonly publicKey: string; readonly privateKey: KeyObject }> {
    this.#pair ??= promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS }).then(({ publicKey, privateKey }) => ({
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      privateKey,
    }));
    return this.#pair;
  }
}

const malformed: Refusal = { reason: 'bad_request', message: 'The login packets are not understood.' };
const noSecret: Refusal = {
  reason: 'credentials_missing',
  message: 'No password came. Ask for a grant in the portal, and use its secret as the password.',
};

/** What a client showed of a login: by HandshakeResponse41, or by COM_CHANGE_USER. */
interface ShownLogin {
  readonly packets: LoginPackets;
  /** Inside TLS. */
  readonly secure: boolean;
  readonly plugin: string | undefined;
  readonly answer: Buffer;
  /** What the answer was made of; undefined: a fresh one is sent. */
  readonly nonce: Buffer | undefined;
}

export interface SecretSettings {
  readonly clientAuth: ClientAuth;
  readonly key: PasswordKey;
}

/**
 * Has the client send the secret. Whoever named another plugin is switched: no proof of those could be checked. Rejects
 * with ConnectionLost when it goes away instead, with BadPacket when it sends something else.
 */
export async function askSecret(
  { packets, secure, plugin, answer: shown, nonce }: ShownLogin,
  { clientAuth, key }: SecretSettings,
): Promise<Result<Secret<string>, Refusal>> {
  const wanted = plugin === CLEAR || clientAuth === 'clear' ? CLEAR : CACHING_SHA2;
  let answer = shown;
  let salt = nonce;
  if (plugin !== wanted || (wanted === CACHING_SHA2 && !secure && !salt)) {
    salt = freshNonce();
    packets.write(authSwitch(wanted, salt));
    answer = await packets.read(MAX_PASSWORD_BYTES);
  }
  if (wanted === CLEAR) return readSecret(answer);
  // The client's fast proof proves nothing to us; an empty one stands for no password at all.
  if (answer.length === 0 || (answer.length === 1 && answer[0] === 0)) return err(noSecret);
  packets.write(AUTH_MORE_DATA, PERFORM_FULL_AUTHENTICATION);
  const sent = await packets.read(MAX_PASSWORD_BYTES);
  // Whoever holds the way for open asks for a key first. A client at a Unix socket does not: its connection came by a tunnel.
  if (secure || sent.length !== 1 || sent[0] !== REQUEST_PUBLIC_KEY) return readSecret(sent);
  const { publicKey, privateKey } = await key.get();
  packets.write(AUTH_MORE_DATA, publicKey);
  const encrypted = await packets.read(MAX_PASSWORD_BYTES);
  return decrypt(encrypted, privateKey, salt ?? Buffer.alloc(NONCE_BYTES));
}

function decrypt(encrypted: Buffer, key: KeyObject, salt: Buffer): Result<Secret<string>, Refusal> {
  try {
    const bytes = privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, encrypted);
    return readSecret(exclusiveOr(bytes, salt));
  } catch {
    return err(malformed);
  }
}

/** Byte by byte, the second over and over. */
export const exclusiveOr = (bytes: Buffer, salt: Buffer): Buffer =>
  Buffer.from(bytes.map((byte, at) => byte ^ (salt[at % salt.length] as number)));

/** string<NUL> */
function readSecret(bytes: Buffer): Result<Secret<string>, Refusal> {
  if (bytes.at(-1) !== 0) return err(malformed);
  return bytes.length === 1 ? err(noSecret) : ok(secret(bytes.toString('utf8', 0, bytes.length - 1)));
}

/** No byte of it is NUL, since clients read it as a text. */
export const freshNonce = (): Buffer => Buffer.from(randomBytes(NONCE_BYTES).map((byte) => (byte % 127) + 1));

export const wrongSecret = ({ claim }: MysqlWish): Refusal => ({
  reason: 'credentials_wrong',
  message: `The password is not a grant ${claim.email === undefined ? '' : 'of this person '}on the resource ${claim.resource}. Ask for one in the portal, and use its secret as the password.`,
});
