// Time and randomness, passed to whatever depends on them.

import type { IdSource } from '../core/ids.ts';

export const iso = (ms: number): string => new Date(ms).toISOString();

export type Clock = IdSource;
