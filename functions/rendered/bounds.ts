// How many exports are written at once.

import type { Bounds } from './turns.ts';

/** Of one person, who may ask for many, and of one session, whose objects each of them reads. */
const OF_ONE = { person: 2, session: 2 };
/** On one machine: each takes a part's memory and a share of the one processor that answers everybody. */
const LOCAL_AT_ONCE = 3;

export const boundsOf = (all: number): Bounds => ({ all, ...OF_ONE });
export const LOCAL_BOUNDS = boundsOf(LOCAL_AT_ONCE);
