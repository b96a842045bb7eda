// What holds one session to its policy: the rules in force, the gate, and what is counted against limits.

import type { KeyedHash } from '../../core/masking/ways.ts';
import type { IdSource, SessionId } from '../../core/ids.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { RulesInForce, SessionGuard, SessionRecorder } from '../protocol.ts';
import type { Edge } from './edge.ts';
import { createGate } from './gate.ts';
import type { RulesCompiler } from './rules.ts';
import { createStatementRate, type StatementRate } from './statement-rate.ts';

const LANE = 0;

export interface GuardDeps {
  readonly session: SessionId;
  readonly edge: Pick<Edge, 'hold'>;
  readonly recorder: Pick<SessionRecorder, 'fact'>;
  readonly ids: IdSource;
  readonly compiler: RulesCompiler;
  readonly keyedHash: KeyedHash;
  /** More rows went out than the session may have. */
  readonly onRowsExceeded: (limit: number) => void;
}

export interface LiveGuard extends SessionGuard {
  /** Another policy is in force. Throws as RulesCompiler.compile does. */
  replace(rules: SessionRules): void;
}

/** Throws as RulesCompiler.compile does. */
export function createGuard(deps: GuardDeps, first: SessionRules): LiveGuard {
  const { recorder } = deps;
  /** Incidents since the last fact, alike ones together. */
  const withheld = new Map<string, { reason: string; column: number | undefined; count: number }>();
  const masked = new Map<string, number>();
  let told = new Map<string, number>();
  let listener: (() => void) | undefined;
  let limits = first.limits;
  let rate = createStatementRate(limits.statementsPerMinute, performance.now.bind(performance));
  let rows = 0;
  let rules = compile(first);

  function compile(given: SessionRules): RulesInForce {
    return deps.compiler.compile(given, {
      keyedHash: deps.keyedHash,
      incidents: ({ reason, column }) => {
        const key = `${reason} ${column ?? ''}`;
        const known = withheld.get(key);
        if (known) known.count++;
        else withheld.set(key, { reason, column, count: 1 });
      },
    });
  }

  const currentRate: StatementRate = {
    get perMinute() {
      return rate.perMinute;
    },
    take: () => rate.take(),
  };
  const gate = createGate({ ...deps, rules: () => rules, rate: currentRate });

  function recordMasked(): void {
    if (withheld.size > 0) {
      for (const { reason, column, count } of withheld.values())
        recorder.fact(LANE, { kind: 'mask.withheld', reason, count, ...(column !== undefined && { column }) });
      withheld.clear();
    }
    if (!rules.masks.any) return;
    masked.clear();
    for (const { rule, count } of rules.masks.masked()) {
      const fresh = count - (told.get(rule) ?? 0);
      if (fresh > 0) masked.set(rule, fresh);
      told.set(rule, count);
    }
    if (masked.size > 0)
      recorder.fact(LANE, { kind: 'mask.applied', masked: [...masked].map(([rule, count]) => ({ rule, count })) });
  }

  return {
    get rules() {
      return rules;
    },
    gate,
    onRulesChanged(given) {
      listener = given;
    },
    countRows(count) {
      rows += count;
      if (limits.rowsOut !== undefined && rows > limits.rowsOut) deps.onRowsExceeded(limits.rowsOut);
    },
    recordMasked,
    replace(given) {
      const next = compile(given);
      recordMasked();
      told = new Map();
      if (given.limits.statementsPerMinute !== limits.statementsPerMinute)
        rate = createStatementRate(given.limits.statementsPerMinute, performance.now.bind(performance));
      limits = given.limits;
      rules = next;
      recorder.fact(LANE, { kind: 'rules.changed', policyVersion: given.policyVersion, rule: given.rule });
      listener?.();
    },
  };
}
