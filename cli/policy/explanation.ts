// What `gatehouse policy explain` answers: as it stands with --json, and described for a person without.

import type { AccessFacts } from '../../core/policy/evaluate.ts';
import type { AccessExplanation } from '../../core/policy/explain/explain-access.ts';
import type { MaskExplanation } from '../../core/policy/explain/explain-masks.ts';
import type { ActionExplanation } from '../../core/policy/explain/explain-action.ts';
import type { CaseAction } from '../../core/policy/cases.ts';

/** What is done in the session, by what it is: `statement`. At most one. */
type Actions = { readonly [key in CaseAction['key']]?: ExplainedAction };
export type ExplainedAction = ActionExplanation & { readonly line?: number };

export interface Explanation extends Actions {
  readonly policy: { readonly file: string } | { readonly version: number };
  readonly person: string;
  readonly groups: readonly string[];
  readonly resource: AccessFacts['resource'];
  readonly access: Pick<AccessExplanation, 'rules' | 'notReached'> & {
    readonly decision: AccessExplanation['access'];
    readonly message: string;
    /** How the rule has people sign in, in words. */
    readonly signIn?: string;
    /** Of a refusal. */
    readonly reason?: string;
    /** The rule that decides. */
    readonly rule?: string;
    readonly line?: number;
    /** Longest access. */
    readonly seconds?: number;
    /** Keys to which what masks hide is sealed and kept. */
    readonly originalsTo?: readonly string[];
  };
  readonly masks?: Omit<MaskExplanation, 'shown'>;
}
