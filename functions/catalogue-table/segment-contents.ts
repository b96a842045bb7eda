// What the catalogue keeps of one segment.

import type { ActionEntry } from '../../core/catalogue.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { SessionCounts } from '../../core/recording/manifest.ts';
import type { DocumentBody } from '../../core/search/document.ts';
import type { ActionEnd } from '../facts/action-ends.ts';

export interface SegmentContents {
  /** From the session's first frame. A crash can leave a session without it; nothing lists that one but its manifest. */
  readonly opened: SessionOpened | undefined;
  /** Actions that began here, by number; with their end when that is here too. */
  readonly actions: readonly ActionEntry[];
  /** Verdicts on and ends of actions that began in an earlier segment. */
  readonly laterEnds: readonly ActionEnd[];
  /** What was said and done beside actions, to be searched. */
  readonly said: readonly DocumentBody[];
  readonly counts: SessionCounts;
  /** Of commands that ended here, wherever they began. */
  readonly failedCommands: number;
}
