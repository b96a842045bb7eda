// Held actions: a connector asks, hears how it stands, and claims what was approved. A connector
// is believed about actions of its own live sessions only, and what waits is always asked for by
// the holder of the session's grant.

import { type Approval, isHeld } from '../../core/approval/approval.ts';
import { holdTerms, stillSuffices } from '../../core/approval/terms.ts';
import type { AuditEvent } from '../../core/audit/audit.ts';
import type { FromConnector, FromEdge, Report } from '../../core/control.ts';
import { HELD } from '../../core/approval/held-action.ts';
import type { ConnectorId, RequestId, SessionId } from '../../core/ids.ts';
import { type RuleInForce, sessionRules } from '../../core/policy/rules-in-force.ts';
import type { Resource } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { holdStanding } from '../approvals/hold-standing.ts';
import { iso } from '../clock.ts';
import type { ApprovalPort } from '../ports/approval.ts';
import type { AuditPort } from '../ports/audit.ts';
import type { DirectoryPort } from '../ports/directory.ts';
import type { GrantsPort, StoredGrant } from '../ports/grants.ts';
import type { PolicyInForce } from '../ports/directory.ts';
import type { PolicyReader } from './session-opener.ts';

type Message<K extends FromConnector['kind']> = Extract<FromConnector, { kind: K }>;
type Withdrawn = Extract<Report, { kind: 'hold.withdrawn' }>;

export interface HoldsDeps {
  readonly connector: { readonly id: ConnectorId };
  readonly publicUrl: string;
  readonly grants: Pick<GrantsPort, 'liveSession'>;
  readonly directory: Pick<DirectoryPort, 'allow' | 'listRequest' | 'openHoldsOf'>;
  readonly audit: Pick<AuditPort, 'append'>;
  readonly policy: PolicyReader;
  approvals(id: RequestId): Pick<ApprovalPort, 'act' | 'open' | 'read'>;
  /** The resource, when this connector serves it. */
  serves(name: string): Promise<Resource | undefined>;
  fault(reason: string, details: Record<string, string>): Promise<void>;
  now(): number;
}

/** An approved action whose connector is away for so long goes on when it is back. */
const WORK_AT_LEAST_MS = 10 * 60_000;

const SAYS = {
  notLive: 'This session is not open at the portal any more.',
  ended: 'Your grant has ended. Ask for access again at the portal.',
  policyChanged: 'The policy has changed since. Run it again.',
  foreign: 'This request belongs to something else.',
  tooMany: 'You have asked for too many approvals. Wait a minute and run it again.',
} as const;

interface Standing {
  readonly stored: StoredGrant;
  readonly policy: PolicyInForce;
  readonly rule: RuleInForce['rule'];
}

export class Holds {
  readonly #deps: HoldsDeps;
  /** Asks under way, so that one that comes twice at once begins once. */
  readonly #asking = new Map<RequestId, { readonly session: SessionId; readonly settled: Promise<unknown> }>();

  constructor(deps: HoldsDeps) {
    this.#deps = deps;
  }

  /** Asked again, it answers with how the request stands. */
  async ask(message: Message<'hold.action'>): Promise<FromEdge> {
    const { call, request, session } = message;
    const before = this.#asking.get(request)?.settled;
    const asked = (before ?? Promise.resolve()).then(() => this.#ask(message));
    const mine = { session, settled: asked.catch(() => undefined) };
    this.#asking.set(request, mine);
    try {
      const approval = await asked;
      if (!approval.ok) return { kind: 'hold.refused', call, message: approval.error };
      const link = `${this.#deps.publicUrl}/requests/${request}`;
      return { kind: 'hold.asked', call, ...holdStanding(approval.value), link };
    } finally {
      if (this.#asking.get(request) === mine) this.#asking.delete(request);
    }
  }

  /**
   * The policy may have changed since the votes: they must suffice under the one in force.
   *
   * An answer can be lost with the link, so the same session claims again for the same digest and is answered alike.
   * That lets nothing run twice: the connector that carries the session forwards what it holds once, and has forgotten
   * it, and the session, after a restart.
   */
  async claim({ call, request, session, digest }: Message<'hold.claim'>): Promise<FromEdge> {
    const refused = (message: string): FromEdge => ({ kind: 'hold.refused', call, message });
    const standing = await this.#standing(session, request);
    if (!standing.ok) return refused(standing.error);
    const { stored, policy, rule } = standing.value;
    const approval = await this.#deps.approvals(request).read();
    if (!approval || !isFor(approval, session, digest)) {
      await this.#deps.fault('hold_claimed_for_another', { request, session });
      return refused(SAYS.foreign);
    }
    const { requester, state } = approval;
    const again =
      state === 'claimed' && approval.claim?.grant === stored.grant.id && isInTime(approval, this.#deps.now());
    if (
      rule.name !== approval.rule ||
      ((state === 'approved' || again) && !stillSuffices(policy.document, rule, approval))
    ) {
      await this.#deps.audit.append({
        kind: 'request.denied',
        actor: requester.email,
        object: request,
        details: { kind: approval.subject.kind, reason: 'policy_changed', session, policyVersion: policy.version },
      });
      return refused(SAYS.policyChanged);
    }
    if (again) return { kind: 'hold.claimed', call };
    const { subject, email, name } = stored.identity;
    const claimed = await this.#deps
      .approvals(request)
      .act({ kind: 'claim', by: { subject, email, name }, grant: stored.grant.id });
    if (claimed.ok) return { kind: 'hold.claimed', call };
    switch (claimed.error) {
      case 'unwritten':
        throw new Error('the audit log could not be written');
      case 'not_approved':
        return refused('Nobody has approved it yet.');
      case 'over':
        return refused(
          state === 'claimed' ? 'Its approval was used already. Run it again.' : 'It is not approved any more.',
        );
      default:
        await this.#deps.fault('hold_claimed_for_another', { request, session, reason: claimed.error });
        return refused(SAYS.foreign);
    }
  }

  async withdrawn({ request, session, reason }: Withdrawn): Promise<void> {
    // It may overtake its own request, which is still being begun.
    await this.#asking.get(request)?.settled;
    const approval = await this.#deps.approvals(request).read();
    // Never asked for, as far as the edge is concerned.
    if (!approval) return;
    const live = await this.#deps.grants.liveSession(session, this.#deps.connector.id);
    // One whose session has ended was withdrawn with it.
    if (!live && isFor(approval, session)) return;
    if (!live || !isFor(approval, session)) return this.#deps.fault('hold_of_foreign_session', { request, session });
    await withdraw(this.#deps, approval, reason);
  }

  /** What waits in sessions that are over, and what is only just being asked for. */
  async withdrawAllOf(sessions: readonly SessionId[]): Promise<void> {
    if (sessions.length === 0) return;
    const over = new Set(sessions);
    await Promise.all([...this.#asking.values()].flatMap(({ session, settled }) => (over.has(session) ? settled : [])));
    await withdrawHoldsOf(this.#deps, sessions);
  }

  async #ask(message: Message<'hold.action'>): Promise<Result<Approval, string>> {
    const { request, session, action } = message;
    const standing = await this.#standing(session, request);
    if (!standing.ok) return standing;
    const { stored, policy, rule } = standing.value;
    const known = await this.#deps.approvals(request).read();
    if (known) {
      if (isFor(known, session, action.digest)) return ok(known);
      await this.#deps.fault('hold_id_known', { request, session });
      return err(SAYS.foreign);
    }
    const terms = rule.name === message.rule ? holdTerms(rule, HELD[action.kind].section, action.pattern) : undefined;
    if (!terms) return err(SAYS.policyChanged);
    if (!(await this.#deps.directory.allow('hold', stored.grant.email))) return err(SAYS.tooMany);
    const { grant, identity } = stored;
    const now = this.#deps.now();
    const approval: Approval = {
      id: request,
      subject: {
        ...action,
        resource: grant.resource,
        reason: grant.reason,
        labels: grant.labels,
        session,
      },
      requester: { subject: identity.subject, email: identity.email, name: identity.name },
      rule: rule.name,
      policyVersion: policy.version,
      state: 'pending',
      askedAt: iso(now),
      decideBy: iso(now + terms.within),
      workMs: Math.max(terms.within, WORK_AT_LEAST_MS),
      needed: terms.count,
      votes: [],
      warned: false,
    };
    await this.#deps.audit.append(madeEvent(approval, message));
    await this.#deps.approvals(request).open(approval, 'asked');
    await this.#deps.directory.listRequest(approval);
    return ok(approval);
  }

  /** The session as it stands under the policy in force; or why nothing is held or goes on in it. */
  async #standing(session: SessionId, request: RequestId): Promise<Result<Standing, string>> {
    const live = await this.#deps.grants.liveSession(session, this.#deps.connector.id);
    if (!live) {
      await this.#deps.fault('hold_of_foreign_session', { request, session });
      return err(SAYS.notLive);
    }
    const { grant, identity, address } = live;
    if (grant.revoked || Date.parse(grant.until) <= this.#deps.now()) return err(SAYS.ended);
    const resource = await this.#deps.serves(grant.resource);
    const policy = await this.#deps.policy.read();
    if (!resource || !policy) return err(SAYS.policyChanged);
    const under = sessionRules(
      policy.document,
      policy.version,
      this.#deps.now(),
    )({ identity, resource, grantRule: grant.rule, clientAddress: address });
    return under.ok ? ok({ stored: { grant, identity }, policy, rule: under.value.rule }) : err(under.error.message);
  }
}

/** What waits in sessions that are over is withdrawn with them. */
export async function withdrawHoldsOf(
  deps: Pick<HoldsDeps, 'approvals'> & { readonly directory: Pick<DirectoryPort, 'openHoldsOf'> },
  sessions: readonly SessionId[],
): Promise<void> {
  for (const approval of await deps.directory.openHoldsOf(sessions)) {
    await withdraw(deps, approval, 'the session ended');
  }
}

/** Within the time in which what was approved may be used. */
const isInTime = ({ workUntil }: Approval, now: number): boolean =>
  workUntil !== undefined && now < Date.parse(workUntil);

async function withdraw(
  deps: Pick<HoldsDeps, 'approvals'>,
  { id, requester }: Approval,
  reason: string,
): Promise<void> {
  const acted = await deps.approvals(id).act({ kind: 'withdraw', by: requester, reason });
  // Over already is as good.
  if (!acted.ok && acted.error === 'unwritten') throw new Error('the audit log could not be written');
}

function isFor({ subject }: Approval, session: SessionId, digest?: string): boolean {
  return (
    isHeld(subject) &&
    subject.session === session &&
    (digest === undefined || subject.digest.toLowerCase() === digest.toLowerCase())
  );
}

/** Without the action's text: its digest says which one. */
function madeEvent(
  { id, subject, requester, rule, policyVersion }: Approval,
  { session, action }: Message<'hold.action'>,
): AuditEvent {
  return {
    kind: 'request.made',
    actor: requester.email,
    object: subject.resource,
    details: {
      request: id,
      kind: action.kind,
      session,
      digest: action.digest,
      [HELD[action.kind].touches.many]: action.touches.length,
      rule,
      policyVersion,
    },
  };
}
