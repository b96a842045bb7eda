// What most use cases begin with: the policy in force, and what the person is in it.

import type { Identity } from '../../core/identity.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { describeMistake, parsePolicy } from '../../core/policy/parse.ts';
import { bindsAuditors } from '../../core/policy/viewing-terms.ts';
import { ok } from '../../core/result.ts';
import type { Answer } from '../gatehouse.ts';
import type { PolicyInForce } from '../ports/directory.ts';
import { archiveBound, surroundingsOf } from './checked-policy.ts';
import { fault, note, type UseCaseDeps } from './deps.ts';

export interface Standing {
  readonly policy: PolicyDocument;
  readonly version: number;
  /** As PolicyInForce has it. */
  readonly boundWhenGone: readonly string[];
  readonly administrator: boolean;
  readonly auditor: boolean;
}

export async function standingOf(deps: UseCaseDeps, who: Identity): Answer<Standing> {
  const policy = await policyInForce(deps);
  if (!policy.ok) return policy;
  const { document, version, boundWhenGone } = policy.value;
  return ok({
    policy: document,
    version,
    boundWhenGone,
    administrator: isAmong(document, document.administrators, who),
    auditor: isAmong(document, document.auditors, who),
  });
}

/** Whether auditors, too, need an approval for the sessions of a rule, also of one that is gone. */
export function auditorsAskUnder(
  { policy, boundWhenGone }: Pick<Standing, 'policy' | 'boundWhenGone'>,
  name: string,
): boolean {
  const rule = policy.rules.find((each) => each.name === name);
  return rule ? bindsAuditors(rule) : boundWhenGone.includes(name);
}

/** The stored policy; on the very first use the one from the settings becomes version 1. */
export async function policyInForce(deps: UseCaseDeps): Answer<PolicyInForce> {
  const stored = await deps.policies.current();
  if (stored) return ok(stored);
  if (deps.firstPolicy === undefined) {
    return fault('unavailable', 'No policy is in force. Whoever runs Gatehouse must set POLICY for the first start.');
  }
  const bound = await archiveBound(deps);
  if (bound === 'unknown') {
    return fault(
      'unavailable',
      'The archive does not answer, so nobody can tell whether it keeps recordings for as long as the policy asks. Try again.',
    );
  }
  const parsed = parsePolicy(deps.firstPolicy, surroundingsOf(deps, bound));
  if (!parsed.ok) {
    const first = parsed.error[0];
    console.error(`POLICY is not valid: ${first ? describeMistake(first) : 'unknown mistake'}`);
    return fault('unavailable', "The policy in the settings is not valid, so nothing is allowed. See the edge's log.");
  }
  await note(deps, { kind: 'policy.applied', actor: 'gatehouse', object: 'policy', details: { version: 1 } });
  const applied =
    (await deps.directory.applyPolicy(deps.firstPolicy, 'gatehouse', 0)) ?? (await deps.policies.current());
  return applied ? ok(applied) : fault('unavailable', 'No policy is in force. Try again.');
}
