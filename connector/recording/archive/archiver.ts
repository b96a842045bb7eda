// Follows the write-ahead log, cuts each session into segments, spools them, has them uploaded, and
// closes each session with its manifest. Runs in a worker thread (archiver-worker.ts); everything it
// needs to go on after a crash is on disk.
//
// Law 6: a log file goes when no session needs it: all its frames are in objects that the store
// confirmed, and for a session that ended in it, so is the manifest.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../../core/control.ts';
import { type ConnectorId, SessionId } from '../../../core/ids.ts';
import type { SessionEnded } from '../../../core/recording/facts/session.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type ArchiveContext, SessionArchive, type SpoolFile } from './session-archive.ts';
import type { ManifestSigner } from './sign-manifest.ts';
import { Spool } from './spool.ts';
import { Sleepers } from '../store/sleepers.ts';
import { Uploader } from './uploader.ts';
import { walFileName } from '../wal/wal-format.ts';
import { walFiles, WalReader } from '../wal/wal-reader.ts';

export interface UnloggedEnd {
  readonly session: SessionId;
  readonly sequence: number;
  readonly timeUs: number;
  readonly ended: SessionEnded;
}

interface ArchiverOptions {
  /** The log's own folder, with `wal/` in it. */
  readonly directory: string;
  readonly connector: { readonly id: ConnectorId; readonly name: string; readonly build: string };
  /** As it is when it is asked: keys change. */
  readonly signer: () => ManifestSigner;
  readonly store: ObjectStore;
  /** For sessions that a crash left without their first frame. */
  readonly defaultRetainDays: number;
  readonly concurrency: number;
  readonly backOff: { readonly firstMs: number; readonly longestMs: number };
  /** How far the log may be read. */
  readonly committed: () => { file: number; offset: number };
  /** First log file of this process; what is older was left by another. */
  readonly firstFile: number;
  /** Sessions of this process, when the archiver was started again within it. */
  readonly live: ReadonlySet<SessionId>;
  /** Sessions that an earlier process asked for, whether or not they came into its log. */
  readonly opening: readonly SessionId[];
  readonly now: () => number;
  readonly random: () => number;
  readonly onReport: (report: Report) => void;
  /** Everything that an earlier process left has been read. `unbegun`: those of `opening` of which there is nothing. */
  readonly onRecovered: (unbegun: readonly SessionId[]) => void;
  /** The session's manifest is stored and nothing of it is left here. */
  readonly onFinished: (session: SessionId) => void;
}

export interface Backlog {
  /** Sessions with anything that is not stored yet. */
  readonly sessions: number;
  readonly objects: number;
  readonly failing: number;
  readonly stuck: number;
  readonly walFiles: number;
}

const TICK_MS = 100;
/** Frames of all sessions together that wait to be cut. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** Segments cut and not in the spool yet. */
const MAX_SPOOLING_BYTES = 16 * 1024 * 1024;
const SPOOL_RETRY_MS = 500;

export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #context: ArchiveContext;
  readonly #spool: Spool;
  readonly #uploader: Uploader;
  readonly #reader: WalReader;
  readonly #wal: string;
  readonly #archives = new Map<SessionId, SessionArchive>();
  readonly #slots = new Map<number, SessionArchive>();
  /** Sessions with frames in no segment. */
  readonly #pending = new Set<SessionArchive>();
  readonly #ends = new Map<SessionId, UnloggedEnd>();
  readonly #files: number[];
  #recovered = false;
  /** As of this round: a call for each frame would cost more than the frame. */
  #nowMs = 0;
  #pendingBytes = 0;
  #spoolingBytes = 0;
  #spoolFailing = false;
  #flushing = false;
  #closed = false;
  /** Woken early by flush() and close(). */
  readonly #sleepers = new Sleepers();

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#wal = join(options.directory, 'wal');
    this.#spool = new Spool(options.directory);
    this.#files = walFiles(this.#wal);
    this.#uploader = new Uploader({
      ...options,
      onFailing: (session, message) => this.#fault('upload_failing', message, session),
      onRecovered: () => this.#fault('upload_recovered', 'every recording is being stored again'),
      onStuck: (session, reason, message) => this.#fault(reason, message, session),
    });
    this.#reader = new WalReader(this.#wal, this.#files[0] ?? options.firstFile, {
      file: (number) => {
        // What an earlier process called by these slots is over.
        this.#slots.clear();
        if (!this.#files.includes(number)) this.#files.push(number);
      },
      session: (slot, id) => this.#bind(slot, id),
      frame: (slot, sequence, bytes, start, end) => this.#take(slot, sequence, bytes, start, end),
      original: (slot, sequence, number, sealed) => this.#takeOriginal(slot, sequence, number, sealed),
      damaged: (file, offset, length) =>
        this.#fault('log_damaged', `${length} bytes of log file ${file} at ${offset} cannot be read`),
    });
    this.#context = {
      ...options,
      spool: this.#spool,
      uploader: this.#uploader,
      currentFile: () => this.#reader.file,
      writeSpool: (session, files, turn) => this.#writeSpool(session, files, turn),
      report: options.onReport,
      fault: (reason, message, session) => this.#fault(reason, message, session),
      finished: (archive) => this.#finished(archive),
    };
  }

  get backlog(): Backlog {
    const uploads = this.#uploader.backlog;
    let sessions = 0;
    for (const archive of this.#archives.values()) if (!archive.stored) sessions++;
    return { ...uploads, sessions, walFiles: this.#files.length };
  }

  /** Runs until close(). Rejects for what nothing here can repair; the thread is then started anew. */
  async run(): Promise<void> {
    await this.#spool.open();
    for (const session of await this.#spool.listSessions()) {
      if (this.#spool.isDone(session)) await this.#spool.discard(session);
      else await this.#archive(session).restore();
    }
    while (!this.#closed) {
      if (!this.#recovered && this.#reader.file >= this.#options.firstFile) this.#finishCrashed();
      this.#nowMs = this.#options.now();
      const more = this.#reader.step(this.#options.committed());
      if (!more) for (const end of this.#ends.values()) this.#endIfRead(end);
      this.#cutDue(!more && this.#flushing);
      // What is let go is forgotten, and until then it is asked what an earlier process had begun.
      if (!more && this.#recovered) this.#collectGarbage();
      while (this.#spoolingBytes > MAX_SPOOLING_BYTES && !this.#closed) await this.#sleepers.sleep(TICK_MS);
      if (more) await new Promise((resolve) => setImmediate(resolve));
      else await this.#sleepers.sleep(TICK_MS);
    }
  }

  /** Whether sessions may write to this disk: while none may, the reserve is there to be used. */
  sessionsRun(may: boolean): void {
    if (may) void this.#spool.reserve.fill();
    else this.#spool.reserve.allow();
  }

  end(end: UnloggedEnd): void {
    this.#ends.set(end.session, end);
  }

  /** Cuts without waiting from now on; true when everything up to `committed` is stored, and told of where it can be. */
  flush(): boolean {
    this.#flushing = true;
    this.#sleepers.wakeAll();
    if (!this.#recovered || !this.#reader.hasRead(this.#options.committed())) return false;
    for (const archive of this.#archives.values()) if (!archive.stored) return false;
    return this.#ends.size === 0 && this.#options.store.announced;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sleepers.wakeAll();
    this.#uploader.close();
    this.#reader.close();
    await Promise.all([...this.#archives.values()].map((archive) => archive.settled()));
    await this.#spool.close();
    await this.#options.store.close();
  }

  #archive(session: SessionId): SessionArchive {
    let archive = this.#archives.get(session);
    if (!archive) {
      archive = new SessionArchive(session, this.#context);
      this.#archives.set(session, archive);
    }
    return archive;
  }

  #bind(slot: number, id: string): void {
    if (this.#slots.get(slot)?.session === id) return;
    const session = SessionId.safeParse(id);
    if (!session.success || this.#spool.isDone(session.data)) {
      this.#slots.delete(slot);
      return;
    }
    const archive = this.#archive(session.data);
    archive.slot = slot;
    this.#slots.set(slot, archive);
  }

  #take(slot: number, sequence: number, bytes: Buffer, start: number, end: number): void {
    const archive = this.#slots.get(slot);
    if (!archive || archive.closed) return;
    const { cutter } = archive;
    if (cutter.wouldOverflow(end - start)) this.#cut(archive);
    const before = cutter.pendingBytes;
    if (!cutter.add(sequence, bytes, start, end, this.#reader.file, this.#nowMs)) return;
    this.#pendingBytes += cutter.pendingBytes - before;
    this.#pending.add(archive);
    if (cutter.tally.ended) this.#close(archive, cutter.tally.ended);
  }

  #takeOriginal(slot: number, sequence: number, number: number, sealed: Buffer): void {
    const archive = this.#slots.get(slot);
    if (!archive || archive.closed) return;
    const before = archive.cutter.pendingBytes;
    archive.cutter.addOriginal(sequence, number, sealed, this.#reader.file);
    this.#pendingBytes += archive.cutter.pendingBytes - before;
  }

  #cutDue(all: boolean): void {
    for (const archive of this.#pending)
      if (all || archive.cutter.dueMs <= this.#nowMs || this.#pendingBytes > MAX_PENDING_BYTES) this.#cut(archive);
  }

  #cut(archive: SessionArchive): void {
    this.#pending.delete(archive);
    const before = archive.cutter.pendingBytes;
    archive.cut();
    this.#pendingBytes += archive.cutter.pendingBytes - before;
  }

  #close(archive: SessionArchive, ended: SessionEnded): void {
    this.#cut(archive);
    archive.close(ended);
    this.#ends.delete(archive.session);
  }

  #finished(archive: SessionArchive): void {
    this.#archives.delete(archive.session);
    if (this.#slots.get(archive.slot) === archive) this.#slots.delete(archive.slot);
    this.#options.onFinished(archive.session);
  }

  async #writeSpool(session: SessionId, files: readonly SpoolFile[], turn: Promise<void>): Promise<boolean> {
    const size = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#spoolingBytes += size;
    await turn;
    for (const { name, bytes } of files)
      while (!this.#closed && !(await this.#trySpool(session, name, bytes))) await this.#sleepers.sleep(SPOOL_RETRY_MS);
    this.#spoolingBytes -= size;
    return !this.#closed;
  }

  async #trySpool(session: SessionId, name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#spool.write(session, name, bytes);
      if (this.#spoolFailing) this.#fault('spool_recovered', 'segments can be written to disk again');
      this.#spoolFailing = false;
      return true;
    } catch (error) {
      this.#spoolFailed(error, session);
      return false;
    }
  }

  #spoolFailed(error: unknown, session?: SessionId): void {
    if (!this.#spoolFailing) this.#fault('spool_failing', codeOf(error), session);
    this.#spoolFailing = true;
  }

  /** Everything an earlier process left has been read: sessions it did not end are ended now. */
  #finishCrashed(): void {
    this.#recovered = true;
    const began = (session: SessionId): boolean =>
      this.#spool.isDone(session) || (this.#archives.get(session)?.cutter.tally.frames ?? 0) > 0;
    this.#options.onRecovered(this.#options.opening.filter((session) => !began(session)));
    let count = 0;
    for (const archive of [...this.#archives.values()]) {
      if (archive.closed || this.#options.live.has(archive.session)) continue;
      if (archive.cutter.tally.frames === 0) {
        this.#archives.delete(archive.session);
        continue;
      }
      const message = 'the connector stopped without closing this session';
      const ended = { kind: 'session.ended', reason: 'connector_crashed', message } as const;
      this.#finish(archive, ended, 0);
      // Nobody else is left to say so, and it is true from here on, whenever the store takes the rest.
      this.#options.onReport({ ...ended, session: archive.session, at: this.#iso() });
      count++;
    }
    if (count > 0)
      this.#fault('sessions_recovered', `${count} sessions were left open by a crash and are being closed`);
  }

  #endIfRead(end: UnloggedEnd): void {
    const archive = this.#archives.get(end.session);
    if (archive && !archive.closed && archive.cutter.nextSequence >= end.sequence)
      this.#finish(archive, end.ended, end.timeUs);
    else if (!archive || archive.closed) this.#ends.delete(end.session);
  }

  /** Ends a session whose own end is not in the log. */
  #finish(archive: SessionArchive, ended: SessionEnded, timeUs: number): void {
    const before = archive.cutter.pendingBytes;
    archive.cutter.addEnd(ended, timeUs, this.#reader.file, this.#nowMs);
    this.#pendingBytes += archive.cutter.pendingBytes - before;
    this.#close(archive, ended);
  }

  /** Drops the log files that no session needs (law 6). */
  #collectGarbage(): void {
    let needed = this.#reader.file;
    if ((this.#files[0] ?? needed) >= needed) return;
    for (const archive of this.#archives.values()) needed = Math.min(needed, archive.neededFile ?? needed);
    if ((this.#files[0] ?? needed) >= needed) return;
    while (this.#files[0] !== undefined && this.#files[0] < needed) {
      rmSync(join(this.#wal, walFileName(this.#files[0])), { force: true });
      this.#files.shift();
    }
    this.#spool.forgetDone(this.#files[0] ?? needed).catch((error: unknown) => this.#spoolFailed(error));
  }

  #iso(): string {
    return new Date(this.#options.now()).toISOString();
  }

  #fault(reason: string, message: string, session?: SessionId): void {
    this.#options.onReport({
      kind: 'connector.fault',
      reason,
      message: message.slice(0, 1000),
      at: this.#iso(),
      ...(session && { session }),
    });
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'unknown error';
