// How what a statement is and answered is told, alike on the server and in the player.

import { count } from '../../core/text/amounts.ts';

/** What a statement answered: command tags, with the rows that SELECT and its like returned in words. */
export function answered(tags: readonly string[], rows: number | undefined): readonly string[] {
  const returned = /^(SELECT|COPY|FETCH|MOVE) \d+$/;
  const words = tags.map((tag) => tag.replace(returned, '$1'));
  const counted = tags.length === 0 ? (rows ?? 0) > 0 : rows !== undefined && tags.some((tag) => returned.test(tag));
  return counted ? [...words, count(rows ?? 0, 'row')] : words;
}

/** Whether a statement is so long that its box scrolls (`.sql` in styles/session.css), and so must take the focus. */
export const isTall = (text: string): boolean => text.length > 700 || text.split('\n').length > 11;
