import type { PurgeRefusal } from '../../core/retention/may-purge.ts';
import { time } from '../output.ts';

/** What stands against a purge, for a person. */
export function refusalWords(refusal: PurgeRefusal): string {
  switch (refusal.why) {
    case 'kept':
      return `kept by its rule until ${time(refusal.until)}.`;
    case 'locked':
      return `locked in ${refusal.mode.toLowerCase()} mode until ${time(refusal.until)}.`;
    case 'unfinished':
      return `not finished; looked at again from ${time(refusal.until)}.`;
    case 'held':
      return `under legal hold ${refusal.holds.join(', ')}.`;
    case 'held_objects':
      return `${refusal.objects} objects are under the store's own legal hold.`;
    case 'contradicted':
      return `its recording says ${refusal.claimed} days and was granted for ${refusal.granted}: kept until ${time(refusal.until)}.`;
    case 'holds_differ':
      return 'the functions have other holds than the edge: it tells them again';
    case 'not_ordered':
      return 'its order is not signed by the edge.';
    case 'unknown':
      return 'nothing says how long to keep it.';
    case 'refused':
      return `the store refuses ${refusal.objects} objects.`;
  }
}
