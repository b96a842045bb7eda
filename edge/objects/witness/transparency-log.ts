// The transparency log of sessions (core/tlog): an entry when a session opens and when its manifest is stored, under one tree
// that only ever grows. The hashes of the tree are made when somebody asks for a checkpoint. What is in the object store
// and older is freed here (log-tiles.ts).

import { checkpointText, showLogProof } from '../../../core/tlog/checkpoint.ts';
import { parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import {
  consistencyProof,
  hashLeaf,
  inclusionProof,
  nodesOfLeaf,
  rootOf,
  type MerkleNode,
} from '../../../core/tlog/merkle.ts';
import { type NoteKey, parseNote, showNote, signNote, type SignNote } from '../../../core/tlog/note.ts';
import { BUNDLE_ENTRIES } from '../../../core/tlog/log-archive.ts';
import { type SessionEvent, sessionDigest, showLogEntry } from '../../../core/tlog/session-entry.ts';
import { equalBytes, toBase64 } from '../../../core/scram.ts';
import type { LogArchive } from '../../audit-archive.ts';
import { BUNDLE_LEVEL, LOG_TILES_SCHEMA, LogTiles } from './log-tiles.ts';

export const LOG_SCHEMA = `
  CREATE TABLE IF NOT EXISTS log_entries (
    idx INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    session TEXT,
    digest TEXT,
    subject TEXT,
    entry TEXT
  );
  CREATE INDEX IF NOT EXISTS log_subjects ON log_entries (subject);
  CREATE TABLE IF NOT EXISTS log_nodes (
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, idx)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS checkpoints (
    size INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    note TEXT NOT NULL
  );
  CREATE TRIGGER IF NOT EXISTS log_nodes_keep BEFORE UPDATE ON log_nodes
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
  CREATE TRIGGER IF NOT EXISTS log_entries_keep BEFORE UPDATE ON log_entries WHEN OLD.entry IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
  CREATE TRIGGER IF NOT EXISTS checkpoints_keep BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
${LOG_TILES_SCHEMA}`;

/** Hashed at once; others are served in between. */
const BATCH = 500;
const LOG_PAGE = 1_000;
/** Entries that stay although they are stored, so that what is asked for most needs no object store. */
const KEPT_ENTRIES = 64 * BUNDLE_ENTRIES;
/** Checkpoints that nobody is given any more. */
const CHECKPOINT_KEPT_MS = 24 * 3_600_000;

/** `session`: its id, or the name of a piece. */
export interface NewLogEntry {
  readonly event: SessionEvent;
  readonly session: string;
  readonly digest?: string | undefined;
}

export interface LogSigner {
  readonly key: NoteKey;
  readonly sign: SignNote;
}

/** How old a checkpoint may be that is given out for its cosignatures. */
const COSIGNED_WITHIN_MS = 15 * 60_000;

interface SizedNote {
  readonly size: number;
  readonly note: string;
}

export class TransparencyLog {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly #signer: () => Promise<LogSigner>;
  readonly #tiles: LogTiles;
  /** One at a time: a second would give the same index to another leaf. */
  #growing: Promise<number> | undefined;

  constructor(storage: DurableObjectStorage, signer: () => Promise<LogSigner>, archive: () => LogArchive) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#signer = signer;
    this.#tiles = new LogTiles(storage, archive, (level, index) => this.#readHere(level, index));
  }

  /**
   * Their indices, in their order. What is in the log already, and has not been freed, is not entered again: whoever enters it
   * may not have heard the answer.
   */
  async enter(entries: readonly NewLogEntry[]): Promise<number[]> {
    const made = await Promise.all(
      entries.map(async ({ event, session, digest }) => {
        const subject = await sessionDigest(session);
        return { event, subject, entry: showLogEntry({ event, session: subject, ...(digest && { digest }) }) };
      }),
    );
    let size = this.entryCount();
    return this.#storage.transactionSync(() =>
      made.map(({ event, subject, entry }) => {
        const known = this.#sql
          .exec('SELECT idx FROM log_entries WHERE subject = ? AND entry = ?', subject, entry)
          .toArray()[0];
        if (known) return Number(known.idx);
        this.#sql.exec(
          'INSERT INTO log_entries (idx, event, subject, entry) VALUES (?, ?, ?, ?)',
          size,
          event,
          subject,
          entry,
        );
        return size++;
      }),
    );
  }

  /** What an earlier release witnessed before there was a log, in the order of its times. */
  addEarlier(): void {
    if (this.entryCount() > 0) return;
    this.#sql.exec(`
      INSERT INTO log_entries (idx, event, session, digest)
      SELECT row_number() OVER (ORDER BY at, place, session) - 1, event, session, digest FROM (
        SELECT admitted_at AS at, 0 AS place, 'opened' AS event, session, NULL AS digest FROM sessions
        UNION ALL SELECT at, 1, 'manifest', session, digest FROM manifests
        UNION ALL SELECT at, 1, 'never-began', session, NULL FROM never_began
      )`);
  }

  /** The newest checkpoint, of all entries, signed by the log alone. */
  async newest(): Promise<SizedNote> {
    const size = await this.#grow();
    const { key, sign } = await this.#signer();
    const known = this.#sql.exec('SELECT note FROM checkpoints WHERE size = ?', size).toArray()[0];
    // Of another name or key of this edge: under the new one it is signed when it is asked for.
    if (known && isSignedBy(String(known.note), key)) return { size, note: String(known.note) };
    const root = await rootOf(size, this.#read);
    const text = checkpointText({ origin: key.name, size, root });
    const note = showNote({ text, signatures: [await signNote(text, key, sign)] });
    // Somebody else may have been faster: Ed25519 signs the same text alike.
    const at = new Date(Date.now()).toISOString();
    this.#sql.exec('INSERT OR IGNORE INTO checkpoints (size, at, note) VALUES (?, ?, ?)', size, at, note);
    return { size, note };
  }

  /** A checkpoint with what witnesses made of it. */
  withCosignatures({ size, note }: SizedNote): SizedNote {
    const lines = this.#sql.exec('SELECT line FROM cosignatures WHERE size = ? ORDER BY witness', size).toArray();
    return { size, note: note + lines.map(({ line }) => String(line)).join('') };
  }

  /** How many entries there are, hashed or not. */
  entryCount(): number {
    return this.#number('SELECT max(idx) + 1 AS n FROM log_entries') ?? this.#tiles.freed();
  }

  /** Whether there is something to free: whole bundles that are stored. `hard`: all of those, whatever their age. */
  canFree(storedSize: number, hard: boolean): boolean {
    const free = this.#tiles.freed() + BUNDLE_ENTRIES;
    return free <= storedSize && (hard || free + KEPT_ENTRIES <= this.entryCount());
  }

  /** How many whole bundles are in the object store alone. */
  freedBundles(): number {
    return this.#tiles.freed() / BUNDLE_ENTRIES;
  }

  freeNext(): ReturnType<LogTiles['freeNext']> {
    return this.#tiles.freeNext();
  }

  /** Those that nobody is given any more, and what cosigned them: the stored ones are in the object store. */
  dropCheckpoints(): void {
    const before = new Date(Date.now() - CHECKPOINT_KEPT_MS).toISOString();
    this.#sql.exec('DELETE FROM checkpoints WHERE at < ? AND size < (SELECT max(size) FROM checkpoints)', before);
    this.#sql.exec('DELETE FROM cosignatures WHERE size < (SELECT min(size) FROM checkpoints)');
  }

  async checkpoint(): Promise<string> {
    return (await this.#served(0)).note;
  }

  /**
   * Of at least so many entries. While witnesses answer, one that they have cosigned, though it may be a minute old: the
   * newest would lack the quorum of whoever asks for one.
   */
  async #served(atLeast: number): Promise<SizedNote> {
    const newest = await this.newest();
    const recent = new Date(Date.now() - COSIGNED_WITHIN_MS).toISOString();
    const cosigned = this.#sql
      .exec(
        `SELECT size, note FROM checkpoints WHERE size >= ? AND at >= ?
           AND size IN (SELECT size FROM cosignatures) ORDER BY size DESC LIMIT 1`,
        atLeast,
        recent,
      )
      .toArray()[0];
    const { key } = await this.#signer();
    const isServed = cosigned && isSignedBy(String(cosigned.note), key);
    return this.withCosignatures(isServed ? { size: Number(cosigned.size), note: String(cosigned.note) } : newest);
  }

  /** Where entries about a session, or a piece, stand; of those that are here still. */
  async indicesOf(session: string): Promise<{ readonly event: SessionEvent; readonly index: number }[]> {
    await this.#grow();
    return this.#sql
      .exec('SELECT idx, event FROM log_entries WHERE subject = ? ORDER BY idx', await sessionDigest(session))
      .toArray()
      .map(({ idx, event }) => ({ event: event as SessionEvent, index: Number(idx) }));
  }

  /** Proofs of entries (c2sp.org/tlog-proof), each with its entry, all for one checkpoint. */
  async proofs(indices: readonly number[]): Promise<{ readonly entry: string; readonly proof: string }[]> {
    await this.#grow();
    const checkpoint = parseCheckpoint((await this.#served(Math.max(-1, ...indices) + 1)).note);
    if (!checkpoint.ok) throw new Error(checkpoint.error);
    const { value } = checkpoint;
    return Promise.all(
      indices.map(async (index) => {
        const [entry] = await this.entries(index, 1);
        if (entry === undefined) throw new Error(`the log has no entry ${index}`);
        const path = await inclusionProof(index, value.size, this.#read);
        return { entry, proof: showLogProof({ index, path, checkpoint: value }) };
      }),
    );
  }

  /** That the tree of the newest checkpoint continues that of `earlier` entries. Undefined: it has never been so long. */
  async continues(earlier: number): Promise<{ readonly proof: string[]; readonly checkpoint: string } | undefined> {
    const { size, note } = await this.#served(earlier);
    return earlier > size ? undefined : { proof: await this.proof(earlier, size), checkpoint: note };
  }

  /** Base64, for sizes that it has had. */
  async proof(earlier: number, size: number): Promise<string[]> {
    return (await consistencyProof(earlier, size, this.#read)).map(toBase64);
  }

  /** From `index` on, in order. */
  async entries(index: number, count = LOG_PAGE): Promise<string[]> {
    await this.#grow();
    const freed = this.#tiles.freed();
    const earlier = index < freed ? await this.#tiles.entries(index, Math.min(index + count, freed)) : [];
    // A bundle may have been freed meanwhile.
    const from = index + earlier.length;
    if (this.#tiles.freed() > from && earlier.length < count) return this.entries(index, count);
    const here = this.#sql
      .exec(
        'SELECT entry FROM log_entries WHERE idx >= ? AND entry IS NOT NULL ORDER BY idx LIMIT ?',
        from,
        count - earlier.length,
      )
      .toArray();
    return [...earlier, ...here.map(({ entry }) => String(entry))];
  }

  /** Hashes what was added; the size of the tree. */
  #grow(): Promise<number> {
    this.#growing ??= this.#hashAll().finally(() => {
      this.#growing = undefined;
    });
    return this.#growing;
  }

  async #hashAll(): Promise<number> {
    let size = this.#number('SELECT max(idx) + 1 AS n FROM log_nodes WHERE level = 0') ?? this.#tiles.freed();
    for (;;) {
      const rows = this.#sql
        .exec(
          'SELECT event, session, digest, subject, entry FROM log_entries WHERE idx >= ? ORDER BY idx LIMIT ?',
          size,
          BATCH,
        )
        .toArray();
      if (rows.length === 0) return size;
      const made = new Map<string, MerkleNode>();
      const read = (level: number, index: number) =>
        made.get(`${level}/${index}`)?.hash ?? this.#readHere(level, index);
      // Of an earlier release, which wrote down what they are about.
      const earlier: { readonly index: number; readonly subject: string; readonly entry: string }[] = [];
      for (const [at, row] of rows.entries()) {
        const index = size + at;
        let entry = String(row.entry);
        if (row.entry === null) {
          const subject = await sessionDigest(String(row.session));
          const event = row.event as SessionEvent;
          entry = showLogEntry({ event, session: subject, ...(row.digest !== null && { digest: String(row.digest) }) });
          earlier.push({ index, subject, entry });
        }
        const leaf = await hashLeaf(new TextEncoder().encode(entry));
        for (const node of await nodesOfLeaf(index, leaf, read)) made.set(`${node.level}/${node.index}`, node);
      }
      this.#storage.transactionSync(() => {
        for (const { level, index, hash } of made.values())
          this.#sql.exec(
            'INSERT INTO log_nodes (level, idx, hash) VALUES (?, ?, ?)',
            level,
            index,
            new Uint8Array(hash),
          );
        for (const { index, subject, entry } of earlier)
          this.#sql.exec(
            'UPDATE log_entries SET entry = ?, subject = ?, session = NULL, digest = NULL WHERE idx = ?',
            entry,
            subject,
            index,
          );
      });
      size += rows.length;
    }
  }

  readonly #read = async (level: number, index: number): Promise<Uint8Array> =>
    level < BUNDLE_LEVEL && (index + 1) * 2 ** level <= this.#tiles.freed()
      ? this.#tiles.node(level, index)
      : this.#readHere(level, index);

  #readHere(level: number, index: number): Uint8Array {
    const row = this.#sql.exec('SELECT hash FROM log_nodes WHERE level = ? AND idx = ?', level, index).toArray()[0];
    if (!(row?.hash instanceof ArrayBuffer)) throw new Error(`the log has no node ${level}/${index}`);
    return new Uint8Array(row.hash);
  }

  #number(query: string): number | undefined {
    const { n } = this.#sql.exec(query).one();
    return n === null ? undefined : Number(n);
  }
}

function isSignedBy(note: string, { name, id }: NoteKey): boolean {
  const parsed = parseNote(note);
  return parsed.ok && parsed.value.signatures.some((one) => one.name === name && equalBytes(one.id, id));
}
