// What follows for sign-ins from a change of somebody in the directory.

import { addressesOf, type ScimUser } from './user.ts';

/** `bar`: end all that they have, and let them in no more. `end`: the address is nobody's any more. `admit`: they may come in. */
type ConsequenceKind = 'bar' | 'end' | 'admit' | 'regroup';

export interface Consequence {
  readonly email: string;
  readonly kind: ConsequenceKind;
}

/** `before` undefined: they were not there; `after` undefined: they are not any more. */
export function consequencesOf(before: ScimUser | undefined, after: ScimUser | undefined): Consequence[] {
  const had = before ? addressesOf(before) : [];
  const has = after ? addressesOf(after) : [];
  if (!after?.active) {
    // Who is inactive stays out by every address, also by one that the same change took away.
    const barred =
      before?.active === false ? has.filter((email) => !had.includes(email)) : [...new Set([...had, ...has])];
    return barred.map((email) => ({ email, kind: 'bar' }));
  }
  const isFresh = before?.active !== true;
  return [
    ...had.filter((email) => !has.includes(email)).map((email) => ({ email, kind: 'end' as const })),
    ...has
      .filter((email) => isFresh || !had.includes(email))
      .flatMap((email) => [
        { email, kind: 'admit' as const },
        { email, kind: 'regroup' as const },
      ]),
  ];
}
