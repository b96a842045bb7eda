// Answers a target's requests to authenticate, with the connector's own credential.

import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { RefusalReason } from '../../../../core/refusal.ts';
import { peerEndPoint } from '../../../sasl/channel-binding.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import {
  AUTH_CLEARTEXT,
  AUTH_MD5,
  AUTH_OK,
  AUTH_SASL,
  AUTH_SASL_CONTINUE,
  AUTH_SASL_FINAL,
  int32,
  message,
} from '../wire/messages.ts';
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramClient } from '../../../sasl/scram.ts';

/** Why a target could not be logged in to, in words for the client. */
export class LoginFault extends Error {
  readonly reason: RefusalReason;
  /** For the client; undefined: what the reason stands for. */
  readonly sqlstate: string | undefined;
  /** For whoever looks after the connector, and for no client: what the target said of the gateway's login. */
  readonly targetSaid: string | undefined;
  /** The target did not take the credential: a newer one may do. */
  readonly ofCredential: boolean;
  constructor(reason: RefusalReason, text: string, sqlstate?: string, targetSaid?: string, ofCredential = false) {
    super(text);
    this.ofCredential = ofCredential;
    this.reason = reason;
    this.sqlstate = sqlstate;
    this.targetSaid = targetSaid;
  }
}

export const notUnderstood = () =>
  new LoginFault('upstream_login_failed', 'The database answered the login with something that is not understood.');

/** Answers the target's 'R' messages until AuthenticationOk. */
export class Authentication {
  done = false;
  readonly #socket: Socket;
  readonly #target: UpstreamTarget;
  #scram: ScramClient | undefined;
  #proven = false;

  constructor(socket: Socket, target: UpstreamTarget) {
    this.#socket = socket;
    this.#target = target;
  }

  /** int32 kind | data */
  async take(body: Buffer): Promise<void> {
    if (this.done || body.length < 4) throw notUnderstood();
    const kind = body.readInt32BE(0);
    const data = body.subarray(4);
    switch (kind) {
      case AUTH_OK:
        // A server that began SCRAM and breaks it off has not shown that it knows the password.
        if (this.#scram && !this.#proven) throw impostor();
        this.done = true;
        return;
      case AUTH_CLEARTEXT:
        if (!(this.#socket instanceof TLSSocket))
          throw new LoginFault(
            'upstream_untrusted',
            'The database asks for its password in the clear and the connection to it has no TLS. Tell an administrator.',
          );
        this.#answer(`${this.#password()}\0`);
        return;
      case AUTH_MD5:
        if (data.length !== 4) throw notUnderstood();
        this.#answer(`md5${md5(Buffer.concat([Buffer.from(md5(this.#password() + this.#target.user)), data]))}\0`);
        return;
      case AUTH_SASL:
        return this.#beginScram(data.toString('utf8').split('\0'));
      case AUTH_SASL_CONTINUE: {
        const reply = await this.#scram?.final(data.toString('latin1'));
        if (!reply?.ok) throw notUnderstood();
        this.#answer(reply.value);
        return;
      }
      case AUTH_SASL_FINAL:
        if (!this.#scram?.verify(data.toString('latin1')).ok) throw impostor();
        this.#proven = true;
        return;
      default:
        throw new LoginFault(
          'upstream_login_failed',
          `The database asks for a kind of login (${kind}) that is not supported. Tell an administrator.`,
        );
    }
  }

  #beginScram(mechanisms: readonly string[]): void {
    if (this.#scram || !(mechanisms.includes(SCRAM_SHA_256) || mechanisms.includes(SCRAM_SHA_256_PLUS)))
      throw notUnderstood();
    const password = this.#target.password;
    if (!password) throw noPassword();
    const binding = this.#socket instanceof TLSSocket ? peerEndPoint(this.#socket) : undefined;
    this.#scram = new ScramClient({ binding, mechanisms, password, nonce: randomBytes(18).toString('base64') });
    const first = this.#scram.first();
    this.#answer(`${this.#scram.mechanism}\0`, int32(Buffer.byteLength(first)), first);
  }

  #password(): string {
    if (!this.#target.password) throw noPassword();
    return this.#target.password.reveal();
  }

  /** 'p': PasswordMessage, SASLInitialResponse, SASLResponse */
  #answer(...parts: readonly (string | Buffer)[]): void {
    this.#socket.write(message('p', ...parts));
  }
}

const impostor = () =>
  new LoginFault(
    'upstream_untrusted',
    'The database did not prove that it knows its own password. Tell an administrator.',
  );
const noPassword = () =>
  new LoginFault(
    'upstream_login_failed',
    'The database asks for a password and the gateway has none for it. Tell an administrator.',
  );
const md5 = (data: string | Buffer): string => createHash('md5').update(data).digest('hex');
