// The recorder of a session that its policy exempts from recording. What goes over the wire and what
// was understood of it (statements, parameters, results, messages) is not written. That there was a
// session is, and every verdict, limit and count of the policy.
//
// Deliveries wait for the commit as ever (law 1): what is recorded stands in the log before anything
// that follows it goes on, and with a log that cannot be written this session pauses and ends like any other.

import type { Fact } from '../../../core/recording/facts/fact.ts';
import type { SessionRecorder } from '../session-log.ts';

const RECORDED: Readonly<Record<Fact['kind'], boolean>> = {
  'session.opened': true,
  'session.ended': true,
  'connection.joined': true,
  'connection.left': true,
  'action.refused': true,
  'action.warned': true,
  'action.held': true,
  'hold.resolved': true,
  'lane.closed': true,
  'mask.applied': true,
  'mask.withheld': true,
  'rules.changed': true,
  'user.created': true,
  'statement.started': false,
  'statement.finished': false,
  'notice.received': false,
  'notification.received': false,
  'cancel.requested': false,
  // Its label may quote what the client asked for.
  'lane.opened': false,
  'command.started': false,
  'command.typed': false,
  'command.signalled': false,
  'command.finished': false,
  'terminal.resized': false,
  'file.accessed': false,
  'file.transferred': false,
  'exchange.started': false,
  'exchange.finished': false,
  // Of statements that are not recorded at all.
  'values.hidden': false,
};

export function exemptRecorder(recorder: SessionRecorder): SessionRecorder {
  /** Bytes that wait for the commit, though they are not in it: they are bounded like recorded ones. */
  let waiting = 0;
  const committed = {
    deliver: () => {
      waiting = 0;
    },
  };
  return {
    keepsOriginals: false,
    bytes(_direction, _lane, chunk) {
      // Before the delivery that sends them, so that it finds them counted off.
      if (waiting === 0 && chunk.length > 0) recorder.afterCommit(committed);
      waiting += chunk.length;
    },
    fact(lane, fact) {
      if (RECORDED[fact.kind]) recorder.fact(lane, fact);
    },
    afterCommit: (delivery) => recorder.afterCommit(delivery),
    get pendingBytes() {
      return recorder.pendingBytes + waiting;
    },
    get neverLogged() {
      return recorder.neverLogged;
    },
    elapsedUs: () => recorder.elapsedUs(),
    end: (ended) => recorder.end(ended),
  };
}
