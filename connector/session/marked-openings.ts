// Marks a session from before the edge is asked for it until its first frame stands in the log, or until what became of
// it is reported: whatever a crash leaves in between bears its mark.

import type { SessionId } from '../../core/ids.ts';
import type { Edge } from './edge.ts';
import type { SessionLog } from './session-log.ts';

interface Marks {
  mark(session: SessionId): void;
  clear(session: SessionId): void;
}

export function markedOpenings(edge: Edge, log: SessionLog, marks: Marks): { edge: Edge; log: SessionLog } {
  return {
    edge: {
      ...edge,
      async openSession(input) {
        marks.mark(input.session);
        const answer = await edge.openSession(input);
        // The edge does not count it, or the link has reported its end already.
        if (!answer.ok) marks.clear(input.session);
        return answer;
      },
      report(report) {
        edge.report(report);
        if (report.kind === 'session.ended') marks.clear(report.session);
      },
    },
    log: {
      keepOriginals: (session, to) => log.keepOriginals(session, to),
      open(opened, onFailed, originals) {
        const recorder = log.open(opened, onFailed, originals);
        if (recorder.ok) recorder.value.afterCommit({ deliver: () => marks.clear(opened.session) });
        return recorder;
      },
    },
  };
}
