// The old form of scp (`scp -O`; scp -t and scp -f at the target): what it moves, read beside the bytes. No specification
// is kept; this is what scp.c of OpenSSH does.
//
//   the source says                 C0644 SIZE NAME\n     a file, whose content follows when the sink agreed, and a 0
//                                   D0755 0 NAME\n ... E\n  a directory
//                                   T MTIME 0 ATIME 0\n   times of what comes next
//                                   1 or 2, WORDS\n       it could not read something
//   the sink answers each, and each content, by     0 (agreed)   1 WORDS\n (not this)   2 WORDS\n (the end)
//
// Names are as scp says them: below what the command names, which alone says where that is.

import { createHash, type Hash } from 'node:crypto';
import type { PartialReason } from '../../../../core/recording/facts/file.ts';
import { factOfAccess, factOfTransfer } from './file-facts.ts';
import type { FileAttributes } from './messages.ts';
import type { SftpDeps } from './sftp-reader.ts';

/** A name, and what stands before it. */
const MAX_LINE_BYTES = 8 * 1024;
/** Of a source that does not wait for its sink, or a sink that answers before it is asked. */
const MAX_AHEAD_BYTES = 64 * 1024;
const MAX_DEPTH = 1_000;

const OK = 0;
const FATAL = 2;
const LINE_END = 0x0a;

type Side = 'client' | 'target';

interface CarriedFile {
  readonly action: number;
  readonly path: Buffer;
  readonly size: number;
  readonly sinceUs: number;
  readonly hash: Hash;
  left: number;
  doubt: PartialReason | undefined;
}

/** What the sink is asked about. */
type Asked =
  | { readonly kind: 'start' | 'times' | 'end' }
  | { readonly kind: 'directory' | 'file'; readonly name: Buffer; readonly size: number; readonly mode: number }
  | { readonly kind: 'content'; readonly file: CarriedFile };

class ScpFault extends Error {}

export class ScpReader {
  readonly #deps: SftpDeps;
  readonly #source: Side;
  readonly #directories: Buffer[] = [];
  #times: Pick<FileAttributes, 'accessed' | 'modified'> | undefined;
  /** Undefined: the source says its next line. */
  #asked: Asked | undefined = { kind: 'start' };
  #askedUs: number;
  #file: CarriedFile | undefined;
  readonly #said: Record<Side, Buffer> = { client: EMPTY, target: EMPTY };
  #over = false;

  constructor(source: Side, deps: SftpDeps) {
    this.#deps = deps;
    this.#source = source;
    this.#askedUs = deps.elapsedUs();
  }

  /** What is wrong with it; undefined: nothing. */
  take(side: Side, data: Buffer): string | undefined {
    if (this.#over) return undefined;
    try {
      const rest = side === this.#source && this.#file && this.#file.left > 0 ? this.#content(data) : data;
      // A view of what may be used again.
      this.#said[side] = Buffer.concat([this.#said[side], rest]);
      while (this.#step());
      if (this.#said[side].length > MAX_AHEAD_BYTES) throw new ScpFault('does not wait for the other side');
      return undefined;
    } catch (error) {
      if (!(error instanceof ScpFault)) throw error;
      return `scp ${error.message}`;
    }
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    const asked = this.#asked;
    if (this.#uploads && (asked?.kind === 'file' || asked?.kind === 'directory')) this.#tellAsked(asked, 'unanswered');
    if (asked?.kind === 'content') this.#tellFile(asked.file, ['not_closed']);
    else if (this.#file) this.#tellFile(this.#file, ['not_closed']);
  }

  get #uploads(): boolean {
    return this.#source === 'client';
  }

  /** Whether something was taken. */
  #step(): boolean {
    if (this.#over) return false;
    if (this.#file) {
      const said = this.#said[this.#source];
      if (said.length === 0) return false;
      const rest = this.#content(said);
      this.#said[this.#source] = rest;
      return rest.length < said.length;
    }
    return this.#asked ? this.#answer(this.#asked) : this.#line();
  }

  /** Gives what stands behind it. */
  #content(bytes: Buffer): Buffer {
    const file = this.#file;
    if (!file) return bytes;
    const part = bytes.subarray(0, file.left);
    file.hash.update(part);
    this.#deps.content?.(part);
    file.left -= part.length;
    const rest = bytes.subarray(part.length);
    if (file.left > 0 || rest.length === 0) return rest;
    if (rest[0] === OK) return this.#sent(file, rest.subarray(1));
    const words = lineIn(rest);
    if (words === undefined) return rest;
    file.doubt = 'read_failed';
    return this.#sent(file, rest.subarray(words.length + 1));
  }

  #sent(file: CarriedFile, rest: Buffer): Buffer {
    this.#file = undefined;
    this.#ask({ kind: 'content', file });
    return rest;
  }

  #ask(asked: Asked): void {
    this.#asked = asked;
    this.#askedUs = this.#deps.elapsedUs();
  }

  #line(): boolean {
    const said = this.#said[this.#source];
    const line = lineIn(said);
    if (!line) return false;
    this.#said[this.#source] = said.subarray(line.length + 1);
    const text = line.toString('latin1');
    const [, kind = '', mode = '', size = '', name = ''] = /^([CD])([0-7]{4}) (\d{1,19}) ([^/\0]+)$/s.exec(text) ?? [];
    if (kind !== '') {
      if (name === '.' || name === '..') throw new ScpFault('names a file as none may be named');
      this.#opened(
        kind === 'C' ? 'file' : 'directory',
        Buffer.from(name, 'latin1'),
        Number(size),
        Number.parseInt(mode, 8),
      );
      return true;
    }
    const [, modified, accessed] = /^T(\d{1,12}) \d{1,6} (\d{1,12}) \d{1,6}$/.exec(text) ?? [];
    if (modified !== undefined) {
      this.#times = { modified: Number(modified), accessed: Number(accessed) };
      this.#ask({ kind: 'times' });
    } else if (text === 'E' && this.#directories.length > 0) {
      this.#directories.pop();
      this.#ask({ kind: 'end' });
    } else if (line[0] === FATAL) this.#over = true;
    // Something that it could not read: nobody answers, and it goes on.
    else if (line[0] !== 1) throw new ScpFault('says what is not understood');
    return true;
  }

  #opened(kind: 'file' | 'directory', name: Buffer, size: number, mode: number): void {
    if (!Number.isSafeInteger(size)) throw new ScpFault('names a size that no file has');
    if (this.#directories.length >= MAX_DEPTH) throw new ScpFault('goes deeper than is followed');
    this.#ask({ kind, name, size, mode });
  }

  #answer(asked: Asked): boolean {
    const sink = this.#uploads ? 'target' : 'client';
    const said = this.#said[sink];
    const [first] = said;
    if (first === undefined) return false;
    if (first > FATAL) throw new ScpFault('is answered by what is not understood');
    const words = first === OK ? EMPTY : lineIn(said);
    if (!words) return false;
    this.#said[sink] = said.subarray(Math.max(1, words.length + (first === OK ? 0 : 1)));
    this.#asked = undefined;
    const error =
      first === OK
        ? undefined
        : { code: first, message: words.subarray(1).toString('utf8').slice(0, MAX_WORDS) || 'refused' };
    this.#answered(asked, error);
    if (first === FATAL) this.end();
    return true;
  }

  #answered(asked: Asked, error: Error | undefined): void {
    switch (asked.kind) {
      case 'content':
        this.#tellFile(asked.file, error ? ['write_failed'] : []);
        return;
      case 'directory':
        this.#tellAsked(asked, error && this.#uploads ? error : 'done');
        // Of one that was not taken nothing comes, and no end.
        if (!error) this.#directories.push(asked.name);
        return;
      case 'file': {
        // A source opened what it offers, whatever its sink says.
        const action = this.#tellAsked(asked, error && this.#uploads ? error : 'done');
        if (error) return;
        this.#file = {
          ...{ action, path: this.#pathOf(asked.name), size: asked.size, left: asked.size },
          ...{ sinceUs: this.#deps.elapsedUs(), hash: createHash('sha256'), doubt: undefined },
        };
        return;
      }
      default:
    }
  }

  #tellAsked(
    { kind, name, mode }: Extract<Asked, { kind: 'directory' | 'file' }>,
    outcome: 'done' | 'unanswered' | Error,
  ): number {
    const action = this.#deps.nextAction();
    const isFile = kind === 'file';
    const path = this.#pathOf(name);
    this.#deps.tell(
      factOfAccess({
        action,
        operation: isFile ? 'open' : this.#uploads ? 'make_directory' : 'list',
        path: { bytes: path, length: path.length },
        ...(isFile && { flags: this.#uploads ? (['write', 'create', 'truncate'] as const) : (['read'] as const) }),
        ...(this.#uploads && { attributes: { permissions: mode, ...this.#times } }),
        outcome,
        durationUs: Math.max(0, this.#deps.elapsedUs() - this.#askedUs),
      }),
    );
    this.#times = undefined;
    return action;
  }

  /** Whole where nothing says otherwise. */
  #tellFile(file: CarriedFile, reasons: readonly PartialReason[]): void {
    const { action, path, hash, doubt, sinceUs } = file;
    const notClosed = reasons.includes('not_closed');
    // Of an upload only what the target acknowledged counts, and it does so for all of it at the end.
    const none = this.#uploads && reasons.length > 0;
    this.#deps.tell(
      factOfTransfer({
        action,
        path: { bytes: path, length: path.length },
        direction: this.#uploads ? 'upload' : 'download',
        size: none ? 0 : file.size - file.left,
        offset: 0,
        sha256: none || doubt ? undefined : hash.digest('hex'),
        partial: [
          ...(doubt ? [doubt] : []),
          ...reasons,
          ...(notClosed && this.#uploads ? (['unanswered'] as const) : []),
          ...(notClosed && !this.#uploads && file.left > 0 ? (['end_not_seen'] as const) : []),
        ],
        durationUs: Math.max(0, this.#deps.elapsedUs() - sinceUs),
      }),
    );
  }

  #pathOf(name: Buffer): Buffer {
    return Buffer.concat([...this.#directories, name].flatMap((part, at) => (at > 0 ? [SLASH, part] : [part])));
  }
}

interface Error {
  readonly code: number;
  readonly message: string;
}

const MAX_WORDS = 200;
const EMPTY = Buffer.alloc(0);
const SLASH = Buffer.from('/');

/** Without its end; undefined: that is not here. */
function lineIn(bytes: Buffer): Buffer | undefined {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf(LINE_END);
  if (end < 0 && bytes.length >= MAX_LINE_BYTES) throw new ScpFault('sends a line that is longer than any');
  return end < 0 ? undefined : bytes.subarray(0, end);
}
