// Dials a target and logs in there with the connector's own credential, with exactly what the client agreed to. Nothing of
// this is recorded and nothing of it reaches the client: the session begins with the target's OK.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { err, ok, type Result } from '../../../../core/result.ts';
import { ConnectionLost } from '../../../net/byte-reader.ts';
import { dialFaultForClients, loginFaultForOperators, NO_TLS } from '../../../net/database-target.ts';
import { dial, DialFault, secureClient, type UpstreamTarget } from '../../../net/dial.ts';
import { NO_CREDENTIAL, withLogin } from '../../../net/with-login.ts';
import type { TargetLoginFault } from '../../../protocol.ts';
import { AnswerReader } from '../wire/answer-reader.ts';
import { CAPABILITIES, flagsOf, has, missingAt, ofSession } from '../wire/capabilities.ts';
import { COM_QUERY } from '../wire/commands.ts';
import {
  type Greeting,
  handshakeResponse,
  type HandshakeResponse,
  readGreeting,
  responseHead,
  UTF8MB4,
} from '../wire/handshake.ts';
import { packet } from '../wire/packets.ts';
import { ERR, readError } from '../wire/replies.ts';
import type { MysqlRefusal } from '../wire/refusals.ts';
import { BadPacket } from './login-packets.ts';
import { PacketStream } from './packet-stream.ts';
import { answerNotUnderstood, UpstreamAuthentication, UpstreamFault } from './upstream-authentication.ts';

export interface MysqlUpstream {
  readonly socket: Socket;
  readonly greeting: Greeting;
  /** What was agreed with it. */
  readonly capabilities: number;
  /** The target's OK to the login, as a payload. */
  readonly ok: Buffer;
  /** Came behind it. */
  readonly early: Buffer;
}

/** What a session asks for: a client's login packet. */
type AskedSession = Pick<
  HandshakeResponse,
  'capabilities' | 'maxPacketBytes' | 'collation' | 'database' | 'attributes'
>;

/** For connections of the gateway's own. */
const OWN: AskedSession = {
  capabilities: flagsOf('PROTOCOL_41', 'TRANSACTIONS', 'LONG_FLAG'),
  maxPacketBytes: 1024 * 1024,
  collation: UTF8MB4,
  database: undefined,
  attributes: undefined,
};

/** Dials and logs in. `session`: its signal, at which the connection is given up. */
export async function logInUpstream(
  target: UpstreamTarget,
  asked: AskedSession,
  session: AbortSignal,
): Promise<Result<MysqlUpstream, MysqlRefusal>> {
  const signal = AbortSignal.any([session, AbortSignal.timeout(target.connectTimeoutMs)]);
  try {
    return ok(await open(target, asked, signal));
  } catch (error) {
    return err(refusalOf(error, signal));
  }
}

/** Logs in at the target as a session would, and leaves. The fault is for the operator, whose settings these are. */
export async function tryMysqlTarget(target: UpstreamTarget): Promise<Result<undefined, TargetLoginFault>> {
  // The administrator of session users may have no right to the database.
  const opened = await logInAsGateway(target.sessionUser ? { ...target, database: undefined } : target);
  if (!opened.ok) return opened;
  leave(opened.value.socket);
  return ok(undefined);
}

/** Logs in for statements of the gateway's own. */
export async function logInAsGateway(target: UpstreamTarget): Promise<Result<MysqlUpstream, TargetLoginFault>> {
  const signal = AbortSignal.timeout(target.connectTimeoutMs);
  try {
    return ok(await open(target, OWN, signal));
  } catch (error) {
    const refusal = refusalOf(error, signal);
    const said = error instanceof UpstreamFault ? error.targetSaid : undefined;
    return err({ refusal, detail: loginFaultForOperators(refusal, said) });
  }
}

/**
 * Asks a query of the gateway's own before the session's first command. Gives the payloads of its rows; undefined: it failed, or
 * took too long.
 */
export async function askUpstream(
  target: UpstreamTarget,
  { socket }: Pick<MysqlUpstream, 'socket'>,
  capabilities: number,
  text: string,
  session?: AbortSignal,
  each?: Buffer[],
): Promise<Buffer | undefined> {
  const reader = new AnswerReader('text results', has(capabilities, 'DEPRECATE_EOF'));
  const rows: Buffer[] = [];
  reader.onRow = (part) => rows.push(Buffer.from(part));
  if (each) reader.onRowEnd = () => each.push(Buffer.concat(rows.splice(0)));
  const timeout = AbortSignal.timeout(target.connectTimeoutMs);
  const signal = session ? AbortSignal.any([session, timeout]) : timeout;
  await new Promise<void>((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      socket.off('data', take);
      socket.off('close', done);
      socket.off('end', done);
      socket.pause();
      resolve();
    };
    const take = (chunk: Buffer) => {
      reader.read(chunk, 0);
      if (reader.over || reader.fault !== undefined) done();
    };
    socket.on('data', take);
    socket.once('close', done);
    socket.once('end', done);
    signal.addEventListener('abort', done, { once: true });
    socket.write(packet(0, COM_QUERY, text));
    socket.resume();
  });
  // Its answer may still come, among those to the client.
  if (!reader.over) socket.destroy();
  return reader.over && reader.error === undefined ? Buffer.concat(rows) : undefined;
}

/** Asks queries on a connection of the gateway's own. The rows of each, as payloads; undefined: one of them failed. */
export async function askTarget(
  target: UpstreamTarget,
  questions: readonly string[],
): Promise<readonly (readonly Buffer[])[] | undefined> {
  const signal = AbortSignal.timeout(target.connectTimeoutMs);
  try {
    const opened = await open(target, OWN, signal);
    const answers: Buffer[][] = [];
    for (const question of questions) {
      const rows: Buffer[] = [];
      if (!(await askUpstream(target, opened, OWN.capabilities, question, undefined, rows))) return undefined;
      answers.push(rows);
    }
    leave(opened.socket);
    return answers;
  } catch (error) {
    // Who asked has to do without.
    refusalOf(error, signal);
    return undefined;
  }
}

/** Ends what runs on another connection of the target's. Resolves when the target has said something to it, or will not. */
export async function killAtTarget(target: UpstreamTarget, what: `KILL ${number}`): Promise<void> {
  const signal = AbortSignal.timeout(target.connectTimeoutMs);
  try {
    const opened = await open(target, OWN, signal);
    await askUpstream(target, opened, OWN.capabilities, what);
    leave(opened.socket);
  } catch (error) {
    // Nobody waits for it, and what it was to end has lost its connection.
    refusalOf(error, signal);
  }
}

function leave(socket: Socket): void {
  socket.once('close', () => socket.destroy());
  socket.end(packet(0, 1));
  socket.resume();
  socket.once('end', () => socket.destroy());
}

const open = (target: UpstreamTarget, asked: AskedSession, signal: AbortSignal): Promise<MysqlUpstream> =>
  withLogin(
    target,
    (now) => openOnce(now, asked, signal),
    (error) => error instanceof UpstreamFault && error.ofCredential,
    (why) => new UpstreamFault('upstream_login_failed', NO_CREDENTIAL, undefined, why),
  );

async function openOnce(target: UpstreamTarget, asked: AskedSession, signal: AbortSignal): Promise<MysqlUpstream> {
  let socket: Socket = await dial(target, signal).catch(inWords);
  try {
    let packets = new PacketStream(socket, signal);
    const hello = await packets.read();
    if (hello[0] === ERR) throw loginFault(hello, target, false);
    const greeting = readGreeting(hello);
    if (!greeting || !has(greeting.capabilities, 'PROTOCOL_41') || !has(greeting.capabilities, 'SECURE_CONNECTION'))
      throw answerNotUnderstood();
    const response = responseFor(target, asked, greeting);
    if (target.tls.mode !== 'off') {
      if (!has(greeting.capabilities, 'SSL')) throw new UpstreamFault('upstream_untrusted', NO_TLS);
      packets.write(responseHead({ ...response, capabilities: response.capabilities | CAPABILITIES.SSL }));
      const { sequence } = packets;
      // Nothing may come between the greeting and the handshake.
      if (packets.release().length > 0) throw answerNotUnderstood();
      socket = await secureClient(socket, target, [], signal).catch(inWords);
      packets = new PacketStream(socket, signal, sequence);
    }
    // What it says of itself before TLS may be anybody's: the nonce is worth nothing elsewhere, and a lie only fails.
    const authentication = new UpstreamAuthentication({
      packets,
      secure: socket instanceof TLSSocket,
      password: target.password,
      plugin: greeting.plugin,
      nonce: greeting.nonce,
    });
    const capabilities = response.capabilities | (target.tls.mode === 'off' ? 0 : CAPABILITIES.SSL);
    packets.write(handshakeResponse({ ...response, capabilities, ...authentication.first() }));
    const answer = await authentication.finish();
    if (answer[0] === ERR) throw loginFault(answer, target, true);
    return { socket, greeting, capabilities, ok: answer, early: packets.release() };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The client's agreed capabilities as they are; of those that only shape the login, what this target takes. */
function responseFor(
  target: UpstreamTarget,
  asked: AskedSession,
  { capabilities: theirs }: Greeting,
): HandshakeResponse {
  const missing = missingAt(theirs, asked.capabilities);
  if (missing.length > 0)
    throw new UpstreamFault(
      'not_supported',
      `The database does not offer ${missing.join(', ')}, which this client uses. Switch it off in the client, or use another one.`,
    );
  const database = asked.database ?? (target.database === undefined ? undefined : Buffer.from(target.database));
  const login = flagsOf('SECURE_CONNECTION', 'PLUGIN_AUTH', 'PLUGIN_AUTH_LENENC_CLIENT_DATA', 'CONNECT_ATTRS') & theirs;
  const files = flagsOf('LOCAL_FILES') & asked.capabilities & theirs;
  let capabilities = ofSession(asked.capabilities) | login | files | CAPABILITIES.LONG_PASSWORD;
  if (database !== undefined) capabilities |= CAPABILITIES.CONNECT_WITH_DB;
  if (asked.attributes === undefined) capabilities &= ~CAPABILITIES.CONNECT_ATTRS;
  const { maxPacketBytes, collation, attributes } = asked;
  const user = Buffer.from(target.user);
  return {
    capabilities,
    maxPacketBytes,
    collation,
    user,
    answer: Buffer.alloc(0),
    database,
    plugin: undefined,
    attributes,
  };
}

/** What a client is told of why a login at the target failed; anything that is no such failure is thrown again. */
export function refusalOf(error: unknown, signal: AbortSignal): MysqlRefusal {
  if (error instanceof UpstreamFault)
    return {
      reason: error.reason,
      message: error.message,
      ...(error.code && { error: error.code }),
      ofTarget: isOfTarget(error),
    };
  const unreachable = { reason: 'upstream_unreachable', ofTarget: true } as const;
  if (signal.aborted) return { ...unreachable, message: 'The database did not answer in time. Try again in a moment.' };
  if (error instanceof ConnectionLost)
    return { ...unreachable, message: 'The database closed the connection during the login.' };
  if (error instanceof BadPacket) return refusalOf(answerNotUnderstood(), signal);
  throw error;
}

const isOfTarget = ({ reason, code }: UpstreamFault): boolean =>
  reason === 'upstream_unreachable' ||
  reason === 'upstream_untrusted' ||
  (reason === 'upstream_login_failed' && code === undefined);

function inWords(error: unknown): never {
  if (!(error instanceof DialFault)) throw error;
  throw new UpstreamFault(error.reason, dialFaultForClients(error));
}

const UNKNOWN_DATABASE: ReadonlySet<number> = new Set([1044, 1049]);
const TOO_MANY_CONNECTIONS: ReadonlySet<number> = new Set([1040, 1203, 1226]);
const ACCESS_DENIED = 1045;
/** Behind the greeting: what the target says about the gateway's own credential. */
const OF_CREDENTIAL: ReadonlySet<number> = new Set([1045, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159, 4151]);

/** What is said about the gateway's own credential is for administrators, and its name for nobody else. */
export function loginFault(payload: Buffer, target: UpstreamTarget, greeted: boolean): UpstreamFault {
  const { code, sqlstate, message: said } = readError(payload);
  const targetSaid = `${said} (${code})`;
  if (TOO_MANY_CONNECTIONS.has(code))
    return new UpstreamFault(
      'too_many_sessions',
      'The database takes no more connections. Try again later.',
      [code, sqlstate],
      targetSaid,
    );
  if (greeted && UNKNOWN_DATABASE.has(code))
    return new UpstreamFault(
      'resource_unknown',
      'The target has no such database, or the gateway may not use it. Name another one.',
      [code, sqlstate],
      targetSaid,
    );
  if (!greeted || OF_CREDENTIAL.has(code) || said.includes(target.user))
    return new UpstreamFault(
      greeted ? 'upstream_login_failed' : 'upstream_unreachable',
      `The database refused the gateway's own ${greeted ? 'login' : 'connection'} (${code}). Tell an administrator.`,
      undefined,
      targetSaid,
      greeted && code === ACCESS_DENIED,
    );
  return new UpstreamFault(
    'upstream_login_failed',
    `The database refused the session: ${said} (${code})`,
    [code, sqlstate],
    targetSaid,
  );
}
