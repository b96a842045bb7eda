// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), both sides, sans I/O. The gateway is the
// server towards the client and the client towards the target.
//
//   client-first   gs2-header "n=user,r=nonce"        gs2-header: "n,," | "y,," | "p=tls-server-end-point,,"
//   server-first   "r=nonce,s=salt,i=iterations"
//   client-final   "c=base64(gs2-header + binding),r=nonce,p=proof"
//   server-final   "v=signature"
//
// PostgreSQL leaves the user name in client-first empty: the start-up packet named it.

import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { GrantCandidate } from '../../core/control.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';

export const SCRAM_SHA_256 = 'SCRAM-SHA-256';
export const SCRAM_SHA_256_PLUS = 'SCRAM-SHA-256-PLUS';
export type ScramMechanism = typeof SCRAM_SHA_256 | typeof SCRAM_SHA_256_PLUS;
const BINDING_TYPE = 'tls-server-end-point';
const KEY_BYTES = 32;
/** A hostile server could ask for rounds without end; PostgreSQL's default is 4096. */
const MAX_ITERATIONS = 1_000_000;
const MAX_ATTRIBUTE_CHARS = 1024;

const deriveKey = promisify(pbkdf2);
const hmac = (key: Uint8Array, data: Uint8Array | string): Buffer => createHmac('sha256', key).update(data).digest();
const sha256 = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();

/** StoredKey of a plain secret, to compare with a grant's verifier. */
export async function storedKeyOf(secret: Secret<string>, salt: Uint8Array, iterations: number): Promise<Buffer> {
  const salted = await deriveKey(prepare(secret.reveal()), salt, iterations, KEY_BYTES, 'sha256');
  return sha256(hmac(salted, 'Client Key'));
}

/** What a PostgreSQL server keeps of a password, and takes in its place: `SCRAM-SHA-256$ROUNDS:SALT$STORED_KEY:SERVER_KEY`. */
export async function scramVerifier(password: Secret<string>, salt: Uint8Array, iterations: number): Promise<string> {
  const salted = await deriveKey(prepare(password.reveal()), salt, iterations, KEY_BYTES, 'sha256');
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const keys = `${text(sha256(hmac(salted, 'Client Key')))}:${text(hmac(salted, 'Server Key'))}`;
  return `${SCRAM_SHA_256}$${iterations}:${text(salt)}$${keys}`;
}

/** RFC 5802 asks for SASLprep; PostgreSQL falls back to the raw bytes where that fails, and for ASCII both are the same. */
function prepare(password: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is meant
  if (/^[\x00-\x7f]*$/.test(password)) return password;
  return password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad/g, '')
    .normalize('NFKC');
}

/**
 * The candidate whose StoredKey is `storedKeyOf(candidate)`'s answer, looking at all of them whatever the outcome,
 * and at a decoy when there is none, so that time tells neither how many there are nor which matched.
 */
export function findCandidate(
  candidates: readonly GrantCandidate[],
  matches: (storedKey: Buffer) => boolean,
): GrantCandidate | undefined {
  let found: GrantCandidate | undefined;
  for (const candidate of candidates) {
    const storedKey = Buffer.from(candidate.verifier.storedKey, 'base64');
    if (storedKey.length === KEY_BYTES && matches(storedKey)) found ??= candidate;
  }
  if (candidates.length === 0) matches(Buffer.alloc(KEY_BYTES));
  return found;
}

export const sameKey = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);

/** Why an exchange failed. `malformed` is not SCRAM at all; `binding` is a TLS connection that somebody stands in. */
export type ScramFault = 'malformed' | 'wrong' | 'binding' | 'nonce' | 'iterations' | 'server_unproven';

/** Attributes of a message: `r=..,s=..,i=..`. Undefined when one is malformed, doubled or too long. */
function attributes(message: string): Map<string, string> | undefined {
  const found = new Map<string, string>();
  for (const part of message.split(',')) {
    const name = part.slice(0, 1);
    if (!/^[a-zA-Z]=/.test(part) || part.length > MAX_ATTRIBUTE_CHARS || found.has(name)) return undefined;
    found.set(name, part.slice(2));
  }
  return found;
}

interface ScramServerOptions {
  readonly mechanism: ScramMechanism;
  /** tls-server-end-point of our own certificate; undefined where there is none, and PLUS was not offered. */
  readonly binding: Uint8Array | undefined;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly candidates: readonly GrantCandidate[];
  /** Base64 or other printable text without a comma. */
  readonly nonce: string;
}

/** The server's half: one `first`, one `final`. */
export class ScramServer {
  readonly #options: ScramServerOptions;
  #gs2Header = '';
  #nonce = '';
  #authMessagePrefix = '';

  constructor(options: ScramServerOptions) {
    this.#options = options;
  }

  /** Takes client-first, gives server-first. */
  first(message: Buffer): Result<string, ScramFault> {
    const { mechanism, binding, salt, iterations, nonce } = this.#options;
    const parsed = /^((?:([ny])|p=([A-Za-z0-9.-]{1,64})),,)(n=[^,]*,r=([!-+\--~]{8,512})(?:,.*)?)$/.exec(
      message.toString('latin1'),
    );
    if (!parsed) return err('malformed');
    const [, header = '', flag, bindingType, bare = '', clientNonce = ''] = parsed;
    if (mechanism === SCRAM_SHA_256_PLUS ? bindingType !== BINDING_TYPE : bindingType !== undefined)
      return err('malformed');
    // "y": the client can bind and believes that we cannot. If we offered it, somebody cut the offer out.
    if (flag === 'y' && binding) return err('binding');
    this.#gs2Header = header;
    this.#nonce = clientNonce + nonce;
    const reply = `r=${this.#nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`;
    this.#authMessagePrefix = `${bare},${reply},`;
    return ok(reply);
  }

  /** Takes client-final; gives the grant that the client proved to hold, and server-final. */
  final(message: Buffer): Result<{ readonly grant: GrantCandidate; readonly reply: string }, ScramFault> {
    const text = message.toString('latin1');
    const cut = text.lastIndexOf(',p=');
    const found = attributes(text);
    const proof = Buffer.from(found?.get('p') ?? '', 'base64');
    if (!found || cut < 0 || proof.length !== KEY_BYTES || found.get('r') === undefined) return err('malformed');
    if (found.get('r') !== this.#nonce) return err('nonce');
    const bound = this.#options.mechanism === SCRAM_SHA_256_PLUS ? this.#options.binding : undefined;
    const expected = Buffer.concat([Buffer.from(this.#gs2Header, 'latin1'), bound ?? Buffer.alloc(0)]);
    if (!sameKey(Buffer.from(found.get('c') ?? '', 'base64'), expected)) return err('binding');
    const authMessage = this.#authMessagePrefix + text.slice(0, cut);
    const grant = findCandidate(this.#options.candidates, (storedKey) => {
      const signature = hmac(storedKey, authMessage);
      for (let i = 0; i < KEY_BYTES; i++) signature[i] = (signature[i] ?? 0) ^ (proof[i] ?? 0);
      return sameKey(sha256(signature), storedKey);
    });
    if (!grant) return err('wrong');
    const serverKey = Buffer.from(grant.verifier.serverKey, 'base64');
    return ok({ grant, reply: `v=${hmac(serverKey, authMessage).toString('base64')}` });
  }
}

interface ScramClientOptions {
  /** tls-server-end-point of the server's certificate; undefined without TLS, or for certificates that have none. */
  readonly binding: Uint8Array | undefined;
  /** What the server offered. */
  readonly mechanisms: readonly string[];
  readonly password: Secret<string>;
  readonly nonce: string;
}

/** The client's half: `first`, `final`, `verify`. */
export class ScramClient {
  readonly mechanism: ScramMechanism;
  readonly #options: ScramClientOptions;
  readonly #gs2Header: string;
  #serverSignature: Buffer | undefined;

  constructor(options: ScramClientOptions) {
    const plus = options.binding !== undefined && options.mechanisms.includes(SCRAM_SHA_256_PLUS);
    this.mechanism = plus ? SCRAM_SHA_256_PLUS : SCRAM_SHA_256;
    this.#options = options;
    this.#gs2Header = plus ? `p=${BINDING_TYPE},,` : options.binding ? 'y,,' : 'n,,';
  }

  first(): string {
    return `${this.#gs2Header}n=,r=${this.#options.nonce}`;
  }

  async final(serverFirst: string): Promise<Result<string, ScramFault>> {
    const found = attributes(serverFirst);
    const nonce = found?.get('r') ?? '';
    const salt = Buffer.from(found?.get('s') ?? '', 'base64');
    const iterations = Number(found?.get('i'));
    if (!found || found.has('m') || salt.length === 0 || !Number.isInteger(iterations)) return err('malformed');
    if (!nonce.startsWith(this.#options.nonce) || nonce.length === this.#options.nonce.length) return err('nonce');
    if (iterations < 1 || iterations > MAX_ITERATIONS) return err('iterations');
    const salted = await deriveKey(prepare(this.#options.password.reveal()), salt, iterations, KEY_BYTES, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const bound = this.mechanism === SCRAM_SHA_256_PLUS ? this.#options.binding : undefined;
    const header = Buffer.concat([Buffer.from(this.#gs2Header, 'latin1'), bound ?? Buffer.alloc(0)]);
    const withoutProof = `c=${header.toString('base64')},r=${nonce}`;
    const authMessage = `n=,r=${this.#options.nonce},${serverFirst},${withoutProof}`;
    const proof = hmac(sha256(clientKey), authMessage);
    for (let i = 0; i < KEY_BYTES; i++) proof[i] = (proof[i] ?? 0) ^ (clientKey[i] ?? 0);
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage);
    return ok(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** The server proved that it knows the password too. */
  verify(serverFinal: string): Result<void, ScramFault> {
    const signature = Buffer.from(attributes(serverFinal)?.get('v') ?? '', 'base64');
    if (!this.#serverSignature || !sameKey(signature, this.#serverSignature)) return err('server_unproven');
    return ok(undefined);
  }
}
