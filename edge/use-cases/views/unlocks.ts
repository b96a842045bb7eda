// The originals of what was masked in a session: handed out, still sealed to the keys of whoever may open them, while two people's
// agreement lasts. Each time is an entry in the audit log, before the first byte.

import type { SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { ok } from '../../../core/result.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import { archiveFault } from '../archive-fault.ts';
import { fault, note, type UseCaseDeps } from '../deps.ts';
import { refuseLook, refuseUnapproved, viewRight } from './viewing.ts';
import { approvedNow } from './approved.ts';
import { whose } from './look.ts';
import { mayAskFor } from './requests.ts';
import { endingAt } from './until.ts';

export const unlockUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'originals'> => ({
  originals: (who, id) => handOut(deps, who, id),
});

async function handOut(deps: UseCaseDeps, who: Identity, id: SessionId): Answer<ReadableStream<Uint8Array>> {
  const known = await whose(deps, who, id, 'original.opened');
  if (!known.ok) return known;
  const { standing, owner, place } = known.value;
  const may = mayAskFor(standing, who, owner, 'unlock');
  if (!may || may === 'now')
    return refuseLook(deps, who, id, 'original.opened', viewRight(standing, who, owner).kind !== 'none');
  const { owned, terms } = may;
  const asked = { kind: 'unlock' as const, session: id, owned, forMs: terms.for };
  const approved = await approvedNow(deps, standing, who, asked);
  if (!approved)
    return refuseUnapproved(
      ...([deps, who, id, 'original.opened'] as const),
      `Originals are handed out when ${terms.count} people have agreed. Ask on the session's page in the portal, or: gatehouse unlock ${id} --reason TEXT`,
    );
  const { request, by, untilMs } = approved;
  const details = { request, approved: by.join(', '), owner: owned.email, resource: owned.resource, rule: owned.rule };
  await note(deps, { kind: 'original.opened', actor: who.email, object: id, details });
  const sealed = await deps.archive.originals(place);
  if (sealed.ok) return ok(endingAt(sealed.value, untilMs, deps.clock));
  return sealed.error === 'not_found'
    ? fault(
        'not_found',
        'Nothing is kept of what masks hid in this session: its rule did not say so (record.originals).',
      )
    : archiveFault(sealed.error);
}
