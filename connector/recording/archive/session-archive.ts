// One session in the archiver: its cutter, what of it is in the spool, and what of it the store has
// confirmed. Made from the log while it runs, or from the spool after a crash.

import { MANIFEST_NAME } from '../../../core/recording/manifest.ts';
import type { Report } from '../../../core/control.ts';
import type { ConnectorId, SessionId } from '../../../core/ids.ts';
import type { SessionEnded } from '../../../core/recording/facts/session.ts';
import {
  decodeSegment,
  manifestKey,
  originalKey,
  originalName,
  type SealedOriginal,
  segmentKey,
  segmentName,
  toHex,
} from '../../../core/recording/segment.ts';
import { nodePlatform } from './node-platform.ts';
import { SegmentCutter } from './segment-cutter.ts';
import { type ManifestSigner, manifestOf } from './sign-manifest.ts';
import type { JournalLine, Spool } from './spool.ts';
import type { Uploader } from './uploader.ts';

/** What all sessions share. */
export interface ArchiveContext {
  readonly connector: { readonly id: ConnectorId; readonly name: string; readonly build: string };
  /** As it is when it is asked: keys change. */
  readonly signer: () => ManifestSigner;
  readonly defaultRetainDays: number;
  readonly spool: Spool;
  readonly uploader: Uploader;
  /** The log file that is being read. */
  readonly currentFile: () => number;
  /** Tries, once `turn` has come, until the files stand in the spool, in their order; counts their bytes from now on. False: the archiver stopped first. */
  readonly writeSpool: (session: SessionId, files: readonly SpoolFile[], turn: Promise<void>) => Promise<boolean>;
  readonly report: (report: Report) => void;
  readonly fault: (reason: string, message: string, session: SessionId) => void;
  /** The manifest is stored and nothing is left here. */
  readonly finished: (archive: SessionArchive) => void;
}

export interface SpoolFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const DIGEST_BYTES = 32;

export class SessionArchive {
  readonly cutter: SegmentCutter;
  /** How the log names it now. */
  slot = 0;
  /** The last frame was taken. */
  closed = false;
  readonly #context: ArchiveContext;
  /** First log files of objects not confirmed yet, oldest first. 0: not known, so every file is needed. */
  readonly #unconfirmed: number[] = [];
  /** Of objects that are not even in the spool. */
  readonly #unspooled: number[] = [];
  #spooling: Promise<void> = Promise.resolve();

  constructor(session: SessionId, context: ArchiveContext) {
    this.#context = context;
    this.cutter = new SegmentCutter(session, context.connector.id, nodePlatform);
  }

  get session(): SessionId {
    return this.cutter.session;
  }

  /** Everything taken so far is confirmed by the store. */
  get stored(): boolean {
    return this.#unconfirmed.length === 0 && this.cutter.pendingBytes === 0;
  }

  /** The oldest log file that must stay for this session; undefined: none (law 6). */
  get neededFile(): number | undefined {
    // A stuck session's spool is its local copy; it must not keep everybody's log.
    const stuck = this.#context.uploader.isStuck(this.session);
    const oldest = stuck ? this.#unspooled[0] : this.#unconfirmed[0];
    const pending = this.cutter.pendingFile;
    return oldest === undefined || pending === undefined ? (oldest ?? pending) : Math.min(oldest, pending);
  }

  /** Resolves when nothing is being written to the spool. */
  settled(): Promise<void> {
    return this.#spooling;
  }

  /** What was collected becomes a segment, is spooled, then sent. */
  cut(): void {
    const cut = this.cutter.cut();
    if (!cut) return;
    const { name, bytes, original, line, firstFile } = cut;
    // Before the segment, so that none is in the spool without it.
    const files = original ? [{ name: originalName(line.segment.number), bytes: original }] : [];
    this.#spool([...files, { name, bytes }], firstFile, () => this.#sendSegment(line, false));
  }

  /** What is left becomes the last segment, and then there is the manifest. */
  close(ended: SessionEnded): void {
    if (this.closed) return;
    this.closed = true;
    this.cut();
    const { connector, currentFile } = this.#context;
    const signer = this.#context.signer();
    const bytes = signer.sign(manifestOf(this.cutter, ended, connector, signer.publicKey));
    const file = this.#unconfirmed.at(-1) ?? currentFile();
    this.#spool([{ name: MANIFEST_NAME, bytes }], file, () => this.#sendManifest(false));
  }

  /** Goes on where another process, or an earlier archiver of this one, stopped. */
  async restore(): Promise<void> {
    const { spool, report } = this.#context;
    const lines = await spool.journal(this.session);
    this.cutter.restoreStored(lines);
    const last = lines.at(-1)?.segment;
    if (last) {
      // Perhaps never told; the edge takes it as the same as before.
      const { number, digest, frames } = last;
      report({ kind: 'segment.stored', session: this.session, number, digest, frames });
    }
    let whole = true;
    for (const name of await spool.files(this.session)) {
      // Read with its segment, or made again with it under the same name.
      if (name.endsWith('.original')) continue;
      if (name === MANIFEST_NAME && whole) {
        this.closed = true;
        this.#unconfirmed.push(0);
        this.#sendManifest(true);
      } else if (name === MANIFEST_NAME || Number(name.slice(0, 8)) < lines.length)
        await spool.remove(this.session, name);
      else whole = whole && (await this.#restoreSegment(name));
    }
    const { ended } = this.cutter.tally;
    if (ended) this.close(ended);
  }

  async #restoreSegment(name: string): Promise<boolean> {
    const { spool, fault } = this.#context;
    try {
      const bytes = await spool.read(this.session, name);
      const segment = decodeSegment(bytes, nodePlatform);
      const { number, original } = segment.header;
      if (original) await this.#readOriginal(number, original);
      const line = this.cutter.restoreSpooled(segment, bytes.length);
      if (line) {
        this.#unconfirmed.push(0);
        this.#sendSegment(line, true);
        return true;
      }
    } catch {
      // Falls through: what is damaged is made again from the log.
    }
    fault('spool_damaged', `${name} on disk is damaged and is made again from the log`, this.session);
    await spool.remove(this.session, name);
    await spool.remove(this.session, originalName(Number(name.slice(0, 8))));
    return false;
  }

  #spool(files: readonly SpoolFile[], file: number, then: () => void): void {
    this.#unconfirmed.push(file);
    this.#unspooled.push(file);
    const written = this.#context.writeSpool(this.session, files, this.#spooling);
    this.#spooling = written.then((whole) => {
      if (!whole) return;
      this.#unspooled.shift();
      then();
    });
  }

  #sendSegment(line: JournalLine, attempted: boolean): void {
    const { spool, uploader, report } = this.#context;
    const { session } = this;
    const { number, digest, frames, original } = line.segment;
    const name = segmentName(number);
    // In front of it in the session's queue: a segment that is stored has its original.
    if (original)
      uploader.add({
        session,
        key: originalKey(this.cutter.connector, session, number),
        attempted,
        retainDays: this.#retainDays,
        read: () => this.#readOriginal(number, original),
        // Its local copy goes with the segment's.
        confirmed: async () => undefined,
      });
    uploader.add({
      session,
      key: segmentKey(this.cutter.connector, session, number),
      attempted,
      retainDays: this.#retainDays,
      read: async () => {
        const bytes = await spool.read(session, name);
        const found = toHex(nodePlatform.sha256(bytes.subarray(0, bytes.length - DIGEST_BYTES)));
        if (found !== digest) throw new Error('the copy on disk is not what was written');
        return bytes;
      },
      confirmed: async () => {
        await spool.confirmed(session, name, line);
        this.#unconfirmed.shift();
        report({ kind: 'segment.stored', session, number, digest, frames });
      },
    });
  }

  async #readOriginal(number: number, { digest }: SealedOriginal): Promise<Uint8Array> {
    const bytes = await this.#context.spool.read(this.session, originalName(number));
    if (toHex(nodePlatform.sha256(bytes)) === digest) return bytes;
    throw new Error('the copy on disk is not what was written');
  }

  #sendManifest(attempted: boolean): void {
    const { spool, uploader, signer, report, finished, currentFile } = this.#context;
    const { session, cutter } = this;
    let digest = '';
    uploader.add({
      session,
      key: manifestKey(cutter.connector, session),
      attempted,
      retainDays: this.#retainDays,
      read: async () => {
        const bytes = await spool.read(session, MANIFEST_NAME);
        signer().check(bytes);
        digest = toHex(nodePlatform.sha256(bytes));
        return bytes;
      },
      confirmed: async () => {
        await spool.finished(session, currentFile());
        this.#unconfirmed.shift();
        const counts = cutter.tally.counts();
        report({ kind: 'manifest.stored', session, digest, segments: cutter.segments.length, counts });
        finished(this);
      },
    });
  }

  get #retainDays(): number {
    return this.cutter.tally.opened?.grant.obligations.record.retainDays ?? this.#context.defaultRetainDays;
  }
}
