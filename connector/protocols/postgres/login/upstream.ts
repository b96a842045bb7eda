// Dials a target and logs in there with the connector's own credential. Nothing of this is recorded
// and nothing of it reaches the client: the session begins behind the target's ReadyForQuery.

import type { Socket } from 'node:net';
import { err, ok, type Result } from '../../../../core/result.ts';
import { ByteReader, ConnectionLost } from '../../../net/byte-reader.ts';
import { dialFaultForClients, loginFaultForOperators, NO_TLS } from '../../../net/database-target.ts';
import { dial, DialFault, secureClient, type UpstreamTarget } from '../../../net/dial.ts';
import { NO_CREDENTIAL, withLogin } from '../../../net/with-login.ts';
import type { TargetLoginFault } from '../../../protocol.ts';
import {
  int32,
  MAX_LOGIN_MESSAGE_BYTES,
  message,
  PROTOCOL_3_0,
  readErrorFields,
  SSL_REQUEST,
  startupMessage,
} from '../wire/messages.ts';
import type { LoginRefusal } from '../wire/refusals.ts';
import { Authentication, LoginFault, notUnderstood } from './upstream-authentication.ts';

export interface UpstreamConnection {
  readonly socket: Socket;
  /** What cancels its statements. */
  readonly key: { readonly pid: number; readonly secret: Buffer } | undefined;
  /** ParameterStatus and NoticeResponse messages and the first ReadyForQuery, as the target sent them. */
  readonly greeting: Buffer;
  /** Came behind the greeting. */
  readonly early: Buffer;
}

/** ParameterStatus messages, notices: a login that says more than this is not one. */
const MAX_GREETING_BYTES = 256 * 1024;
const MAX_KEY_BYTES = 256;

/**
 * Dials and logs in. `parameters`: the client's own, less user and database. `session`: its signal, at which the connection
 * is given up; undefined for the gateway's own.
 */
export async function logIn(
  target: UpstreamTarget,
  database: string | undefined,
  parameters: ReadonlyMap<string, string>,
  session: AbortSignal | undefined,
): Promise<Result<UpstreamConnection, LoginRefusal>> {
  const timeout = AbortSignal.timeout(target.connectTimeoutMs);
  const signal = session ? AbortSignal.any([session, timeout]) : timeout;
  try {
    return ok(await open(target, database, parameters, signal));
  } catch (error) {
    return err(refusalOf(error, signal));
  }
}

/** Logs in at the target as a session would, and leaves. */
export async function tryLogIn(target: UpstreamTarget): Promise<Result<undefined, TargetLoginFault>> {
  const signal = AbortSignal.timeout(target.connectTimeoutMs);
  try {
    const { socket } = await open(target, undefined, new Map(), signal);
    socket.once('close', () => socket.destroy());
    socket.end(message('X'));
    socket.resume();
    return ok(undefined);
  } catch (error) {
    const refusal = refusalOf(error, signal);
    const said = error instanceof LoginFault ? error.targetSaid : undefined;
    return err({ refusal, detail: loginFaultForOperators(refusal, said) });
  }
}

const open = (
  target: UpstreamTarget,
  database: string | undefined,
  parameters: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<UpstreamConnection> =>
  withLogin(
    target,
    (now) => openOnce(now, database, parameters, signal),
    (error) => error instanceof LoginFault && error.ofCredential,
    (why) => new LoginFault('upstream_login_failed', NO_CREDENTIAL, NOT_THE_CLIENTS, why),
  );

async function openOnce(
  target: UpstreamTarget,
  database: string | undefined,
  parameters: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<UpstreamConnection> {
  const socket = await openConnection(target, signal);
  try {
    const startup = new Map([['user', target.user]]);
    const chosen = database ?? target.database;
    if (chosen !== undefined) startup.set('database', chosen);
    for (const [name, value] of parameters) startup.set(name, value);
    socket.write(startupMessage(PROTOCOL_3_0, startup));
    return await readLogin(socket, target, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function refusalOf(error: unknown, signal: AbortSignal): LoginRefusal {
  if (error instanceof LoginFault)
    return {
      reason: error.reason,
      message: error.message,
      ...(error.sqlstate !== undefined && { sqlstate: error.sqlstate }),
      ofTarget: isOfTarget(error),
    };
  const unreachable = { reason: 'upstream_unreachable', ofTarget: true } as const;
  if (signal.aborted) return { ...unreachable, message: 'The database did not answer in time. Try again in a moment.' };
  if (error instanceof ConnectionLost)
    return { ...unreachable, message: 'The database closed the connection during the login.' };
  throw error;
}

/** What the target refused for its own reasons, in its own words, may be about what this client asked for. */
const isOfTarget = ({ reason, sqlstate }: LoginFault): boolean =>
  reason === 'upstream_unreachable' ||
  reason === 'upstream_untrusted' ||
  (reason === 'upstream_login_failed' && (sqlstate === undefined || sqlstate === NOT_THE_CLIENTS));

/** Connected, and inside TLS where the target asks for it. Also used for CancelRequests. */
export async function openConnection(target: UpstreamTarget, signal: AbortSignal): Promise<Socket> {
  const socket = await dial(target, signal).catch(inWords);
  try {
    if (target.tls.mode === 'off') return socket;
    return await secure(socket, target, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function inWords(error: unknown): never {
  if (!(error instanceof DialFault)) throw error;
  throw new LoginFault(error.reason, dialFaultForClients(error));
}

/** int32 8 | int32 80877103, answered by one byte: S or N */
async function secure(socket: Socket, target: UpstreamTarget, signal: AbortSignal): Promise<Socket> {
  const reader = new ByteReader(socket, signal);
  socket.write(Buffer.concat([int32(8), int32(SSL_REQUEST)]));
  const answer = (await reader.take(1)).toString('latin1');
  // Bytes behind the answer came before TLS, so anybody may have put them there (CVE-2021-23222).
  const rest = reader.release();
  if (answer !== 'S' || rest.length > 0) throw new LoginFault('upstream_untrusted', NO_TLS);
  return secureClient(socket, target, ['postgresql'], signal).catch(inWords);
}

async function readLogin(socket: Socket, target: UpstreamTarget, signal: AbortSignal): Promise<UpstreamConnection> {
  const reader = new ByteReader(socket, signal);
  const authentication = new Authentication(socket, target);
  const greeting: Buffer[] = [];
  let greetingBytes = 0;
  let key: UpstreamConnection['key'];
  for (;;) {
    const header = await reader.take(5);
    const type = header.toString('latin1', 0, 1);
    const length = header.readInt32BE(1);
    if (length < 4 || length > MAX_LOGIN_MESSAGE_BYTES) throw notUnderstood();
    const body = await reader.take(length - 4);
    if (type === 'E') throw loginRefused(body, target, authentication.done);
    if (type === 'R') {
      await authentication.take(body);
      continue;
    }
    if (type === 'N' || (authentication.done && (type === 'S' || type === 'Z'))) {
      greeting.push(header, body);
      greetingBytes += length + 1;
      if (greetingBytes > MAX_GREETING_BYTES) throw notUnderstood();
      if (type === 'Z') return { socket, key, greeting: Buffer.concat(greeting), early: reader.release() };
      continue;
    }
    if (type !== 'K' || !authentication.done || body.length < 8 || body.length > MAX_KEY_BYTES + 4)
      throw notUnderstood();
    key = { pid: body.readInt32BE(0), secret: Buffer.from(body.subarray(4)) };
  }
}

/** 08004 sqlserver_rejected_establishment_of_sqlconnection */
const NOT_THE_CLIENTS = '08004';

/**
 * The target's SQLSTATE is the client's, who acts on it: libpq tries its next host at 57P03, pools wait at 53300.
 * What is said about the gateway's own credential is for administrators, and its name for nobody else. `authenticated`:
 * the target had taken the credential, so a 28000 may be about what the client asked for.
 */
function loginRefused(body: Buffer, target: UpstreamTarget, authenticated: boolean): LoginFault {
  const { code, message: said } = readErrorFields(body);
  const text = said.includes(target.user) ? 'it gives reasons that are for an administrator' : said;
  const targetSaid = `${said} (${code})`;
  if (code.startsWith('28') && !(authenticated && text === said))
    return new LoginFault(
      'upstream_login_failed',
      `The database refused the gateway's own login (${code}). Tell an administrator.`,
      NOT_THE_CLIENTS,
      targetSaid,
      !authenticated,
    );
  if (code === '3D000')
    return new LoginFault(
      'resource_unknown',
      'The target has no such database. Name another one: dbname=DATABASE with user=EMAIL#RESOURCE, or dbname=RESOURCE/DATABASE.',
      code,
      targetSaid,
    );
  if (code === '53300')
    return new LoginFault(
      'too_many_sessions',
      'The database takes no more connections. Try again later.',
      code,
      targetSaid,
    );
  if (code === '57P03')
    return new LoginFault(
      'upstream_unreachable',
      'The database is starting up or stopping. Try again in a moment.',
      code,
      targetSaid,
    );
  return new LoginFault(
    'upstream_login_failed',
    `The database refused the session: ${text} (${code})`,
    code,
    targetSaid,
  );
}
