// Which sessions the edge was asked to open and nothing of which stands in the log yet. Of one that a crash left
// there, the next start says that it never began: nobody else can, and its recording would be waited for.
//
//   STATE/opening/SESSION    an empty file
//
// A mark is not synced: it is for a process that dies. After a loss of power it may be missing, and the edge then
// ends the session by itself after an hour.

import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SessionId } from '../../core/ids.ts';
import { makeStateFolder } from './make-folder.ts';

interface OpeningMarks {
  /** Those that an earlier process left. */
  readonly left: readonly SessionId[];
  mark(session: SessionId): void;
  /** Nothing to do where there is no mark. */
  clear(session: SessionId): void;
}

/** `onFault`: marks cannot be kept, told once; sessions go on without. `message` is for the operator. */
export function openingMarks(state: string, onFault: (message: string) => void): OpeningMarks {
  const folder = join(state, 'opening');
  const marked = new Set<SessionId>();
  let failed = false;
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      if (!failed)
        onFault(`${folder} cannot be written (${code}): a crash may leave sessions open at the edge for an hour`);
      failed = true;
    }
  };
  attempt(() => {
    makeStateFolder(folder, 0o700);
    for (const name of readdirSync(folder)) {
      const session = SessionId.safeParse(name);
      if (session.success) marked.add(session.data);
    }
  });
  return {
    left: [...marked],
    mark(session) {
      attempt(() => {
        closeSync(openSync(join(folder, session), 'w', 0o600));
        marked.add(session);
      });
    },
    clear(session) {
      if (marked.delete(session)) attempt(() => rmSync(join(folder, session), { force: true }));
    },
  };
}
