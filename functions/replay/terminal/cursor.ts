// Where the reading of one lane goes on, as text that a viewer hands back. Nothing in it is believed but as a place: the
// segments are read from there, each checked, and the first must follow the digest that stands here.

import { z } from 'zod';
import { Digest } from '../../../core/recording/segment.ts';
import type { SegmentPlace } from '../../store/read-recording.ts';

const Rest = z.string().regex(/^(?:[0-9a-f]{2}){0,3}$/);
const Cursor = z.object({
  number: z.number().int().min(0),
  previous: Digest.nullable(),
  firstFrame: z.number().int().min(0),
  /** The first frame that is wanted. */
  frame: z.number().int().min(0),
  /** What there is of a character that was cut there, by direction. */
  output: Rest,
  input: Rest,
  /** Where what stands before `frame` on its lane ends: in which segment, and its first frame behind it. Missing: at `frame`. */
  after: z.object({ number: z.number().int().min(0), frame: z.number().int().min(0) }).optional(),
});

export interface LanePlace {
  readonly segment: SegmentPlace;
  readonly frame: number;
  readonly output: Uint8Array;
  readonly input: Uint8Array;
  readonly after?: z.infer<typeof Cursor>['after'];
}

export function writeCursor({ segment, frame, output, input, after }: LanePlace): string {
  const { number, previous, firstFrame } = segment;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const cursor: z.infer<typeof Cursor> = {
    number,
    previous,
    firstFrame,
    frame,
    output: hex(output),
    input: hex(input),
    ...(after && { after }),
  };
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** Undefined: it is none. */
export function readLanePlace(text: string): LanePlace | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
  const parsed = Cursor.safeParse(json);
  if (!parsed.success) return undefined;
  const { number, previous, firstFrame, frame, output, input, after } = parsed.data;
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
  return {
    segment: { number, previous, firstFrame },
    frame,
    output: bytes(output),
    input: bytes(input),
    ...(after && { after }),
  };
}
