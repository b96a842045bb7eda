// What the client is told of a statement that is blocked for its syntax alone: what PostgreSQL would say.

import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { SyntaxFault } from '../../../../core/sql/statement.ts';
import type { ClientMessage } from '../wire/client-frames.ts';

/** `recorded`, `sent`: the message as it is recorded and as it came. Undefined: it is not blocked for that. */
export function syntaxFaultOf(
  { unreadable }: Decision,
  read: Summaries,
  recorded: ClientMessage,
  sent: ClientMessage,
): SyntaxFault | undefined {
  const said = read.ok || !unreadable ? undefined : read.error.said;
  if (!said) return undefined;
  const whole = recorded.bytes.compare(sent.bytes, sent.start, sent.end, recorded.start, recorded.end) === 0;
  // The answer is recorded too: where something of the statement is hidden, nothing of it is quoted (law 11).
  return whole ? said : { ...said, message: said.message.replace(/ (?:at or near )?"[\s\S]*$/, '') };
}
