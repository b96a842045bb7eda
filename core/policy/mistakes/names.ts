// Names in a policy that can mean nobody and nothing. A `deny` for a misspelt group would never fit,
// and an approval from one could never be given, so each is a mistake when it is written (law 12).
//
// What only time tells is left out: whether the provider has such a group, whether a connector will
// announce such a label. findings.ts asks that of what is known now.

import { Email, isWorkloadAddress, MAX_GROUP_CHARACTERS, WORKLOAD_PREFIX } from '../../identity.ts';
import { ProtocolName } from '../../protocols.ts';
import { Labels, ResourceName } from '../../resource.ts';
import { withUnseenShown } from '../../text/written-text.ts';
import type { PolicyDocument, ResourceSelector } from '../document.ts';
import { nearestWord } from '../nearest.ts';
import { type NamedIssuer, workloadNameMistake } from '../workload-names.ts';
import { entriesOf } from '../sections/sections.ts';

export interface Misnamed {
  readonly path: PropertyKey[];
  readonly message: string;
}

const PROVIDER_GROUP = /^([a-z0-9][a-z0-9-]{0,63}):\S(?:.*\S)?$/;
const RESERVED = /^(everyone$|user:|workload:)/;
/** A second name in the same text: `okta:dba,okta:dev`. A comma alone says nothing, since directories call groups `cn=dba,ou=eu`. */
const SECOND_NAME = /[,;|]\s*(everyone$|[a-z0-9][a-z0-9-]*:\S)/;
/** Who can sign in here, as far as it is known where this is asked. */
export interface NamesAround {
  /** Names of the identity providers (`PROVIDER_NAME`). */
  readonly providers?: readonly string[] | undefined;
  /** The only domains of their addresses; missing or empty: any. */
  readonly emailDomains?: readonly string[] | undefined;
  /** Whose tokens programs exchange. */
  readonly workloads?: readonly NamedIssuer[] | undefined;
}

export function misnamed(policy: PolicyDocument, around: NamesAround = {}): Misnamed[] {
  return [
    ...namesOfPeople(policy).flatMap(({ path, name }) => {
      // A program may ask, and neither decides nor looks.
      const asks = path[0] === 'rules' && path[2] === 'who' && name.startsWith(WORKLOAD_PREFIX);
      const message = asks ? workloadNameMistake(name, around.workloads) : personMistake(policy, name, around);
      return message === undefined ? [] : [{ path, message }];
    }),
    ...namesOfGroups(policy).flatMap(({ path, name }) => {
      // A case's program is known by its names, as people are by their groups.
      const tried = path[0] === 'tests' && name.startsWith(WORKLOAD_PREFIX);
      const message = tried ? workloadNameMistake(name, around.workloads) : groupMistake(name, around);
      return message === undefined ? [] : [{ path, message }];
    }),
    ...policy.rules.flatMap((rule, index) =>
      selectorMistakes(rule.resources).map(({ path, message }) => ({
        path: ['rules', index, 'resources', ...path],
        message,
      })),
    ),
  ];
}

interface Named {
  readonly path: PropertyKey[];
  readonly name: string;
}

const each = (path: PropertyKey[], names: readonly string[] = []): Named[] =>
  names.map((name, index) => ({ path: [...path, index], name }));

/** Every list that `isAmong` is asked about. */
function namesOfPeople(policy: PolicyDocument): Named[] {
  return [
    ...each(['administrators'], policy.administrators),
    ...each(['auditors'], policy.auditors),
    ...policy.rules.flatMap((rule, index) => {
      const at = ['rules', index];
      const approval = rule.access === 'deny' ? undefined : rule.access.approval;
      return [
        ...each([...at, 'who'], rule.who),
        ...each([...at, 'access', 'approval', 'from'], approval?.from),
        ...each([...at, 'access', 'approval', 'breakGlass', 'who'], approval?.breakGlass?.who),
        ...entriesOf(rule).flatMap(({ section, index: number, entry }) =>
          each([...at, section, number, 'approval', 'from'], entry.approval?.from),
        ),
        ...each([...at, 'record', 'view'], rule.record.view),
        ...each([...at, 'record', 'viewApproval', 'from'], rule.record.viewApproval?.from),
        ...each([...at, 'record', 'unlock', 'from'], rule.record.unlock?.from),
      ];
    }),
  ];
}

/** Groups as the provider gives them. */
function namesOfGroups(policy: PolicyDocument): Named[] {
  return [
    ...Object.entries(policy.groups).flatMap(([name, members]) => each(['groups', name], members)),
    ...(policy.tests ?? []).flatMap(({ given }, index) => each(['tests', index, 'given', 'groups'], given.groups)),
  ];
}

/** The provider's groups that the policy names outside of its tests, each once, with the first place. */
export function providerGroupsOf(policy: PolicyDocument): Named[] {
  const found = new Map<string, Named>();
  for (const named of [...namesOfPeople(policy), ...namesOfGroups(policy)]) {
    const own = Object.hasOwn(policy.groups, named.name) && named.path[0] !== 'groups';
    if (named.path[0] === 'tests' || own || RESERVED.test(named.name) || found.has(named.name)) continue;
    found.set(named.name, named);
  }
  return [...found.values()];
}

/** What is wrong with a name for people, of one that stands outside of a policy too. undefined: nothing. */
export function personMistake(
  policy: Pick<PolicyDocument, 'groups'>,
  name: string,
  around: NamesAround,
): string | undefined {
  if (name === 'everyone' || Object.hasOwn(policy.groups, name)) return undefined;
  if (name.startsWith('user:')) {
    const email = name.slice('user:'.length).toLowerCase();
    if (Email.safeParse(email).data !== email) return `${name} names nobody: expected an e-mail address behind user:`;
    if (isWorkloadAddress(email)) return `${name} names nobody: a program is written workload:PROVIDER:NAME`;
    return textMistake(name) ?? domainMistake(name, email, around.emailDomains);
  }
  if (name.startsWith(WORKLOAD_PREFIX)) {
    return `${name} is a program, which gets access and nothing more: it stands in a rule's who alone`;
  }
  if (name.includes(':')) return groupMistake(name, around);
  if (Email.safeParse(name).success) return `${name} is no group: one person is written user:${name}`;
  const near = nearestWord(name, [...Object.keys(policy.groups), 'everyone']);
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  return `${name} is neither a group under groups nor PROVIDER:GROUP, user:EMAIL or everyone${meant}`;
}

function groupMistake(name: string, { providers }: NamesAround): string | undefined {
  const provider = RESERVED.test(name) ? undefined : PROVIDER_GROUP.exec(name)?.[1];
  if (provider === undefined) return `${name} is no group of the provider's: expected PROVIDER:GROUP, such as okta:dba`;
  const mistake = textMistake(name);
  if (mistake !== undefined) return mistake;
  if (!providers || providers.includes(provider)) return undefined;
  const known = providers.map((each) => `${each}:`).join(' or ');
  return `${name} is a group of no provider that people sign in with here: theirs begin with ${known}`;
}

/** Of a name that is well formed and still nobody's. */
function textMistake(name: string): string | undefined {
  if (name.includes('*')) return `${name} fits nobody: * stands for nothing in a name, only everyone is everyone`;
  if (SECOND_NAME.test(name)) return `${name} fits nobody: it is more than one name, and each is an item of its own`;
  const shown = withUnseenShown(name);
  if (shown !== undefined) return `${shown} has a character that nobody sees (shown as \ufffd)`;
  if (name.length > MAX_GROUP_CHARACTERS)
    return `${name.slice(0, 40)}... is longer than a group of the provider's can be (${MAX_GROUP_CHARACTERS} characters)`;
  return undefined;
}

function domainMistake(name: string, email: string, domains: readonly string[] = []): string | undefined {
  if (domains.length === 0 || domains.includes(email.slice(email.lastIndexOf('@') + 1))) return undefined;
  return `${name} names nobody: only addresses at ${domains.join(', ')} sign in here`;
}

function selectorMistakes(selector: ResourceSelector): Misnamed[] {
  return Object.entries(selector).flatMap(([label, wanted]) => {
    if (!Labels.safeParse({ [label]: '' }).success) {
      const message = `${label} can be no label of a resource: expected lower-case letters, digits, - and _`;
      return [{ path: [label], message }];
    }
    return (Array.isArray(wanted) ? wanted : [wanted]).flatMap((value, index) => {
      const message = valueMistake(label, value);
      return message === undefined ? [] : [{ path: Array.isArray(wanted) ? [label, index] : [label], message }];
    });
  });
}

function valueMistake(label: string, value: string): string | undefined {
  if (value === '*') return undefined;
  const shown = withUnseenShown(value);
  if (shown !== undefined) return `${shown} has a character that nobody sees (shown as \ufffd)`;
  if (value.includes('*')) return `${value} fits nothing: * stands for any value only when it stands alone`;
  if (label === 'protocol' && !ProtocolName.safeParse(value).success) {
    const near = nearestWord(value, ProtocolName.options);
    return `${value} is no protocol that there is: expected ${ProtocolName.options.join(', ')}${near ? `; did you mean ${near}?` : ''}`;
  }
  if (label === 'name' && !ResourceName.safeParse(value).success) {
    return `${value} can be no resource's name: expected lower-case letters, digits and dashes, at most 63`;
  }
  return undefined;
}
