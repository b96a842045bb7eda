// PostgreSQL behind the seam. README.md says what is supported and what is refused.

import type { Refusal } from '../../../core/refusal.ts';
import { err, type Result } from '../../../core/result.ts';
import type { ByteStream, Claim, Door, ProvenGrant, Session } from '../../door.ts';
import { ConnectionLost } from '../../net/byte-reader.ts';
import { databaseMistakes, type DatabaseSettings, openDatabase } from '../../net/database-target.ts';
import type { UpstreamTarget } from '../../net/dial.ts';
import { orAborted } from '../../net/or-aborted.ts';
import { recordUser, SessionUsers } from '../../net/session-users.ts';
import { turnAway } from '../../net/turn-away.ts';
import type { Protocol, ProtocolModule } from '../../protocol.ts';
import { CancelKeys, CancelSender } from './login/cancel.ts';
import { prove, readWish, type Wish } from './login/login.ts';
import { readStart, type Start, type Transport } from './login/start-up.ts';
import { logIn, tryLogIn } from './login/upstream.ts';
import { loadParser } from './rules/parser.ts';
import { refuseSettings, settingsOf } from './rules/start-up-settings.ts';
import { createPostgresJudge } from './rules/verdicts.ts';
import { beginConversation } from './session/conversation.ts';
import { createMaskingShare } from './session/session-masking.ts';
import { DEFAULT_PORT, ListenerSettings, settle, WrittenTarget } from './settings.ts';
import { sessionRoles, trySessionRoles } from './users/session-roles.ts';
import { negotiateProtocolVersion, PROTOCOL_3_0, PROTOCOL_3_2 } from './wire/messages.ts';
import { type LoginRefusal, refusalMessage } from './wire/refusals.ts';

export const postgres: ProtocolModule<DatabaseSettings, UpstreamTarget> = {
  defaultPort: DEFAULT_PORT,
  listener: ListenerSettings,
  resource: WrittenTarget,
  mistakes: databaseMistakes,
  settle,
  announce: ({ database }) => (database === undefined ? {} : { defaultDatabase: database }),
  address: ({ host, port }) => `${host}:${port}`,
  openTarget: openDatabase,
  create: createPostgres,
};

/** Why the gateway gave up on a login. */
const givenUp = (signal: AbortSignal): Refusal => signal.reason as Refusal;

const tell = (stream: ByteStream, refusal: LoginRefusal | undefined): Promise<void> =>
  turnAway(stream, refusal && refusalMessage(refusal));

function createPostgres(listener: unknown): Protocol<UpstreamTarget> {
  const { clientAuth = 'scram' } = ListenerSettings.strip().parse(listener);
  const cancelKeys = new CancelKeys();
  const cancelSender = new CancelSender();
  const judge = createPostgresJudge();
  const masking = createMaskingShare();
  const users = new SessionUsers(sessionRoles);

  async function carry(stream: ByteStream, door: Door<UpstreamTarget>): Promise<void> {
    const start = await readStart(stream, door);
    switch (start.kind) {
      case 'lost':
        // Opened and closed: a health check. In mid-word or out of time: somebody who got nowhere.
        if (!door.signal.aborted) start.stream.destroy();
        else if (start.atFirstByte) {
          start.stream.destroy();
          await door.refused(givenUp(door.signal), Promise.resolve());
        } else await door.refused(givenUp(door.signal), tell(start.stream, givenUp(door.signal)));
        return;
      case 'refused':
        return door.refused(start.refusal, tell(start.stream, start.silent ? undefined : start.refusal));
      case 'cancel':
        start.transport.reader.release();
        await cancelKeys.request(start.pid, start.secret);
        return tell(start.transport.stream, undefined);
      case 'startup':
        return logInClient(start, door);
    }
  }

  async function logInClient(start: Start & { kind: 'startup' }, door: Door<UpstreamTarget>): Promise<void> {
    const { transport, version, parameters } = start;
    const { stream, reader } = transport;
    const refuse = (refusal: Refusal, claim?: Claim): Promise<void> => {
      reader.release();
      return door.refused(refusal, tell(stream, refusal), claim);
    };
    const read = readWish(parameters);
    if (!read.ok) return refuse(read.error.refusal, read.error.claim);
    const wish = read.value;
    door.progressed('named');
    // 3.1 was never released: libpq takes an answer that names it for nonsense.
    const spoken = version >= PROTOCOL_3_2 ? PROTOCOL_3_2 : PROTOCOL_3_0;
    if (version !== spoken || wish.unknownOptions.length > 0)
      stream.write(negotiateProtocolVersion(spoken, wish.unknownOptions));
    const proof = await proofOf(transport, wish, door);
    if (proof === 'gone') return void stream.destroy();
    if (!proof.ok) return refuse(proof.error, wish.claim);
    const entered = await door.enter(proof.value, {
      client: stream,
      tls: transport.tls,
      application: wish.application,
      details: wish.database === undefined ? {} : { database: wish.database },
    });
    if (entered.ok) return carrySession(transport, wish, spoken, entered.value);
    reader.release();
    return tell(stream, entered.error);
  }

  /** `gone`: psql without a password hangs up when it is asked for one, asks the person, and connects again. */
  async function proofOf(
    transport: Transport,
    wish: Wish,
    door: Door<UpstreamTarget>,
  ): Promise<Result<ProvenGrant, Refusal> | 'gone'> {
    try {
      const lookup = await door.lookUp(wish.claim);
      return lookup.ok ? await prove(transport, lookup.value, clientAuth, wish) : lookup;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      return door.signal.aborted ? err(givenUp(door.signal)) : 'gone';
    }
  }

  async function carrySession(
    { stream, reader }: Transport,
    wish: Wish,
    version: number,
    entered: Session<UpstreamTarget>,
  ): Promise<void> {
    const { guard, signal } = entered;
    const refuse = (refusal: LoginRefusal): Promise<void> => {
      reader.release();
      return tell(stream, entered.failed(refusal));
    };
    await loadParser();
    const stopped = refuseSettings(wish.passedOn, guard.rules.sections.statements, guard.rules.rule);
    if (stopped !== undefined) return refuse({ reason: 'policy_denied', message: stopped });
    const settled = await users.settle(entered);
    if (!settled.ok) return refuse(settled.error);
    const { session } = settled.value;
    const target = session.upstream;
    const upstream = await logIn(target, wish.database, wish.passedOn, signal);
    if (!upstream.ok) return refuse(upstream.error);
    // Before the session's first statement, which may change what the catalogue would have said.
    const masked = guard.rules.masks.columnRules.length > 0;
    const lease =
      masked && (await orAborted(masking.catalogues.warm(target, wish.database), signal, (late) => late.release()));
    if (signal.aborted) {
      if (lease) lease.release();
      upstream.value.socket.destroy();
      return refuse(givenUp(signal));
    }
    recordUser(settled.value);
    const conversation = beginConversation({
      client: stream,
      early: reader.release(),
      version,
      upstream: upstream.value,
      session,
      judge,
      masking,
      database: wish.database,
      role: settled.value.own?.made.role,
      roleKnown: settingsOf(wish.passedOn)?.every(([name]) => name !== 'role') === true,
      cancelKeys,
      cancelSender,
    });
    if (lease) lease.release();
    return session.carry(conversation);
  }

  return { carry, turnAway: tell, tryTarget: tryLogIn, tryRights: trySessionRoles };
}
