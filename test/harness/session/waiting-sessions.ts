// The session pipeline with a protocol that does nothing but enter and wait.

import { PassThrough } from 'node:stream';
import { newId } from '../../../core/ids.ts';
import { ok } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import type { Conversation, ConversationEnd, EnterOptions, Session, TargetRefusal } from '../../../connector/door.ts';
import type { Protocol } from '../../../connector/protocol.ts';
import { createSessions, type Entrance } from '../../../connector/session/sessions.ts';
import { MemoryEdge } from '../memory-edge.ts';
import { MemoryLog } from '../memory-log.ts';

const SILENT: TargetRefusal = { reason: 'upstream_unreachable', message: 'It does not answer.', ofTarget: true };

export type Waits = Conversation & { finish(): void; readonly told: string[] };
export const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
function waiting(): Waits {
  const { promise, resolve } = Promise.withResolvers<ConversationEnd>();
  const told: string[] = [];
  return {
    told,
    ended: promise,
    end(reason, message) {
      told.push(message);
      resolve({ reason, message });
    },
    logFailed({ message }) {
      told.push(message);
      resolve({ reason: 'log_failed', message });
    },
    lastActivityMs: () => performance.now(),
    finish: () => resolve({ reason: 'client_closed', message: '' }),
  };
}

/** What its protocol does with a session: carries it, or something that it should not. */
type Then = 'carries' | 'abandons' | 'lingers' | 'dials';

export function buildSessions(options: EnterOptions | undefined, then: Then = 'carries') {
  const edge = new MemoryEdge();
  const log = new MemoryLog();
  const conversations: Waits[] = [];
  const entered: Session<string>[] = [];
  const grant = edge.issue();
  let targets = 0;
  /** Set: no target's credential comes until it resolves. */
  let credential: Promise<void> | undefined;
  const refused: string[] = [];
  const seen: (string | undefined)[] = [];
  const protocol: Protocol<string> = {
    async carry(stream, door) {
      const lookup = await door.lookUp({ email: 'alice@example.com', resource: 'demo' });
      if (!lookup.ok) return;
      const proof = await lookup.value.proveSecret(secret(grant.secret));
      if (!proof) return;
      const session = await door.enter(
        proof,
        { client: stream, application: 'test', details: { as: 'a test' } },
        options,
      );
      if (!session.ok) return void refused.push(session.error.message);
      if (then === 'abandons') return;
      entered.push(session.value);
      if (then === 'dials') {
        const { signal } = session.value;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return void refused.push(session.value.failed(SILENT).message);
      }
      const conversation = waiting();
      // Somebody who does not go when told.
      if (then === 'lingers') conversation.end = () => {};
      conversations.push(conversation);
      await session.value.carry(conversation);
    },
    turnAway: async (stream) => void stream.destroy(),
    tryTarget: async () => ok(undefined),
  };
  const sessions = createSessions({
    edge,
    log,
    connector: { id: newId('con'), name: 'test', build: 'test' },
    keyedHash: () => Buffer.alloc(32),
    onTarget: (_, fault) => seen.push(fault),
  });
  const entrance: Entrance<string> = {
    name: 'postgres',
    protocol,
    targets: async () => {
      targets++;
      await credential;
      return ok('the target');
    },
    tls: undefined,
    allowPlainText: true,
  };
  const connect = (address = '10.0.0.1', stream = new PassThrough()) =>
    sessions.carry(stream, { address, via: 'listener' }, entrance);
  const until = async (count: number) => {
    while (conversations.length < count) await turn();
  };
  return {
    ...{ edge, log, grant, sessions, conversations, entered, refused, seen, connect, until, targets: () => targets },
    stallCredential() {
      const { promise, resolve } = Promise.withResolvers<void>();
      credential = promise;
      return resolve;
    },
  };
}
