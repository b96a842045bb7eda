// Exports of a session: what may be asked for, and how one comes that is too large for one answer.

import { z } from 'zod';
import { Digest } from '../recording/segment.ts';

export const ExportFormat = z.enum(['ndjson', 'html', 'asciicast', 'csv', 'text', 'markdown', 'file']);
export type ExportFormat = z.infer<typeof ExportFormat>;

const CastVersion = z.union([z.literal(2), z.literal(3)]);
/** Of the asciicast format. */
export type CastVersion = z.infer<typeof CastVersion>;

export const ExportQuery = z.strictObject({
  format: ExportFormat,
  /** Missing: 3 for a terminal, 2 for a database's session. */
  asciicast: z.coerce.number().pipe(CastVersion).optional(),
  /** Of the lane that becomes an asciicast; missing: the first that has a terminal. */
  lane: z.coerce.number().int().min(0).optional(),
  /** Of the statement whose results become the CSV; missing: those of all statements, a file each in a ZIP archive. In text and
   * Markdown of a database's session: this one alone. */
  statement: z.coerce.number().int().min(1).optional(),
  /** In text and Markdown: all from `statement`, or from the first, to this one. */
  through: z.coerce.number().int().min(1).optional(),
  /** In a CSV, what a spreadsheet takes for a formula stays as it was recorded, without an apostrophe in front. */
  exact: z.literal('true').optional(),
  /** In text and Markdown also queries of the target's own catalogue, which are counted otherwise; of a terminal also when lanes
   * opened and closed, and the locale that clients send. */
  all: z.literal('true').optional(),
  /** The transferred file that is wanted: the number of its action, or its path. */
  file: z.string().min(1).max(4096).optional(),
  /** Of an export in parts: those from this one on. Without it, an export is in parts where one answer cannot carry it. */
  part: z.coerce.number().int().min(0).optional(),
});
export type ExportQuery = z.infer<typeof ExportQuery>;

type Option = Exclude<keyof ExportQuery, 'format' | 'part'>;

/** What changes a byte of the file, by its format. */
const OPTIONS: Readonly<Record<ExportFormat, readonly Option[]>> = {
  ndjson: [],
  html: [],
  asciicast: ['asciicast', 'lane'],
  csv: ['statement', 'exact'],
  text: ['statement', 'through', 'all'],
  markdown: ['statement', 'through', 'all'],
  file: ['file'],
};

/** What is exported: the same of any two queries for the same file. */
export function exportedBy(query: ExportQuery): Omit<ExportQuery, 'part'> {
  const { format } = query;
  return {
    format,
    ...Object.fromEntries(OPTIONS[format].flatMap((key) => (query[key] === undefined ? [] : [[key, query[key]]]))),
  };
}

/** Why an export is not written yet, and for how long. */
export const ExportWait = z.object({
  /** Of what there are as many under way as there may be at once: the asker's exports, the session's, or all. */
  of: z.enum(['person', 'session', 'all']),
  atOnce: z.number().int(),
  /** Exports that are begun before it. */
  ahead: z.number().int(),
  /** By how long the last ones took, from now until it is begun; missing: none has ended yet. */
  aboutSeconds: z.number().int().optional(),
});
export type ExportWait = z.infer<typeof ExportWait>;

const WAITS_FOR = {
  person: 'of yours are being written or come first, which is as many as one person has at once',
  session: 'of this session are being written or come first, which is as many as one session has at once',
  all: 'are being written, which is as many as there are at once',
} as const;

/** A sentence or two for whoever waits. */
export function exportWaitWords({ of, atOnce, ahead, aboutSeconds }: ExportWait): string {
  const before = ahead === 0 ? 'It is the next one.' : `${ahead} ${ahead === 1 ? 'is' : 'are'} begun before it.`;
  const minutes = aboutSeconds === undefined ? 0 : Math.max(1, Math.round(aboutSeconds / 60));
  const long =
    aboutSeconds === undefined
      ? 'How long that takes is not known yet.'
      : `By how long the last ones took, it begins in about ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
  return `It waits: ${atOnce} ${atOnce === 1 ? 'export' : 'exports'} ${WAITS_FOR[of]}. ${before} ${long}`;
}

/** An export that one answer cannot carry: it is written in parts, which are joined in their order. */
export const ExportParts = z.object({
  /** rendering: ask again with `part=0`. failed: begin anew. */
  state: z.enum(['rendering', 'ready', 'failed']),
  fileName: z.string(),
  contentType: z.string(),
  /** Written so far. */
  bytes: z.number().int(),
  count: z.number().int(),
  /** From the one that was asked for on, once they are ready; `url` opens without a sign-in until `until`. */
  parts: z.array(z.object({ number: z.number().int(), bytes: z.number().int(), sha256: Digest, url: z.url() })),
  until: z.iso.datetime().optional(),
  /** While it is `rendering` and not begun: whoever goes on asking keeps its place. */
  waits: ExportWait.optional(),
});
export type ExportParts = z.infer<typeof ExportParts>;

/**
 * A line of the NDJSON export: every frame, in order. `fact` frames carry `fact`; `bytes` frames
 * carry `base64`.
 */
export const ExportedFrame = z.object({
  sequence: z.number().int(),
  timeUs: z.number().int(),
  /** Wall clock, ISO 8601 UTC with microseconds' worth of milliseconds. */
  time: z.string(),
  direction: z.enum(['gateway', 'client', 'target']),
  lane: z.number().int(),
  kind: z.enum(['bytes', 'fact']),
  fact: z.record(z.string(), z.unknown()).optional(),
  base64: z.string().optional(),
  /** Something of it was masked and is put back: `gatehouse original` alone says so. */
  restored: z.literal(true).optional(),
});
