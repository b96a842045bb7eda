// MySQL and MariaDB behind the seam. README.md says what is supported and what is refused.

import type { Refusal } from '../../../core/refusal.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Secret } from '../../../core/secret.ts';
import type { ByteStream, Claim, Door, ProvenGrant, Session } from '../../door.ts';
import { ConnectionLost } from '../../net/byte-reader.ts';
import { databaseMistakes, type DatabaseSettings, openDatabase } from '../../net/database-target.ts';
import type { UpstreamTarget } from '../../net/dial.ts';
import { recordUser, SessionUsers } from '../../net/session-users.ts';
import { turnAway } from '../../net/turn-away.ts';
import type { Protocol, ProtocolModule } from '../../protocol.ts';
import {
  askSecret,
  freshNonce,
  PasswordKey,
  readMysqlWish,
  wrongSecret,
  type MysqlWish,
  type SecretSettings,
} from './login/client-login.ts';
import { BadPacket } from './login/login-packets.ts';
import { SessionSecret } from './login/session-secret.ts';
import { type Arrived, greetClient } from './login/start.ts';
import { askUpstream, logInUpstream, tryMysqlTarget } from './login/upstream.ts';
import { readSessionSettings, SETTINGS_QUESTION } from './rules/session-settings.ts';
import { CAPABILITIES } from './wire/capabilities.ts';
import { opensFiles } from './rules/local-files.ts';
import { MysqlJudges } from './rules/verdicts.ts';
import { beginMysqlConversation } from './session/conversation.ts';
import { Threads } from './session/threads.ts';
import { sessionAccounts, trySessionAccounts } from './users/session-accounts.ts';
import { MYSQL_PORT, MysqlListener, settleMysql, WrittenMysqlTarget } from './settings.ts';
import { loginRefused, type MysqlRefusal } from './wire/refusals.ts';

export const mysql: ProtocolModule<DatabaseSettings, UpstreamTarget> = {
  defaultPort: MYSQL_PORT,
  listener: MysqlListener,
  resource: WrittenMysqlTarget,
  mistakes: databaseMistakes,
  settle: settleMysql,
  announce: ({ database }) => (database === undefined ? {} : { defaultDatabase: database }),
  address: ({ host, port }) => `${host}:${port}`,
  openTarget: openDatabase,
  create: createMysql,
};

/** Why the gateway gave up on a login. */
const givenUp = (signal: AbortSignal): Refusal => signal.reason as Refusal;

const tell = (stream: ByteStream, sequence: number, refusal: MysqlRefusal): Promise<void> =>
  turnAway(stream, loginRefused(sequence, refusal));

/** Who came in, and by what. */
interface Proved {
  readonly wish: MysqlWish;
  readonly proof: ProvenGrant;
  readonly secret: SessionSecret;
}

/** Undefined: the secret is of no grant of theirs, or of none for the resource. */
async function proofOf(
  { claim: { email, resource } }: MysqlWish,
  shown: Secret<string>,
  door: Door<UpstreamTarget>,
): Promise<Result<ProvenGrant | undefined, Refusal>> {
  if (email === undefined) return door.proveSecret(resource, shown);
  const lookup = await door.lookUp({ email, resource });
  return lookup.ok ? ok(await lookup.value.proveSecret(shown)) : lookup;
}

function createMysql(listener: unknown): Protocol<UpstreamTarget> {
  const { clientAuth, serverVersion: version } = MysqlListener.strip().parse(listener);
  const threads = new Threads();
  const judges = new MysqlJudges();
  const users = new SessionUsers(sessionAccounts);
  const secrets: SecretSettings = { clientAuth, key: new PasswordKey() };

  async function carry(stream: ByteStream, door: Door<UpstreamTarget>): Promise<void> {
    const threadId = threads.issue();
    const nonce = freshNonce();
    const { tls, allowPlainText, signal } = door;
    const start = await greetClient(stream, {
      tls,
      allowPlainText,
      signal,
      progressed: (to) => door.progressed(to),
      version,
      threadId,
      nonce,
    });
    switch (start.kind) {
      case 'lost':
        // Opened and closed: a health check. Out of time: somebody who got nowhere.
        if (!signal.aborted) start.stream.destroy();
        else if (start.atFirstByte) {
          start.stream.destroy();
          await door.refused(givenUp(signal), Promise.resolve());
        } else await door.refused(givenUp(signal), tell(start.stream, start.sequence, givenUp(signal)));
        return;
      case 'refused':
        return door.refused(
          start.refusal,
          start.silent ? turnAway(start.stream, undefined) : tell(start.stream, start.sequence, start.refusal),
        );
      case 'arrived':
        return logInClient(start, door, nonce, threadId);
    }
  }

  async function logInClient(
    arrived: Arrived,
    door: Door<UpstreamTarget>,
    nonce: Buffer,
    threadId: number,
  ): Promise<void> {
    const { stream, packets, tls } = arrived;
    const refuse = (refusal: Refusal, claim?: Claim): Promise<void> => {
      packets.release();
      return door.refused(refusal, tell(stream, packets.sequence, refusal), claim);
    };
    const read = readMysqlWish(arrived);
    if (!read.ok) return refuse(read.error.refusal, read.error.claim);
    const wish = read.value;
    door.progressed('named');
    const proved = await prove(arrived, wish, door, nonce);
    if (proved === 'gone') return void stream.destroy();
    const { email = '', resource } = wish.claim;
    if (!proved.ok) return refuse(proved.error, { email, resource });
    const { proof, secret } = proved.value;
    const entered = await door.enter(proof, {
      client: stream,
      tls,
      application: wish.application,
      details: wish.database === undefined ? {} : { database: wish.database },
    });
    if (entered.ok) return carrySession(arrived, { wish, proof, secret }, entered.value, threadId);
    packets.release();
    return tell(stream, packets.sequence, entered.error);
  }

  /** `gone`: a client that was asked for what it will not send hangs up. */
  async function prove(
    { packets, tls, response: { plugin, answer } }: Arrived,
    wish: MysqlWish,
    door: Door<UpstreamTarget>,
    nonce: Buffer,
  ): Promise<Result<Omit<Proved, 'wish'>, Refusal> | 'gone'> {
    try {
      const shown = await askSecret({ packets, secure: tls !== undefined, plugin, answer, nonce }, secrets);
      if (!shown.ok) return shown;
      const proof = await proofOf(wish, shown.value, door);
      if (!proof.ok) return proof;
      return proof.value ? ok({ proof: proof.value, secret: new SessionSecret(shown.value) }) : err(wrongSecret(wish));
    } catch (error) {
      if (error instanceof BadPacket)
        return err({ reason: 'bad_request', message: 'The login packets are not understood.' });
      if (!(error instanceof ConnectionLost)) throw error;
      return door.signal.aborted ? err(givenUp(door.signal)) : 'gone';
    }
  }

  async function carrySession(
    { stream, packets, tls, response }: Arrived,
    { wish, proof, secret }: Proved,
    entered: Session<UpstreamTarget>,
    threadId: number,
  ): Promise<void> {
    const { guard, signal } = entered;
    const refuse = (refusal: MysqlRefusal): Promise<void> => {
      packets.release();
      return tell(stream, packets.sequence, entered.failed(refusal));
    };
    const settled = await users.settle(entered);
    if (!settled.ok) return refuse(settled.error);
    const { session } = settled.value;
    const target = session.upstream;
    const database = wish.database === undefined ? undefined : response.database;
    const capabilities = opensFiles(guard.rules.sections.statements)
      ? response.capabilities
      : response.capabilities & ~CAPABILITIES.LOCAL_FILES;
    const upstream = await logInUpstream(target, { ...response, capabilities, database }, signal);
    if (!upstream.ok) return refuse(upstream.error);
    const guarded = guard.rules.sections.statements !== undefined || guard.rules.counted || guard.rules.masks.any;
    // Before the session's first text, so that it need not wait.
    const settings = guarded
      ? readSessionSettings(await askUpstream(target, upstream.value, response.capabilities, SETTINGS_QUESTION, signal))
      : undefined;
    if (signal.aborted) {
      upstream.value.socket.destroy();
      return refuse(givenUp(signal));
    }
    recordUser(settled.value);
    const conversation = beginMysqlConversation({
      client: stream,
      early: packets.release(),
      sequence: packets.sequence,
      capabilities: response.capabilities,
      database: wish.database,
      upstream: upstream.value,
      session,
      claim: proof.claim,
      user: {
        user: wish.user,
        secret,
        settings: secrets,
        secure: tls !== undefined,
        collation: response.collation,
      },
      judges,
      settings,
      threads,
      threadId,
    });
    return session.carry(conversation);
  }

  const turnAwayFirst = (stream: ByteStream, refusal: Refusal) => tell(stream, 0, refusal);

  return { carry, turnAway: turnAwayFirst, tryTarget: tryMysqlTarget, tryRights: trySessionAccounts };
}
