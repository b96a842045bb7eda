// The replay document of a terminal session: NDJSON, one event a line, in the order of time. A session may hold
// gigabytes of output, so there are three ways to ask for it:
//
//   whole     every event of every lane, made as fast as it is read
//   outline   everything but output and input, silences, and on each lane keyframes that say where output can be read from
//   a page    output, input and sizes of one lane from a keyframe on, at most so much; `more` leads to the next
//
// All of one lane played from its beginning shows what a keyframe and all behind it show.

import { z } from 'zod';
import { SessionEntry } from '../catalogue.ts';
import { FileAccessed, FileTransferred } from '../recording/facts/file.ts';
import {
  CommandFinished,
  CommandSignalled,
  CommandStarted,
  CommandTyped,
  TerminalResized,
} from '../recording/facts/shell.ts';
import { Completeness, EndReason } from '../recording/facts/session.ts';
import { MARKER_KINDS } from './marker-kinds.ts';

/** What a replay may be asked with. Nothing: all of it. */
export const ReplayQuery = z.strictObject({
  part: z.literal('outline').optional(),
  lane: z.coerce.number().int().min(0).optional(),
  /** Of a keyframe, or of the page before, with `lane`; or of rows that the outline of a session of statements left out. */
  cursor: z.string().max(6000).optional(),
  /** Where the page ends at the latest: the cursor of a later keyframe. */
  until: z.string().max(2000).optional(),
});
export type ReplayQuery = z.infer<typeof ReplayQuery>;

const at = { timeUs: z.number(), lane: z.number().int() };

const sent = {
  ...at,
  /** As UTF-8; what is none stands as U+FFFD, and is in `base64` as it was. */
  text: z.string(),
  /** The bytes, where they are not UTF-8; not in a page, which is to be looked at. */
  base64: z.string().optional(),
};

export const TerminalEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('opened'), timeUs: z.number(), session: SessionEntry }),
  z.object({ kind: z.literal('lane'), ...at, of: z.string(), label: z.string() }),
  /** `bytes`: how many went over it, where they are no text and not shown. */
  z.object({
    kind: z.literal('lane-end'),
    ...at,
    /** As when it began; missing for one that a page reads from its middle. */
    label: z.string().optional(),
    recorded: Completeness,
    note: z.string().optional(),
    bytes: z.object({ client: z.number().int(), target: z.number().int() }).optional(),
  }),
  /** To the client. */
  z.object({ kind: z.literal('output'), ...sent }),
  /** From the client. Of what is typed at a terminal a star stands for each letter: what was echoed is in the output. */
  z.object({ kind: z.literal('input'), ...sent }),
  /** The lane has a terminal, of this size from here on; 0 where the client did not say. */
  z.object({ ...TerminalResized.shape, kind: z.literal('resize'), ...at }),
  z.object({ ...CommandStarted.omit({ at: true }).shape, kind: z.literal('command'), ...at }),
  /** Read off the screen when Enter was pressed: an aid, not evidence. */
  z.object({ ...CommandTyped.shape, kind: z.literal('typed'), ...at }),
  z.object({ ...CommandSignalled.shape, kind: z.literal('signal'), ...at }),
  z.object({ ...CommandFinished.shape, kind: z.literal('finished'), ...at }),
  z.object({ ...FileAccessed.shape, kind: z.literal('access'), ...at }),
  z.object({ ...FileTransferred.shape, kind: z.literal('file'), ...at }),
  /** What the gateway did, as in a replay of statements. */
  z.object({
    kind: z.literal('notice'),
    ...at,
    severity: z.string(),
    message: z.string(),
    action: z.number().int().optional(),
    rule: z.string().optional(),
  }),
  /**
   * The screen before the frame of this number, for a terminal of this size that was reset. On a lane without a terminal: its
   * last lines. `cursor`: of the page that goes on from here.
   */
  z.object({
    kind: z.literal('keyframe'),
    ...at,
    frame: z.number().int(),
    columns: z.number().int(),
    rows: z.number().int(),
    screen: z.string(),
    /** The screen, where that is empty and it is long: UTF-8 in DEFLATE (RFC 1951) in base64. */
    packed: z.string().optional(),
    cursor: z.string(),
  }),
  /** In an outline: nothing was shown on the lane from then until now. Only silences that are seen on a time bar (idle.ts). */
  z.object({ kind: z.literal('idle'), ...at, fromUs: z.number() }),
  /** In an outline that has told thousands: how many of a kind of marker (markers.ts) came since then, no longer told one by one. */
  z.object({
    kind: z.literal('more-markers'),
    timeUs: z.number(),
    fromUs: z.number(),
    of: z.enum(MARKER_KINDS),
    count: z.number().int(),
  }),
  /** The page ends here; the lane may go on. */
  z.object({ kind: z.literal('more'), ...at, cursor: z.string() }),
  z.object({ kind: z.literal('ended'), timeUs: z.number(), reason: EndReason, message: z.string() }),
  /** The recording is damaged from here on; what came before is whole. */
  z.object({ kind: z.literal('damaged'), timeUs: z.number(), message: z.string() }),
]);
export type TerminalEvent = z.infer<typeof TerminalEvent>;
