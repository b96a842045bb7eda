// What a policy says of things that nobody has seen yet: labels that no connector announces, groups
// that nobody who signed in has; and rules that stand behind one which leaves them nothing to decide. It may
// come true tomorrow, so it is told and not refused.

import { WORKLOAD_PREFIX } from '../../identity.ts';
import type { Resource } from '../../resource.ts';
import type { PolicyDocument, ResourceSelector } from '../document.ts';
import { selects } from '../evaluate.ts';
import { type Misnamed, providerGroupsOf } from './names.ts';
import { nearestWord } from '../nearest.ts';

interface PolicyKnowledge {
  /** As connectors announce them now. None: nothing is said of labels. */
  readonly resources: readonly Pick<Resource, 'name' | 'protocol' | 'labels'>[];
  /** The provider's groups of whoever signed in lately; undefined: not known where this is asked. */
  readonly groups?: ReadonlySet<string> | undefined;
}

export function policyFindings(policy: PolicyDocument, { resources, groups }: PolicyKnowledge): Misnamed[] {
  return [
    ...overshadowed(policy),
    ...(resources.length > 0 ? unmatched(policy, resources) : []),
    ...(groups ? unseen(policy, groups) : []),
  ];
}

/** The first rule that fits decides: a `deny` behind one that fits whenever it does never comes to bear. */
function overshadowed({ groups, rules }: PolicyDocument): Misnamed[] {
  const meant = (name: string) =>
    Object.hasOwn(groups, name) ? (groups[name] ?? []) : [name.startsWith('user:') ? name.toLowerCase() : name];
  const people = rules.map(({ who }) => new Set(who.flatMap(meant)));
  const takesAll = (wide: number, narrow: number): boolean =>
    [...(people[narrow] ?? [])].every(
      (name) =>
        people[wide]?.has(name) ||
        (people[wide]?.has('everyone') && (!name.startsWith(WORKLOAD_PREFIX) || rules[wide]?.access === 'deny')),
    );
  return rules.flatMap((rule, index) => {
    const before = rules.findIndex(
      (earlier, at) => at < index && takesAll(at, index) && selectsAll(earlier.resources, rule.resources),
    );
    if (before < 0) return [];
    const message = `rule ${rule.name} never decides: rule ${rules[before]?.name} stands before it, and takes everybody that it names on all that it selects`;
    return [{ path: ['rules', index, 'name'], message }];
  });
}

/** Whether `wide` selects whatever `narrow` does. */
function selectsAll(wide: ResourceSelector, narrow: ResourceSelector): boolean {
  const listOf = (values: string | string[]) => (Array.isArray(values) ? values : [values]);
  return Object.entries(wide).every(([label, values]) => {
    const asked = narrow[label];
    // These two every resource has.
    if (asked === undefined) return (label === 'name' || label === 'protocol') && listOf(values).includes('*');
    return listOf(values).includes('*') || listOf(asked).every((value) => listOf(values).includes(value));
  });
}

function unmatched(policy: PolicyDocument, resources: PolicyKnowledge['resources']): Misnamed[] {
  return policy.rules.flatMap((rule, index) => {
    const at = ['rules', index, 'resources'];
    const found = Object.entries(rule.resources).flatMap(([label, wanted]) => {
      const many = Array.isArray(wanted);
      return (many ? wanted : [wanted]).flatMap((value, number): Misnamed[] => {
        if (resources.some((resource) => selects({ [label]: value }, resource))) return [];
        const path = many ? [...at, label, number] : [...at, label];
        return [{ path, message: `no connector announces a resource with ${label}: ${value}` }];
      });
    });
    if (found.length > 0 || resources.some((resource) => selects(rule.resources, resource))) return found;
    return [{ path: at, message: `rule ${rule.name} selects none of the resources that connectors announce` }];
  });
}

function unseen(policy: PolicyDocument, groups: ReadonlySet<string>): Misnamed[] {
  return providerGroupsOf(policy).flatMap(({ path, name }) => {
    if (groups.has(name)) return [];
    const near = nearestWord(name, groups);
    return [
      {
        path,
        message: `nobody who signed in within 30 days is in ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
      },
    ];
  });
}
