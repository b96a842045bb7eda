// A listener: takes connections, has the protocol find out who is there, lets them in, and sees each
// session to its end. Knows no protocol. Connections share nothing but the caps, so that one which
// stalls or misbehaves delays no other.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { KeyedHash } from '../../core/masking/ways.ts';
import { type IdSource, newId, type SessionId, systemIdSource } from '../../core/ids.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { Refusal } from '../../core/refusal.ts';
import { ResourceName } from '../../core/resource.ts';
import { err, type Result } from '../../core/result.ts';
import type { Arrival, Claim, GrantLookup, Protocol, UpstreamTarget } from '../protocol.ts';
import { admit } from './admit.ts';
import type { Edge } from './edge.ts';
import {
  DEFAULT_LIMITS,
  type Limits,
  type Progress,
  type Unauthenticated,
  UnauthenticatedConnections,
} from './limits.ts';
import { createRulesCompiler } from './guard/rules.ts';
import { type Cause, LiveSession, LiveSessions } from './live-sessions.ts';
import type { SessionLog } from './session-log.ts';

export interface SessionDeps {
  readonly edge: Edge;
  readonly log: SessionLog;
  readonly targets: (resource: ResourceName) => Promise<Result<UpstreamTarget, Refusal>>;
  readonly connector: SessionOpened['connector'];
  /** Under a key of this gateway: for masks that keep equal values equal. */
  readonly keyedHash: KeyedHash;
  /** Told how each session that was let in found its target. `fault`: why it could not be used, in words for anybody. */
  readonly onTarget?: (resource: ResourceName, fault: string | undefined) => void;
  readonly limits?: Partial<Limits>;
  /** Clock and randomness; the system's when missing. */
  readonly ids?: IdSource;
  /** Told of what nobody foresaw, with the error's text. A connection that throws is closed; the others go on. */
  readonly onBug?: (error: unknown) => void;
}

export interface ListenerOptions {
  readonly protocol: Protocol;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The certificate; a function where it is renewed while listening. Undefined: plain text only. */
  readonly tls: SecureContext | (() => SecureContext | undefined) | undefined;
  /** Whether a client may go on without TLS. The caller allows it on loopback alone unless told otherwise. */
  readonly allowPlainText: boolean;
  readonly sessions: SessionDeps;
}

export interface Listener {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes no more connections, waits up to `graceMs` for running sessions, then ends them. Resolves when all are over and recorded. */
  close(graceMs: number): Promise<void>;
  /** Sessions running now. */
  live(): readonly SessionId[];
}

const STOPPED: Refusal = {
  reason: 'connector_stopping',
  message: 'The gateway is stopping. Connect again in a moment.',
};

const CROWDED: Refusal = {
  reason: 'too_many_logins',
  message:
    'Too many clients log in at this moment. Connect again in a few seconds; an administrator can raise limits.maxUnauthenticated.',
};
/** Clients that are told that there was no place for them, at one time: to the others the connection just closes. */
const MAX_TOLD = 200;

/** Rejects when the address cannot be listened on (EADDRINUSE, EACCES...). */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { protocol } = options;
  const { edge, ids = systemIdSource, onBug = () => {}, onTarget = () => {} } = options.sessions;
  const deps = { ...options.sessions, ids, onBug, compiler: createRulesCompiler() };
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.sessions.limits };
  const unauthenticated = new UnauthenticatedConnections(limits);
  const live = new LiveSessions(onBug);
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();

  let told = 0;

  const certificate = () => (typeof options.tls === 'function' ? options.tls() : options.tls);

  async function carry(socket: Socket): Promise<void> {
    // A socket without an error listener throws; whoever reads it learns of the error by its close.
    socket.on('error', () => {});
    const address = socket.remoteAddress ?? 'unknown';
    if (stopping.signal.aborted) {
      socket.destroy();
      return;
    }
    const deadline = new AbortController();
    const begun = Promise.withResolvers<void>();
    let progress: Progress | undefined;
    const place: Unauthenticated = {
      address,
      begin() {
        progress = 'silent';
        begun.resolve();
      },
      turnAway() {
        deadline.abort(CROWDED);
        // Who said nothing, or is being told, has no word coming; who got further reads it where it got to.
        if (progress === 'silent' || progress === 'leaving') socket.destroy();
      },
    };
    const progressed = (to: Progress) => {
      progress = to;
      unauthenticated.progressed(place, to);
    };
    // It may hang up while it waits.
    socket.once('close', () => unauthenticated.leave(place));
    deadline.signal.addEventListener('abort', () => begun.resolve(), { once: true });
    unauthenticated.enter(place);
    const timer = setTimeout(() => deadline.abort(), limits.loginDeadlineMs);
    const onStop = () => deadline.abort();
    stopping.signal.addEventListener('abort', onStop, { once: true });
    let arrival: Arrival | undefined;
    try {
      await begun.promise;
      if (progress === undefined) {
        if (deadline.signal.reason === CROWDED && told < MAX_TOLD) {
          told++;
          await protocol.turnAway(socket, CROWDED).finally(() => told--);
        }
        return;
      }
      const accepted = await protocol.accept(socket, {
        lookUp: (claim) => lookUp(claim),
        tls: certificate(),
        allowPlainText: options.allowPlainText,
        signal: deadline.signal,
        progressed,
      });
      if (accepted.kind === 'refused') {
        reportRefused(address, accepted.claim, accepted.refusal);
        // It stays counted while it reads why, and makes room before anybody else does.
        progressed('leaving');
        await accepted.closed;
      }
      if (accepted.kind === 'arrival') arrival = accepted.arrival;
    } finally {
      clearTimeout(timer);
      stopping.signal.removeEventListener('abort', onStop);
      unauthenticated.leave(place);
      if (!arrival) socket.destroySoon();
    }
    if (arrival) await letIn(arrival);
  }

  async function lookUp(claim: Claim): Promise<Result<GrantLookup, Refusal>> {
    // The edge's answer is the same for names that do not exist; those that cannot exist never get here.
    const resource = ResourceName.safeParse(claim.resource);
    if (!resource.success)
      return err({ reason: 'resource_unknown', message: 'This is not the name of a resource. The portal lists them.' });
    return edge.lookUp(claim, protocol.name);
  }

  async function letIn(arrival: Arrival): Promise<void> {
    const session = new LiveSession(newId('ses', ids), arrival.grant.id, {
      now: ids.now,
      idleTimeoutMs: limits.idleTimeoutMs,
    });
    // Before the edge is asked, so that a revocation which overtakes its answer is not missed.
    live.add(session);
    try {
      if (stopping.signal.aborted) session.end('connector_stopped', STOPPED.message);
      const admitted = await admit(arrival, session, deps);
      if (!admitted.ok) {
        const { refusal, opened, recorder, target } = admitted.error;
        if (target) onTarget(target, refusal.message);
        reportRefused(arrival.client.address, arrival.claim, refusal);
        const end = { reason: endReason(session, refusal), message: refusal.message };
        session.close();
        recorder?.end({ kind: 'session.ended', ...end });
        if (opened) reportEnded(session.id, end, recorder?.neverLogged !== false);
        await arrival.deny(refusal);
        return;
      }
      const { admission, recorder, opened } = admitted.value;
      session.endAt(Date.parse(opened.grant.until), ids.now);
      let end: Cause = { reason: 'protocol_fault', message: 'The gateway failed while it began this session.' };
      try {
        const connected = await arrival.connect(admission);
        if (connected.ok) {
          onTarget(opened.resource, undefined);
          session.begin(connected.value);
          const { bug, reason, message } = await connected.value.ended;
          end = { reason, message };
          if (bug !== undefined) onBug(bug);
        } else {
          if (connected.error.ofTarget) onTarget(opened.resource, connected.error.message);
          reportRefused(arrival.client.address, arrival.claim, connected.error);
          end = { reason: endReason(session, connected.error), message: connected.error.message };
        }
      } finally {
        // Whatever went wrong: a recording that nobody ends, and a session that nobody reports, would seem to go on.
        try {
          session.close();
        } catch (error) {
          onBug(error);
        }
        recorder.end({ kind: 'session.ended', ...end });
        reportEnded(session.id, end, recorder.neverLogged);
      }
    } finally {
      live.remove(session);
    }
  }

  function reportRefused(clientAddress: string, claim: Claim | undefined, refusal: Refusal): void {
    edge.report({
      kind: 'attempt.refused',
      email: (claim?.email ?? '').slice(0, 254),
      resource: (claim?.resource ?? '').slice(0, 253),
      protocol: protocol.name,
      reason: refusal.reason,
      clientAddress: clientAddress.slice(0, 64),
      at: new Date(ids.now()).toISOString(),
    });
  }

  function reportEnded(session: SessionId, end: Cause, neverBegan: boolean): void {
    const at = new Date(ids.now()).toISOString();
    edge.report({ kind: 'session.ended', session, ...end, at, ...(neverBegan && { neverBegan }) });
  }

  const listening = [
    edge.onGrantRevoked((grant, reason) => live.revoke(grant, reason)),
    edge.onSessionEnd((session, by, reason) => live.end(session, by, reason)),
    edge.onRulesChanged((sessions, rules) => live.applyRules(sessions, rules)),
  ];
  const stopListening = () => {
    for (const stop of listening) stop();
  };
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 },
    (socket) => {
      const work = carry(socket).catch((error: unknown) => {
        socket.destroy();
        onBug(error);
      });
      running.add(work);
      void work.finally(() => running.delete(work));
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: 511 }, () => {
      server.off('error', reject);
      // Out of file descriptors and the like: the connection is lost, the listener goes on.
      server.on('error', onBug);
      resolve();
    });
  }).catch((error: unknown) => {
    stopListening();
    throw error;
  });
  const bound = server.address() as AddressInfo;

  return {
    address: { host: bound.address, port: bound.port },
    live: () => live.ids(),
    async close(graceMs) {
      server.close();
      stopping.abort();
      const settled = () => Promise.all([...running]);
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([settled(), grace]);
      clearTimeout(timer);
      live.endAll('connector_stopped', 'The gateway is stopping. Connect again in a moment.');
      await settled();
      stopListening();
    },
  };
}

/** Why a session ended that never got to talk: what outside cause there was, else what the refusal says. */
function endReason(session: LiveSession, refusal: Refusal): Cause['reason'] {
  if (session.cause) return session.cause.reason;
  switch (refusal.reason) {
    case 'grant_expired':
    case 'grant_revoked':
    case 'policy_denied':
      return refusal.reason;
    case 'log_unavailable':
      return 'log_failed';
    case 'connector_stopping':
      return 'connector_stopped';
    case 'bad_request':
    case 'not_supported':
      return 'protocol_fault';
    default:
      return 'target_closed';
  }
}
