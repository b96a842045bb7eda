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
import { FileAccessed, FileTransferred } from './file.ts';
import { MaskApplied, MaskWithheld, ValuesHidden } from './mask.ts';
import {
  ConnectionJoined,
  ConnectionLeft,
  LaneClosed,
  LaneOpened,
  RulesChanged,
  SessionEnded,
  SessionOpened,
  UserCreated,
} from './session.ts';
import { CommandFinished, CommandSignalled, CommandStarted, CommandTyped, TerminalResized } from './shell.ts';

const Current = z.discriminatedUnion('kind', [
  SessionOpened,
  SessionEnded,
  ConnectionJoined,
  ConnectionLeft,
  LaneOpened,
  LaneClosed,
  RulesChanged,
  UserCreated,
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
  CommandTyped,
  CommandSignalled,
  CommandFinished,
  TerminalResized,
  FileAccessed,
  FileTransferred,
  ExchangeStarted,
  ExchangeFinished,
  MaskApplied,
  ValuesHidden,
  MaskWithheld,
]);

export const Fact = Current;
/** As format version 1 has it; what comes out is the current form. */
export const EarlierFact = z.preprocess(withAction, Current);
export type Fact = z.infer<typeof Current>;

/** What a protocol understood. The others are told by who knows: the session, its gate, its masks. */
export type ProtocolFact = Extract<
  Fact,
  {
    kind:
      | `${'statement' | 'command' | 'exchange' | 'file'}.${string}`
      | `${'notice' | 'notification'}.received`
      | 'cancel.requested'
      | 'terminal.resized'
      | 'user.created';
  }
>;

export const FACT_KINDS: ReadonlySet<string> = new Set(Current.options.map((option) => option.shape.kind.value));

/** Whether it has its action's number as format version 1 called it, `statement`: no fact of a later one. */
export function hasEarlierForm(fact: unknown): fact is { readonly statement: unknown } {
  return typeof fact === 'object' && fact !== null && 'statement' in fact && !('action' in fact);
}

function withAction(fact: unknown): unknown {
  if (!hasEarlierForm(fact)) return fact;
  const { statement: action, ...rest } = fact;
  return { ...rest, action };
}
