// What a recording hides of a statement's text beside secrets, and for whom.

import type { Hider } from '../../core/masking/masks.ts';

export interface Withholding {
  /** Of the literal whose token begins at this byte of the text, or at the sign in front of it. Undefined: it stays. */
  literal(offset: number): Hider | undefined;
  /** Undefined: they stay. */
  readonly comments: Hider | undefined;
}

/** Of a text that nobody reads. */
export const WITHHOLD_ALL: Withholding = { literal: () => 'not_certain', comments: 'not_certain' };
