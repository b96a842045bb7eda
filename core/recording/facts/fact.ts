// Facts: what a protocol understood of the bytes, written as frames of kind `fact` beside them.
// Names are past tense. The bytes stay the authority; a fact points at them.

import { z } from 'zod';
import { ActionHeld, ActionRefused, ActionWarned, HoldResolved } from './action.ts';
import {
  CancelRequested,
  NoticeReceived,
  NotificationReceived,
  StatementFinished,
  StatementStarted,
} from './database.ts';
import { ExchangeFinished, ExchangeStarted } from './exchange.ts';
import { MaskApplied, MaskWithheld, ValuesHidden } from './mask.ts';
import { LaneClosed, LaneOpened, RulesChanged, SessionEnded, SessionOpened } from './session.ts';
import { CommandFinished, CommandStarted, FileTransferred, TerminalResized } from './shell.ts';

const Current = z.discriminatedUnion('kind', [
  SessionOpened,
  SessionEnded,
  LaneOpened,
  LaneClosed,
  RulesChanged,
  ActionRefused,
  ActionWarned,
  ActionHeld,
  HoldResolved,
  StatementStarted,
  StatementFinished,
  NoticeReceived,
  NotificationReceived,
  CancelRequested,
  CommandStarted,
  CommandFinished,
  TerminalResized,
  FileTransferred,
  ExchangeStarted,
  ExchangeFinished,
  MaskApplied,
  ValuesHidden,
  MaskWithheld,
]);

/** As any release wrote it; what comes out is the current form. */
export const Fact = z.preprocess(withAction, Current);
export type Fact = z.infer<typeof Current>;

export const FACT_KINDS: ReadonlySet<string> = new Set(Current.options.map((option) => option.shape.kind.value));

/** Format version 1 called an action's number `statement`. */
function withAction(fact: unknown): unknown {
  if (typeof fact !== 'object' || fact === null || !('statement' in fact) || 'action' in fact) return fact;
  const { statement: action, ...rest } = fact;
  return { ...rest, action };
}
