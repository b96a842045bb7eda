// One WebSocket to the edge, from the dial to its close: hello and welcome, calls with deadlines,
// liveness. It knows nothing of reconnecting or of what reports are; edge-link.ts does.

import https from 'node:https';
import WebSocket from 'ws';
import { z } from 'zod';
import {
  CLOSE_REFUSED,
  CONTROL_PING_INTERVAL_MS,
  FromEdge,
  type FromConnector,
  MAX_CONTROL_MESSAGE_BYTES,
  OLDEST_CONTROL_PROTOCOL,
} from '../../core/control.ts';
import { ApiError } from '../../core/api.ts';
import { proxyNote } from '../../core/tunnel/proxy-settings.ts';
import { SessionId } from '../../core/ids.ts';
import { causeOf, clockSkewNote } from './edge-http.ts';

export interface LinkTiming {
  /** From the dial to the edge's welcome. */
  readonly welcomeMs: number;
  readonly callMs: number;
  readonly pingMs: number;
}
export const LINK_TIMING: LinkTiming = { welcomeMs: 10_000, callMs: 5_000, pingMs: CONTROL_PING_INTERVAL_MS };
/** Pings in a row without a sign of life. */
const MAX_SILENT_PINGS = 3;

type Answer = Extract<FromEdge, { call: number }>;
type Unasked = Exclude<FromEdge, Answer | { kind: 'welcome' }>;
type Call = Extract<FromConnector, { call: number }>;
/** Rules that this build does not know, of a newer edge. Those whom they concern are refused and ended; the link serves the others. */
const UnknownRules = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('rules.in_force'), sessions: z.array(SessionId) }),
  z.looseObject({ kind: z.literal('session.admitted'), call: z.number().int() }),
]);

/** Distributes over the union, which Omit alone does not. */
type Uncalled<C> = C extends Call ? Omit<C, 'call'> : never;

export interface LinkClosed {
  /** refused: the edge does not let this connector in. revoked: nor ever again. fault: it said what this build does not understand. */
  readonly kind: 'unreachable' | 'refused' | 'revoked' | 'lost' | 'fault' | 'stopped';
  readonly message: string;
}

interface LinkEvents {
  /** The edge knows this connector's resources and live sessions; calls and reports may go out, and the messages that it understands. */
  welcomed(welcome: Extract<FromEdge, { kind: 'welcome' }>): void;
  received(message: Unasked): void;
  /**
   * The edge admitted a session whose caller had given up waiting, or under rules that this build does not know; or it may have:
   * the link closed before the answer came.
   */
  admittedLate(session: SessionId): void;
  /** Rules that this build does not know are in force for these. */
  rulesUnknown(sessions: readonly SessionId[]): void;
  /** Once, at the end, after every pending call was answered with undefined. */
  closed(why: LinkClosed): void;
}

export interface LinkConnection {
  /** undefined: no answer within the deadline, or the link closed first. */
  call(message: Uncalled<Call>): Promise<Answer | undefined>;
  send(message: FromConnector): void;
  /** From the last ping that was answered to its answer, milliseconds. */
  lagMs(): number | undefined;
  close(): void;
}

export function dialLink(
  input: {
    /** The edge's origin. */
    readonly edge: string;
    readonly authorization: string;
    readonly hello: Extract<FromConnector, { kind: 'hello' }>;
    readonly timing: LinkTiming;
  },
  events: LinkEvents,
): LinkConnection {
  const { timing } = input;
  const waiting = new Map<number, (answer: Answer | undefined) => void>();
  /** session.open calls without an answer, also those that nobody waits for any more. */
  const opening = new Map<number, SessionId>();
  let lastCall = 0;
  let welcomed = false;
  let closed = false;
  let heard = true;
  let silentPings = 0;
  let pingedAt = 0;
  let lagMs: number | undefined;
  let pinging: NodeJS.Timeout | undefined;

  const socket = new WebSocket(`${input.edge.replace(/^http/, 'ws')}/connectors/link`, {
    headers: { authorization: input.authorization },
    maxPayload: MAX_CONTROL_MESSAGE_BYTES,
    // It knows the proxy, where there is one.
    agent: input.edge.startsWith('https:') ? https.globalAgent : undefined,
    perMessageDeflate: false,
    followRedirects: false,
    // An answer's caller goes on before the next message is read, so a revocation right behind an
    // admission finds its session.
    allowSynchronousEvents: false,
  });
  const welcomeDeadline = setTimeout(
    () =>
      finish({
        kind: 'unreachable',
        message: `no welcome within ${timing.welcomeMs} ms${proxyNote(https.globalAgent)}`,
      }),
    timing.welcomeMs,
  );

  function finish(why: LinkClosed): void {
    if (closed) return;
    closed = true;
    clearTimeout(welcomeDeadline);
    clearInterval(pinging);
    if (why.kind === 'stopped') socket.close(1000);
    else socket.terminate();
    for (const answer of waiting.values()) answer(undefined);
    waiting.clear();
    for (const session of opening.values()) events.admittedLate(session);
    opening.clear();
    events.closed(why);
  }

  function ping(): void {
    silentPings = heard ? 0 : silentPings + 1;
    heard = false;
    if (silentPings >= MAX_SILENT_PINGS) finish({ kind: 'lost', message: 'the edge went silent' });
    else sendPing();
  }

  function sendPing(): void {
    pingedAt = performance.now();
    socket.send('ping');
  }

  socket.on('open', () => {
    socket.send(JSON.stringify(input.hello));
    pinging = setInterval(ping, timing.pingMs);
  });
  socket.on('unexpected-response', (_request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= 16_384) chunks.push(chunk);
    });
    response.on('close', () => {
      const status = response.statusCode ?? 0;
      const said = ApiError.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
      const skew = status === 401 ? clockSkewNote(response.headers.date, Date.now()) : '';
      const message = `${said.success ? said.data.error.message : `the edge answered ${status}`}${skew}`;
      // By its own word alone: a 403 may be of somebody between.
      const isRevoked = said.success && status === 403 && said.data.error.reason === 'connector_revoked';
      const kind = isRevoked ? 'revoked' : status === 401 || status === 403 ? 'refused' : 'unreachable';
      finish({ kind, message });
    });
  });
  socket.on('error', (error) => {
    finish({ kind: welcomed ? 'lost' : 'unreachable', message: causeOf(error) });
  });
  socket.on('close', (code, reason) => {
    // Reasons come from the edge; they are short by the protocol (123 bytes).
    const words = reason.toString('utf8');
    if (code === CLOSE_REFUSED) return finish({ kind: 'refused', message: words });
    finish({ kind: welcomed ? 'lost' : 'unreachable', message: `closed by the edge (${code}${words && ` ${words}`})` });
  });
  socket.on('message', (data, isBinary) => {
    if (closed) return;
    heard = true;
    const text = isBinary || !Buffer.isBuffer(data) ? undefined : data.toString('utf8');
    if (text === 'pong') {
      lagMs = Math.round(performance.now() - pingedAt);
      return;
    }
    const message = FromEdge.safeParse(text === undefined ? undefined : parseJson(text));
    if (!message.success) {
      const rules = UnknownRules.safeParse(text === undefined ? undefined : parseJson(text));
      if (rules.success) return refuseRules(rules.data);
      // Law 3: what was not understood may have been a revocation, so the link starts anew.
      finish({ kind: 'fault', message: 'the edge sent what this build does not understand: update the connector' });
      return;
    }
    take(message.data);
  });

  function take(message: FromEdge): void {
    if (message.kind === 'welcome') {
      if (welcomed) return;
      const { protocol = 1 } = message;
      if (protocol < OLDEST_CONTROL_PROTOCOL) {
        const old = `the edge's build is too old: it speaks link protocol ${protocol}, this connector ${OLDEST_CONTROL_PROTOCOL} or later: update the edge first`;
        finish({ kind: 'fault', message: old });
        return;
      }
      welcomed = true;
      clearTimeout(welcomeDeadline);
      sendPing();
      events.welcomed(message);
    } else if ('call' in message) {
      const answer = waiting.get(message.call);
      const session = opening.get(message.call);
      waiting.delete(message.call);
      opening.delete(message.call);
      if (answer) answer(message);
      else if (session !== undefined && message.kind === 'session.admitted') events.admittedLate(session);
    } else {
      events.received(message);
    }
  }

  /** Law 4: never without them, and never under older ones. */
  function refuseRules(given: z.infer<typeof UnknownRules>): void {
    if (given.kind === 'rules.in_force') {
      events.rulesUnknown(given.sessions);
      return;
    }
    const { call } = given;
    const session = opening.get(call);
    const message = 'The gateway does not understand the policy that is in force. Tell an administrator to update it.';
    take({ kind: 'session.refused', call, reason: 'policy_denied', message });
    if (session !== undefined) events.admittedLate(session);
  }

  return {
    call(message) {
      if (closed || !welcomed) return Promise.resolve(undefined);
      const call = ++lastCall;
      return new Promise((resolve) => {
        const deadline = setTimeout(() => {
          waiting.delete(call);
          resolve(undefined);
        }, timing.callMs);
        waiting.set(call, (answer) => {
          clearTimeout(deadline);
          resolve(answer);
        });
        if (message.kind === 'session.open') opening.set(call, message.session);
        socket.send(JSON.stringify({ ...message, call }));
      });
    },
    send(message) {
      if (!closed) socket.send(JSON.stringify(message));
    },
    lagMs: () => lagMs,
    close() {
      finish({ kind: 'stopped', message: 'the connector closed it' });
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
