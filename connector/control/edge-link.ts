// The connector's end of the control link: keeps one connection to the edge, brings it back when it
// is lost, and is the `Edge` that sessions see.
//
// Edge away (law 4): sessions that run go on, `lookUp` and `openSession` answer `edge_unreachable`,
// reports wait in the outbox. After every reconnect the hello lists the live sessions; the edge
// closes its rows for others and sends the revocations that were missed for these.

import {
  CONNECTOR_UNDERSTANDS,
  CONTROL_PROTOCOL,
  type FromConnector,
  type FromEdge,
  MAX_HELLO_BYTES,
} from '../../core/control.ts';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';
import type { ConnectorId, GrantId, SessionId, TunnelId } from '../../core/ids.ts';
import { err, ok } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import { readPublicLine } from '../../core/ssh/public-key.ts';
import { logOthers, SERVES_NOTHING } from '../fleet/other-connectors.ts';
import { createStatusReports } from '../fleet/status-reports.ts';
import type { Logger } from '../logger.ts';
import type { Edge } from '../session/edge.ts';
import { createBackoff } from './backoff.ts';
import type { AuthorizeRequest } from './edge-token.ts';
import { createGrantQuestions, UNREACHABLE } from './grant-questions.ts';
import { createHolds, HOLD_TIMING, type HoldTiming } from './holds.ts';
import { dialLink, LINK_TIMING, type LinkClosed, type LinkConnection, type LinkTiming } from './link-connection.ts';
import type { Outbox } from './outbox.ts';
import { askSignIn } from './sign-ins.ts';
import { createTargetReports, type TargetReports } from './target-reports.ts';
import { fitReport } from './reports.ts';

export interface EdgeLinkTiming extends LinkTiming, HoldTiming {
  /** How often it is looked whether a sign-in was confirmed. */
  readonly signInLookMs: number;
  /** How long a call waits for a reconnect that is under way. */
  readonly graceMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** A link that held this long counts as good: the next back-off begins small again. */
  readonly stableMs: number;
  /** Reports are sent again on a link that stands when the edge acknowledged none of them for so long. */
  readonly resendMs: number;
}
const TIMING: EdgeLinkTiming = {
  ...LINK_TIMING,
  ...HOLD_TIMING,
  signInLookMs: 2_000,
  graceMs: 2_000,
  backoffBaseMs: 500,
  backoffCapMs: 20_000,
  stableMs: 5_000,
  resendMs: 15_000,
};
/** Reports sent and not yet acknowledged. */
const REPORT_WINDOW = 256;
const MAX_REMEMBERED_REVOCATIONS = 10_000;

interface EdgeLinkOptions {
  /** The edge's origin. */
  readonly edge: string;
  readonly connector: ConnectorId;
  readonly build: string;
  readonly authorize: AuthorizeRequest;
  /** Read at every dial. */
  readonly describe: () => Pick<Hello, 'resources' | 'live' | 'site' | 'maskingKey' | 'draining'>;
  /** Read whenever the edge is told; without it nothing is told. */
  readonly status?: () => Omit<ConnectorStatus, 'lagMs'> | undefined;
  readonly outbox: Outbox;
  readonly log: Logger;
  /** Keys the salts of claims that the edge is not asked about; the same on every start. */
  readonly saltKey: Secret<Uint8Array>;
  /** The edge wants another key of this connector. */
  readonly onRotate?: () => void;
  /** Somebody wants to come in by the relay. */
  readonly onTunnel?: (tunnel: TunnelId, email: string) => void;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly timing?: Partial<EdgeLinkTiming>;
}

export interface LinkStatus {
  readonly state: 'linked' | 'dialling' | 'waiting' | 'stopped';
  /** ISO 8601. */
  readonly since: string;
  /** Why the last connection ended; undefined while linked. */
  readonly problem: string | undefined;
  readonly unacknowledgedReports: number;
  /** How many of its resources clients reach by it, as the edge said last; undefined: it did not. */
  readonly serving: number | undefined;
}

type Hello = Extract<FromConnector, { kind: 'hello' }>;

export interface EdgeLink extends Edge {
  /** What a session found out about its target; `fault`: why it could not be used. Told to the edge in a moment, or when it is back. */
  sawTarget: TargetReports['saw'];
  /** How it stands changed: the edge is told now, and not in half a minute. */
  tellStatus(): void;
  start(): void;
  /** Resolves at the first welcome. */
  readonly firstLinked: Promise<void>;
  status(): LinkStatus;
  /** Waits until the edge has every report, at most `withinMs`, then closes. */
  stop(withinMs: number): Promise<void>;
}

/** A flood that does not end must not keep its size to itself. */
const TELL_DROPPED_EVERY_MS = 60_000;

export function createEdgeLink(options: EdgeLinkOptions): EdgeLink {
  const { log, outbox } = options;
  const now = options.now ?? Date.now;
  const timing: EdgeLinkTiming = { ...TIMING, ...options.timing };
  const backoff = createBackoff({
    baseMs: timing.backoffBaseMs,
    capMs: timing.backoffCapMs,
    random: options.random ?? Math.random,
  });
  const revocationListeners = new Set<(grant: GrantId, reason: string) => void>();
  const endListeners = new Set<Parameters<Edge['onSessionEnd']>[0]>();
  const rulesListeners = new Set<Parameters<Edge['onRulesChanged']>[0]>();
  const revoked = new Set<GrantId>();
  /** Callers that wait for a reconnect, and whoever stops. */
  const wakeups = new Set<() => void>();
  const firstLinked = Promise.withResolvers<void>();
  const holds = createHolds({ link: () => (state === 'linked' ? connection : undefined), report, now, timing });

  const targets = createTargetReports({ send: (message) => connection?.send(message), now });
  const status = createStatusReports({
    read: () => {
      const lagMs = connection?.lagMs();
      const own = options.status?.();
      return own && { ...own, ...(lagMs !== undefined && { lagMs }) };
    },
    send: (message) => connection?.send(message),
  });

  let state: LinkStatus['state'] = 'waiting';
  let since = now();
  let problem: string | undefined = 'not dialled yet';
  let connection: LinkConnection | undefined;
  /** As the last welcome said. */
  let authority: Uint8Array | undefined;
  let edgeUnderstands: readonly string[] = [];
  let serving: number | undefined;
  let redial: NodeJS.Timeout | undefined;
  let redialAt = Number.POSITIVE_INFINITY;
  let stable: NodeJS.Timeout | undefined;
  let resend: NodeJS.Timeout | undefined;
  let sentUpTo = 0;
  const inFlight = new Set<number>();
  let toldDropped = 0;

  function enter(next: LinkStatus['state'], why?: string): void {
    state = next;
    since = now();
    problem = next === 'linked' ? undefined : (why ?? problem);
    for (const wake of [...wakeups]) wake();
  }

  async function dial(): Promise<void> {
    enter('dialling');
    const authorization = await options.authorize();
    if (isStopped()) return;
    const described = options.describe();
    const { live } = described;
    const hello: Hello = {
      kind: 'hello',
      connector: options.connector,
      build: options.build,
      protocol: CONTROL_PROTOCOL,
      ...described,
      understands: [...CONNECTOR_UNDERSTANDS],
    };
    const bytes = Buffer.byteLength(JSON.stringify(hello));
    if (bytes > MAX_HELLO_BYTES) {
      // Listing fewer would have the edge close the rows of sessions that run. They go on; new ones wait.
      const message = `${live.length} live sessions do not fit into a hello (${bytes} bytes): divide the load among several connectors`;
      closed({ kind: 'fault', message });
      return;
    }
    connection = dialLink(
      { edge: options.edge, authorization, hello, timing },
      { welcomed, received, admittedLate, rulesUnknown, closed },
    );
  }

  /** A function, since the compiler does not see that awaits change `state`. */
  const isStopped = (): boolean => state === 'stopped';

  function welcomed({ understands, userAuthority, ...edge }: Extract<FromEdge, { kind: 'welcome' }>): void {
    authority = userAuthority === undefined ? undefined : readPublicLine(userAuthority)?.blob;
    serving = edge.serving;
    enter('linked');
    log.info('link.up', { edge: options.edge, build: edge.build, protocol: edge.protocol ?? 1, serving });
    if (serving === 0) log.error('serving.nothing', { message: SERVES_NOTHING });
    stable = setTimeout(() => backoff.reset(), timing.stableMs);
    sendAnew();
    edgeUnderstands = understands;
    holds.linked(understands.includes('hold.action'));
    targets.linked(understands.includes('targets.seen'));
    status.linked(understands.includes('connector.status'));
    tellDropped();
    firstLinked.resolve();
  }

  /** Attempts that were too many, while the edge was away or faster than it could take them, leave their number. */
  function tellDropped(): void {
    const dropped = outbox.takeDropped();
    if (dropped === 0) return;
    toldDropped = now();
    const message = `${dropped} refused attempts were not reported one by one: there were too many`;
    report({ kind: 'connector.fault', reason: 'attempts_dropped', message, at: new Date(now()).toISOString() });
  }

  /** Sends every kept report from the first: the edge takes what it has already as known. */
  function sendAnew(): void {
    sentUpTo = 0;
    inFlight.clear();
    clearTimeout(resend);
    resend = setTimeout(sendAnew, timing.resendMs);
    pump();
  }

  function closed(why: LinkClosed): void {
    clearTimeout(stable);
    clearTimeout(resend);
    connection = undefined;
    targets.unlinked();
    status.unlinked();
    if (why.kind === 'revoked' && !isStopped()) endRevoked('Gatehouse', why.message);
    if (isStopped()) return;
    const delay = backoff.nextMs();
    const level = why.kind === 'refused' || why.kind === 'fault' ? 'error' : 'warn';
    log[level]('link.down', { edge: options.edge, kind: why.kind, message: why.message, retryInMs: delay });
    redialAt = performance.now() + delay;
    redial = setTimeout(dialAgain, delay);
    enter('waiting', why.message);
  }

  function dialAgain(): void {
    dial().catch((error: unknown) => {
      closed({ kind: 'fault', message: error instanceof Error ? error.message : 'dialling failed' });
    });
  }

  function received(message: FromEdge): void {
    if (message.kind === 'acknowledged') {
      outbox.acknowledge(message.seq);
      inFlight.delete(message.seq);
      resend?.refresh();
      pump();
      if (outbox.size === 0 || now() - toldDropped >= TELL_DROPPED_EVERY_MS) tellDropped();
      if (outbox.size === 0) for (const wake of [...wakeups]) wake();
    } else if (message.kind === 'grant.revoked') {
      remember(message.grant);
      log.info('grant.revoked', { grant: message.grant });
      for (const listener of [...revocationListeners]) listener(message.grant, message.reason);
    } else if (message.kind === 'session.end') {
      const { session, by, reason } = message;
      log.info('session.end_requested', { session, by });
      for (const listener of [...endListeners]) listener(session, by, reason);
    } else if (message.kind === 'connector.revoked') {
      endRevoked(message.by, message.reason);
    } else if (message.kind === 'key.rotate') {
      options.onRotate?.();
    } else if (message.kind === 'tunnel.open') {
      options.onTunnel?.(message.tunnel, message.email);
    } else if (message.kind === 'rules.in_force') {
      log.info('rules.in_force', { policyVersion: message.policyVersion, sessions: message.sessions.length });
      for (const listener of [...rulesListeners]) listener(message.sessions, message.rules);
    } else if (message.kind === 'hold.decided') {
      holds.decided(message);
    } else if (message.kind === 'resource.contested' || message.kind === 'replicas.differ') {
      logOthers(log, message);
    }
  }

  /** Nothing is asked or told any more. What is recorded is stored all the same, and says how its session ended. */
  function endRevoked(by: string, reason: string): void {
    log.error('connector.revoked', { by, message: `${reason}: the edge takes no key of this connector any more` });
    enter('stopped', `revoked by ${by}`);
    connection?.close();
    holds.stop();
    for (const session of options.describe().live)
      for (const listener of [...endListeners]) listener(session, by, reason);
  }

  function remember(grant: GrantId): void {
    revoked.add(grant);
    const [oldest] = revoked;
    if (revoked.size > MAX_REMEMBERED_REVOCATIONS && oldest !== undefined) revoked.delete(oldest);
  }

  /** Whoever they are for ends, as with rules that are none: the listeners know no others. */
  function rulesUnknown(sessions: readonly SessionId[]): void {
    log.error('rules.unknown', { sessions: sessions.length, message: 'the policy in force needs a newer connector' });
    for (const listener of [...rulesListeners]) listener(sessions, 'unknown');
  }

  /** The edge counts a session that nobody carries, or may do so: nothing was dialled for it. */
  function admittedLate(session: SessionId): void {
    const message = 'never begun: its admission came too late, or its answer was lost';
    const at = new Date(now()).toISOString();
    report({ kind: 'session.ended', session, reason: 'client_closed', message, at, neverBegan: true });
  }

  function report(given: Parameters<Edge['report']>[0]): void {
    outbox.add(fitReport(given, now));
    if (given.kind === 'session.ended') status.soon();
    pump();
  }

  function pump(): void {
    if (state !== 'linked' || connection === undefined || inFlight.size >= REPORT_WINDOW) return;
    for (const kept of outbox.next(sentUpTo, REPORT_WINDOW - inFlight.size)) {
      sentUpTo = kept.seq;
      inFlight.add(kept.seq);
      connection.send({ kind: 'report', seq: kept.seq, report: kept.report });
    }
  }

  /** The linked connection; waits for one only while it is about to come. */
  async function linkedConnection(): Promise<LinkConnection | undefined> {
    const giveUpAt = performance.now() + timing.graceMs;
    while (state !== 'linked') {
      const left = giveUpAt - performance.now();
      const underWay = state === 'dialling' || (state === 'waiting' && redialAt < giveUpAt);
      if (!underWay || left <= 0) return undefined;
      await woken(left);
    }
    return connection;
  }

  /** Resolves at the next change of state, when the outbox is empty, or after `withinMs`. */
  function woken(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        wakeups.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      wakeups.add(wake);
    });
  }

  const questions = createGrantQuestions({
    link: linkedConnection,
    understands: (kind) => edgeUnderstands.includes(kind),
    isRevoked: (grant) => revoked.has(grant),
    saltKey: options.saltKey,
  });

  return {
    firstLinked: firstLinked.promise,

    start() {
      dialAgain();
    },

    ...questions,

    signIn: (resource, protocol, address) =>
      askSignIn(
        {
          ...{
            link: linkedConnection,
            offered: () => edgeUnderstands.includes('sign_in.ask'),
            isRevoked: (grant) => revoked.has(grant),
          },
          ...{ unreachable: UNREACHABLE, lookEveryMs: timing.signInLookMs },
        },
        { resource, protocol, address },
      ),

    async userAuthority() {
      // Sessions are opened by asking the edge anyway, so what it said before is of no use without it.
      return (await linkedConnection()) ? ok(authority) : err(UNREACHABLE);
    },

    async openSession(input) {
      const link = await linkedConnection();
      const answer = await link?.call({ kind: 'session.open', ...input });
      if (answer?.kind === 'session.refused') return err({ reason: answer.reason, message: answer.message });
      if (answer?.kind !== 'session.admitted') return err(UNREACHABLE);
      // Revoked while the answer was on its way.
      if (revoked.has(answer.opened.grant.id)) {
        admittedLate(input.session);
        return err({ reason: 'grant_revoked', message: 'This grant was revoked. Ask for a new one in the portal.' });
      }
      status.soon();
      return ok({ opened: answer.opened, rules: answer.rules });
    },

    report,

    onGrantRevoked(listener) {
      revocationListeners.add(listener);
      return () => {
        revocationListeners.delete(listener);
      };
    },

    onSessionEnd(listener) {
      endListeners.add(listener);
      return () => {
        endListeners.delete(listener);
      };
    },

    onRulesChanged(listener) {
      rulesListeners.add(listener);
      return () => {
        rulesListeners.delete(listener);
      };
    },

    sawTarget: targets.saw,
    tellStatus: status.tell,

    hold: holds.hold,

    status: () => ({
      state,
      since: new Date(since).toISOString(),
      problem,
      unacknowledgedReports: outbox.size,
      serving,
    }),

    async stop(withinMs) {
      const giveUpAt = performance.now() + withinMs;
      while (outbox.size > 0 && state === 'linked' && performance.now() < giveUpAt) {
        await woken(giveUpAt - performance.now());
      }
      clearTimeout(redial);
      clearTimeout(resend);
      holds.stop();
      targets.unlinked();
      status.unlinked();
      enter('stopped', 'the connector is stopping');
      connection?.close();
    },
  };
}
