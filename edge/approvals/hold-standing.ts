// How a held action stands, as its connector hears it.

import type { FromEdge } from '../../core/control.ts';
import type { Approval } from '../../core/approval/approval.ts';

type HoldStanding = Omit<Extract<FromEdge, { kind: 'hold.decided' }>, 'kind'>;

export function holdStanding(approval: Approval): HoldStanding {
  const { id, state, decideBy, votes, ended } = approval;
  const decided = state === 'denied' && ended ? [{ by: ended.by, comment: ended.reason }] : undefined;
  const voted = votes.map(({ by, comment }) => ({ by: by.email, comment }));
  const said = decided ?? (ended ? [{ by: undefined, comment: ended.reason }] : voted);
  return {
    request: id,
    state,
    decideBy,
    by: said.flatMap(({ by }) => by ?? []),
    comment: said
      .map(({ comment }) => comment.trim())
      .filter((comment) => comment !== '')
      .join(' / '),
  };
}
