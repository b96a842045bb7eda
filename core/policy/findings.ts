// What a policy says of things that nobody has seen yet: labels that no connector announces, groups
// that nobody who signed in has. It may come true tomorrow, so it is told and not refused.

import type { Resource } from '../resource.ts';
import type { PolicyDocument } from './document.ts';
import { selects } from './evaluate.ts';
import { type Misnamed, providerGroupsOf } from './names.ts';
import { nearestWord } from './nearest.ts';

export interface PolicyKnowledge {
  /** As connectors announce them now. None: nothing is said of labels. */
  readonly resources: readonly Pick<Resource, 'name' | 'protocol' | 'labels'>[];
  /** The provider's groups of whoever signed in lately; undefined: not known where this is asked. */
  readonly groups?: ReadonlySet<string> | undefined;
}

export function policyFindings(policy: PolicyDocument, { resources, groups }: PolicyKnowledge): Misnamed[] {
  return [...(resources.length > 0 ? unmatched(policy, resources) : []), ...(groups ? unseen(policy, groups) : [])];
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
