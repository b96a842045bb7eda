// What a new policy changes, for whoever is about to apply it.

import type { PolicyDocument, Rule } from '../document.ts';
import { type AccessFacts, decidingRule } from '../evaluate.ts';

interface NamesChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface PolicyChanges {
  readonly rules: NamesChange & {
    /** With the fields that differ. */
    readonly changed: readonly { readonly rule: string; readonly fields: readonly string[] }[];
    /** Rules that stayed stand in another order, and the first that matches decides. */
    readonly reordered: boolean;
  };
  readonly administrators: NamesChange;
  readonly auditors: NamesChange;
  /** Names under `groups`, also those that stand for others now. */
  readonly groups: NamesChange & { readonly changed: readonly string[] };
}

type Standing = 'allow' | 'approval' | 'deny' | 'none';

export interface AccessChange {
  /** `okta:dba`, `user:eve@example.com`, or `everyone`: whoever is in no group that the policies name. */
  readonly who: string;
  readonly resource: string;
  readonly before: { readonly standing: Standing; readonly rule?: string };
  readonly after: { readonly standing: Standing; readonly rule?: string };
  readonly effect: 'gains' | 'loses' | 'changes';
}

type Names = readonly string[];
const compareNames = (before: Names, after: Names): NamesChange => ({
  added: after.filter((name) => !before.includes(name)),
  removed: before.filter((name) => !after.includes(name)),
});

export function policyChanges(before: PolicyDocument, after: PolicyDocument): PolicyChanges {
  const nameOf = ({ name }: Rule) => name;
  const old = new Map(before.rules.map((rule) => [rule.name, rule]));
  const kept = after.rules.filter(({ name }) => old.has(name)).map(nameOf);
  const keptBefore = before.rules.map(nameOf).filter((name) => kept.includes(name));
  const groups = [Object.keys(before.groups), Object.keys(after.groups)] as const;
  return {
    rules: {
      ...compareNames(before.rules.map(nameOf), after.rules.map(nameOf)),
      changed: after.rules.flatMap((rule) => {
        const fields = changedFields(old.get(rule.name), rule);
        return fields.length > 0 ? [{ rule: rule.name, fields }] : [];
      }),
      reordered: keptBefore.join() !== kept.join(),
    },
    administrators: compareNames(before.administrators, after.administrators),
    auditors: compareNames(before.auditors, after.auditors),
    groups: {
      ...compareNames(...groups),
      changed: groups[1].filter((name) => groups[0].includes(name) && !isSame(before.groups[name], after.groups[name])),
    },
  };
}

function changedFields(before: Rule | undefined, after: Rule): string[] {
  if (!before) return [];
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof Rule>;
  return [...fields].filter((field) => !isSame(before[field], after[field]));
}

/** Order of keys does not count: it is the order in which they were written. */
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const sorted = (value: unknown): unknown =>
  typeof value !== 'object' || value === null
    ? value
    : Array.isArray(value)
      ? value.map(sorted)
      : Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        );

/**
 * Who gains, loses or changes access to which of the resources, for each group or person that either
 * policy names. Of somebody in several groups the best tells: rules are read top down for all of them.
 */
export function accessChanges(
  before: PolicyDocument,
  after: PolicyDocument,
  resources: readonly AccessFacts['resource'][],
): AccessChange[] {
  const found: AccessChange[] = [];
  for (const who of new Set([...peopleIn(before), ...peopleIn(after)])) {
    const identity = identityOf(who);
    for (const resource of resources) {
      const [was, is] = [standingIn(before, identity, resource), standingIn(after, identity, resource)];
      if (was.standing === is.standing && was.rule === is.rule) continue;
      const had = was.standing === 'allow' || was.standing === 'approval';
      const has = is.standing === 'allow' || is.standing === 'approval';
      if (!had && !has) continue;
      const effect = had === has ? 'changes' : has ? 'gains' : 'loses';
      found.push({ who, resource: resource.name, before: was, after: is, effect });
    }
  }
  const rank = { loses: 0, gains: 1, changes: 2 };
  return found.sort((a, b) => rank[a.effect] - rank[b.effect]);
}

/** The provider's groups and the people that rules mean, through the policy's own names. */
function peopleIn(policy: PolicyDocument): string[] {
  const named = policy.rules.flatMap(({ who }) => who);
  return [
    'everyone',
    ...named.flatMap((name) => (Object.hasOwn(policy.groups, name) ? (policy.groups[name] ?? []) : [name])),
  ];
}

const identityOf = (who: string): AccessFacts['identity'] =>
  who === 'everyone'
    ? { email: '', groups: [] }
    : who.startsWith('user:')
      ? { email: who.slice('user:'.length).toLowerCase(), groups: [] }
      : { email: '', groups: [who] };

function standingIn(
  policy: PolicyDocument,
  identity: AccessFacts['identity'],
  resource: AccessFacts['resource'],
): { standing: Standing; rule?: string } {
  const rule = decidingRule(policy, identity, resource);
  if (!rule) return { standing: 'none' };
  const standing = rule.access === 'deny' ? 'deny' : rule.access.approval ? 'approval' : 'allow';
  return { standing, rule: rule.name };
}
