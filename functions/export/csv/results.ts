// Every result of a session with all of its rows, in the order of their coming, and whose it is.

import { z } from 'zod';
import type { SessionEntry } from '../../../core/catalogue.ts';
import type { ProtocolName } from '../../../core/protocols.ts';
import type { RecordingPart } from '../../store/read-recording.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import { type AnswerRanges, firstRange, RangePlace } from './answer-ranges.ts';
import { MysqlRows } from './mysql-rows.ts';
import { PostgresRows } from './postgres-rows.ts';
import type { RowEvent, RowReader } from './row-reader.ts';

const READERS: Readonly<Partial<Record<ProtocolName, (saved?: unknown) => RowReader>>> = {
  postgres: (saved) => new PostgresRows(saved),
  mysql: (saved) => new MysqlRows(saved),
};

export const hasResults = ({ protocol }: SessionEntry): boolean => READERS[protocol] !== undefined;

/** Events of one statement's answer that came together. */
export type Results =
  | { readonly kind: 'damaged'; readonly message: string }
  | { readonly kind: 'results'; readonly statement: number; readonly events: readonly RowEvent[] };

interface Lane {
  readonly reader: RowReader;
  offset: number;
  readonly place: RangePlace;
}

const Count = z.number().int().min(0);
const KeptLanes = z.array(z.object({ number: Count, offset: Count, place: RangePlace, reader: z.json() }));

function keptLanes(lanes: ReadonlyMap<number, Lane>): z.input<typeof KeptLanes> | undefined {
  const kept: z.input<typeof KeptLanes> = [];
  for (const [number, { reader, offset, place }] of lanes) {
    const state = reader.state();
    if (state === undefined) return undefined;
    kept.push({ number, offset, place: { ...place }, reader: state as z.core.util.JSONType });
  }
  return kept;
}

/** `ranges`: of the whole recording. `only`: of this statement alone. */
export async function* resultsOf(
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
  ranges: AnswerRanges,
  only: number | undefined,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<Results, void, undefined> {
  const begin = READERS[session.protocol];
  if (!begin) throw new Error(`${session.protocol} has no results`);
  const lanes = new Map<number, Lane>();
  for (const { number, offset, place, reader } of at.saved('results', KeptLanes) ?? [])
    lanes.set(number, { reader: begin(reader), offset, place });
  at.keep('results', KeptLanes, () => keptLanes(lanes));
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield part;
      return;
    }
    const { kind, direction, lane: number, body } = part.frame;
    if (kind !== 'bytes' || direction === 'gateway') continue;
    let lane = lanes.get(number);
    if (!lane) {
      lane = { reader: begin(), offset: 0, place: firstRange() };
      lanes.set(number, lane);
    }
    if (direction === 'client') {
      lane.reader.client(body);
      continue;
    }
    for (let read = 0; read < body.length; ) {
      const { bytes, answer } = ranges.share(number, lane.offset, body.length - read, lane.place);
      const events = lane.reader.target(body.subarray(read, read + bytes), answer);
      if (answer && events.length > 0 && (only === undefined || answer.statement === only))
        yield { kind: 'results', statement: answer.statement, events };
      read += bytes;
      lane.offset += bytes;
    }
  }
}
