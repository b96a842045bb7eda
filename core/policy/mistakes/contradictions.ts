// What the schema allows and no author can mean. Found when a policy is written; one that is stored
// already stays in force with it (parse.ts).

import type { PolicyDocument, Rule } from '../document.ts';
import { UNIT_MS } from '../duration.ts';
import { type Misnamed, misnamed, type NamesAround } from './names.ts';
import { WORKLOAD_PREFIX } from '../../identity.ts';
import { columnPatternMistake } from '../../masking/mask-entry.ts';
import { MAX_SESSION_RULES_BYTES, sessionRulesBytes } from '../rules-in-force.ts';
import { entriesOf, SECTION_NAMES } from '../sections/sections.ts';
import { sectionMistakes } from './sections.ts';

/** What a policy is checked against beyond itself, where it is known: at the edge that it is meant for. */
export interface PolicySurroundings extends NamesAround {
  /** The longest time, in days, for which the archive's lock takes an object. */
  readonly maxRetainDays?: number;
  /** The shortest `retain` that the deployment takes. */
  readonly minRetainDays?: number;
}

/** As many days as a grant can carry (core/grant.ts). */
const MOST_RETAIN_DAYS = 36_500;

/** Of `who`: one person or one program, never a group. */
const NAMES_ONE = /^(user|workload):/;

export function contradictions(policy: PolicyDocument, around: PolicySurroundings): Misnamed[] {
  const found: Misnamed[] = [];
  const names = new Set<string>();
  policy.rules.forEach((rule, index) => {
    if (names.has(rule.name))
      found.push({ path: ['rules', index, 'name'], message: `the name ${rule.name} is used twice` });
    names.add(rule.name);
    for (const { path, message } of [
      ...contradictionsIn(rule),
      ...sectionMistakes(rule),
      ...approvalMistakes(rule),
      ...maskMistakes(rule),
      ...retainMistakes(rule, around),
    ])
      found.push({ path: ['rules', index, ...path], message });
  });
  for (const name of Object.keys(policy.groups)) {
    if (name === 'everyone' || NAMES_ONE.test(name)) {
      found.push({
        path: ['groups', name],
        message: 'everyone, user:EMAIL and workload:NAME stand for themselves and cannot be defined',
      });
    }
  }
  return [...found, ...misnamed(policy, around)];
}

function contradictionsIn(rule: Rule): Misnamed[] {
  const found: Misnamed[] = [];
  if (rule.record.exempt !== undefined && !rule.who.every((name) => NAMES_ONE.test(name))) {
    const message = 'only a rule whose who names nothing but user:EMAIL may go unrecorded';
    found.push({ path: ['record', 'exempt'], message });
  }
  if (rule.record.exempt !== undefined && rule.record.files !== undefined)
    found.push({ path: ['record', 'files'], message: 'says nothing in a rule whose sessions are not recorded' });
  if (rule.record.originals !== undefined) {
    const path = ['record', 'originals'];
    const { to } = rule.record.originals;
    if (rule.record.exempt !== undefined)
      found.push({ path, message: 'says nothing in a rule whose sessions are not recorded' });
    else if (rule.access !== 'deny' && (rule.mask ?? []).length === 0)
      found.push({ path, message: 'says nothing in a rule without mask: all that goes over is recorded as it was' });
    to.forEach((key, at) => {
      if (to.indexOf(key) < at) found.push({ path: [...path, 'to', at], message: 'is written twice' });
    });
  }
  if (rule.access === 'deny') {
    for (const field of [...SECTION_NAMES, 'unparsable', 'interactiveShell', 'mask'] as const) {
      if (rule[field] !== undefined)
        found.push({ path: [field], message: 'says nothing in a rule that denies access' });
    }
    for (const field of ['exempt', 'files', 'originals'] as const)
      if (rule.record[field] !== undefined)
        found.push({ path: ['record', field], message: 'says nothing in a rule that denies access' });
    return found;
  }
  const { idle, sessionLength } = rule.access;
  if (idle !== undefined && sessionLength !== undefined && idle >= sessionLength) {
    found.push({ path: ['access', 'idle'], message: 'never comes to bear: sessionLength ends a session before' });
  }
  const bytes = sessionRulesBytes(rule);
  if (bytes > MAX_SESSION_RULES_BYTES) {
    const message = `takes ${bytes} bytes in a message to a connector, more than the ${MAX_SESSION_RULES_BYTES} there are; divide it into rules`;
    found.push({ path: ['name'], message });
  }
  return found;
}

/** Approvals that nobody could ever give: who decides is named person by person, and they are too few. */
function approvalMistakes(rule: Rule): Misnamed[] {
  const { access, who } = rule;
  if (access === 'deny') return [];
  const requesters = peopleOf(who);
  const program = who.find((name) => name.startsWith(WORKLOAD_PREFIX));
  if (program !== undefined && access.approval) {
    const message = `is nothing that a program can wait for (${program}): give it a rule of its own, with the approval at its provider or on what it does`;
    return [{ path: ['access', 'approval'], message }];
  }
  if (program !== undefined && access.require) {
    const message = `is nothing that a program can do (${program}): nobody signs in for it. Give it a rule of its own`;
    return [{ path: ['access', 'require'], message }];
  }
  return [
    { path: ['access', 'approval'], approval: access.approval },
    ...entriesOf(rule).map(({ section, index, entry }) => ({
      path: [section, index, 'approval'],
      approval: entry.approval,
    })),
  ].flatMap(({ path, approval }) => {
    const deciders = approval && peopleOf(approval.from);
    if (!approval || !deciders) return [];
    const { count } = approval;
    if (deciders.size < count) {
      const message = `can never be given: it takes ${count} people, and from names only ${deciders.size}`;
      return [{ path: [...path, 'count'], message }];
    }
    const leftOver = (email: string) => deciders.size - (deciders.has(email) ? 1 : 0);
    if (!requesters || [...requesters].some((email) => leftOver(email) >= count)) return [];
    const message = `can never be given: nobody decides on what they asked for, and without whoever asks from names too few`;
    return [{ path: [...path, 'from'], message }];
  });
}

function maskMistakes({ mask }: Rule): Misnamed[] {
  return (mask ?? []).flatMap(({ columns }, entry) =>
    (columns ?? []).flatMap((text, index) => {
      const message = columnPatternMistake(text);
      return message === undefined ? [] : [{ path: ['mask', entry, 'columns', index], message }];
    }),
  );
}

/** undefined: more than single people are named. */
function peopleOf(names: readonly string[]): ReadonlySet<string> | undefined {
  return names.every((name) => name.startsWith('user:')) ? new Set(names.map((name) => name.toLowerCase())) : undefined;
}

/** What the store would not lock for so long, it would never take: uploads would fail for good. */
function retainMistakes(
  { access, record }: Rule,
  { maxRetainDays = MOST_RETAIN_DAYS, minRetainDays = 1 }: PolicySurroundings,
): Misnamed[] {
  if (access === 'deny') return [];
  const path = ['record', 'retain'];
  const most = Math.min(maxRetainDays, MOST_RETAIN_DAYS);
  if (record.retain % UNIT_MS.d !== 0) return [{ path, message: 'expected whole days, such as 30d' }];
  if (record.retain / UNIT_MS.d < minRetainDays) {
    const message = `is shorter than this deployment keeps recordings: at least ${minRetainDays}d (its minRetentionDays)`;
    return [{ path, message }];
  }
  if (record.retain / UNIT_MS.d <= most) return [];
  const message = `is longer than the archive keeps anything under lock: at most ${most}d (the deployment's maxRetentionDays)`;
  return [{ path, message }];
}
