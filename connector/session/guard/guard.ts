// What holds one session to its policy: the rules in force, a gate for each of its connections, and what is counted
// against limits, for all of them together.

import type { IdSource, SessionId } from '../../../core/ids.ts';
import type { Masks } from '../../../core/masking/masks.ts';
import type { KeyedHash } from '../../../core/masking/ways.ts';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import type { Noun } from '../../../core/protocols.ts';
import type { RulesInForce, SessionGuard } from '../../action.ts';
import type { SessionRecorder } from '../session-log.ts';
import type { Edge } from '../edge.ts';
import { createGate } from './gate.ts';
import type { RulesCompiler } from './rules.ts';
import { createStatementRate } from './statement-rate.ts';

const LANE = 0;
/** Rules that were replaced while a statement ran under them, kept so that what it masked is counted. */
const MAX_REPLACED = 4;

interface GuardDeps {
  readonly session: SessionId;
  readonly edge: Pick<Edge, 'hold'>;
  readonly recorder: Pick<SessionRecorder, 'fact'>;
  readonly ids: IdSource;
  /** Of the session's actions, for the person. */
  readonly noun: Noun;
  readonly compiler: RulesCompiler;
  readonly keyedHash: KeyedHash;
  /** More rows went out than the session may have. May be called more than once. */
  readonly onRowsExceeded: (rule: string, limit: number) => void;
}

/** One connection's view: what it holds and who listens is its own; rules, rates and counts are the session's. */
export interface ConnectionGuard extends SessionGuard {
  /** Nothing of it waits any more, and nobody is told of rules. */
  leave(): void;
}

export interface LiveGuard {
  readonly rules: RulesInForce;
  enter(): ConnectionGuard;
  /** When approvers were last waited for: now while something is held, minus infinity before anything was. Milliseconds, monotonic. */
  lastHeldMs(): number;
  /**
   * Another policy is in force. Throws as RulesCompiler.compile does. False: nothing changes, since these rules are
   * older than those in force, or the same.
   */
  replace(rules: SessionRules): boolean;
  /** The session is over: the last facts are written, and what is held never goes on. Called before the recorder's `end`. */
  close(): void;
}

/** Throws as RulesCompiler.compile does. */
export function createGuard(deps: GuardDeps, first: SessionRules): LiveGuard {
  const { recorder } = deps;
  /** Incidents since the last fact, alike ones together. */
  const withheld = new Map<string, { reason: string; column: number | undefined; count: number }>();
  /** Newest first: masks with what was already told of them. */
  const ledgers: {
    readonly masks: Masks;
    readonly told: Map<string, number>;
    readonly toldHidden: Map<string, number>;
    readonly toldNotKept: Map<string, number>;
  }[] = [];
  const rate = createStatementRate(first.limits.statementsPerMinute, performance.now.bind(performance));
  const connections = new Set<{ rulesChanged(): void; leave(): void }>();
  let given = first;
  let rows = 0;
  let rules = compile(first);

  function compile(next: SessionRules): RulesInForce {
    const compiled = deps.compiler.compile(next, {
      keyedHash: deps.keyedHash,
      incidents: ({ reason, column }) => {
        const key = `${reason} ${column ?? ''}`;
        const known = withheld.get(key);
        if (known) known.count++;
        else withheld.set(key, { reason, column, count: 1 });
      },
    });
    ledgers.unshift({ masks: compiled.masks, told: new Map(), toldHidden: new Map(), toldNotKept: new Map() });
    ledgers.length = Math.min(ledgers.length, MAX_REPLACED);
    return compiled;
  }

  let holding = 0;
  let heldMs = Number.NEGATIVE_INFINITY;
  const edge: GuardDeps['edge'] = {
    hold(asked) {
      const hold = deps.edge.hold(asked);
      holding++;
      void hold.outcome.then(() => {
        holding--;
        heldMs = performance.now();
      });
      return hold;
    },
  };
  function recordMasked(): void {
    if (withheld.size > 0) {
      for (const { reason, column, count } of withheld.values())
        recorder.fact(LANE, { kind: 'mask.withheld', reason, count, ...(column !== undefined && { column }) });
      withheld.clear();
    }
    for (const { masks, told, toldHidden, toldNotKept } of ledgers) {
      const masked = masks.masked().flatMap(({ rule, count }) => {
        const fresh = untold(told, rule, count);
        return fresh > 0 ? [{ rule, count: fresh }] : [];
      });
      const notKept = masks.notKept().flatMap(({ reason, count }) => {
        const fresh = untold(toldNotKept, reason, count);
        return fresh > 0 ? [{ reason, count: fresh }] : [];
      });
      if (masked.length + notKept.length > 0)
        recorder.fact(LANE, { kind: 'mask.applied', masked, ...(notKept.length > 0 && { notKept }) });
      const hidden = masks.hidden().flatMap(({ by, count }) => {
        const fresh = untold(toldHidden, by, count);
        return fresh > 0 ? [{ by, count: fresh }] : [];
      });
      if (hidden.length > 0) recorder.fact(LANE, { kind: 'values.hidden', hidden });
    }
  }

  function checkRows(): void {
    const { rowsOut } = given.limits;
    if (rowsOut !== undefined && rows > rowsOut) deps.onRowsExceeded(given.rule, rowsOut);
  }

  function enter(): ConnectionGuard {
    const gate = createGate({ ...deps, edge, rules: () => rules, rate });
    let listener: (() => void) | undefined;
    const connection = {
      rulesChanged() {
        listener?.();
        gate.rulesChanged();
      },
      leave() {
        connections.delete(connection);
        listener = undefined;
        gate.close();
      },
    };
    connections.add(connection);
    return {
      get rules() {
        return rules;
      },
      gate,
      onRulesChanged(told) {
        listener = told;
      },
      countRows(count) {
        rows += count;
        checkRows();
      },
      recordMasked,
      leave: connection.leave,
    };
  }

  return {
    get rules() {
      return rules;
    },
    enter,
    lastHeldMs: () => (holding > 0 ? performance.now() : heldMs),
    replace(next) {
      if (next.policyVersion < given.policyVersion) return false;
      // Told again after a reconnect.
      if (JSON.stringify(next) === JSON.stringify(given)) return false;
      const compiled = compile(next);
      recordMasked();
      rules = compiled;
      given = next;
      rate.limitTo(next.limits.statementsPerMinute);
      recorder.fact(LANE, { kind: 'rules.changed', policyVersion: next.policyVersion, rule: next.rule });
      checkRows();
      for (const connection of [...connections]) connection.rulesChanged();
      return true;
    },
    close() {
      for (const connection of [...connections]) connection.leave();
      recordMasked();
    },
  };
}

/** How many of them were not told yet; they are from now on. */
function untold(told: Map<string, number>, name: string, count: number): number {
  const before = told.get(name) ?? 0;
  told.set(name, count);
  return count - before;
}
