// A database's recording as a player shows it: statements, the first rows of their results, errors,
// notices, in the order of time. What the bytes of an answer mean is its protocol's to say. Reads one
// segment at a time and keeps no more than what waits for its statement's end. Works on a live session
// as far as it has come.

import { z } from 'zod';
import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { type StatementFinished, StatementStarted } from '../../core/recording/facts/database.ts';
import { Fact } from '../../core/recording/facts/fact.ts';
import { FactDamage, FactReader } from '../../core/recording/facts/fact-reader.ts';
import { transferWords } from '../../core/replay/file-words.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import type { RecordingPart, SegmentPlace } from '../store/read-recording.ts';
import { connectionNotice } from './connection-notices.ts';
import { noticeOf } from './policy-notices.ts';
import type { ClaimedBy, ReplayedResult, ResultReader } from './result-reader.ts';
import { writeRowsCursor } from './rows-page.ts';

/** Facts that may wait for the bytes they point at: they are written in the same turn. */
const MAX_WAITING_FACTS = 10_000;

type Waiting = { readonly timeUs: number; readonly lane: number; readonly fact: Fact };

/** Bytes of one lane are joined by themselves: places in them are counted from its own beginning. */
interface LaneReplay {
  readonly number: number;
  readonly results: ResultReader;
  /** Segments with bytes of its target, and how many it had before each, from where the oldest result that waits begins. */
  readonly segments: { readonly place: SegmentPlace; readonly before: number }[];
  bytes: number;
  /** The statement that its target answers. */
  running: number | undefined;
  /** Of statements whose end is not shown. */
  readonly forms: Map<number, ClaimedBy['form']>;
}

const Count = z.number().int().min(0);
const KeptLanes = z.array(
  z.object({
    number: Count,
    bytes: Count,
    running: Count.optional(),
    forms: z.array(z.tuple([Count, StatementStarted.shape.form.nullish()])),
    results: z.unknown().refine((it) => it !== undefined),
  }),
);
const KeptReplay = z.object({
  timeUs: z.number(),
  ended: z.boolean(),
  waiting: z.array(z.object({ timeUs: z.number(), lane: Count, fact: Fact })),
  lanes: KeptLanes,
});

class Lanes {
  readonly #lanes = new Map<number, LaneReplay>();
  readonly #begin: () => ResultReader;

  constructor(begin: () => ResultReader) {
    this.#begin = begin;
  }

  of(lane: number): LaneReplay {
    let found = this.#lanes.get(lane);
    if (!found) {
      found = { number: lane, results: this.#begin(), segments: [], bytes: 0, running: undefined, forms: new Map() };
      this.#lanes.set(lane, found);
    }
    return found;
  }

  close(lane: number): void {
    this.#lanes.delete(lane);
  }

  /** undefined: some reader of results cannot be asked. Where its bytes stand is an outline's, and not among it. */
  state(): z.input<typeof KeptLanes> | undefined {
    const lanes: z.input<typeof KeptLanes> = [];
    for (const { number, bytes, running, forms, results } of this) {
      const kept = results.state();
      if (kept === undefined) return undefined;
      lanes.push({ number, bytes, ...(running !== undefined && { running }), forms: [...forms], results: kept });
    }
    return lanes;
  }

  resume(lanes: z.output<typeof KeptLanes>): void {
    for (const { number, bytes, running, forms, results } of lanes) {
      const lane = this.of(number);
      lane.results.resume(results);
      [lane.bytes, lane.running] = [bytes, running];
      for (const [statement, form] of forms) lane.forms.set(statement, form ?? undefined);
    }
  }

  [Symbol.iterator](): Iterator<LaneReplay> {
    return this.#lanes.values();
  }
}

/** How much of rows an outline shows at once: of one result, and of all. */
const OUTLINE_ROWS_CHARS = 4 * 1024;
const OUTLINE_ALL_ROWS_CHARS = 512 * 1024;

/** What an outline leaves out of large results. */
class LeftOut {
  #chars = 0;

  rows(event: Rows, lane: LaneReplay, { offset, layout }: ReplayedResult): Rows {
    if (event.rows.length === 0 || layout === undefined) return event;
    const chars = JSON.stringify(event.rows).length;
    if (chars <= OUTLINE_ROWS_CHARS && this.#chars + chars <= OUTLINE_ALL_ROWS_CHARS) {
      this.#chars += chars;
      return event;
    }
    const found = lane.segments.findLast(({ before }) => before <= offset);
    if (!found) return event;
    const { place, before } = found;
    const { statement } = event;
    const cursor = writeRowsCursor({ statement, lane: lane.number, segment: place, before, offset, layout });
    return cursor === undefined ? event : { ...event, rows: [], omitted: event.omitted + event.rows.length, cursor };
  }
}

type Rows = Extract<ReplayEvent, { kind: 'rows' }>;

/** `begin` makes the reader of one lane. `outline`: rows of large results are left out, with a cursor each that leads to them. */
export async function* replayStatements(
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
  begin: () => ResultReader,
  outline = false,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<ReplayEvent, void, undefined> {
  const lanes = new Lanes(begin);
  const leftOut = outline ? new LeftOut() : undefined;
  const facts = new FactReader({ session: session.id, connector: session.connector }, false);
  const saved = at.saved('replay', KeptReplay);
  let waiting: Waiting[] = saved?.waiting ?? [];
  let timeUs = saved?.timeUs ?? 0;
  if (saved) {
    lanes.resume(saved.lanes);
    facts.resume({ lanes: [], lastLane: 0, ended: saved.ended });
  } else yield { kind: 'opened', timeUs: 0, session };
  at.keep('replay', KeptReplay, () => {
    const kept = lanes.state();
    return kept && { timeUs, ended: facts.ended, waiting, lanes: kept };
  });
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield* show(waiting, lanes, leftOut);
      yield { kind: 'damaged', timeUs, message: part.message };
      return;
    }
    const { frame, segment } = part;
    timeUs = frame.timeUs;
    let fact: Fact | undefined;
    try {
      fact = facts.take(frame);
    } catch (fault) {
      if (!(fault instanceof FactDamage)) throw fault;
      yield* show(waiting, lanes, leftOut);
      yield { kind: 'damaged', timeUs, message: fault.message };
      return;
    }
    if (frame.kind === 'bytes') {
      const lane = lanes.of(frame.lane);
      const { results } = lane;
      if (frame.direction === 'target') {
        if (lane.segments.at(-1)?.place !== segment) lane.segments.push({ place: segment, before: lane.bytes });
        lane.bytes += frame.body.length;
        results.push(frame.body);
      } else if (frame.direction === 'client') results.pushClient(frame.body);
      else results.pushGateway?.(frame.body);
    } else if (fact) {
      waiting.push({ timeUs, lane: frame.lane, fact });
      if (fact.kind === 'statement.started') lanes.of(frame.lane).running ??= fact.action;
      if (fact.kind === 'statement.finished') {
        const lane = lanes.of(frame.lane);
        if (fact.action === lane.running) lane.running = undefined;
      }
    }
    if (waiting.length > 0) {
      const ready = countReady(waiting, lanes);
      if (ready === 0) continue;
      yield* show(waiting.slice(0, ready), lanes, leftOut);
      waiting = waiting.slice(ready);
    }
    if (frame.kind === 'bytes') yield* fetchedOf(timeUs, lanes.of(frame.lane), leftOut, false);
  }
  yield* show(waiting, lanes, leftOut);
  for (const lane of lanes) {
    if (lane.running !== undefined) yield* rowsOf(timeUs, lane.running, lane.results.takeAll(), lane, leftOut);
    yield* fetchedOf(timeUs, lane, leftOut, true);
  }
}

/**
 * A statement's end may be written just before the bytes that it points at; then it waits for them, and what is behind it
 * too. So does one whose answer's encoding is yet to be told.
 */
function countReady(waiting: readonly Waiting[], lanes: Lanes): number {
  if (waiting.length > MAX_WAITING_FACTS) return waiting.length;
  const first = waiting.findIndex(({ fact, lane }) => {
    if (fact.kind !== 'statement.finished') return false;
    const { unsettled, offset } = lanes.of(lane).results;
    return unsettled || endOf(fact) > offset;
  });
  return first < 0 ? waiting.length : first;
}

const endOf = ({ at }: StatementFinished): number => (at?.direction === 'target' ? at.offset + at.length : 0);

function* show(waiting: readonly Waiting[], lanes: Lanes, leftOut: LeftOut | undefined): Generator<ReplayEvent> {
  for (const { timeUs, lane, fact } of waiting) {
    yield* eventsOf(timeUs, fact, lanes.of(lane), leftOut);
    if (fact.kind === 'lane.closed') lanes.close(fact.lane);
  }
}

function* rowsOf(
  timeUs: number,
  statement: number,
  results: readonly ReplayedResult[],
  lane: LaneReplay,
  leftOut: LeftOut | undefined,
): Generator<ReplayEvent> {
  for (const result of results) {
    const { columns, rows, omitted, omittedColumns, undecoded, unread } = result;
    if (unread !== undefined) {
      yield { ...unreadNotice(unread), timeUs, statement };
      continue;
    }
    if (undecoded !== undefined) yield { ...undecodedNotice(undecoded), timeUs, statement };
    const event: Rows = {
      kind: 'rows',
      timeUs,
      statement,
      columns: [...columns],
      rows: rows.map((row) => [...row]),
      omitted,
      ...(omittedColumns > 0 && { omittedColumns }),
    };
    yield leftOut ? leftOut.rows(event, lane, result) : event;
  }
}

function* fetchedOf(
  timeUs: number,
  lane: LaneReplay,
  leftOut: LeftOut | undefined,
  all: boolean,
): Generator<ReplayEvent> {
  for (const { statement, result } of lane.results.takeFetched?.(all) ?? [])
    for (const event of rowsOf(timeUs, statement, [result], lane, leftOut))
      yield event.kind === 'rows' ? { ...event, fetched: true } : event;
}

/** What begins behind these bytes is looked for from the last segment that has some before them. */
function forget({ segments, results }: LaneReplay, offset: number): void {
  const from = Math.min(offset, results.oldest ?? offset);
  const kept = segments.findLastIndex(({ before }) => before <= from);
  if (kept > 0) segments.splice(0, kept);
}

const undecodedNotice = (encoding: string) =>
  ({
    kind: 'notice',
    severity: 'UNDECODED',
    message: `What follows is in ${encoding}, which is not decoded here: bytes beyond ASCII are shown as \\xNN. The NDJSON export has them as they were.`,
  }) as const;

/** Names of columns and masked rows are hidden where the statement's text is (ADR 8). */
const unreadNotice = (why: 'hidden' | 'not understood') =>
  ({
    kind: 'notice',
    severity: 'ROWS',
    message:
      why === 'hidden'
        ? 'Its rows are not shown: they, or the names of their columns, are hidden in the recording.'
        : 'Its rows are not shown: its answer is not understood here. The NDJSON export has its bytes.',
  }) as const;

function noticeReceived(timeUs: number, fact: Extract<Fact, { kind: 'notice.received' }>): ReplayEvent {
  const { kind: _, code: __, ...said } = fact;
  return { kind: 'notice', timeUs, ...said };
}

/** Where it was the one whose answer came. */
const cutOf = ({ results }: LaneReplay): readonly ReplayedResult[] => results.takeCut?.() ?? [];

function* eventsOf(timeUs: number, fact: Fact, lane: LaneReplay, leftOut: LeftOut | undefined): Generator<ReplayEvent> {
  switch (fact.kind) {
    case 'statement.started': {
      const { action: statement, text, textBytes, parameters, form } = fact;
      if (lane.forms.size < MAX_WAITING_FACTS) lane.forms.set(statement, form ?? undefined);
      yield {
        kind: 'statement',
        timeUs,
        statement,
        text,
        ...(textBytes !== undefined && { textBytes }),
        ...(parameters && { parameters }),
      };
      return;
    }
    case 'statement.finished': {
      const { action: statement, tags, rows, bytes, durationUs, error, suspended, at } = fact;
      // Without a place it had no answer: a pipeline's statement behind a failed one.
      const answered =
        at?.direction === 'target'
          ? lane.results.takeRange(at.offset, at.offset + at.length, { statement, form: lane.forms.get(statement) })
          : cutOf(lane);
      if (!suspended) lane.forms.delete(statement);
      yield* rowsOf(timeUs, statement, answered, lane, leftOut);
      if (at?.direction === 'target') forget(lane, at.offset + at.length);
      yield {
        ...{ kind: 'result', timeUs, statement, tags, rows, bytes, durationUs },
        ...(error && { error }),
        ...(suspended && { suspended }),
      };
      return;
    }
    case 'notice.received':
      yield noticeReceived(timeUs, fact);
      return;
    case 'notification.received':
      yield { kind: 'notice', timeUs, severity: 'NOTIFY', message: `${fact.channel}: ${fact.payload}` };
      return;
    case 'cancel.requested':
      yield { kind: 'notice', timeUs, severity: 'CANCEL', message: 'the client asked to cancel the running statement' };
      return;
    case 'user.created':
      yield { kind: 'notice', timeUs, severity: 'USER', message: userWords(fact) };
      return;
    case 'file.transferred': {
      const digest = fact.sha256 === undefined ? '' : `, SHA-256 ${fact.sha256}`;
      yield { kind: 'notice', timeUs, severity: 'FILE', message: `${transferWords(fact)}${digest}` };
      return;
    }
    case 'action.refused':
    case 'action.warned':
    case 'action.held':
    case 'hold.resolved':
    case 'mask.applied':
    case 'mask.withheld':
    case 'values.hidden':
    case 'rules.changed':
      yield noticeOf(timeUs, fact);
      return;
    case 'connection.joined':
    case 'connection.left':
      yield connectionNotice(timeUs, fact);
      return;
    case 'session.ended':
      yield* fetchedOf(timeUs, lane, leftOut, true);
      yield { kind: 'ended', timeUs, reason: fact.reason, message: fact.message };
      return;
    // Of other protocols, or shown by what is around them.
    case 'session.opened':
    case 'lane.opened':
    case 'lane.closed':
    case 'command.started':
    case 'command.finished':
    case 'command.typed':
    case 'command.signalled':
    case 'terminal.resized':
    case 'file.accessed':
    case 'exchange.started':
    case 'exchange.finished':
      return;
  }
}

const userWords = ({ user, by, role }: Extract<Fact, { kind: 'user.created' }>): string =>
  `the session is ${user} at the target, a user that ${by === 'vault' ? `Vault made for it by its role ${role}` : `was made for it with the rights of ${role}`}`;
