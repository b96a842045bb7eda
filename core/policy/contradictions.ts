// What the schema allows and no author can mean. Found when a policy is written; one that is stored
// already stays in force with it (parse.ts).

import type { PolicyDocument, Rule } from './document.ts';
import { UNIT_MS } from './duration.ts';
import { type Misnamed, misnamed } from './names.ts';
import { MAX_SESSION_RULES_BYTES, sessionRulesBytes } from './rules-in-force.ts';
import { statementContradiction } from './statements.ts';

/** What a policy is checked against beyond itself, where it is known: at the edge that it is meant for. */
export interface PolicySurroundings {
  /** Names of the identity providers (`PROVIDER_NAME`). */
  readonly providers?: readonly string[];
  /** The longest time, in days, for which the archive's lock takes an object. */
  readonly maxRetainDays?: number;
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
    for (const { path, message } of [...contradictionsIn(rule), ...retainMistakes(rule, around)])
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
  return [...found, ...misnamed(policy, around.providers)];
}

function contradictionsIn(rule: Rule): Misnamed[] {
  const found: Misnamed[] = [];
  const contradiction = statementContradiction(rule.statements, rule.unparsable);
  if (contradiction) found.push({ path: ['unparsable'], message: contradiction });
  if (rule.record.exempt !== undefined && !rule.who.every((name) => NAMES_ONE.test(name))) {
    const message = 'only a rule whose who names nothing but user:EMAIL may go unrecorded';
    found.push({ path: ['record', 'exempt'], message });
  }
  if (rule.access === 'deny') {
    for (const field of ['statements', 'unparsable', 'mask'] as const) {
      if (rule[field] !== undefined)
        found.push({ path: [field], message: 'says nothing in a rule that denies access' });
    }
    if (rule.record.exempt !== undefined)
      found.push({ path: ['record', 'exempt'], message: 'says nothing in a rule that denies access' });
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

/** What the store would not lock for so long, it would never take: uploads would fail for good. */
function retainMistakes(
  { access, record }: Rule,
  { maxRetainDays = MOST_RETAIN_DAYS }: PolicySurroundings,
): Misnamed[] {
  if (access === 'deny') return [];
  const path = ['record', 'retain'];
  const most = Math.min(maxRetainDays, MOST_RETAIN_DAYS);
  if (record.retain % UNIT_MS.d !== 0) return [{ path, message: 'expected whole days, such as 30d' }];
  if (record.retain / UNIT_MS.d <= most) return [];
  const message = `is longer than the archive keeps anything under lock: at most ${most}d (the deployment's maxRetentionDays)`;
  return [{ path, message }];
}
