// Answers a target's questions with the connector's own credential, by the plugin that the target names.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods.html
// https://mariadb.com/kb/en/connection/#authentication-plugins

import type { RefusalReason } from '../../../../core/refusal.ts';
import type { Secret } from '../../../../core/secret.ts';
import { AUTH_MORE_DATA, AUTH_SWITCH, NONCE_BYTES, readAuthSwitch } from '../wire/handshake.ts';
import { ERR, OK } from '../wire/replies.ts';
import type { MysqlRefusal } from '../wire/refusals.ts';
import { CLEAR } from './client-login.ts';
import { ed25519Answer } from './mariadb-ed25519.ts';
import type { LoginPackets } from './login-packets.ts';
import { parsecAnswer } from './mariadb-parsec.ts';
import { cachingSha2Answer, nativeAnswer } from './scrambles.ts';
import { CACHING_SHA2 } from './start.ts';

/** Why a target could not be logged in to, in words for the client. */
export class UpstreamFault extends Error {
  readonly reason: RefusalReason;
  /** The target's own code, for the client. */
  readonly code: MysqlRefusal['error'];
  /** For whoever looks after the connector, and for no client. */
  readonly targetSaid: string | undefined;
  /** The target did not take the credential: a newer one may do. */
  readonly ofCredential: boolean;
  constructor(
    reason: RefusalReason,
    text: string,
    code?: MysqlRefusal['error'],
    targetSaid?: string,
    ofCredential = false,
  ) {
    super(text);
    this.ofCredential = ofCredential;
    this.reason = reason;
    this.code = code;
    this.targetSaid = targetSaid;
  }
}

export const answerNotUnderstood = () =>
  new UpstreamFault('upstream_login_failed', 'The database answered the login with something that is not understood.');

const NATIVE = 'mysql_native_password';
const SHA256 = 'sha256_password';
const ED25519 = 'client_ed25519';
const PARSEC = 'parsec';

const FAST_AUTHENTICATION = 3;
const FULL_AUTHENTICATION = 4;

interface UpstreamLogin {
  readonly packets: LoginPackets;
  /** Inside TLS. */
  readonly secure: boolean;
  readonly password: Secret<string> | undefined;
  /** What the target named; undefined: before 5.5. */
  readonly plugin: string | undefined;
  readonly nonce: Buffer;
}

export class UpstreamAuthentication {
  readonly #packets: LoginPackets;
  readonly #isSecure: boolean;
  readonly #secret: Secret<string> | undefined;
  #plugin: string;
  #nonce: Buffer;

  constructor({ packets, secure, password, plugin, nonce }: UpstreamLogin) {
    this.#packets = packets;
    this.#isSecure = secure;
    this.#secret = password;
    this.#plugin = plugin ?? NATIVE;
    this.#nonce = nonce;
  }

  /** For the login packet: the plugin that the target greeted with, or one that it will switch from. */
  first(): { readonly plugin: string; readonly answer: Buffer } {
    // A secret as it is goes to nobody who has not asked for it.
    if (this.#plugin !== NATIVE && this.#plugin !== CACHING_SHA2)
      return { plugin: NATIVE, answer: nativeAnswer(this.#password(), this.#nonce) };
    return { plugin: this.#plugin, answer: this.#answer() };
  }

  /** Up to the target's OK, whose payload it gives, or its ERR. Rejects with UpstreamFault for what it does not do. */
  async finish(): Promise<Buffer> {
    for (let questions = 0; questions < 8; questions++) {
      const payload = await this.#packets.read();
      switch (payload[0]) {
        case OK:
        case ERR:
          return payload;
        case AUTH_SWITCH:
          this.#switch(payload);
          break;
        case AUTH_MORE_DATA:
          await this.#more(payload.subarray(1));
          break;
        default:
          throw answerNotUnderstood();
      }
    }
    throw answerNotUnderstood();
  }

  #switch(payload: Buffer): void {
    const asked = readAuthSwitch(payload);
    if (!asked)
      throw new UpstreamFault(
        'upstream_login_failed',
        'The database asks for a password as before MySQL 4.1, which is not supported. Tell an administrator.',
      );
    this.#plugin = asked.plugin;
    const size = asked.plugin === ED25519 || asked.plugin === PARSEC ? 32 : NONCE_BYTES;
    this.#nonce = asked.data.subarray(0, size);
    this.#packets.write(this.#answer());
  }

  #answer(): Buffer {
    const password = this.#password();
    switch (this.#plugin) {
      case NATIVE:
        return nativeAnswer(password, this.#nonce);
      case CACHING_SHA2:
        return cachingSha2Answer(password, this.#nonce);
      case ED25519:
        return ed25519Answer(password, this.#nonce);
      case PARSEC:
        // It asks for the salt.
        return Buffer.alloc(0);
      case SHA256:
        if (password === '') return Buffer.of(0);
        this.#needTls();
        return Buffer.from(`${password}\0`);
      case CLEAR:
        this.#needTls();
        return Buffer.from(`${password}\0`);
      default:
        throw new UpstreamFault(
          'upstream_login_failed',
          `The database asks for a kind of login (${this.#plugin.replace(/[^\w.-]/g, '?').slice(0, 64)}) that is not supported. Tell an administrator.`,
        );
    }
  }

  async #more(data: Buffer): Promise<void> {
    if (this.#plugin === PARSEC) {
      const answer = await parsecAnswer(this.#password(), data, this.#nonce);
      if (!answer) throw answerNotUnderstood();
      this.#packets.write(answer);
      return;
    }
    if (this.#plugin !== CACHING_SHA2 || data.length !== 1) throw answerNotUnderstood();
    if (data[0] === FAST_AUTHENTICATION) return;
    if (data[0] !== FULL_AUTHENTICATION) throw answerNotUnderstood();
    this.#needTls();
    this.#packets.write(`${this.#password()}\0`);
  }

  /**
   * The password itself goes through TLS alone. Without it a server would send an RSA key to encrypt it for, in the clear, as would
   * whoever stands in between.
   */
  #needTls(): void {
    if (!this.#isSecure)
      throw new UpstreamFault(
        'upstream_untrusted',
        `The database asks for the password itself (${this.#plugin}) and the connection to it has no TLS. Tell an administrator.`,
      );
  }

  #password(): string {
    return this.#secret?.reveal() ?? '';
  }
}
