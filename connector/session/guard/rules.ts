// Rules as they come from the edge, compiled. Compiled once for all sessions that stand under the same
// ones, so that decisions are cached for all of them together; counts are each session's own.

import { createHash } from 'node:crypto';
import { compileMasks, type MaskEnvironment, Masks } from '../../../core/masking/masks.ts';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { compileSections, type Sections } from '../../../core/policy/sections/sections.ts';
import type { RulesInForce } from '../../action.ts';

/** Versions whose sessions still run, and a few more. */
const MAX_KEPT = 64;

export interface RulesCompiler {
  /** Throws for rules that no policy can hold: the session must not begin, or go on, without them (law 4). */
  compile(rules: SessionRules, environment: MaskEnvironment): RulesInForce;
}

export function createRulesCompiler(): RulesCompiler {
  const compiledSections = keep((sections: Sections) => compileSections(sections));
  const compiledMasks = keep(({ rule, mask }: Pick<SessionRules, 'rule' | 'mask'>) =>
    compileMasks([{ name: rule, mask: mask ?? [] }]),
  );
  return {
    compile(rules, environment) {
      const { rule, statements, commands, requests, forwards, unparsable, interactiveShell, mask } = rules;
      return {
        policyVersion: rules.policyVersion,
        rule,
        sections: compiledSections({ statements, commands, requests, forwards, unparsable, interactiveShell }),
        counted: rules.limits.statementsPerMinute !== undefined,
        files: rules.files ?? 'content',
        masks: new Masks(compiledMasks({ rule, mask }), environment),
      };
    },
  };
}

/** One result for all who ask with the same, as JSON says it. */
function keep<Given, Made>(make: (given: Given) => Made): (given: Given) => Made {
  const kept = new Map<string, { readonly made: Made }>();
  return (given) => {
    const key = createHash('sha256').update(JSON.stringify(given)).digest('base64');
    const entry = kept.get(key) ?? { made: make(given) };
    kept.delete(key);
    kept.set(key, entry);
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return entry.made;
  };
}
