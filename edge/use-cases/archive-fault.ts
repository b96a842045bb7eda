// What the archive could not do, for the person.

import { unreachable } from '../../core/result.ts';
import type { ArchiveFault } from '../archive.ts';
import type { Admission } from '../ports/witness.ts';
import { fault } from './deps.ts';

type Purges = Pick<Admission, 'purged' | 'purgeOrdered'>;

/** `known`: what the edge knows of the session, where whoever asks may know of it too. */
export function archiveFault(reason: ArchiveFault, known: Purges = {}) {
  switch (reason) {
    case 'not_found':
      return purgedFault(known) ?? fault('not_found', NOWHERE);
    case 'bad_request':
      return fault(
        'bad_request',
        'The session cannot be shown like that. Leave out the cursor and the lane, or name another lane.',
      );
    case 'unavailable':
      return fault('unavailable', 'The archive does not answer right now. Try again in a minute.');
    default:
      return unreachable(reason);
  }
}

/** The same of a session that never was, of somebody else's and of one that was purged: whoever may not know is told nothing (law 7). */
const NOWHERE =
  'There is no such session in the archive that you may view, or not yet. Ask an auditor. If it was purged, its retention says so, to auditors and administrators.';

/** undefined: nothing of it was purged. */
export function purgedFault({ purged, purgeOrdered }: Purges) {
  if (purged)
    return fault(
      'not_found',
      `The session was purged at ${purged.at}, as entry ${purged.audit} of the audit log ordered: nothing of it is stored.`,
      { purged },
    );
  if (purgeOrdered)
    return fault(
      'not_found',
      `The session is being purged: entry ${purgeOrdered.audit} of the audit log ordered it at ${purgeOrdered.at}.`,
    );
  return undefined;
}
