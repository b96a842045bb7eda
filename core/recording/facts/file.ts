// Facts of files on a machine: what was done to them by name, and what went over (SFTP; Kubernetes cp; LOAD DATA LOCAL of
// MySQL, where they are the client's).
//
// A path is as the client named it. One that is no UTF-8 has U+FFFD for what is none, and is in base64 as it was; of one that
// was cut, `...Bytes` says how long it was.

import { z } from 'zod';
import { ActionNumber } from './action.ts';

const bytes = z.number().int().min(0);
const path = { path: z.string(), pathBase64: z.base64().optional(), pathBytes: bytes.optional() };

/**
 * Something was done to a file by its name, or was tried: an action of its own. Neither `error` nor `unanswered`: the target
 * acknowledged it.
 */
export const FileAccessed = z.object({
  kind: z.literal('file.accessed'),
  action: ActionNumber,
  /** open: what goes over then is told by `file.transferred` with the same action, when it is closed. list: of a directory. */
  operation: z.enum([
    'open',
    'list',
    'remove',
    'rename',
    'make_directory',
    'remove_directory',
    'symlink',
    'link',
    'set_attributes',
    'copy',
  ]),
  /** Empty: of a handle that named no open file. */
  ...path,
  /** rename: the new name. symlink, link: what it leads to. copy: where the content went. */
  to: z.string().optional(),
  toBase64: z.base64().optional(),
  toBytes: bytes.optional(),
  /** How it was opened. */
  flags: z.array(z.enum(['read', 'write', 'append', 'create', 'truncate', 'exclusive'])).optional(),
  /** That were set. Times in seconds since 1970. */
  attributes: z
    .object({
      size: z.number().optional(),
      uid: z.number().int().optional(),
      gid: z.number().int().optional(),
      permissions: z.number().int().optional(),
      accessed: z.number().int().optional(),
      modified: z.number().int().optional(),
    })
    .optional(),
  /** The target did not do it: its status code and its words. */
  error: z.object({ code: z.number().int(), message: z.string() }).optional(),
  /** Nobody said what came of it before its lane closed: it may have been done. */
  unanswered: z.literal(true).optional(),
  durationUs: z.number().int(),
});
export type FileAccessed = z.infer<typeof FileAccessed>;

/** Why what went over is not known to be all of the file. */
const PartialReason = z.enum([
  'beginning_missing', // it begins at `offset`
  'end_not_seen', // a download that stopped before the file's end was told
  'not_truncated', // an upload into a file whose earlier content may go on behind it
  'gaps',
  'overlaps', // some of it went over twice
  'out_of_order', // in an order that could not be followed
  'appended', // behind what the file had
  'resized', // and then cut or extended to another size
  'changed_otherwise', // by its name, by another handle or while it was read: the file may hold something else
  'copied', // content came from another file at the target
  'read_failed',
  'write_failed',
  'close_failed',
  'unanswered', // the target did not say of some of it that it was written
  'not_closed', // its lane closed first
]);
export type PartialReason = z.infer<typeof PartialReason>;

/** Content of an open file went over one way: told when it is closed, or its lane is. */
export const FileTransferred = z.object({
  kind: z.literal('file.transferred'),
  action: ActionNumber,
  ...path,
  /** upload: to the target. */
  direction: z.enum(['upload', 'download']),
  /** Bytes of content that went over; of an upload those that the target acknowledged. */
  size: bytes,
  /** Where the first of them stands in the file, if that is not its beginning. */
  offset: z.number().min(0).optional(),
  /** Over these bytes in the file's order, in hex; missing where they came with gaps or out of order, so that nobody saw them as one. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** Missing: they are all of the file, as it was then. */
  partial: z.array(PartialReason).min(1).optional(),
  /** Since it was opened. */
  durationUs: z.number().int().optional(),
});
export type FileTransferred = z.infer<typeof FileTransferred>;
