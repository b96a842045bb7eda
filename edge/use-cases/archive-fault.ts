// What the archive could not do, for the person.

import { unreachable } from '../../core/result.ts';
import type { ArchiveFault } from '../archive.ts';
import { fault } from './deps.ts';

export function archiveFault(reason: ArchiveFault) {
  switch (reason) {
    case 'not_found':
      return fault('not_found', 'There is no such session in the archive, or not yet.');
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
