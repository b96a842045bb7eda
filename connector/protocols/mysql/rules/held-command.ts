// What approvers are shown of a command that waits, and the digest over what goes on if they agree.
//
//    COM_QUERY         SHA-256 of 'Q' NUL text
//    COM_STMT_EXECUTE  SHA-256 of 'E' NUL text NUL, then the command behind its id: flags, NULLs, types and values
//    others            SHA-256 of 'C' NUL, then the command
//
// Bytes as the client sent them. Whoever approves must see all of it, so what is too long to be shown is refused.

import { createHash } from 'node:crypto';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { Parameter } from '../../../../core/recording/facts/database.ts';
import type { ActionToHold } from '../../../action.ts';
import { tablesTouched } from './verdicts.ts';

// Caps of core/approval/held-action.ts.
const MAX_SHOWN_CHARACTERS = 20_000;
const MAX_SHOWN_PARAMETERS = 200;
const MAX_SHOWN_PARAMETER = 2_000;

interface HeldCommand {
  readonly sent: readonly (string | Buffer)[];
  /** As recorded; undefined: not all of it is here. */
  readonly text: string | undefined;
  /** Undefined: not all of them are here. */
  readonly parameters: readonly Parameter[] | undefined;
  readonly read: Summaries;
  readonly inTransaction: boolean;
}

/** A sentence: why it cannot be held. */
export function describeHeld({ sent, text, parameters, read, inTransaction }: HeldCommand): ActionToHold | string {
  if (text === undefined || text.length > MAX_SHOWN_CHARACTERS)
    return `its text is too long to be shown to those who approve (${MAX_SHOWN_CHARACTERS} characters at most)`;
  if (
    !parameters ||
    parameters.length > MAX_SHOWN_PARAMETERS ||
    parameters.some(({ bytes, value }) => bytes !== undefined || (value?.length ?? 0) > MAX_SHOWN_PARAMETER)
  )
    return `its parameters are too many or too long to be shown to those who approve (${MAX_SHOWN_PARAMETERS} of ${MAX_SHOWN_PARAMETER} characters at most), or were sent apart`;
  const digest = createHash('sha256');
  for (const part of sent) digest.update(part);
  return {
    kind: 'statement',
    text,
    parameters: parameters.map(({ value }) => value),
    digest: digest.digest('hex'),
    touches: tablesTouched(read),
    inTransaction,
  };
}
