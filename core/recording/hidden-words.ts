// What a recording does not show of the statements in it, in plain words: the same wherever coverage is told.

import type { Coverage } from './manifest.ts';

type Hidden = NonNullable<Coverage['hidden']>[number];

const REASONS: Readonly<Record<string, string>> = {
  secret: 'the statement names it as a secret',
  typed: 'typed at a terminal, of which the length alone is recorded',
  not_certain: 'it may meet a column that a mask rule hides',
  too_long: 'the statement is too long to be followed, and it may meet a column that a mask rule hides',
};

/** `3 values that the client sent: rule orders-prod#1`. */
export const hiddenWords = ({ by, count }: Hidden): string =>
  `${count === 1 ? '1 value' : `${count} values`} that the client sent: ${REASONS[by] ?? `rule ${by}`}`;
