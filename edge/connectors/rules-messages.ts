// What is in force for a connector's live sessions, as messages: sessions under the same rule together.

import type { FromEdge } from '../../core/control.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import { sessionRules } from '../../core/policy/rules-in-force.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { DirectoryPort } from '../ports/directory.ts';
import type { GrantsPort } from '../ports/grants.ts';
import type { PolicyInForce } from '../ports/directory.ts';

/** Ids of one message take 33 KiB beside the rules. */
const MAX_SESSIONS_IN_MESSAGE = 1_000;
const READ_AT_ONCE = 2_000;

interface RulesMessagesDeps {
  readonly connector: { readonly id: ConnectorId };
  readonly directory: Pick<DirectoryPort, 'resourcesOf'>;
  readonly grants: Pick<GrantsPort, 'liveOf'>;
  now(): number;
}

export async function* rulesMessages(
  { connector, directory, grants, now }: RulesMessagesDeps,
  policy: PolicyInForce | undefined,
): AsyncGenerator<FromEdge> {
  const policyVersion = policy?.version ?? 0;
  const resources = new Map((await directory.resourcesOf(connector.id)).map((resource) => [resource.name, resource]));
  const nowMs = now();
  const ruleOf = policy && sessionRules(policy.document, policyVersion, nowMs);
  let after = '';
  for (;;) {
    const live = await grants.liveOf(connector.id, after, READ_AT_ONCE);
    const stored = new Map(live.grants.map((each) => [each.grant.id, each]));
    const groups = new Map<SessionRules | undefined, SessionId[]>();
    for (const { session, grant: id, address } of live.sessions) {
      const { grant, identity } = stored.get(id) ?? {};
      const resource = grant && resources.get(grant.resource);
      const under =
        grant && identity && resource
          ? ruleOf?.({ identity, resource, grantRule: grant.rule, clientAddress: address })
          : undefined;
      const rules = under?.ok ? under.value.rules : under?.error.ending;
      const group = groups.get(rules);
      if (group) group.push(session);
      else groups.set(rules, [session]);
    }
    for (const [rules, all] of groups) {
      for (const sessions of inGroups(all))
        yield { kind: 'rules.in_force', policyVersion, sessions, ...(rules && { rules }) };
    }
    after = live.sessions.at(-1)?.session ?? '';
    if (live.sessions.length < READ_AT_ONCE) return;
  }
}

/** As many as a message holds in each. */
export function inGroups(sessions: readonly SessionId[]): SessionId[][] {
  const count = Math.ceil(sessions.length / MAX_SESSIONS_IN_MESSAGE);
  return Array.from({ length: count }, (_, index) =>
    sessions.slice(index * MAX_SESSIONS_IN_MESSAGE, (index + 1) * MAX_SESSIONS_IN_MESSAGE),
  );
}
