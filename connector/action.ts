// The seam, the side of the words: what a protocol asks the policy about each action, and tells of it.
// session/guard implements it.

import type { HeldKind } from '../core/approval/held-action.ts';
import type { Masks } from '../core/masking/masks.ts';
import type { Decision } from '../core/policy/sections/entries.ts';
import type { FilesRecorded } from '../core/policy/session-rules.ts';
import type { SectionRules } from '../core/policy/sections/sections.ts';

/** The rules that a session stands under, compiled. Another object as soon as another policy is in force: compare by identity. */
export interface RulesInForce {
  readonly policyVersion: number;
  /** The rule's name. */
  readonly rule: string;
  /** One object for all sessions under the same rule. */
  readonly sections: SectionRules;
  /** With this session's own counts. `any` false: nothing is masked. */
  readonly masks: Masks;
  /** Statements are counted against a limit, so the gate is asked about each. */
  readonly counted: boolean;
  /** Of files that go over. */
  readonly files: FilesRecorded;
}

/**
 * What holds a session to its policy, as one of its connections has it. session/guard/guard.ts makes it; a protocol asks it about
 * every action and tells it what went out.
 */
export interface SessionGuard {
  /** In force now, hence for the next statement. */
  readonly rules: RulesInForce;
  /** Told after `rules` was replaced. One listener, which may be called before the conversation began. */
  onRulesChanged(listener: () => void): void;
  readonly gate: Gate;
  /** Rows that went to the client; ends the session when that is more than it may have. */
  countRows(rows: number): void;
  /** Writes what was masked since the last call as a fact. Called when a statement is finished. */
  recordMasked(): void;
}

/** Carries out verdicts, alike for every protocol: facts, words, approvals, rates. */
export interface Gate {
  /**
   * Exactly one of `forward` and `refuse` is called, once: before this returns ('forwarded', 'refused'), or later ('held').
   * While it is held the caller takes no further action of this lane. `forward` and `refuse` come alone then, in their own turn.
   */
  take(action: Action): 'forwarded' | 'refused' | 'held';
  /** The client cancelled or is gone: what that lane of this connection holds, or all of it, is refused as withdrawn. False when nothing was held. */
  withdraw(lane: number | 'all', why: 'cancelled' | 'client_closed'): boolean;
}

/** Something a client wants done, judged by its protocol and not yet forwarded. */
export interface Action {
  readonly lane: number;
  /** Its number in the facts; undefined where there is none. */
  readonly number: number | undefined;
  /** Statements in it, where a text may hold several: each counts against the limit. */
  readonly statements?: number;
  readonly decision: Decision;
  /** By the rules in force now: asked while it is held, when they have changed. */
  judge(): Decision;
  /** What approvers see and what goes on if they agree. Asked for a hold only. A sentence: why it cannot be held. */
  describe(): ActionToHold | string;
  /** Sends on exactly what was described. */
  forward(): void;
  refuse(refusal: ActionRefusal): void;
  /** Words for the person that end nothing: a warning beside what goes on, a link while it waits. */
  notify(message: string, hint?: string): void;
}

export interface ActionToHold {
  readonly kind: HeldKind;
  /** One line, where the text alone does not say where it would go. */
  readonly title?: string;
  /** As recorded, so masked. */
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  /** Hex SHA-256 over the text and the bind parameters as they will be forwarded. */
  readonly digest: string;
  /** Names of what it would read or change, as far as they are known. */
  readonly touches: readonly string[];
  /** It holds what its transaction has locked. */
  readonly inTransaction?: boolean;
  readonly estimate?: { readonly rows: number; readonly cost: number };
}

export type ActionRefusalReason =
  | 'blocked'
  | 'too_many_statements'
  | 'hold_denied'
  | 'hold_expired'
  | 'hold_withdrawn'
  /** The edge or the approvers' policy would not have it, or it cannot be shown to them. */
  | 'hold_failed';

export interface ActionRefusal {
  readonly reason: ActionRefusalReason;
  /** Names the rule. For the person. */
  readonly message: string;
  readonly hint?: string;
}
