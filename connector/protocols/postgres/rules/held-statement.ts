// What approvers are shown of a statement that waits, and the digest over what goes on if they agree.
//
//    simple:   SHA-256 of 'Q' NUL text
//    extended: SHA-256 of 'B' NUL text NUL, then the Bind message behind its two names: the formats of the
//              parameters, the parameters, the formats of the result
//
// Text as the client sent it, before anything is hidden in it, as UTF-8. Whoever approves must see all of
// it, so what is too long to be shown is not held but refused.

import { createHash } from 'node:crypto';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import { executesByName, relationsTouched } from '../../../../core/sql/statement.ts';
import type { ActionToHold } from '../../../action.ts';
import type { ClientMessage } from '../wire/client-frames.ts';
import { readBind } from '../wire/client-messages.ts';
import type { Statements } from '../pipeline/statements.ts';
import type { Portal } from '../pipeline/statement.ts';

// Caps of core/approval/held-action.ts.
export const MAX_HELD_CHARACTERS = 20_000;
const MAX_PARAMETERS = 200;
const MAX_PARAMETER_CHARACTERS = 2_000;
const MAX_TABLES = 200;
const MAX_TABLE_CHARACTERS = 200;

const TOO_LONG = `its text is too long to be shown to those who approve (${MAX_HELD_CHARACTERS} characters at most)`;
const EXECUTES =
  'those who approve would see the name of what it executes, and not the statement: send that statement itself';
const TOO_MANY = `its parameters are too many or too long to be shown to those who approve (${MAX_PARAMETERS} of ${MAX_PARAMETER_CHARACTERS} characters at most)`;

/** `recorded`: the Query as it is recorded, `sent`: as the client sent it. A sentence: why it cannot be held. */
export function describeQuery(
  recorded: ClientMessage,
  sent: ClientMessage,
  statements: Statements,
  read: Summaries,
  estimate: ActionToHold['estimate'],
): ActionToHold | string {
  if (sent.cut) return TOO_LONG;
  const text = statements.text(recorded.bytes, recorded.start, recorded.end - 1);
  if (text.length > MAX_HELD_CHARACTERS) return TOO_LONG;
  if (read.ok && executesByName(read.value)) return EXECUTES;
  const digest = createHash('sha256')
    .update('Q\0')
    .update(statements.text(sent.bytes, sent.start, sent.end - 1));
  return {
    kind: 'statement',
    text,
    parameters: [],
    digest: digest.digest('hex'),
    touches: tablesOf(read),
    inTransaction: inTransaction(statements),
    ...(estimate && { estimate }),
  };
}

/** `portal`: as it is recorded, `sent`: its Bind as the client sent it. */
export function describeBind(
  portal: Portal,
  sent: ClientMessage,
  statements: Statements,
  read: Summaries,
  estimate: ActionToHold['estimate'],
): ActionToHold | string {
  const { prepared, parameters } = portal;
  const source = prepared?.source?.text;
  if (!prepared || source === undefined) return 'what was prepared under its name is not known';
  if (prepared.textBytes !== undefined || prepared.text.length > MAX_HELD_CHARACTERS) return TOO_LONG;
  const message = readBind(sent.bytes, sent.start, sent.end, sent.length, statements.text);
  if (sent.cut || !message) return TOO_MANY;
  const values = sent.bytes.subarray(message.parametersAt, sent.end);
  if (values.readUInt16BE(2 + values.readUInt16BE(0) * 2) > MAX_PARAMETERS) return TOO_MANY;
  if (parameters.some(({ bytes, value }) => bytes !== undefined || (value?.length ?? 0) > MAX_PARAMETER_CHARACTERS))
    return TOO_MANY;
  return {
    kind: 'statement',
    text: prepared.text,
    parameters: parameters.map(({ value }) => value),
    digest: createHash('sha256').update('B\0').update(source).update('\0').update(values).digest('hex'),
    touches: tablesOf(read),
    inTransaction: inTransaction(statements),
    ...(estimate && { estimate }),
  };
}

/** A transaction may just be beginning: what is not answered yet counts. */
const inTransaction = ({ pipeline }: Statements): boolean => pipeline.transaction !== 'I' || pipeline.running;

function tablesOf(read: Summaries): string[] {
  if (!read.ok) return [];
  return relationsTouched(read.value)
    .map(({ schema, name }) => (schema === undefined ? (name ?? '*') : `${schema}.${name ?? '*'}`))
    .slice(0, MAX_TABLES)
    .map((table) => table.slice(0, MAX_TABLE_CHARACTERS));
}
