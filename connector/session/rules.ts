// Rules as they come from the edge, compiled. Statement rules are compiled once for all sessions that
// stand under the same ones, so that decisions are cached for all of them together.

import { createHash } from 'node:crypto';
import { type MaskEnvironment, Masks } from '../../core/masking/masks.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import { compileStatementRules, type StatementRules } from '../../core/policy/statements.ts';
import type { RulesInForce } from '../protocol.ts';

/** Versions whose sessions still run, and a few more. */
const MAX_KEPT = 64;

export interface RulesCompiler {
  /** Throws for rules that no policy can hold: the session must not begin, or go on, without them (law 4). */
  compile(rules: SessionRules, environment: MaskEnvironment): RulesInForce;
}

export function createRulesCompiler(): RulesCompiler {
  const kept = new Map<string, StatementRules>();
  function statementRules({ statements, unparsable }: SessionRules): StatementRules | undefined {
    if (!statements) return undefined;
    const key = createHash('sha256').update(JSON.stringify({ statements, unparsable })).digest('base64');
    const compiled = kept.get(key) ?? compileStatementRules(statements, unparsable);
    kept.delete(key);
    kept.set(key, compiled);
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return compiled;
  }
  return {
    compile(rules, environment) {
      return {
        policyVersion: rules.policyVersion,
        rule: rules.rule,
        statements: statementRules(rules),
        counted: rules.limits.statementsPerMinute !== undefined,
        masks: new Masks([{ name: rules.rule, mask: rules.mask ?? [] }], environment),
      };
    },
  };
}
