// Lets a client in: the one place that opens a target, so nothing can be dialled without passing
// here (law 2). Order: the client proved a grant -> it is neither over nor revoked -> the edge opens
// the session -> the log takes its first frame (law 1) -> the target's credential is fetched.

import type { KeyedHash } from '../../core/masking/ways.ts';
import type { ConnectorId, IdSource, SessionId } from '../../core/ids.ts';
import { PROTOCOLS } from '../../core/protocols.ts';
import type { ResourceName } from '../../core/resource.ts';
import type { Refusal } from '../../core/refusal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { SessionAdmission, Edge } from './edge.ts';
import { exemptRecorder } from './recorders/exempt-recorder.ts';
import type { LiveSession } from './live-sessions.ts';
import { orAborted } from '../net/or-aborted.ts';
import { createGuard, type LiveGuard } from './guard/guard.ts';
import type { RulesCompiler } from './guard/rules.ts';
import type { Proof } from './prove.ts';
import type { KeptOriginals, SessionLog, SessionRecorder } from './session-log.ts';

/** `over` aborts when the session is over, also where it never began. */
export type OpenSessionTarget<Upstream> = (
  resource: ResourceName,
  session: {
    readonly id: SessionId;
    readonly untilMs: number;
    readonly owner: ConnectorId;
    readonly over: AbortSignal;
  },
) => Promise<Result<Upstream, Refusal>>;

export interface AdmitDeps<Upstream> {
  readonly edge: Edge;
  readonly log: SessionLog;
  /** The connector's own file says where a resource lives (law 9); its credential is fetched for this session (law 8). */
  readonly targets: OpenSessionTarget<Upstream>;
  readonly connector: SessionOpened['connector'];
  readonly ids: IdSource;
  readonly compiler: RulesCompiler;
  readonly keyedHash: KeyedHash;
  readonly onBug: (error: unknown) => void;
  /** The edge let it in when it was over already: it counts it, and nobody carries it. */
  readonly admittedLate: () => void;
}

/** Somebody who proved a grant, and is not in yet. */
interface Arrival {
  readonly proof: Proof;
  readonly client: SessionOpened['client'];
  readonly details: SessionOpened['details'];
}

export interface Admitted<Upstream> {
  readonly upstream: Upstream;
  readonly guard: LiveGuard;
  readonly recorder: SessionRecorder;
  readonly opened: SessionAdmission;
}

/**
 * `opened`: the edge counts the session, so its end must be reported; `recorder`: and it must be ended. `target`: what this
 * connector needs for that one could not be had, whoever asks.
 */
interface NotAdmitted {
  readonly refusal: Refusal;
  readonly opened: boolean;
  readonly recorder?: SessionRecorder;
  readonly target?: ResourceName;
}

export async function admit<Upstream>(
  { proof, client, details }: Arrival,
  live: LiveSession,
  deps: AdmitDeps<Upstream>,
): Promise<Result<Admitted<Upstream>, NotAdmitted>> {
  const refused = mayStillBeUsed(proof, live, deps.ids.now());
  if (refused) return err({ refusal: refused, opened: false });

  const asked = deps.edge.openSession({ session: live.id, grant: proof.grant.id, client });
  const answer = await orAborted(asked, live.signal, (late) => {
    if (late.ok) deps.admittedLate();
  });
  if (!answer) return err({ refusal: live.refusal ?? ended, opened: false });
  if (!answer.ok) return err({ refusal: answer.error, opened: false });
  live.known = true;
  const { opened, rules } = answer.value;
  // Ids are ours: an answer about anything else is not an answer to this.
  if (opened.session !== live.id || opened.grant.id !== proof.grant.id || opened.resource !== proof.claim.resource)
    return err({ refusal: mismatched, opened: true });

  const { exempt, originals: to } = opened.grant.obligations.record;
  let originals: KeptOriginals | undefined;
  try {
    if (to && exempt === undefined) originals = await deps.log.keepOriginals(opened.session, to);
  } catch (error) {
    deps.onBug(error);
    return err({ refusal: unusableRules, opened: true });
  }
  const recording = deps.log.open(
    {
      kind: 'session.opened',
      ...opened,
      connector: deps.connector,
      startedAt: new Date(deps.ids.now()).toISOString(),
      client,
      details: { ...details },
      ...(originals && { originals: { key: originals.key } }),
    },
    (fault) => live.logFailed(fault),
    originals,
  );
  if (!recording.ok) return err({ refusal: logUnavailable, opened: true });
  const recorder = exempt === undefined ? recording.value : exemptRecorder(recording.value);

  let guard: LiveGuard;
  try {
    const { noun } = PROTOCOLS[opened.protocol];
    const guardDeps = { ...deps, session: live.id, recorder, noun, onRowsExceeded };
    guard = live.admit(rules, (first) => createGuard(guardDeps, first));
  } catch (error) {
    // Everybody under this policy is refused until somebody looks, so somebody is told.
    deps.onBug(error);
    return err({ refusal: unusableRules, opened: true, recorder });
  }
  function onRowsExceeded(rule: string, limit: number): void {
    const message = `Rule ${rule} gives a session ${limit} rows, and this one asked for more. Connect again, and ask for fewer.`;
    live.end('rows_exceeded', message);
  }

  const late = mayStillBeUsed(proof, live, deps.ids.now());
  if (late) return err({ refusal: late, opened: true, recorder });
  const untilMs = Date.parse(opened.grant.until);
  const scope = { id: live.id, untilMs, owner: deps.connector.id, over: live.over };
  const fetched = deps.targets(opened.resource, scope).catch((error: unknown) => {
    deps.onBug(error);
    return err(unusableTarget);
  });
  const target = await orAborted(fetched, live.signal);
  if (!target) return err({ refusal: live.refusal ?? ended, opened: true, recorder });
  if (!target.ok) return err({ refusal: target.error, opened: true, recorder, target: opened.resource });
  // Whatever came while the credential was fetched: nothing is dialled for a session that is over.
  const tooLate = mayStillBeUsed(proof, live, deps.ids.now());
  if (tooLate) return err({ refusal: tooLate, opened: true, recorder });

  return ok({ upstream: target.value, guard, recorder, opened });
}

const mismatched: Refusal = {
  reason: 'edge_unreachable',
  message: 'The portal answered about another session. Try again, and tell an administrator if it stays so.',
};

const logUnavailable: Refusal = {
  reason: 'log_unavailable',
  message: 'The gateway cannot record sessions at the moment, so it opens none. Tell an administrator.',
};

const unusableTarget: Refusal = {
  reason: 'upstream_login_failed',
  message: 'The gateway failed while it prepared this target. Tell an administrator.',
};

const unusableRules: Refusal = {
  reason: 'policy_denied',
  message: 'The gateway cannot apply the policy that is in force, so it lets nobody in. Tell an administrator.',
};

const ended: Refusal = { reason: 'session_ended', message: 'The session ended before it began. Connect again.' };

const mayStillBeUsed = ({ grant }: Proof, live: LiveSession, now: number): Refusal | undefined =>
  grant.revoked ? REVOKED : (live.refusal ?? refusedFor(grant, now));

const REVOKED: Refusal = {
  reason: 'grant_revoked',
  message: 'This grant was revoked. Ask for a new one in the portal.',
};

/** What the edge said of the grant when it was looked up. */
export function refusedFor({ revoked, until }: Proof['grant'], now: number): Refusal | undefined {
  if (revoked) return REVOKED;
  if (until !== undefined && Date.parse(until) <= now)
    return { reason: 'grant_expired', message: 'This grant has ended. Ask for a new one in the portal.' };
  return undefined;
}
