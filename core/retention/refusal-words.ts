// What stands against a purge, as one sentence. Portal, command line and the edge's own answers say the same; how a time and a
// hold are shown is theirs.

import type { HoldId } from '../ids.ts';
import { count } from '../text/amounts.ts';
import type { PurgeRefusal } from './may-purge.ts';

/** ISO 8601, or a hold's id; everything else is words. */
type RefusalPart = string | { readonly time: string } | { readonly hold: HoldId };

export function refusalParts(refusal: PurgeRefusal): readonly RefusalPart[] {
  switch (refusal.why) {
    case 'kept':
      return ['Its rule keeps it until ', { time: refusal.until }, '.'];
    case 'locked':
      return [
        `Its objects are locked in ${refusal.mode.toLowerCase()} mode until `,
        { time: refusal.until },
        refusal.mode === 'COMPLIANCE' ? ', and nobody can delete them before.' : '.',
      ];
    case 'unfinished':
      return [
        'It is not finished: no manifest, and something was stored within a day. End it, or wait: it is looked at again from ',
        { time: refusal.until },
        '.',
      ];
    case 'held':
      return [
        'It is under legal hold: ',
        ...refusal.holds.flatMap((hold, index) => (index > 0 ? [', ', { hold }] : [{ hold }])),
        '.',
      ];
    case 'held_objects':
      return [
        `${count(refusal.objects, 'object is', 'objects are')} under the store's own legal hold. When its last hold is lifted, that is taken off within the hour.`,
      ];
    case 'contradicted':
      return [
        `Its recording says ${count(refusal.claimed, 'day')}, and it was granted for ${refusal.granted}: kept until `,
        { time: refusal.until },
        '.',
      ];
    case 'holds_differ':
      return ['The functions have other holds than the edge, which tells them again.'];
    case 'not_ordered':
      return ["Its order is not signed by the edge, or the functions do not know the edge's key (EDGE_LOG_KEY)."];
    case 'unknown':
      return ['Nothing says how long to keep it: neither its recording nor a lock can be read. Somebody has to look.'];
    case 'refused':
      return [
        `The store refuses to delete ${count(refusal.objects, 'object')} although nothing is known against it: a permission is missing.`,
      ];
  }
}

/** `showTime`: of an ISO 8601 time. */
export const refusalWords = (refusal: PurgeRefusal, showTime: (time: string) => string): string =>
  refusalParts(refusal)
    .map((part) => (typeof part === 'string' ? part : 'time' in part ? showTime(part.time) : part.hold))
    .join('');
