// COM_CHANGE_USER, which pools and PHP's persistent connections send at each reuse. For the user and the secret of the login it is
// a fresh session at the target: by the same command there, with the connector's own credential and the database, collation and
// attributes that the client names. Anything else ends the connection, as a server does.

import type { Refusal } from '../../../../core/refusal.ts';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { ConnectionLost } from '../../../net/byte-reader.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { NO_CREDENTIAL } from '../../../net/with-login.ts';
import { askSecret, type SecretSettings } from '../login/client-login.ts';
import { BadPacket } from '../login/login-packets.ts';
import type { SessionSecret } from '../login/session-secret.ts';
import { loginFault, type MysqlUpstream, refusalOf } from '../login/upstream.ts';
import { UpstreamAuthentication } from '../login/upstream-authentication.ts';
import { type ChangeUser, changeUser, readChangeUser } from '../wire/change-user.ts';
import type { ClientPacket } from '../wire/client-packets.ts';
import { PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { loginError, type MysqlRefusal } from '../wire/refusals.ts';
import { ERR, type MysqlError } from '../wire/replies.ts';
import type { MysqlAnswers } from './answers.ts';
import type { Exchange } from './exchange.ts';

/** Who is in the session, and how that was shown. */
export interface SessionUser {
  /** As the client spelt it. */
  readonly user: string;
  readonly secret: SessionSecret;
  readonly settings: SecretSettings;
  /** The client is spoken to inside TLS. */
  readonly secure: boolean;
  readonly collation: number;
}

interface UserChangesParts {
  readonly user: SessionUser;
  /** Agreed with the client. */
  readonly capabilities: number;
  readonly target: UpstreamTarget;
  readonly upstream: MysqlUpstream;
  readonly answers: MysqlAnswers;
  readonly masks: () => Pick<Masks, 'hide'>;
}

/** A name of no plugin, so that the target asks by the one of its account, with a nonce of its own. */
const ANY_PLUGIN = 'by_the_account';
const STAR = 0x2a;

const NOT_UNDERSTOOD: Refusal = { reason: 'bad_request', message: 'COM_CHANGE_USER is not understood.' };
const OTHER_USER: Refusal = {
  reason: 'credentials_wrong',
  message: 'COM_CHANGE_USER takes the user of this connection alone. Connect anew as another one.',
};
const OTHER_SECRET: Refusal = {
  reason: 'credentials_wrong',
  message: 'COM_CHANGE_USER takes the password of this connection alone. Connect anew with another grant.',
};

export class UserChanges {
  readonly #parts: UserChangesParts;

  constructor(parts: UserChangesParts) {
    this.#parts = parts;
  }

  /** What the client shows of a login, and how it is told and recorded. */
  read(packet: ClientPacket): { readonly asked: ChangeUser | undefined; readonly text: string; recorded: Buffer } {
    const { capabilities, masks } = this.#parts;
    const payload = packet.bytes.subarray(PACKET_HEADER_BYTES);
    const asked = packet.cut ? undefined : readChangeUser(payload, capabilities);
    const recorded = Buffer.from(packet.bytes);
    const from = PACKET_HEADER_BYTES + (asked?.answerAt ?? 1);
    recorded.fill(STAR, Math.min(from, recorded.length), asked ? from + asked.answer.length : recorded.length);
    if (!asked || asked.answer.length > 0) masks().hide('secret', 1);
    const database = asked && asked.database.length > 0 ? `, database ${asked.database.toString('utf8')}` : '';
    return { asked, recorded, text: `-- COM_CHANGE_USER: session reset${database}` };
  }

  /** Gives the target's OK; or what the client is told before the connection ends. Rejects with ConnectionLost when the session has ended. */
  async carryOut(asked: ChangeUser | undefined, client: Exchange): Promise<Result<Buffer, MysqlError>> {
    const { user } = this.#parts;
    if (!asked) return refused(NOT_UNDERSTOOD);
    if (asked.user.toString('utf8') !== user.user) return refused(OTHER_USER);
    try {
      const { secure, settings } = user;
      const { plugin, answer } = asked;
      const shown = await askSecret({ packets: client, secure, plugin, answer, nonce: undefined }, settings);
      if (!shown.ok) return refused(shown.error);
      if (!user.secret.is(shown.value)) return refused(OTHER_SECRET);
    } catch (error) {
      if (error instanceof BadPacket) return refused(NOT_UNDERSTOOD);
      throw error;
    }
    return this.#atTarget(asked);
  }

  async #atTarget({ database, collation, attributes }: ChangeUser): Promise<Result<Buffer, MysqlError>> {
    const { upstream, answers, user } = this.#parts;
    const login = await this.#parts.target.keeper?.next();
    if (login?.ok === false) return refused({ reason: 'upstream_login_failed', message: NO_CREDENTIAL });
    const target = { ...this.#parts.target, ...login?.value };
    const packets = answers.converse();
    try {
      const own = { user: Buffer.from(target.user), plugin: ANY_PLUGIN, attributes };
      const named = database.length > 0 ? database : Buffer.from(target.database ?? '');
      const asked = { ...own, database: named, collation: collation ?? user.collation };
      const authentication = new UpstreamAuthentication({
        packets,
        secure: target.tls.mode !== 'off',
        password: target.password,
        plugin: ANY_PLUGIN,
        nonce: upstream.greeting.nonce,
      });
      packets.write(changeUser(asked, upstream.capabilities));
      const payload = await authentication.finish();
      if (payload[0] === ERR) throw loginFault(payload, target, true);
      return ok(payload);
    } catch (error) {
      if (error instanceof ConnectionLost) throw error;
      return refused(refusalOf(error, NEVER));
    } finally {
      answers.conversed();
    }
  }
}

const NEVER = new AbortController().signal;

const refused = (refusal: MysqlRefusal): Result<never, MysqlError> => err(loginError(refusal));
