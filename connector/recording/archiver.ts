// Follows the write-ahead log, cuts each session into segments, spools them, has them uploaded, and
// closes each session with its manifest. Runs in a worker thread (archiver-worker.ts); everything it
// needs to go on after a crash is on disk.
//
// Law 6: a log file goes when no session needs it: all its frames are in objects that the store
// confirmed, and for a session that ended in it, so is the manifest.

import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectorId, SessionId } from '../../core/ids.ts';
import type { Report } from '../../core/control.ts';
import type { SessionEnded } from '../../core/recording/facts.ts';
import { decodeSegment, manifestKey, segmentKey, toHex } from '../../core/recording/segment.ts';
import { nodePlatform } from './node-platform.ts';
import type { ObjectStore } from './object-store.ts';
import { SegmentCutter } from './segment-cutter.ts';
import { type ManifestSigner, manifestOf } from './sign-manifest.ts';
import { type JournalLine, MANIFEST_NAME, Spool } from './spool.ts';
import { type UploadItem, Uploader } from './uploader.ts';
import { walFileName } from './wal-format.ts';
import { walFiles, WalReader } from './wal-reader.ts';

export interface UnloggedEnd {
  readonly session: SessionId;
  readonly sequence: number;
  readonly timeUs: number;
  readonly ended: SessionEnded;
}

export interface ArchiverOptions {
  /** The log's own folder, with `wal/` in it. */
  readonly directory: string;
  readonly connector: { readonly id: ConnectorId; readonly name: string; readonly build: string };
  readonly signer: ManifestSigner;
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
  readonly now: () => number;
  readonly random: () => number;
  readonly onReport: (report: Report) => void;
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

interface Archive {
  readonly cutter: SegmentCutter;
  /** First log files of objects not confirmed yet, oldest first. 0: not known, so every file is needed. */
  readonly unconfirmed: number[];
  /** Log files of objects that are not even in the spool. */
  readonly unspooled: number[];
  /** Spool writes, one after the other. */
  spooling: Promise<void>;
  closed: boolean;
}

export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #spool: Spool;
  readonly #uploader: Uploader;
  readonly #reader: WalReader;
  readonly #wal: string;
  readonly #archives = new Map<SessionId, Archive>();
  readonly #slots = new Map<number, Archive>();
  /** Sessions with frames in no segment, in the order in which they are due. */
  readonly #pending = new Set<Archive>();
  readonly #ends = new Map<SessionId, UnloggedEnd>();
  readonly #files: number[];
  #recovered = false;
  #pendingBytes = 0;
  #spoolingBytes = 0;
  #spoolFailing = false;
  #flushing = false;
  #closed = false;
  readonly #sleepers = new Set<() => void>();

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
        this.#slots.clear();
        if (!this.#files.includes(number)) this.#files.push(number);
      },
      session: (slot, id) => this.#bind(slot, id),
      frame: (slot, sequence, frame) => this.#take(slot, sequence, frame),
      damaged: (file, offset, length) =>
        this.#fault('log_damaged', `${length} bytes of log file ${file} at ${offset} cannot be read`),
    });
  }

  get backlog(): Backlog {
    const uploads = this.#uploader.backlog;
    let sessions = 0;
    for (const archive of this.#archives.values()) if (!isStored(archive)) sessions++;
    return { ...uploads, sessions, walFiles: this.#files.length };
  }

  /** Runs until close(). Rejects for what nothing here can repair; the thread is then started anew. */
  async run(): Promise<void> {
    await this.#spool.open();
    for (const session of await this.#spool.listSessions()) await this.#restore(session);
    while (!this.#closed) {
      if (!this.#recovered && this.#reader.file >= this.#options.firstFile) this.#finishCrashed();
      const more = this.#reader.step(this.#options.committed());
      if (!more) for (const end of this.#ends.values()) this.#endIfRead(end);
      this.#cutDue(!more && this.#flushing);
      if (!more) this.#collectGarbage();
      while (this.#spoolingBytes > MAX_SPOOLING_BYTES && !this.#closed) await this.#pause(TICK_MS);
      if (more) await new Promise((resolve) => setImmediate(resolve));
      else await this.#pause(TICK_MS);
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

  /** Cuts without waiting from now on; true when everything up to `committed` is stored. */
  flush(): boolean {
    this.#flushing = true;
    this.#wakeAll();
    if (!this.#recovered || !this.#reader.hasRead(this.#options.committed())) return false;
    for (const archive of this.#archives.values()) if (!isStored(archive)) return false;
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeAll();
    this.#uploader.close();
    this.#reader.close();
    await Promise.all([...this.#archives.values()].map((archive) => archive.spooling));
    await this.#spool.close();
    await this.#options.store.close();
  }

  #archive(session: SessionId): Archive {
    const known = this.#archives.get(session);
    if (known) return known;
    const cutter = new SegmentCutter(session, this.#options.connector.id, nodePlatform);
    const spooling = Promise.resolve();
    const archive: Archive = { cutter, unconfirmed: [], unspooled: [], spooling, closed: false };
    this.#archives.set(session, archive);
    return archive;
  }

  #bind(slot: number, id: string): void {
    const session = SessionId.safeParse(id);
    if (session.success && !this.#spool.isDone(session.data)) this.#slots.set(slot, this.#archive(session.data));
  }

  #take(slot: number, sequence: number, frame: Buffer): void {
    const archive = this.#slots.get(slot);
    if (!archive || archive.closed) return;
    if (archive.cutter.wouldOverflow(frame.length)) this.#cut(archive);
    if (!archive.cutter.add(sequence, frame, this.#reader.file, this.#options.now())) return;
    this.#pendingBytes += frame.length;
    this.#pending.add(archive);
    if (archive.cutter.tally.ended) this.#close(archive, archive.cutter.tally.ended);
  }

  #cutDue(all: boolean): void {
    const now = this.#options.now();
    for (const archive of this.#pending)
      if (all || archive.cutter.dueMs <= now || this.#pendingBytes > MAX_PENDING_BYTES) this.#cut(archive);
  }

  #cut(archive: Archive): void {
    this.#pending.delete(archive);
    this.#pendingBytes -= archive.cutter.pendingBytes;
    const cut = archive.cutter.cut();
    if (!cut) return;
    archive.unconfirmed.push(cut.firstFile);
    this.#spooled(archive, cut.name, cut.bytes, cut.firstFile, () => this.#upload(archive, cut.line, false));
  }

  /** The session's last frame was taken: what is left becomes its last segment, and then its manifest. */
  #close(archive: Archive, ended: SessionEnded): void {
    if (archive.closed) return;
    archive.closed = true;
    this.#cut(archive);
    const { session } = archive.cutter;
    const manifest = manifestOf(archive.cutter, ended, this.#options.connector, this.#options.signer.publicKey);
    const bytes = this.#options.signer.sign(manifest);
    const file = archive.unconfirmed.at(-1) ?? this.#reader.file;
    archive.unconfirmed.push(file);
    this.#ends.delete(session);
    this.#spooled(archive, MANIFEST_NAME, bytes, file, () => this.#uploadManifest(archive, false));
  }

  #spooled(archive: Archive, name: string, bytes: Uint8Array, file: number, then: () => void): void {
    this.#spoolingBytes += bytes.length;
    archive.unspooled.push(file);
    archive.spooling = archive.spooling.then(async () => {
      while (!this.#closed && !(await this.#trySpool(archive, name, bytes))) await this.#pause(SPOOL_RETRY_MS);
      this.#spoolingBytes -= bytes.length;
      if (this.#closed) return;
      archive.unspooled.shift();
      then();
    });
  }

  async #trySpool(archive: Archive, name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#spool.write(archive.cutter.session, name, bytes);
      if (this.#spoolFailing) this.#fault('spool_recovered', 'segments can be written to disk again');
      this.#spoolFailing = false;
      return true;
    } catch (error) {
      if (!this.#spoolFailing) this.#fault('spool_failing', codeOf(error), archive.cutter.session);
      this.#spoolFailing = true;
      return false;
    }
  }

  #upload(archive: Archive, line: JournalLine, attempted: boolean): void {
    const { cutter } = archive;
    const { session, connector } = cutter;
    const { number, digest, frames } = line.segment;
    const key = segmentKey(connector, session, number);
    const name = key.slice(key.lastIndexOf('/') + 1);
    this.#uploader.add({
      session,
      key,
      attempted,
      retainDays: this.#retainDays(archive),
      read: async () => {
        const bytes = await this.#spool.read(session, name);
        const found = toHex(nodePlatform.sha256(bytes.subarray(0, bytes.length - 32)));
        if (found !== digest) throw new Error('the copy on disk is not what was written');
        return bytes;
      },
      confirmed: async () => {
        await this.#spool.confirmed(session, name, line);
        archive.unconfirmed.shift();
        this.#options.onReport({ kind: 'segment.stored', session, number, digest, frames });
      },
    });
  }

  #uploadManifest(archive: Archive, attempted: boolean): void {
    const { session, connector } = archive.cutter;
    let digest = '';
    const item: UploadItem = {
      session,
      key: manifestKey(connector, session),
      attempted,
      retainDays: this.#retainDays(archive),
      read: async () => {
        const bytes = await this.#spool.read(session, MANIFEST_NAME);
        this.#options.signer.check(bytes);
        digest = toHex(nodePlatform.sha256(bytes));
        return bytes;
      },
      confirmed: async () => {
        await this.#spool.finished(session, this.#reader.file);
        archive.unconfirmed.shift();
        this.#archives.delete(session);
        const counts = archive.cutter.tally.counts();
        const segments = archive.cutter.segments.length;
        this.#options.onReport({ kind: 'manifest.stored', session, digest, segments, counts });
        this.#options.onFinished(session);
      },
    };
    this.#uploader.add(item);
  }

  /** Goes on where another process, or an earlier archiver of this one, stopped. */
  async #restore(session: SessionId): Promise<void> {
    if (this.#spool.isDone(session)) return this.#spool.discard(session);
    const archive = this.#archive(session);
    const lines = await this.#spool.journal(session);
    archive.cutter.restoreStored(lines);
    const last = lines.at(-1)?.segment;
    if (last) {
      const { number, digest, frames } = last;
      this.#options.onReport({ kind: 'segment.stored', session, number, digest, frames });
    }
    let whole = true;
    for (const name of await this.#spool.files(session)) {
      if (name === MANIFEST_NAME) {
        if (!whole) await this.#spool.remove(session, name);
        else {
          archive.closed = true;
          archive.unconfirmed.push(0);
          this.#uploadManifest(archive, true);
        }
      } else if (Number(name.slice(0, 8)) < lines.length) await this.#spool.remove(session, name);
      else whole = whole && (await this.#restoreSegment(archive, name));
    }
    const { ended } = archive.cutter.tally;
    if (ended && !archive.closed) this.#close(archive, ended);
  }

  async #restoreSegment(archive: Archive, name: string): Promise<boolean> {
    const { session } = archive.cutter;
    try {
      const bytes = await this.#spool.read(session, name);
      const line = archive.cutter.restoreSpooled(decodeSegment(bytes, nodePlatform), bytes.length);
      if (line) {
        archive.unconfirmed.push(0);
        this.#upload(archive, line, true);
        return true;
      }
    } catch {
      // Falls through: what is damaged is made again from the log.
    }
    this.#fault('spool_damaged', `${name} on disk is damaged and is made again from the log`, session);
    await this.#spool.remove(session, name);
    return false;
  }

  /** Everything an earlier process left has been read: sessions it did not end are ended now. */
  #finishCrashed(): void {
    this.#recovered = true;
    let count = 0;
    for (const archive of [...this.#archives.values()]) {
      const { session, tally } = archive.cutter;
      if (archive.closed || this.#options.live.has(session)) continue;
      if (tally.frames === 0) {
        this.#archives.delete(session);
        continue;
      }
      const message = 'the connector stopped without closing this session';
      this.#finish(archive, { kind: 'session.ended', reason: 'connector_crashed', message }, 0);
      count++;
    }
    if (count > 0)
      this.#fault('sessions_recovered', `${count} sessions were left open by a crash and are being closed`);
  }

  #endIfRead(end: UnloggedEnd): void {
    const archive = this.#archives.get(end.session);
    if (archive && !archive.closed && archive.cutter.nextSequence >= end.sequence)
      this.#finish(archive, end.ended, end.timeUs);
    else if (!archive && this.#reader.hasRead(this.#options.committed())) this.#ends.delete(end.session);
  }

  #finish(archive: Archive, ended: SessionEnded, timeUs: number): void {
    const before = archive.cutter.pendingBytes;
    archive.cutter.addEnd(ended, timeUs, this.#reader.file, this.#options.now());
    this.#pendingBytes += archive.cutter.pendingBytes - before;
    this.#close(archive, ended);
  }

  #collectGarbage(): void {
    let needed = this.#reader.file;
    if ((this.#files[0] ?? needed) >= needed) return;
    for (const archive of this.#archives.values()) {
      // A stuck session's spool is its local copy; it must not keep everybody's log.
      const { unconfirmed, unspooled, cutter } = archive;
      const oldest = this.#uploader.isStuck(cutter.session) ? unspooled[0] : unconfirmed[0];
      needed = Math.min(needed, oldest ?? needed, cutter.pendingFile ?? needed);
    }
    if ((this.#files[0] ?? needed) >= needed) return;
    while (this.#files[0] !== undefined && this.#files[0] < needed) {
      unlinkSync(join(this.#wal, walFileName(this.#files[0])));
      this.#files.shift();
    }
    void this.#spool.forgetDone(this.#files[0] ?? needed).catch(() => undefined);
  }

  #retainDays(archive: Archive): number {
    return archive.cutter.tally.opened?.grant.obligations.record.retainDays ?? this.#options.defaultRetainDays;
  }

  #fault(reason: string, message: string, session?: SessionId): void {
    const at = new Date(this.#options.now()).toISOString();
    this.#options.onReport({
      kind: 'connector.fault',
      reason,
      message: message.slice(0, 1000),
      at,
      ...(session && { session }),
    });
  }

  /** Ends early at flush() and close(). */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#sleepers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#sleepers.add(done);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#sleepers]) wake();
  }
}

const isStored = (archive: Archive): boolean => archive.unconfirmed.length === 0 && archive.cutter.pendingBytes === 0;

const codeOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'unknown error';
