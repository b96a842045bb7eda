// What is done to files over one SFTP channel, read beside the bytes: each request with its answer, since only what the
// target acknowledged was done. Nothing is changed or held up; what cannot be followed is a fault.
//
// A client need not wait for an answer: it may name a handle that it guesses, or one that is about to be closed. Such a
// request is understood by its answer alone, and the content with it is counted and not hashed.

import type { PartialReason } from '../../../../core/recording/facts/file.ts';
import { FieldReader, Malformed } from '../wire/messages.ts';
import { type AnsweredAccess, type FileFact, factOfAccess, factOfTransfer, readStatus } from './file-facts.ts';
import {
  ATTRS,
  DATA,
  EXTENDED_REPLY,
  type FileRequest,
  HANDLE,
  handleOf,
  INIT,
  isChange,
  isNew,
  NAME,
  readRequest,
  SFTP_VERSION,
  STATUS,
  STATUS_EOF,
  STATUS_OK,
  VERSION,
  WRITE,
} from './messages.ts';
import { type Named, namesIn, type OpenFile, OpenFiles } from './open-files.ts';
import { PacketReader, SftpFault } from './packets.ts';
import { AHEAD_BYTES, type Room, Transfer } from './transfer.ts';

/** Requests without an answer above which no more is read: some clients ask for all of a file at once. */
const MAX_UNANSWERED = 8 * 1024;
/** Of the paths in them. */
const MAX_UNANSWERED_BYTES = 4 * 1024 * 1024;
/** Servers have a descriptor for each. */
const MAX_OPEN = 8 * 1024;
/** The draft has them at most so long. */
const MAX_HANDLE_BYTES = 256;

export interface SftpDeps {
  /** In the order of what the target acknowledged. */
  tell(fact: FileFact): void;
  /** Of a file, wherever it goes; a view of what is taken just now. */
  content?(part: Buffer): void;
  /** Of the session. */
  nextAction(): number;
  /** Of the session. */
  elapsedUs(): number;
}

interface Pending {
  readonly request: FileRequest;
  readonly sinceUs: number;
  /** Known when it was asked. */
  readonly file: OpenFile | undefined;
  /** Open by the names that it changes, when it was asked. */
  readonly changes: readonly Named[];
}

export class SftpReader {
  readonly #deps: SftpDeps;
  readonly #room: Room = { bytes: AHEAD_BYTES };
  readonly #pending = new Map<number, Pending>();
  #pendingBytes = 0;
  readonly #open = new OpenFiles();
  readonly #client: PacketReader;
  readonly #target: PacketReader;
  #begun = { client: false, target: false };
  /** Where the content goes of the packet that comes just now. */
  #uploading: ((part: Buffer) => void) | undefined;
  #downloading: ((part: Buffer) => void) | undefined;

  constructor(deps: SftpDeps) {
    this.#deps = deps;
    this.#client = new PacketReader({
      wanted: wantedOfClient,
      begun: (head, rest) => this.#asked(head, rest),
      content: (part) => {
        this.#deps.content?.(part);
        this.#uploading?.(part);
      },
    });
    this.#target = new PacketReader({
      wanted: wantedOfTarget,
      begun: (head, rest) => this.#answered(head, rest),
      content: (part) => {
        if (this.#downloading) this.#deps.content?.(part);
        this.#downloading?.(part);
      },
    });
  }

  /** So much waits for the target that the client is not to be read for now. */
  get full(): boolean {
    return this.#pending.size >= MAX_UNANSWERED || this.#pendingBytes >= MAX_UNANSWERED_BYTES;
  }

  /** A packet goes on, or could begin. */
  mayBeAsked(data: Buffer): boolean {
    return this.#client.amid || data[0] === 0;
  }

  /** Something was asked for and not answered. */
  get waits(): boolean {
    return this.#pending.size > 0;
  }

  /** What is wrong with it; undefined: nothing. */
  fromClient(data: Buffer): string | undefined {
    const fault = faultIn(() => this.#client.take(data), 'the client sends');
    return fault && !this.#begun.client ? 'the client sends something else than SFTP' : fault;
  }

  fromTarget(data: Buffer): string | undefined {
    const fault = faultIn(() => this.#target.take(data), 'the target sends');
    return fault && !this.#begun.target ? NO_SFTP : fault;
  }

  /** Nothing more comes. What was not answered may have been done. */
  end(): void {
    for (const pending of this.#pending.values()) this.#tellAccess(pending, 'unanswered');
    this.#pending.clear();
    for (const file of this.#open.all()) this.#tellTransfers(file, 'not_closed');
  }

  #asked(head: Buffer, rest: number): void {
    this.#uploading = undefined;
    if (!this.#begun.client) {
      if (head[0] !== INIT) throw new SftpFault('no SFTP');
      this.#begun.client = true;
      return;
    }
    const { id, request } = readRequest(head);
    if (this.#pending.has(id)) throw new SftpFault(`a request with the number of one that is not answered, ${id}`);
    const file = this.#fileOf(request);
    const changes = this.#changing(request, file);
    this.#pending.set(id, { request, file, changes, sinceUs: this.#deps.elapsedUs() });
    this.#pendingBytes += bytesOf(request);
    if (request.kind === 'close' && file) file.closing = true;
    else if (request.kind === 'read') file?.download.asked(request.offset);
    else if (request.kind === 'write') this.#writing(request, file, rest);
  }

  /** Those that it changes by their name, or for others that have them open. Counts them. */
  #changing(request: FileRequest, file: OpenFile | undefined): readonly Named[] {
    const changes = (isChange(request) ? namesIn(request, file) : [])
      .map((path) => this.#open.named(path))
      .filter((named) => named !== undefined);
    for (const named of changes) named.asked++;
    if (changes.length > 0 && file) file.changes.asked++;
    return changes;
  }

  /** It was done, or some of it. */
  #changed(request: FileRequest, file: OpenFile | undefined): void {
    if (!isChange(request)) return;
    for (const path of namesIn(request, file))
      this.#open.changed(path, request.kind === 'named' && request.operation === 'rename');
    if (!file) return;
    file.changes.known++;
    if (file.download.used) file.download.doubt('changed_otherwise');
  }

  #writing(
    { offset, length }: Extract<FileRequest, { kind: 'read' | 'write' }>,
    file: OpenFile | undefined,
    rest: number,
  ): void {
    if (length !== rest) throw new SftpFault('content that has more or fewer bytes than it says');
    if (!file) return;
    const { upload } = file;
    const appends = file.flags.includes('append');
    upload.asked(appends ? 0 : offset);
    if (appends) upload.doubt('appended');
    let at = offset;
    this.#uploading = (part) => {
      upload.content(appends ? upload.reached : at, part);
      at += part.length;
    };
  }

  /** The one that its handle is certain to name, whatever is still to be answered. */
  #fileOf(request: FileRequest): OpenFile | undefined {
    const handle = request.kind === 'copy' ? request.into : 'handle' in request ? request.handle : undefined;
    const file = handle === undefined ? undefined : this.#open.get(handle);
    return file?.closing ? undefined : file;
  }

  #answered(head: Buffer, rest: number): void {
    this.#downloading = undefined;
    const type = head[0] ?? 0;
    const fields = new FieldReader(head);
    const number = fields.uint32();
    if (!this.#begun.target) {
      if (type !== VERSION) throw new SftpFault('no SFTP');
      this.#begun.target = true;
      if (number !== SFTP_VERSION)
        throw new SftpFault(`version ${number} of SFTP, and only 3 is understood: set it in the client`);
      return;
    }
    const pending = this.#pending.get(number);
    if (!pending) throw new SftpFault('an answer to a request that nobody made');
    this.#pending.delete(number);
    this.#pendingBytes -= bytesOf(pending.request);
    for (const named of pending.changes) named.asked--;
    if (pending.changes.length > 0 && pending.file) pending.file.changes.asked--;
    const { kind } = pending.request;
    switch (type) {
      case STATUS:
        this.#status(pending, fields);
        return;
      case HANDLE:
        if (kind !== 'open' && kind !== 'list') break;
        this.#opened(pending, handleOf(fields));
        return;
      case DATA:
        if (kind !== 'read') break;
        this.#data(pending, fields.uint32(), rest);
        return;
      case NAME:
      case ATTRS:
      case EXTENDED_REPLY:
        if (kind === 'look') return;
        break;
      default:
        throw new SftpFault(`packet type ${type}, which is not understood`);
    }
    throw new SftpFault('an answer of another kind than what was asked');
  }

  #opened(pending: Pending, handle: string): void {
    const { request, sinceUs } = pending;
    if (handle.length > MAX_HANDLE_BYTES) throw new SftpFault('a handle of more than 256 bytes');
    if (request.kind !== 'open' && request.kind !== 'list') return;
    const before = this.#open.get(handle);
    if (before && !before.closing) throw new SftpFault('a handle that is another file’s already');
    // Its closing is answered later than another's opening.
    if (before) this.#tellTransfers(before, 'not_closed');
    if (this.#open.size >= MAX_OPEN && !before)
      throw new SftpFault(`more than ${MAX_OPEN} handles, which are not followed`);
    const flags = request.kind === 'open' ? request.flags : [];
    this.#open.add(handle, {
      kind: request.kind === 'open' ? 'file' : 'directory',
      action: this.#tellAccess(pending, 'done'),
      path: request.path,
      flags,
      sinceUs,
      upload: new Transfer(this.#room, isNew(flags)),
      download: new Transfer(this.#room, false),
      changes: this.#open.changesOf(request.path, flags.includes('truncate')),
      closing: false,
      told: false,
    });
  }

  #data({ request, file: known }: Pending, length: number, rest: number): void {
    if (length !== rest) throw new SftpFault('content that has more or fewer bytes than it says');
    if (request.kind !== 'read') return;
    const file = known ?? this.#open.get(request.handle);
    if (!file) throw new SftpFault(UNKNOWN_HANDLE);
    const { download } = file;
    if (!known) download.asked(request.offset);
    download.answered();
    download.arrived(length);
    let at = request.offset;
    this.#downloading = (part) => {
      download.content(at, part);
      at += part.length;
    };
  }

  #status(pending: Pending, fields: FieldReader): void {
    const { request, file: known } = pending;
    const status = readStatus(fields);
    const done = status.code === STATUS_OK;
    switch (request.kind) {
      case 'read':
        if (done) throw new SftpFault('an answer of another kind than what was asked');
        known?.download.answered();
        if (status.code === STATUS_EOF) known?.download.ended(request.offset);
        else known?.download.doubt('read_failed');
        return;
      case 'write':
        this.#written(request, known, done);
        return;
      case 'close': {
        const file = known ?? this.#open.get(request.handle);
        if (!file && done) throw new SftpFault(UNKNOWN_HANDLE);
        if (file) this.#open.delete(request.handle, file);
        if (file) this.#tellTransfers(file, done ? undefined : 'close_failed');
        return;
      }
      case 'open':
      case 'list':
        if (done) throw new SftpFault('an answer of another kind than what was asked');
        this.#tellAccess(pending, status);
        return;
      default:
        if (done) this.#changed(request, known ?? this.#fileOf(request));
        this.#tellAccess(pending, done ? 'done' : status);
    }
  }

  #written(
    request: Extract<FileRequest, { kind: 'read' | 'write' }>,
    known: OpenFile | undefined,
    done: boolean,
  ): void {
    const { handle, length } = request;
    const file = known ?? this.#open.get(handle);
    // One that failed may have written some.
    this.#changed(request, file);
    if (!file) {
      if (done) throw new SftpFault(UNKNOWN_HANDLE);
      return;
    }
    const { upload } = file;
    if (known) upload.answered();
    if (!done) upload.doubt('write_failed');
    else {
      upload.arrived(length);
      if (!known) upload.doubt('out_of_order');
    }
  }

  /** Gives the number of the action. It is counted as it is told, so that numbers stand in the recording in their order. */
  #tellAccess(pending: Pending, outcome: AnsweredAccess['outcome']): number {
    const { request, sinceUs } = pending;
    const what = this.#whatOf(pending, outcome);
    if (!what) return 0;
    const action = this.#deps.nextAction();
    const durationUs = Math.max(0, this.#deps.elapsedUs() - sinceUs);
    this.#deps.tell(factOfAccess({ ...detailsOf(request), ...what, action, durationUs, outcome }));
    return action;
  }

  /** Undefined: looking is no action, nor is what belongs to a file that is open. */
  #whatOf(
    { request, file: known }: Pending,
    outcome: unknown,
  ): Pick<AnsweredAccess, 'operation' | 'path' | 'to'> | undefined {
    const done = outcome === 'done';
    switch (request.kind) {
      case 'open':
      case 'list':
        return { operation: request.kind, path: request.path };
      case 'named':
        return { operation: request.operation, path: request.path, to: request.to };
      case 'set': {
        const file = known ?? this.#open.get(request.handle);
        const { size } = request.attributes;
        if (done && !file) throw new SftpFault(UNKNOWN_HANDLE);
        if (done && size !== undefined) file?.upload.resized(size);
        return { operation: 'set_attributes', path: file?.path };
      }
      case 'copy': {
        const to = known ?? this.#open.get(request.into);
        if (done && !to) throw new SftpFault(UNKNOWN_HANDLE);
        if (done) to?.upload.doubt('copied');
        return { operation: 'copy', path: this.#open.get(request.source)?.path, to: to?.path };
      }
      default:
        return undefined;
    }
  }

  /** Each way that content went; where none did, that nothing did, the way that it was opened for. */
  #tellTransfers(file: OpenFile, doubt: PartialReason | undefined): void {
    if (file.told) return;
    file.told = true;
    const changed = this.#open.leave(file.changes);
    if (file.kind === 'directory') return;
    const { flags, upload, download, sinceUs } = file;
    const durationUs = Math.max(0, this.#deps.elapsedUs() - sinceUs);
    const none = !upload.used && !download.used;
    for (const direction of ['upload', 'download'] as const) {
      const transfer = direction === 'upload' ? upload : download;
      const meant = (direction === 'upload') === flags.includes('write');
      if (!(none ? meant : transfer.used)) continue;
      if (doubt) transfer.doubt(doubt);
      if (changed) transfer.doubt('changed_otherwise');
      this.#deps.tell(factOfTransfer({ ...file, direction, durationUs, ...transfer.finish(direction) }));
    }
  }
}

const NO_SFTP =
  'the target sends something else than SFTP, maybe words that start-up files of its login print: these must be silent without a terminal';
const UNKNOWN_HANDLE = 'that it did something with a handle that it gave nobody';

const detailsOf = (request: FileRequest): Pick<AnsweredAccess, 'flags' | 'attributes'> => ({
  ...('flags' in request && { flags: request.flags }),
  ...('attributes' in request && request.attributes && { attributes: request.attributes }),
});

const bytesOf = (request: FileRequest): number =>
  'path' in request ? request.path.bytes.length + ('to' in request ? (request.to?.bytes.length ?? 0) : 0) : 0;

function wantedOfClient(head: Buffer): number {
  if (head[0] !== WRITE) return Number.POSITIVE_INFINITY;
  if (head.length < 9) return 9;
  const handle = head.readUInt32BE(5);
  if (handle > MAX_HANDLE_BYTES) throw new SftpFault('a handle of more than 256 bytes');
  // Type, number, handle, offset, and how long the content is.
  return 9 + handle + 12;
}

function wantedOfTarget(head: Buffer): number {
  switch (head[0]) {
    case DATA:
      return 9;
    case VERSION:
    case NAME:
    case ATTRS:
    case EXTENDED_REPLY:
      return 5;
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function faultIn(work: () => void, who: string): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof SftpFault) return `${who} ${error.message}`;
    if (error instanceof Malformed) return `${who} an SFTP packet that is cut short`;
    throw error;
  }
}
