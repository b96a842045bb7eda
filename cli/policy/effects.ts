// What a policy does to live grants and sessions, as the edge says it: before it is applied, and after.

import { z } from 'zod';
import { PolicyEffect, RuleGone } from '../../core/api.ts';
import { count } from '../../core/text/amounts.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import { line } from '../terminal-text.ts';

/** Beyond that a person wants --json, not a list. */
const MAX_SHOWN = 20;

const Effects = z.object({ effects: z.array(PolicyEffect), rulesGone: z.array(RuleGone).optional() });
type Effects = z.infer<typeof Effects>;

/** undefined: an edge of an earlier release cannot tell. */
export async function effectsOf(client: ApiClient, text: string): Promise<Effects | undefined> {
  try {
    return await client.post('/policy/effects', { text }, Effects);
  } catch (error) {
    if (error instanceof Failure && error.reason === 'not_found') return undefined;
    throw error;
  }
}

/** What stays of rules that go. */
export const describeRulesGone = (gone: readonly RuleGone[]): string[] =>
  gone.map(({ rule, auditorsAsk }) =>
    line(
      `Rule ${rule} goes (removed or renamed): nobody passes its past sessions on, and ${auditorsAsk ? 'auditors still need approval to watch them, of another auditor' : 'only auditors and their own people see them'}.`,
    ),
  );

/** `when`: whether it is still to come. Empty: it touches none. */
export function describeEffects(effects: readonly PolicyEffect[], when: 'before' | 'after'): string[] {
  const ends = when === 'before' ? 'would end' : 'ended';
  const follows = when === 'before' ? 'would go on under other rules' : 'goes on under other rules';
  const opens = when === 'before' ? 'would open nothing any more' : 'opens nothing any more';
  const differs = when === 'before' ? 'would open sessions under other rules' : 'opens sessions under other rules';
  const stays = when === 'before' ? 'would stay under' : 'stays under';
  const lines = effects.flatMap((effect) => {
    const { grant, email, resource, opens: isOpen, ends: ended, changes, otherRules, passedBy } = effect;
    const whose = `of ${email} on ${resource}`;
    return [
      ...ended.map((session) => `  session ${session} ${whose} ${ends}`),
      ...changes.map((session) => `  session ${session} ${whose} ${follows}`),
      ...(isOpen ? [] : [`  grant ${grant} ${whose} ${opens}`]),
      ...(otherRules ? [`  grant ${grant} ${whose} ${differs}`] : []),
      ...(passedBy
        ? [
            `  grant ${grant} ${whose} ${stays} rule ${passedBy.under}; rule ${passedBy.rule} decides for new ones alone`,
          ]
        : []),
    ];
  });
  const total = {
    ends: effects.flatMap((effect) => effect.ends).length,
    changes: effects.flatMap((effect) => effect.changes).length,
    grants: effects.filter((effect) => !effect.opens).length,
    others: effects.filter((effect) => effect.otherRules).length,
    passed: effects.filter((effect) => effect.passedBy).length,
  };
  const [end, change, leave] = when === 'before' ? ['ends', 'changes', 'leaves'] : ['ended', 'changed', 'left'];
  const sums = [
    ...(total.ends > 0 ? [`${end} ${count(total.ends, 'live session')}`] : []),
    ...(total.changes > 0 ? [`${change} the rules of ${count(total.changes, 'live session')}`] : []),
    ...(total.others > 0
      ? [`${change} what ${count(total.others, 'live grant')} ${total.others === 1 ? 'opens' : 'open'}`]
      : []),
    ...(total.passed > 0
      ? [
          `${when === 'before' ? 'does' : 'did'} not reach ${count(total.passed, 'live grant')} (revoke what must not stay)`,
        ]
      : []),
    ...(total.grants > 0 ? [`${leave} ${count(total.grants, 'live grant')} without access`] : []),
  ];
  if (sums.length === 0)
    return [when === 'before' ? 'It touches no live session and no live grant.' : 'No live session was touched.'];
  return [
    `It ${sums.join(', ')}:`,
    ...lines.slice(0, MAX_SHOWN).map(line),
    ...(lines.length > MAX_SHOWN ? [`  and ${lines.length - MAX_SHOWN} more (--json names all)`] : []),
  ];
}
