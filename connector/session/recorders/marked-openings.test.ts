import { expect, it } from 'vitest';
import type { SessionId } from '../../../core/ids.ts';
import { ok } from '../../../core/result.ts';
import { MemoryLog } from '../../../test/harness/memory-log.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import type { Edge } from '../edge.ts';
import type { LogFault } from '../../door.ts';
import { markedOpenings } from './marked-openings.ts';
import type { SessionLog, SessionRecorder } from '../session-log.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function build() {
  const memory = new MemoryLog();
  const happened: unknown[] = [];
  const marks = {
    mark: (session: SessionId) => happened.push(['mark', session]),
    clear: (session: SessionId) => happened.push(['clear', session]),
  };
  const edge = { report: (report: unknown) => happened.push(report) } as unknown as Edge;
  const marked = markedOpenings(edge, memory, marks);
  const opened = new RecordingBuilder().opened;
  const { session } = opened;
  const ended = {
    kind: 'session.ended',
    session,
    reason: 'target_closed',
    message: 'no',
    at: '2026-11-30T00:00:00Z',
  } as const;
  const open = () => {
    const recorder = marked.log.open(opened, () => happened.push('failed'));
    if (!recorder.ok) throw new Error(recorder.error.message);
    return recorder.value;
  };
  const end = (recorder: ReturnType<typeof open>) => {
    recorder.end({ kind: 'session.ended', reason: 'target_closed', message: 'no' });
    marked.edge.report(ended);
  };
  return { memory, happened, marked, marks, edge, opened, session, ended, open, end };
}

it('an end is reported once all of the session stands in the log, and no sooner', async () => {
  const { memory, happened, session, ended, open, end } = build();
  memory.stalled = true;
  end(open());
  await turn();
  expect(happened).toEqual([]);
  memory.resume();
  expect(happened).toEqual([['clear', session], ended, ['clear', session]]);
});

it('of which nothing was opened it is reported at once', () => {
  const { happened, session, ended, marked } = build();
  marked.edge.report(ended);
  expect(happened).toEqual([ended, ['clear', session]]);
});

it('is reported where the log fails, as never begun where nothing of it was written', () => {
  for (const neverLogged of [true, false]) {
    const { happened, session, ended, edge, marks, opened } = build();
    let fail = (_: LogFault) => {};
    const recorder = { neverLogged, afterCommit: () => {} } as unknown as SessionRecorder;
    const log: SessionLog = {
      keepOriginals: () => Promise.reject(new Error('not asked for')),
      open(_, onFailed) {
        fail = onFailed;
        return ok(recorder);
      },
    };
    const marked = markedOpenings(edge, log, marks);
    marked.log.open(opened, () => happened.push('failed'));
    marked.edge.report(ended);
    expect(happened).toEqual([]);
    fail({ reason: 'log_unavailable', message: 'ENOSPC' });
    expect(happened).toEqual([{ ...ended, ...(neverLogged && { neverBegan: true }) }, ['clear', session], 'failed']);
  }
});
