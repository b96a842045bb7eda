// The transparency log of sessions, in the witness's own object (core/tlog): an entry when a session opens and when its
// manifest is stored, under one tree that only ever grows. Entries are written with what they are about; their hashes
// are made when somebody asks for a checkpoint, since hashing waits and a write must not.

import { checkpointText, showLogProof } from '../../core/tlog/checkpoint.ts';
import { parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import {
  consistencyProof,
  hashLeaf,
  inclusionProof,
  nodesOfLeaf,
  rootOf,
  type MerkleNode,
} from '../../core/tlog/merkle.ts';
import { type NoteKey, parseNote, showNote, signNote, type SignNote } from '../../core/tlog/note.ts';
import { type SessionEvent, sessionDigest, showLogEntry } from '../../core/tlog/session-entry.ts';
import { equalBytes, toBase64 } from '../../core/scram.ts';

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
`;

/** Hashed at once; others are served in between. */
const BATCH = 500;
const LOG_PAGE = 1_000;

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
  /** One at a time: a second would give the same index to another leaf. */
  #growing: Promise<number> | undefined;

  constructor(storage: DurableObjectStorage, signer: () => Promise<LogSigner>) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#signer = signer;
  }

  /** In the transaction of what it is about. */
  add(event: SessionEvent, session: string, digest?: string): void {
    this.#sql.exec(
      'INSERT INTO log_entries (idx, event, session, digest) VALUES ((SELECT coalesce(max(idx) + 1, 0) FROM log_entries), ?, ?, ?)',
      event,
      session,
      digest ?? null,
    );
  }

  /** What an earlier release witnessed before there was a log, in the order of its times. */
  addEarlier(): void {
    if (this.#number('SELECT count(*) AS n FROM log_entries') > 0) return;
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
    return this.#number('SELECT count(*) AS n FROM log_entries');
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

  /** Proofs of a session's entries (c2sp.org/tlog-proof), each with its entry, all for one checkpoint. */
  async proofsOf(session: string): Promise<{ readonly entry: string; readonly proof: string }[]> {
    await this.#grow();
    const rows = this.#sql
      .exec('SELECT idx, entry FROM log_entries WHERE subject = ? ORDER BY idx', await sessionDigest(session))
      .toArray();
    const checkpoint = parseCheckpoint((await this.#served(Number(rows.at(-1)?.idx ?? -1) + 1)).note);
    if (!checkpoint.ok) throw new Error(checkpoint.error);
    const { value } = checkpoint;
    return Promise.all(
      rows.map(async (row) => {
        const index = Number(row.idx);
        const path = await inclusionProof(index, value.size, this.#read);
        return { entry: String(row.entry), proof: showLogProof({ index, path, checkpoint: value }) };
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
    return this.#sql
      .exec('SELECT entry FROM log_entries WHERE idx >= ? AND entry IS NOT NULL ORDER BY idx LIMIT ?', index, count)
      .toArray()
      .map(({ entry }) => String(entry));
  }

  /** Hashes what was added; the size of the tree. */
  #grow(): Promise<number> {
    this.#growing ??= this.#hashAll().finally(() => {
      this.#growing = undefined;
    });
    return this.#growing;
  }

  async #hashAll(): Promise<number> {
    let size = this.#number('SELECT count(*) AS n FROM log_nodes WHERE level = 0');
    for (;;) {
      const rows = this.#sql
        .exec('SELECT event, session, digest FROM log_entries WHERE idx >= ? ORDER BY idx LIMIT ?', size, BATCH)
        .toArray();
      if (rows.length === 0) return size;
      const made = new Map<string, MerkleNode>();
      const read = (level: number, index: number) => made.get(`${level}/${index}`)?.hash ?? this.#read(level, index);
      const entries: { readonly index: number; readonly subject: string; readonly entry: string }[] = [];
      for (const { event, session, digest } of rows) {
        const subject = await sessionDigest(String(session));
        const entry = showLogEntry({
          event: event as SessionEvent,
          session: subject,
          ...(digest !== null && { digest: String(digest) }),
        });
        const leaf = await hashLeaf(new TextEncoder().encode(entry));
        const index = size + entries.length;
        for (const node of await nodesOfLeaf(index, leaf, read)) made.set(`${node.level}/${node.index}`, node);
        entries.push({ index, subject, entry });
      }
      this.#storage.transactionSync(() => {
        for (const { level, index, hash } of made.values())
          this.#sql.exec(
            'INSERT INTO log_nodes (level, idx, hash) VALUES (?, ?, ?)',
            level,
            index,
            new Uint8Array(hash),
          );
        for (const { index, subject, entry } of entries)
          this.#sql.exec(
            'UPDATE log_entries SET entry = ?, subject = ?, session = NULL, digest = NULL WHERE idx = ?',
            entry,
            subject,
            index,
          );
      });
      size += entries.length;
    }
  }

  readonly #read = (level: number, index: number): Uint8Array => {
    const row = this.#sql.exec('SELECT hash FROM log_nodes WHERE level = ? AND idx = ?', level, index).toArray()[0];
    if (!(row?.hash instanceof ArrayBuffer)) throw new Error(`the log has no node ${level}/${index}`);
    return new Uint8Array(row.hash);
  };

  #number(query: string): number {
    return Number(this.#sql.exec(query).toArray()[0]?.n ?? 0);
  }
}

function isSignedBy(note: string, { name, id }: NoteKey): boolean {
  const parsed = parseNote(note);
  return parsed.ok && parsed.value.signatures.some((one) => one.name === name && equalBytes(one.id, id));
}
