// Marks a session from before the edge is asked for it until its first frame stands in the log, or until what became of
// it is reported: whatever a crash leaves in between bears its mark. And its end is reported once all of it stands in the
// log: the edge waits for the recording of what it was told has ended.

import type { SessionId } from '../../../core/ids.ts';
import type { Edge } from '../edge.ts';
import type { SessionLog, SessionRecorder } from '../session-log.ts';

interface Marks {
  mark(session: SessionId): void;
  clear(session: SessionId): void;
}

type Report = Parameters<Edge['report']>[0];
type Ended = Extract<Report, { kind: 'session.ended' }>;

export function markedOpenings(edge: Edge, log: SessionLog, marks: Marks): { edge: Edge; log: SessionLog } {
  const recorders = new Map<SessionId, SessionRecorder>();
  /** Ended, and not all of it in the log. */
  const ending = new Map<SessionId, Ended>();

  function tell(ended: Ended): void {
    ending.delete(ended.session);
    edge.report(ended);
    marks.clear(ended.session);
  }
  /** Its log takes no more of it. */
  function failed(session: SessionId): void {
    const recorder = recorders.get(session);
    recorders.delete(session);
    const ended = ending.get(session);
    if (ended) tell({ ...ended, ...(recorder?.neverLogged && { neverBegan: true }) });
  }

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
        if (report.kind !== 'session.ended') return edge.report(report);
        const { session } = report;
        const recorder = recorders.get(session);
        if (!recorder) return tell(report);
        ending.set(session, report);
        recorder.afterCommit({
          deliver: () => {
            recorders.delete(session);
            tell(report);
          },
        });
      },
    },
    log: {
      keepOriginals: (session, to) => log.keepOriginals(session, to),
      open(opened, onFailed, originals) {
        const { session } = opened;
        const told: typeof onFailed = (fault) => {
          failed(session);
          onFailed(fault);
        };
        const recorder = log.open(opened, told, originals);
        if (!recorder.ok) return recorder;
        recorders.set(session, recorder.value);
        recorder.value.afterCommit({ deliver: () => marks.clear(session) });
        return recorder;
      },
    },
  };
}
