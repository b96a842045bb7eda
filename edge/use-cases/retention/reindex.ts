// Making the catalogue and the search index again. It changes no recording, and what it takes away comes back: one administrator may.

import { ok } from '../../../core/result.ts';
import { tellAllKeys } from '../../connector-keys/tell-keys.ts';
import type { Gatehouse } from '../../gatehouse.ts';
import { fault, note, noteCounted, type UseCaseDeps } from '../deps.ts';
import { standingOf } from '../standing.ts';

export function reindexUseCases(deps: UseCaseDeps): Pick<Gatehouse, 'reindex' | 'reindexing'> {
  return {
    async reindexing(who) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator && !standing.value.auditor)
        return fault('forbidden', 'Only administrators and auditors see how a reindex stands.');
      const found = await deps.archive.reindexing();
      return found.ok ? found : away(found.error);
    },

    async reindex(who, drop) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator) {
        const details = { reason: 'policy_denied', wanted: 'catalogue.reindexed' };
        await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: 'catalogue', details });
        return fault('forbidden', 'Only administrators have the catalogue made again.');
      }
      const details = { drop };
      await note(deps, { kind: 'catalogue.reindexed', actor: who.email, object: 'catalogue', details });
      // Where the table was lost they were with it, and no object says them.
      await deps.retention.tellHoldsAgain();
      await tellAllKeys(deps);
      const begun = await deps.archive.reindex(drop);
      return begun.ok ? ok(begun.value) : away(begun.error);
    },
  };
}

const away = (reason: 'not_found' | 'bad_request' | 'unavailable') =>
  reason === 'unavailable'
    ? fault('unavailable', 'The archive does not answer. Try again.')
    : fault('unavailable', "The archive's functions are of an earlier release, which cannot make its catalogue again.");
