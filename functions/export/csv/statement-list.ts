// A line of CSV for each statement of a session, and beside it whose answer the target's bytes are.

import { z } from 'zod';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { StatementStarted } from '../../../core/recording/facts/database.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { FactDamage, FactReader } from '../../../core/recording/facts/fact-reader.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import type { RecordingPart } from '../../store/read-recording.ts';
import type { AnswerRanges } from './answer-ranges.ts';
import { csvLine, csvNote } from './cells.ts';

type Finished = Extract<Fact, { kind: 'statement.finished' }>;

const COLUMNS = ['statement', 'at', 'text', 'parameters', 'answer', 'rows', 'milliseconds', 'error', 'verdict'];
/** Of a pipeline that is longer the first are listed without what came of them. */
const MAX_WAITING = 1_000;

/** Of statements that wait for their line. */
const MAX_VERDICTS = 10_000;

/** As a session's page names them. */
function verdictOf(fact: Fact): { readonly action: number; readonly word: string } | undefined {
  if (!('action' in fact) || fact.action === undefined) return undefined;
  const { action } = fact;
  switch (fact.kind) {
    case 'action.refused':
      return { action, word: 'refused' };
    case 'action.warned':
      return { action, word: 'warned' };
    case 'action.held':
      return { action, word: 'held' };
    case 'hold.resolved':
      return { action, word: fact.outcome };
    default:
      return undefined;
  }
}

export const damageNote = (message: string): string => csvNote(`the recording is damaged from here on: ${message}`);

const Open = z.object({ started: StatementStarted, lane: z.number().int().min(0), timeUs: z.number() });
type Open = z.infer<typeof Open>;

const KeptList = z.object({
  ended: z.boolean(),
  open: z.array(Open),
  verdicts: z.array(z.tuple([z.number(), z.string()])),
});

/** `ranges` is kept by whose it is. */
export async function* statementList(
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
  ranges: AnswerRanges,
  exact: boolean,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  const saved = at.saved('list', KeptList);
  const facts = new FactReader({ session: session.id, connector: session.connector }, false);
  const startedMs = Date.parse(session.startedAt);
  if (saved) facts.resume({ lanes: [], lastLane: 0, ended: saved.ended });
  const open = new Map<number, Open>(saved?.open.map((each) => [each.started.action, each]));
  /** What the policy came to about those that are not listed yet. */
  const verdicts = new Map<number, string>(saved?.verdicts);
  at.keep('list', KeptList, () => ({ ended: facts.ended, open: [...open.values()], verdicts: [...verdicts] }));
  const line = ({ started, timeUs }: Open, finished?: Finished): string => {
    const { action, text, textBytes, parameters } = started;
    const cut = textBytes === undefined ? '' : `… (cut here; the whole has ${textBytes} bytes)`;
    const { error } = finished ?? {};
    return csvLine(
      [
        String(action),
        new Date(startedMs + Math.floor(timeUs / 1000)).toISOString(),
        text + cut,
        parameters ? JSON.stringify(parameters.map(({ value }) => value)) : null,
        finished ? finished.tags.join(', ') : null,
        finished ? String(finished.rows) : null,
        finished ? (finished.durationUs / 1000).toFixed(3) : null,
        error ? `${error.severity} ${error.code}: ${error.message}` : null,
        verdicts.get(action) ?? null,
      ],
      exact,
    );
  };
  const unanswered = function* () {
    for (const each of open.values()) {
      yield line(each);
      ranges.add(each.lane, ranges.endOf(each.lane), Infinity, each.started.action, each.started.form);
    }
  };
  if (!saved) yield csvLine(COLUMNS, true);
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield* unanswered();
      yield damageNote(part.message);
      return;
    }
    const { frame } = part;
    if (frame.kind !== 'fact') continue;
    let fact: Fact | undefined;
    try {
      fact = facts.take(frame);
    } catch (fault) {
      if (!(fault instanceof FactDamage)) throw fault;
      yield* unanswered();
      yield damageNote(fault.message);
      return;
    }
    const judged = fact && verdictOf(fact);
    if (judged && (verdicts.has(judged.action) || verdicts.size < MAX_VERDICTS))
      verdicts.set(judged.action, judged.word);
    if (fact?.kind === 'statement.started') {
      open.set(fact.action, { started: fact, lane: frame.lane, timeUs: frame.timeUs });
      const [first] = open.values();
      if (open.size > MAX_WAITING && first) {
        yield line(first);
        open.delete(first.started.action);
      }
    }
    if (fact?.kind !== 'statement.finished') continue;
    const begun = open.get(fact.action);
    const { at: answer } = fact;
    if (answer?.direction === 'target')
      ranges.add(
        frame.lane,
        answer.offset,
        answer.offset + answer.length,
        fact.action,
        begun?.started.form ?? 'extended',
      );
    if (!begun) continue;
    yield line(begun, fact);
    if (fact.suspended) continue;
    open.delete(fact.action);
    verdicts.delete(fact.action);
  }
  yield* unanswered();
}
