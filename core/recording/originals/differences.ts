// Where a masked copy differs from what it was made of, for originals that are kept (ADR 52).

import type { Replacement } from './original-object.ts';

/**
 * What stood in `masked`, which is recorded at `at`: a stretch from the first difference to the last. The first `head` bytes
 * (lengths, numbers of packets) are compared by themselves, so that they do not reach down to the first value.
 */
export function differences(
  clear: Uint8Array,
  masked: Uint8Array,
  at: number,
  head: number,
  into: Replacement[],
): void {
  differencesWithin(clear, 0, clear.length, masked, 0, masked.length, at, head, into);
}

/** The same of clear[from, end) and masked[maskedFrom, maskedEnd): once for each row, so nothing is sliced but what differs. */
export function differencesWithin(
  clear: Uint8Array,
  from: number,
  end: number,
  masked: Uint8Array,
  maskedFrom: number,
  maskedEnd: number,
  at: number,
  head: number,
  into: Replacement[],
): void {
  const split = end - from >= head && maskedEnd - maskedFrom >= head ? head : 0;
  if (split > 0) differ(clear, from, from + split, masked, maskedFrom, maskedFrom + split, at, into);
  differ(clear, from + split, end, masked, maskedFrom + split, maskedEnd, at + split, into);
}

/** Of an original `clear` of `sent`, in place: what the recorded `copy` shows stays, whatever was written over for caution. All are as long. */
export function keepShown(clear: Uint8Array, copy: Uint8Array, sent: Uint8Array): void {
  for (let at = 0; at < clear.length; at++) if (copy[at] === sent[at]) clear[at] = sent[at] as number;
}

function differ(
  clear: Uint8Array,
  from: number,
  end: number,
  masked: Uint8Array,
  maskedFrom: number,
  maskedEnd: number,
  at: number,
  into: Replacement[],
): void {
  const shorter = Math.min(end - from, maskedEnd - maskedFrom);
  let start = 0;
  while (start < shorter && clear[from + start] === masked[maskedFrom + start]) start++;
  if (start === end - from && start === maskedEnd - maskedFrom) return;
  let same = 0;
  while (same < shorter - start && clear[end - 1 - same] === masked[maskedEnd - 1 - same]) same++;
  const length = maskedEnd - same - maskedFrom - start;
  into.push({ at: at + start, length, clear: clear.subarray(from + start, end - same) });
}
