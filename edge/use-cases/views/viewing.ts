// Who may view a session: auditors, whoever the rule's `record.view` names, and its own person where the rule
// lets people view their own. Where the rule asks for an approval of each look (`record.viewApproval`), those whom it
// names may know of the session and ask (views/view-requests.ts); its own person may watch at once.
//
// The rule is the one of the same name in the policy in force. When there is none any more (renamed, removed),
// it opens nothing to others, and auditors whom it bound still ask; its own person keeps what the rule gave at the time: as the edge wrote it down
// when it admitted the session, or for a session from before it did, as the policy of then says.

import type { AuditKind } from '../../../core/audit/audit.ts';
import type { SessionEntry, SessionQuery } from '../../../core/catalogue.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import type { Rule } from '../../../core/policy/document.ts';
import { isAmong } from '../../../core/policy/evaluate.ts';
import { goneTermsOf, type ViewApproval } from '../../../core/policy/viewing-terms.ts';
import { ok, type Result } from '../../../core/result.ts';
import { type AdmittedSession, openingOf, type StoredSession } from '../../../core/session-evidence.ts';
import type { UseCaseFault } from '../../gatehouse.ts';
import type { Admission } from '../../ports/witness.ts';
import { archiveFault } from '../archive-fault.ts';
import { fault, noteCounted, type UseCaseDeps } from '../deps.ts';
import { auditorsAskUnder, type Standing } from '../standing.ts';

export interface Owned extends Pick<AdmittedSession, 'subject' | 'email' | 'resource' | 'rule'> {
  /** What its rule said when it was opened. undefined: not known, and then nothing is opened by it. */
  readonly viewOwn: boolean | undefined;
}

export type ViewRight =
  | { readonly kind: 'now' }
  | { readonly kind: 'on_approval'; readonly terms: ViewApproval; readonly session: Owned }
  | { readonly kind: 'none' };

const NOW: ViewRight = { kind: 'now' };
const NONE: ViewRight = { kind: 'none' };

/** `session` undefined: the edge does not know whose it is, so it is for auditors alone. */
export function viewRight(
  standing: Pick<Standing, 'policy' | 'auditor' | 'boundWhenGone'>,
  who: Identity,
  session: Owned | undefined,
): ViewRight {
  if (!session) return standing.auditor ? NOW : NONE;
  const own = session.subject === who.subject;
  const rule = ruleNamed(standing, session.rule);
  if (!rule) {
    if (own && session.viewOwn === true) return NOW;
    if (!standing.auditor) return NONE;
    if (!auditorsAskUnder(standing, session.rule)) return NOW;
    return { kind: 'on_approval', terms: goneTermsOf(standing.policy.auditors), session };
  }
  if (own && rule.record.viewOwn) return NOW;
  if (!standing.auditor && !isAmong(standing.policy, rule.record.view, who)) return NONE;
  const terms = rule.record.viewApproval;
  return terms && (!standing.auditor || terms.auditors) ? { kind: 'on_approval', terms, session } : NOW;
}

/** As whoever may see it is told; whether its rule is gone is for no catalogue to say. */
export const asSeenUnder = (standing: Standing, { ruleGone: _claimed, ...entry }: SessionEntry): SessionEntry =>
  ruleNamed(standing, entry.rule) ? entry : { ...entry, ruleGone: true };

export const ruleNamed = ({ policy }: Pick<Standing, 'policy'>, name: string): Rule | undefined =>
  policy.rules.find((rule) => rule.name === name);

/** undefined: never admitted here, or before the edge wrote down whose each is. */
export const ownerByRecord = (admission: Admission | undefined): Owned | undefined =>
  admission?.admitted && { ...admission.admitted, viewOwn: admission.viewOwn };

/** Of a session that was admitted before the edge wrote down whose each is: as the manifest says, if it is the connector's. */
export async function ownerBySignature(
  deps: Pick<UseCaseDeps, 'directory'>,
  standing: Standing,
  { manifest }: StoredSession,
  admission: Admission | undefined,
): Promise<Owned | undefined> {
  const opened = manifest?.content.opened;
  if (!opened || !admission) return undefined;
  const { content, digest, signed } = manifest;
  const registered = async () => (await deps.directory.connector(admission.connector))?.key === content.connector.key;
  const genuine =
    content.connector.id === admission.connector &&
    (admission.manifest === undefined ? signed && (await registered()) : digest === admission.manifest);
  if (!genuine) return undefined;
  const { rule, policyVersion } = opened.grant;
  const viewOwn = ruleNamed(standing, rule) ? undefined : await deps.directory.viewedOwn(rule, policyVersion);
  return { ...openingOf(opened), viewOwn };
}

/** The widest question this person may put; what comes back is filtered besides. */
export function narrow(standing: Standing, who: Identity, query: SessionQuery): Result<SessionQuery, UseCaseFault> {
  const seesOthers =
    standing.auditor || standing.policy.rules.some((rule) => isAmong(standing.policy, rule.record.view, who));
  if (seesOthers) return ok(query);
  if (query.email !== undefined && query.email.toLowerCase() !== who.email) {
    return fault('forbidden', "You may view your own sessions. Ask an auditor about others'.");
  }
  return ok({ ...query, email: who.email });
}

/** Written down, with what was wanted. Others' sessions are not told apart from none. `knows`: they may see it in another way. */
export async function refuseLook(deps: UseCaseDeps, who: Identity, id: SessionId, kind: AuditKind, knows: boolean) {
  await noteRefused(deps, who, id, kind, 'policy_denied');
  return knows
    ? fault('forbidden', 'This is not yours to do with the session. Ask an auditor.')
    : archiveFault('not_found');
}

/** Written down as others' are. `known`: of its purge, where that may be told. */
export async function refuseUnknown(
  deps: UseCaseDeps,
  who: Identity,
  id: SessionId,
  kind: AuditKind,
  known: Admission | undefined,
) {
  if (!known) await noteRefused(deps, who, id, kind, 'unknown_session');
  return archiveFault('not_found', known);
}

/** Written down as well. `message` says how to ask. */
export async function refuseUnapproved(
  deps: UseCaseDeps,
  who: Identity,
  id: SessionId,
  kind: AuditKind,
  message: string,
) {
  await noteRefused(deps, who, id, kind, 'approval_needed');
  return fault('approval_needed', message);
}

const noteRefused = (deps: UseCaseDeps, who: Identity, id: SessionId, wanted: AuditKind, reason: string) =>
  noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: id, details: { reason, wanted } });
