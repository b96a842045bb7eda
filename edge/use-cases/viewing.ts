// Who may view a session: auditors, whoever the rule's `record.view` names, and its own person where the rule
// lets people view their own.
//
// The rule is the one of the same name in the policy in force. When there is none any more (renamed, removed),
// it opens nothing to others; its own person keeps what the rule gave at the time: as the edge wrote it down
// when it admitted the session, or for a session from before it did, as the policy of then says.

import type { SessionEntry, SessionQuery } from '../../core/catalogue.ts';
import type { Identity } from '../../core/identity.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { ok, type Result } from '../../core/result.ts';
import { type AdmittedSession, openingOf, type StoredSession } from '../../core/session-evidence.ts';
import type { UseCaseFault } from '../gatehouse.ts';
import type { Admission } from '../ports/witness.ts';
import { fault, type UseCaseDeps } from './deps.ts';
import type { Standing } from './standing.ts';

interface Owned extends Pick<AdmittedSession, 'subject' | 'rule'> {
  /** What its rule said when it was opened. undefined: not known, and then nothing is opened by it. */
  readonly viewOwn: boolean | undefined;
}

export function mayView(standing: Standing, who: Identity, session: Owned): boolean {
  if (standing.auditor) return true;
  const own = session.subject === who.subject;
  const rule = ruleNow(standing, session.rule);
  if (!rule) return own && session.viewOwn === true;
  return (own && rule.record.viewOwn) || isAmong(standing.policy, rule.record.view, who);
}

/** As whoever may see it is told; whether its rule is gone is for no catalogue to say. */
export const asSeenUnder = (standing: Standing, { ruleGone: _claimed, ...entry }: SessionEntry): SessionEntry =>
  ruleNow(standing, entry.rule) ? entry : { ...entry, ruleGone: true };

const ruleNow = ({ policy }: Standing, name: string) => policy.rules.find((rule) => rule.name === name);

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
  const viewOwn = ruleNow(standing, rule) ? undefined : await deps.directory.viewedOwn(rule, policyVersion);
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
