// What a target said beside a message, as psql prints it: a line each behind the message's own.

import type { StatementError } from '../recording/facts/database.ts';

const NAMES = { detail: 'DETAIL', hint: 'HINT', context: 'CONTEXT' } as const;

export function besideWords(said: Pick<StatementError, keyof typeof NAMES>): string[] {
  return (['detail', 'hint', 'context'] as const).flatMap((part) => {
    const text = said[part];
    return text === undefined || text === '' ? [] : [`${NAMES[part]}: ${text}`];
  });
}
