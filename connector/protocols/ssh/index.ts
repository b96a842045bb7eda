// SSH behind the seam. README.md says what is supported and what is refused.

import type { Refusal } from '../../../core/refusal.ts';
import { err, ok } from '../../../core/result.ts';
import type { ByteStream, Claim, Door, Session, TargetRefusal } from '../../door.ts';
import type { KeptFiles, Protocol, ProtocolModule } from '../../protocol.ts';
import { authenticate, letIn } from './login/client-login.ts';
import { MessageQueue } from './login/message-queue.ts';
import { logInAtTarget, type SshTarget } from './login/target-login.ts';
import { isMasked } from './masking/under-masks.ts';
import { SshConversation } from './session/conversation.ts';
import {
  openSshTarget,
  settleSsh,
  SSH_PORT,
  SshListener,
  type SshTargetSettings,
  WrittenSshTarget,
} from './settings.ts';
import { fingerprint, HostCertificate, loadHostKey, publicLine } from './wire/host-key.ts';
import { DISCONNECT_NO_MORE_AUTH_METHODS, Malformed } from './wire/messages.ts';
import { hasAddon, type ParsedKey } from './wire/ssh2.ts';
import { ProtocolFault, SshTransport } from './wire/transport.ts';

export const ssh: ProtocolModule<SshTargetSettings, SshTarget> = {
  defaultPort: SSH_PORT,
  listener: SshListener,
  resource: WrittenSshTarget,
  settle: settleSsh,
  announce: ({ login }) => ({ login }),
  address: ({ host, port }) => `${host}:${port}`,
  openTarget: openSshTarget,
  create: (_listener, files) => createSsh(files),
};

const TOO_LATE: Refusal = { reason: 'deadline_exceeded', message: 'The login took too long. Connect again.' };

/** What the client sends in a login and nobody understands turns it away. */
async function whatCame(login: () => ReturnType<typeof authenticate>): ReturnType<typeof authenticate> {
  try {
    return await login();
  } catch (error) {
    if (!(error instanceof ProtocolFault || error instanceof Malformed)) throw error;
    return err({ refusal: { reason: 'bad_request', message: `The session ends: ${error.message}.` } });
  }
}

/** Why the gateway gave up on a login. */
const givenUp = ({ reason }: AbortSignal): Refusal =>
  typeof reason === 'object' && reason !== null && 'message' in reason && 'reason' in reason
    ? (reason as Refusal)
    : TOO_LATE;

const closed = (stream: ByteStream): Promise<void> =>
  stream.destroyed ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()));

function createSsh(files: KeptFiles | undefined): Protocol<SshTarget> {
  const loaded = loadHostKey(files);
  const hostCertificate = loaded.ok ? new HostCertificate(loaded.value) : undefined;

  async function carry(stream: ByteStream, door: Door<SshTarget>): Promise<void> {
    // Nobody listens with a key that could not be read.
    if (!loaded.ok) return void stream.destroy();
    const hostKey = loaded.value;
    const transport = new SshTransport(stream, { of: 'server', hostKey, certificate: hostCertificate?.current });
    /** In words that OpenSSH shows, whatever it was waiting for. */
    const refuse = (refusal: Refusal, claim?: Claim): Promise<void> => {
      transport.disconnect(`Gatehouse: ${refusal.message}`, DISCONNECT_NO_MORE_AUTH_METHODS);
      return door.refused(refusal, closed(stream), claim);
    };
    const queue = new MessageQueue(transport, door.signal);
    const arrived = await whatCame(() => authenticate(transport, queue, door));
    if (arrived === undefined) {
      if (door.signal.aborted && !transport.ended) return refuse(givenUp(door.signal));
      transport.destroy();
      return;
    }
    if (!arrived.ok) return refuse(arrived.error.refusal, arrived.error.claim);
    const { proof, login, details } = arrived.value;
    const entered = await door.enter(proof, {
      client: stream,
      details: { ...(login !== undefined && { login }), ...details },
      tls: `SSH ${transport.algorithms}`,
    });
    if (!entered.ok) {
      transport.disconnect(`Gatehouse: ${entered.error.message}`, DISCONNECT_NO_MORE_AUTH_METHODS);
      return closed(stream);
    }
    return carrySession(stream, transport, queue, login, entered.value);
  }

  async function carrySession(
    stream: ByteStream,
    transport: SshTransport,
    queue: MessageQueue,
    login: string | undefined,
    session: Session<SshTarget>,
  ): Promise<void> {
    const { upstream: target, guard, signal } = session;
    const refuse = (refusal: TargetRefusal): Promise<void> => {
      const told = session.failed(refusal);
      transport.disconnect(`Gatehouse: ${told.message}`, DISCONNECT_NO_MORE_AUTH_METHODS);
      return closed(stream);
    };
    if (login !== undefined && login !== target.login) return refuse(otherLogin(target.login));
    const upstream = await logInAtTarget(target, signal);
    if (!upstream.ok) return refuse(upstream.error.refusal);
    if (signal.aborted) {
      upstream.value.destroy();
      return refuse(givenUp(signal));
    }
    const conversation = new SshConversation(session, transport, upstream.value);
    let masked = isMasked(guard.rules);
    guard.onRulesChanged(() => {
      const before = masked;
      masked = isMasked(guard.rules);
      if (masked && !before) conversation.end('policy_denied', MASKED_NOW);
      else conversation.rulesChanged();
    });
    queue.release();
    letIn(transport);
    conversation.begin();
    return session.carry(conversation);
  }

  return {
    carry,
    turnAway(stream, refusal) {
      // No key is agreed on, so these are its only words (RFC 4253 section 4.2 has lines before the version).
      if (stream.writable) stream.end(`Gatehouse: ${refusal.message}\r\n`);
      setTimeout(() => stream.destroy(), 500).unref();
      return closed(stream);
    },
    async tryTarget(target) {
      const tried = await logInAtTarget(target);
      if (tried.ok) tried.value.disconnect('The gateway only looked whether it is let in.');
      return tried.ok ? ok(undefined) : tried;
    },
    hostKey: loaded.ok
      ? ok({
          line: publicLine(loaded.value),
          notes: notesOf(loaded.value),
          present: (line) => hostCertificate?.take(line),
        })
      : loaded,
  };
}

const notesOf = (key: ParsedKey): string[] => [
  `SSH host key ${fingerprint(key.getPublicSSH())}`,
  ...(hasAddon ? [] : ['the addon of ssh2 is not built, so SSH is several times slower: npm rebuild ssh2']),
];

/** What runs, and what is forwarded, began without. */
const MASKED_NOW = 'The rule masks what comes back from now on, so what began without masks ends. Connect again.';

const otherLogin = (login: string): Refusal => ({
  reason: 'policy_denied',
  message: `This resource is reached as ${login}: ssh ${login}@RESOURCE@GATEWAY.`,
});
