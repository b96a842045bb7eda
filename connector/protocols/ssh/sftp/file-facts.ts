// What was done to files, as facts. Names are bytes to SSH: one that is no UTF-8 is shown with U+FFFD and is in base64
// as it was.

import type { FileAccessed, FileTransferred } from '../../../../core/recording/facts/file.ts';
import { decodeUtf8, type FieldReader } from '../wire/messages.ts';
import { type FileAttributes, type FileFlag, type SentPath, STATUS_WORDS } from './messages.ts';
import type { Transferred } from './transfer.ts';

export type FileFact = FileAccessed | FileTransferred;

const MAX_STATUS_WORDS = 200;

interface Status {
  readonly code: number;
  readonly message: string;
}

/** uint32 code | string words | string language; some leave out the words. */
export function readStatus(fields: FieldReader): Status {
  const code = fields.uint32();
  const words = fields.rest().length >= 4 ? decodeUtf8(fields.string()) : undefined;
  return { code, message: (words || STATUS_WORDS[code] || `status ${code}`).slice(0, MAX_STATUS_WORDS) };
}

export interface AnsweredAccess {
  readonly action: number;
  readonly operation: FileAccessed['operation'];
  /** Undefined: of a handle that names none. */
  readonly path: SentPath | undefined;
  readonly to?: SentPath | undefined;
  readonly flags?: readonly FileFlag[];
  readonly attributes?: FileAttributes;
  readonly outcome: 'done' | 'unanswered' | Status;
  readonly durationUs: number;
}

export function factOfAccess(access: AnsweredAccess): FileAccessed {
  const { action, operation, path, to, flags, attributes, outcome, durationUs } = access;
  return {
    kind: 'file.accessed',
    action,
    operation,
    ...(path ? written('path', path) : { path: '' }),
    ...(to && written('to', to)),
    ...(flags && { flags: [...flags] }),
    ...(attributes && { attributes }),
    ...(outcome === 'unanswered' && { unanswered: true as const }),
    ...(typeof outcome === 'object' && { error: outcome }),
    durationUs,
  };
}

interface FileTransfer extends Transferred {
  readonly action: number;
  readonly path: SentPath;
  readonly direction: FileTransferred['direction'];
  readonly durationUs: number;
}

export function factOfTransfer(transfer: FileTransfer): FileTransferred {
  const { action, path, direction, size, offset, sha256, partial, durationUs } = transfer;
  return {
    kind: 'file.transferred',
    action,
    ...written('path', path),
    direction,
    size,
    ...(sha256 !== undefined && { sha256 }),
    ...(offset > 0 && { offset }),
    ...(partial.length > 0 && { partial: [...partial] }),
    durationUs,
  };
}

type Written<Name extends string> = { readonly [K in Name]: string } & {
  readonly [K in `${Name}Base64`]?: string;
} & { readonly [K in `${Name}Bytes`]?: number };

function written<Name extends 'path' | 'to'>(name: Name, { bytes, length }: SentPath): Written<Name> {
  const text = decodeUtf8(bytes);
  return {
    [name]: text ?? lenient.decode(bytes),
    ...(text === undefined && { [`${name}Base64`]: bytes.toString('base64') }),
    ...(bytes.length < length && { [`${name}Bytes`]: length }),
  } as Written<Name>;
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
