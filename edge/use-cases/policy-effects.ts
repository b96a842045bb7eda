// What a policy would do to grants that are live and to sessions that run on them, by the rules that connectors are sent
// when it is applied (connectors/rules-messages.ts).

import type { PolicyEffect, RuleGone } from '../../core/api.ts';
import type { GrantId, SessionId } from '../../core/ids.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { decidingRule } from '../../core/policy/evaluate.ts';
import { ruleFor, type SessionFacts, sessionRules } from '../../core/policy/rules-in-force.ts';
import { bindsAuditors, goneOf, sharingOf } from '../../core/policy/viewing-terms.ts';
import type { UseCaseDeps } from './deps.ts';

const READ_AT_ONCE = 2_000;

type RunningSession = { readonly session: SessionId; readonly address: string };

/** One for each grant that it touches, newest first. Of a resource that nobody announces nothing is told. */
export async function policyEffects(
  deps: Pick<UseCaseDeps, 'directory' | 'grants' | 'clock'>,
  before: PolicyDocument,
  after: PolicyDocument,
): Promise<PolicyEffect[]> {
  const active = (await deps.grants.list(undefined)).filter(({ state }) => state === 'active');
  const [stored, running, announced] = await Promise.all([
    deps.grants.findAll(active.map(({ id }) => id)),
    runningByGrant(deps),
    deps.directory.resources(),
  ]);
  const resources = new Map(announced.map(({ resource }) => [resource.name, resource]));
  const now = deps.clock.now();
  const [was, is] = [sessionRules(before, 0, now), sessionRules(after, 0, now)];
  return stored.flatMap((each) => {
    const resource = each && resources.get(each.grant.resource);
    if (!each || !resource) return [];
    const { grant, identity } = each;
    const facts = { identity, resource, grantRule: grant.rule };
    if (!ruleFor(before, facts)) return [];
    const rule = ruleFor(after, facts);
    const sessions = (running.get(grant.id) ?? []).map(({ session, address }) => {
      const of: SessionFacts = { ...facts, clientAddress: address };
      return { session, was: was(of), is: is(of) };
    });
    const ends = sessions.filter((one) => one.was.ok && !one.is.ok).map(({ session }) => session);
    const changes = sessions
      .filter((one) => one.was.ok && one.is.ok && !isSame(one.was.value.rules, one.is.value.rules))
      .map(({ session }) => session);
    // Of a session that it would open now, wherever from.
    const [opened, opens] = [was({ ...facts, clientAddress: '' }), is({ ...facts, clientAddress: '' })];
    const otherRules = opened.ok && opens.ok && !isSame(opened.value.rules, opens.value.rules);
    const passed = passedBy(after, facts);
    const passedBefore = passedBy(before, facts);
    const passes = passed !== undefined && !isSame(passed, passedBefore ?? {});
    if (rule && ends.length + changes.length === 0 && !otherRules && !passes) return [];
    const { id, email } = grant;
    const effect = { grant: id, email, resource: resource.name, opens: rule !== undefined, ends, changes, otherRules };
    return [{ ...effect, ...(passes && { passedBy: passed }) }];
  });
}

/** Rules that the later policy does not have, and that kept their sessions from auditors or from links. */
export const rulesGone = (before: PolicyDocument, after: PolicyDocument): RuleGone[] =>
  goneOf(before.rules, after.rules)
    .filter((rule) => bindsAuditors(rule) || sharingOf(rule.record) === 'none')
    .map((rule) => ({ rule: rule.name, auditorsAsk: bindsAuditors(rule) }));

async function runningByGrant({
  directory,
  grants,
}: Pick<UseCaseDeps, 'directory' | 'grants'>): Promise<Map<GrantId, RunningSession[]>> {
  const found = new Map<GrantId, RunningSession[]>();
  for (const { id } of await directory.connectors()) {
    for (let after = ''; ; ) {
      const { sessions } = await grants.liveOf(id, after, READ_AT_ONCE);
      for (const { grant, session, address } of sessions)
        found.set(grant, [...(found.get(grant) ?? []), { session, address }]);
      after = sessions.at(-1)?.session ?? '';
      if (sessions.length < READ_AT_ONCE) break;
    }
  }
  return found;
}

/** Where another rule stands in front of the one that the grant stays under, which a new grant would not get any more. */
function passedBy(
  policy: PolicyDocument,
  facts: Pick<SessionFacts, 'identity' | 'resource' | 'grantRule'>,
): PolicyEffect['passedBy'] {
  const under = ruleFor(policy, facts)?.name;
  const rule = decidingRule(policy, facts.identity, facts.resource)?.name;
  return under === undefined || rule === undefined || rule === under ? undefined : { rule, under };
}

const isSame = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);
