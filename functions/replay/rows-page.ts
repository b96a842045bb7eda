// Rows that the outline of a session of statements left out: read from the segment where they stand, and no further than they
// are shown. Nothing in a cursor is believed but as a place (terminal/cursor.ts).

import { z } from 'zod';
import type { ReplayEvent } from '../../core/catalogue.ts';
import { Digest } from '../../core/recording/segment.ts';
import type { RecordingPart } from '../store/read-recording.ts';
import type { ResultReader } from './result-reader.ts';

const count = z.number().int().min(0);
const RowsPlace = z.object({
  statement: count,
  lane: count,
  segment: z.object({ number: count, previous: Digest.nullable(), firstFrame: count }),
  /** Of bytes from the target: how many the lane had before that segment, and before the result. */
  before: count,
  offset: count,
  /** As the reader gave it. */
  layout: z.string().max(4000),
});
export type RowsPlace = z.infer<typeof RowsPlace>;

/** A cursor goes into an address. */
const MAX_CURSOR = 6000;
/** Read from the store before the last segment that is read: less than 2 MiB with it. Fewer rows are shown then, or the beginning of one. */
const MAX_READ_BYTES = 1_000_000;

/** undefined: it is longer than a cursor may be. */
export function writeRowsCursor(place: RowsPlace): string | undefined {
  const cursor = Buffer.from(JSON.stringify(place)).toString('base64url');
  return cursor.length > MAX_CURSOR ? undefined : cursor;
}

/** undefined: it is none. */
export function readRowsCursor(text: string): RowsPlace | undefined {
  try {
    return RowsPlace.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString())).data;
  } catch {
    return undefined;
  }
}

export async function* rowsPage(
  recording: AsyncIterable<RecordingPart>,
  { statement, lane, before, offset }: RowsPlace,
  results: ResultReader,
): AsyncGenerator<ReplayEvent, void, undefined> {
  let timeUs = 0;
  let at = before;
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield { kind: 'damaged', timeUs, message: part.message };
      return;
    }
    const { frame } = part;
    timeUs = frame.timeUs;
    if (frame.lane === lane && frame.kind === 'bytes' && frame.direction === 'target') {
      const skipped = Math.max(0, offset - at);
      at += frame.body.length;
      if (skipped < frame.body.length) results.push(frame.body.subarray(skipped));
    }
    // Behind the beginning of its answer.
    if (frame.lane === lane && frame.kind === 'bytes' && frame.direction === 'client' && at > offset)
      if (results.followsClient) results.pushClient(frame.body);
    if (results.ready) break;
    if (part.ends && part.read > MAX_READ_BYTES) {
      results.cut?.();
      break;
    }
  }
  const [found] = results.takeAll();
  if (!found) return;
  const { columns, rows, omitted, omittedColumns } = found;
  yield {
    ...{ kind: 'rows', timeUs, statement, columns: [...columns], rows: rows.map((row) => [...row]), omitted },
    ...(omittedColumns > 0 && { omittedColumns }),
  };
}
