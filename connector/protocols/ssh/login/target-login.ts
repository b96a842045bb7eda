// Into a target: connect, check its host key, authenticate as its settings say, once. What a target refuses is not tried
// again, and a login that began is brought to its end: a target may shut out the gateway's address for everybody, after
// logins that fail or are left in their middle (OpenSSH 9.8, PerSourcePenalties).

import { err, ok, type Result } from '../../../../core/result.ts';
import type { Secret } from '../../../../core/secret.ts';
import { ConnectionLost } from '../../../net/byte-reader.ts';
import { dial, DialFault } from '../../../net/dial.ts';
import { orAborted } from '../../../net/or-aborted.ts';
import type { TargetLoginFault } from '../../../protocol.ts';
import {
  FieldReader,
  fieldsOf,
  Malformed,
  sshMessage,
  SERVICE_ACCEPT,
  SERVICE_REQUEST,
  USERAUTH_BANNER,
  USERAUTH_FAILURE,
  USERAUTH_INFO_REQUEST,
  USERAUTH_INFO_RESPONSE,
  USERAUTH_REQUEST,
  USERAUTH_SUCCESS,
} from '../wire/messages.ts';
import { type ParsedKey, signWith } from '../wire/ssh2.ts';
import { ProtocolFault, SshTransport } from '../wire/transport.ts';
import { MessageQueue } from './message-queue.ts';
import type { PinnedKeys } from './pinned-keys.ts';

/** Where a target is and how to log in there: from the connector's own file (laws 8 and 9), for one session. */
export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly login: string;
  readonly credential:
    | { readonly kind: 'key'; readonly key: ParsedKey }
    | { readonly kind: 'password'; readonly password: Secret<string> };
  readonly hostKeys: PinnedKeys;
  readonly connectTimeoutMs: number;
}

/** What questions of keyboard-interactive are answered with the password: a login asks it once or twice. */
const MAX_QUESTIONS = 4;

/** Its messages wait until somebody handles them. When `signal` aborts, nobody waits for it any more. */
export async function logInAtTarget(
  target: SshTarget,
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<SshTransport, TargetLoginFault>> {
  const leave = (late: Result<SshTransport, TargetLoginFault>) => {
    if (late.ok) late.value.disconnect('The session is over before it began.');
  };
  const done = await orAborted(connectAndLogIn(target, signal), signal, leave);
  return done ?? err(unreachable('the client left, or the session was ended'));
}

async function connectAndLogIn(
  target: SshTarget,
  signal: AbortSignal,
): Promise<Result<SshTransport, TargetLoginFault>> {
  const limit = AbortSignal.timeout(target.connectTimeoutMs);
  let transport: SshTransport | undefined;
  const stop = () => transport?.destroy();
  try {
    const socket = await dial(target, AbortSignal.any([signal, limit]));
    let mismatch: string | undefined;
    const verify = (key: Buffer) => {
      if (target.hostKeys.has(key)) return true;
      mismatch = target.hostKeys.mismatch(key);
      return false;
    };
    transport = new SshTransport(socket, { of: 'client', preferred: target.hostKeys.algorithms, verify });
    limit.addEventListener('abort', stop, { once: true });
    if (limit.aborted) stop();
    const ended = await transport.ready();
    if (mismatch !== undefined) return err(untrusted(mismatch));
    if (ended)
      return err(unreachable(ended.words === '' ? 'it closed the connection during the key exchange' : ended.words));
    const fault = await logIn(transport, target, limit);
    if (fault === undefined) return ok(transport);
    transport.destroy();
    return err(fault);
  } catch (error) {
    transport?.destroy();
    if (error instanceof DialFault) return err(unreachable(error.code));
    if (error instanceof ConnectionLost) return err(unreachable('it did not answer in time'));
    if (error instanceof Malformed || error instanceof ProtocolFault) return err(loginFailed(error.message));
    throw error;
  } finally {
    limit.removeEventListener('abort', stop);
  }
}

async function logIn(
  transport: SshTransport,
  target: SshTarget,
  limit: AbortSignal,
): Promise<TargetLoginFault | undefined> {
  const queue = new MessageQueue(transport, limit);
  transport.send(sshMessage(SERVICE_REQUEST, 'ssh-userauth'));
  let asked = false;
  let interactive = false;
  let questions = 0;
  for (;;) {
    const payload = await queue.next();
    if (!payload)
      return loginFailed(queue.ended?.words || 'it closed the connection, or took too long, during the login');
    const fields = new FieldReader(payload);
    switch (payload[0]) {
      case SERVICE_ACCEPT:
        if (asked) throw new ProtocolFault('it accepted twice');
        asked = true;
        transport.send(
          firstRequest(transport, target) ?? sshMessage(USERAUTH_REQUEST, target.login, 'ssh-connection', 'none'),
        );
        break;
      case USERAUTH_BANNER:
        break;
      case USERAUTH_SUCCESS:
        queue.release();
        return undefined;
      case USERAUTH_FAILURE: {
        const methods = fields.text();
        const partial = fields.boolean();
        if (partial) return loginFailed(`it asks for more than one proof (${methods})`);
        const { credential } = target;
        // The one other way to say the same password, where the first was no way at all.
        if (credential.kind === 'password' && !interactive && methods.split(',').includes('keyboard-interactive')) {
          if (methods.split(',').includes('password')) return loginFailed(`it refused the password of ${target.login}`);
          interactive = true;
          transport.send(sshMessage(USERAUTH_REQUEST, target.login, 'ssh-connection', 'keyboard-interactive', '', ''));
          break;
        }
        return loginFailed(
          `it refused the ${credential.kind} of ${target.login}; it takes ${methods || 'nothing else'}`,
        );
      }
      case USERAUTH_INFO_REQUEST: {
        const { credential } = target;
        if (!interactive || credential.kind !== 'password' || ++questions > MAX_QUESTIONS)
          return loginFailed('it asks what the gateway has no answer to');
        for (let skipped = 0; skipped < 3; skipped++) fields.string();
        const count = fields.uint32();
        if (count > 1) return loginFailed('it asks more than the password');
        transport.send(
          sshMessage(USERAUTH_INFO_RESPONSE, count, ...(count === 1 ? [credential.password.reveal()] : [])),
        );
        break;
      }
      default:
        return loginFailed(`it sent message ${payload[0]} during the login`);
    }
  }
}

/** Undefined: the key cannot sign. */
function firstRequest(transport: SshTransport, { login, credential }: SshTarget): Buffer | undefined {
  if (credential.kind === 'password')
    return sshMessage(USERAUTH_REQUEST, login, 'ssh-connection', 'password', false, credential.password.reveal());
  const { key } = credential;
  const algorithm = key.type === 'ssh-rsa' ? 'rsa-sha2-512' : key.type;
  const request = sshMessage(
    USERAUTH_REQUEST,
    login,
    'ssh-connection',
    'publickey',
    true,
    algorithm,
    key.getPublicSSH(),
  );
  const signed = signWith(key, Buffer.concat([fieldsOf(transport.sessionId), request]), algorithm);
  return signed && Buffer.concat([request, fieldsOf(fieldsOf(algorithm, signed))]);
}

const unreachable = (detail: string): TargetLoginFault => ({
  refusal: {
    reason: 'upstream_unreachable',
    message: 'The gateway cannot reach the target. Tell an administrator if it stays so.',
    ofTarget: true,
  },
  detail: `the target cannot be reached: ${detail}`,
});

const untrusted = (detail: string): TargetLoginFault => ({
  refusal: {
    reason: 'upstream_untrusted',
    message: `The target is not who the gateway expects: ${detail}. Tell an administrator.`,
    ofTarget: true,
  },
  detail: `the target is not trusted: ${detail}`,
});

const loginFailed = (detail: string): TargetLoginFault => ({
  refusal: {
    reason: 'upstream_login_failed',
    message: 'The target refused the login that the gateway has for it. Tell an administrator.',
    ofTarget: true,
  },
  detail: `the target refused the login: ${detail}`,
});
