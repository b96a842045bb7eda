// What masks do to a session: how its client's messages are recorded, and what rewrites its answers.

import { type Rewriting, rewriteRefusals } from '../answers.ts';
import { AS_SENT, type RecordedCopies } from '../recorded-copies.ts';
import type { SessionGuard, UpstreamTarget } from '../../../protocol.ts';
import type { Statements } from '../statements.ts';
import type { Verdicts } from '../verdicts.ts';

export interface SessionMaskingParts {
  /** `guard.rules.masks`: in force now. */
  readonly guard: SessionGuard;
  /** `statements.pipeline.next`: what the target answers next, with its statement, portal or prepared statement. */
  readonly statements: Statements;
  /** `verdicts.on(source).read`: what a text does, from the cache. */
  readonly verdicts: Verdicts;
  readonly target: UpstreamTarget;
}

export interface SessionMasking {
  readonly rewriting: Rewriting;
  readonly copies: RecordedCopies;
}

export function createSessionMasking({ statements }: SessionMaskingParts): SessionMasking {
  return { rewriting: rewriteRefusals(statements.pipeline), copies: AS_SENT };
}
