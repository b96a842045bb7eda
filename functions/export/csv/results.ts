// Every result of a session with all of its rows, in the order of their coming, and whose it is.

import type { SessionEntry } from '../../../core/catalogue.ts';
import type { ProtocolName } from '../../../core/protocols.ts';
import type { RecordingPart } from '../../store/read-recording.ts';
import type { AnswerRanges } from './answer-ranges.ts';
import { MysqlRows } from './mysql-rows.ts';
import { PostgresRows } from './postgres-rows.ts';
import type { RowEvent, RowReader } from './row-reader.ts';

const READERS: Readonly<Partial<Record<ProtocolName, () => RowReader>>> = {
  postgres: () => new PostgresRows(),
  mysql: () => new MysqlRows(),
};

export const hasResults = ({ protocol }: SessionEntry): boolean => READERS[protocol] !== undefined;

/** Events of one statement's answer that came together. */
export type Results =
  | { readonly kind: 'damaged'; readonly message: string }
  | { readonly kind: 'results'; readonly statement: number; readonly events: readonly RowEvent[] };

interface Lane {
  readonly reader: RowReader;
  offset: number;
  readonly hint: { at: number };
}

/** `ranges`: of the whole recording. `only`: of this statement alone. */
export async function* resultsOf(
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
  ranges: AnswerRanges,
  only: number | undefined,
): AsyncGenerator<Results, void, undefined> {
  const begin = READERS[session.protocol];
  if (!begin) throw new Error(`${session.protocol} has no results`);
  const lanes = new Map<number, Lane>();
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield part;
      return;
    }
    const { kind, direction, lane: number, body } = part.frame;
    if (kind !== 'bytes' || direction === 'gateway') continue;
    let lane = lanes.get(number);
    if (!lane) {
      lane = { reader: begin(), offset: 0, hint: { at: 0 } };
      lanes.set(number, lane);
    }
    if (direction === 'client') {
      lane.reader.client(body);
      continue;
    }
    for (let at = 0; at < body.length; ) {
      const { bytes, answer } = ranges.share(number, lane.offset, body.length - at, lane.hint);
      const events = lane.reader.target(body.subarray(at, at + bytes), answer);
      if (answer && events.length > 0 && (only === undefined || answer.statement === only))
        yield { kind: 'results', statement: answer.statement, events };
      at += bytes;
      lane.offset += bytes;
    }
  }
}
