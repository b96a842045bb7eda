// SFTP version 3 (draft-ietf-secsh-filexfer-02) as OpenSSH speaks it, with its extensions (PROTOCOL in its sources):
// the numbers, and what a client asks for.

import { FieldReader } from '../wire/messages.ts';
import { SftpFault } from './packets.ts';

export const SFTP_VERSION = 3;

export const INIT = 1;
export const VERSION = 2;
const OPEN = 3;
const CLOSE = 4;
const READ = 5;
export const WRITE = 6;
const LSTAT = 7;
const FSTAT = 8;
const SETSTAT = 9;
const FSETSTAT = 10;
const OPENDIR = 11;
const READDIR = 12;
const REMOVE = 13;
const MKDIR = 14;
const RMDIR = 15;
const REALPATH = 16;
const STAT = 17;
const RENAME = 18;
const READLINK = 19;
const SYMLINK = 20;
export const STATUS = 101;
export const HANDLE = 102;
export const DATA = 103;
export const NAME = 104;
export const ATTRS = 105;
const EXTENDED = 200;
export const EXTENDED_REPLY = 201;

export const STATUS_OK = 0;
export const STATUS_EOF = 1;
/** For those that say no words of their own. */
export const STATUS_WORDS = [
  'ok',
  'end of file',
  'no such file',
  'permission denied',
  'failure',
  'bad message',
  'no connection',
  'connection lost',
  'operation unsupported',
] as const;

export type FileFlag = 'read' | 'write' | 'append' | 'create' | 'truncate' | 'exclusive';

/** Those that a client sets. Times in seconds since 1970. */
export interface FileAttributes {
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** With the file's type, where the client says it. */
  readonly permissions?: number;
  readonly accessed?: number;
  readonly modified?: number;
}

type NamedOperation =
  | 'remove'
  | 'rename'
  | 'make_directory'
  | 'remove_directory'
  | 'symlink'
  | 'link'
  | 'set_attributes'
  | 'copy';

/** As it came: names are bytes. */
export interface SentPath {
  /** As much as is kept: no longer one is a file's (PATH_MAX). */
  readonly bytes: Buffer;
  readonly length: number;
}
const MAX_PATH_BYTES = 4096;

/** Handles as text, a character a byte. */
export type FileRequest =
  /** Changes nothing, and gives no content: attributes, names, limits. */
  | { readonly kind: 'look' }
  | { readonly kind: 'read' | 'write'; readonly handle: string; readonly offset: number; readonly length: number }
  | { readonly kind: 'close'; readonly handle: string }
  | { readonly kind: 'open'; readonly path: SentPath; readonly flags: readonly FileFlag[] }
  | { readonly kind: 'list'; readonly path: SentPath }
  | {
      readonly kind: 'named';
      readonly operation: NamedOperation;
      readonly path: SentPath;
      readonly to?: SentPath;
      readonly attributes?: FileAttributes;
    }
  | { readonly kind: 'set'; readonly handle: string; readonly attributes: FileAttributes }
  | { readonly kind: 'copy'; readonly source: string; readonly into: string };

/** A client's packet from its type on; of WRITE what stands before the content. Throws Malformed and SftpFault. */
export function readRequest(packet: Buffer): { readonly id: number; readonly request: FileRequest } {
  const fields = new FieldReader(packet);
  return { id: fields.uint32(), request: requestOf(packet[0] ?? 0, fields) };
}

function requestOf(type: number, fields: FieldReader): FileRequest {
  switch (type) {
    case OPEN:
      return { kind: 'open', path: pathOf(fields), flags: flagsOf(fields.uint32()) };
    case CLOSE:
      return { kind: 'close', handle: handleOf(fields) };
    case READ:
    case WRITE: {
      const kind = type === READ ? 'read' : 'write';
      return { kind, handle: handleOf(fields), offset: uint64(fields), length: fields.uint32() };
    }
    case SETSTAT:
      return named('set_attributes', { path: pathOf(fields), attributes: attributesOf(fields) });
    case FSETSTAT:
      return { kind: 'set', handle: handleOf(fields), attributes: attributesOf(fields) };
    case OPENDIR:
      return { kind: 'list', path: pathOf(fields) };
    case REMOVE:
      return named('remove', { path: pathOf(fields) });
    case MKDIR:
      return named('make_directory', { path: pathOf(fields) });
    case RMDIR:
      return named('remove_directory', { path: pathOf(fields) });
    case RENAME:
      return named('rename', { path: pathOf(fields), to: pathOf(fields) });
    case SYMLINK: {
      // OpenSSH has them the other way round than the draft: where it leads first, then the link.
      const to = pathOf(fields);
      return named('symlink', { path: pathOf(fields), to });
    }
    case LSTAT:
    case FSTAT:
    case READDIR:
    case REALPATH:
    case STAT:
    case READLINK:
      return { kind: 'look' };
    case EXTENDED:
      return extension(fields.text(), fields);
    default:
      throw new SftpFault(`packet type ${type}, which is not understood`);
  }
}

function extension(name: string, fields: FieldReader): FileRequest {
  switch (name) {
    case 'posix-rename@openssh.com':
      return named('rename', { path: pathOf(fields), to: pathOf(fields) });
    case 'hardlink@openssh.com': {
      const to = pathOf(fields);
      return named('link', { path: pathOf(fields), to });
    }
    case 'lsetstat@openssh.com':
      return named('set_attributes', { path: pathOf(fields), attributes: attributesOf(fields) });
    case 'copy-data': {
      const source = handleOf(fields);
      uint64(fields);
      uint64(fields);
      return { kind: 'copy', source, into: handleOf(fields) };
    }
    case 'fsync@openssh.com':
    case 'statvfs@openssh.com':
    case 'fstatvfs@openssh.com':
    case 'limits@openssh.com':
    case 'expand-path@openssh.com':
    case 'home-directory':
    case 'users-groups-by-id@openssh.com':
      return { kind: 'look' };
    default:
      throw new SftpFault(`the extension ${name.slice(0, 100)}, which is not understood`);
  }
}

type Named = Extract<FileRequest, { kind: 'named' }>;
const named = (operation: NamedOperation, what: Omit<Named, 'kind' | 'operation'>): Named => ({
  kind: 'named',
  operation,
  ...what,
});

function pathOf(fields: FieldReader): SentPath {
  const path = fields.string();
  return { bytes: Buffer.from(path.subarray(0, MAX_PATH_BYTES)), length: path.length };
}

export const handleOf = (fields: FieldReader): string => fields.string().toString('latin1');

/** As near as a number comes to those that no file reaches. */
const uint64 = (fields: FieldReader): number => fields.uint32() * 0x1_0000_0000 + fields.uint32();

const FLAGS: readonly (readonly [number, FileFlag])[] = [
  [0x01, 'read'],
  [0x02, 'write'],
  [0x04, 'append'],
  [0x08, 'create'],
  [0x10, 'truncate'],
  [0x20, 'exclusive'],
];
const flagsOf = (bits: number): FileFlag[] => FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, flag]) => flag);

function attributesOf(fields: FieldReader): FileAttributes {
  const present = fields.uint32();
  return {
    ...((present & 1) !== 0 && { size: uint64(fields) }),
    ...((present & 2) !== 0 && { uid: fields.uint32(), gid: fields.uint32() }),
    ...((present & 4) !== 0 && { permissions: fields.uint32() }),
    ...((present & 8) !== 0 && { accessed: fields.uint32(), modified: fields.uint32() }),
  };
}

/** Nothing stands in it before. */
export const isNew = (flags: readonly FileFlag[]): boolean =>
  flags.includes('truncate') || (flags.includes('create') && flags.includes('exclusive'));

/** Once it is done: of content, or of which file a name means. */
export function isChange(request: FileRequest): boolean {
  switch (request.kind) {
    case 'write':
    case 'copy':
      return true;
    case 'open':
      return request.flags.includes('truncate');
    case 'set':
      return request.attributes.size !== undefined;
    case 'named':
      return request.operation === 'set_attributes'
        ? request.attributes?.size !== undefined
        : request.operation === 'remove' || request.operation === 'rename';
    default:
      return false;
  }
}
