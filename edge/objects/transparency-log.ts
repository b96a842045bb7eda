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
import { type NoteKey, showNote, signNote, type SignNote } from '../../core/tlog/note.ts';
import { type SessionEvent, sessionDigest, showLogEntry } from '../../core/tlog/session-entry.ts';
import { toBase64 } from '../../core/scram.ts';

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

  /** The newest checkpoint: of all entries. */
  async checkpoint(): Promise<string> {
    const size = await this.#grow();
    const known = this.#sql.exec('SELECT note FROM checkpoints WHERE size = ?', size).toArray()[0];
    if (known) return String(known.note);
    const { key, sign } = await this.#signer();
    const root = await rootOf(size, this.#read);
    const text = checkpointText({ origin: key.name, size, root });
    const note = showNote({ text, signatures: [await signNote(text, key, sign)] });
    // Somebody else may have been faster: Ed25519 signs the same text alike.
    const at = new Date(Date.now()).toISOString();
    this.#sql.exec('INSERT OR IGNORE INTO checkpoints (size, at, note) VALUES (?, ?, ?)', size, at, note);
    return note;
  }

  /** Proofs of a session's entries (c2sp.org/tlog-proof), each with its entry, all for the newest checkpoint. */
  async proofsOf(session: string): Promise<{ readonly entry: string; readonly proof: string }[]> {
    const checkpoint = parseCheckpoint(await this.checkpoint());
    if (!checkpoint.ok) throw new Error(checkpoint.error);
    const { value } = checkpoint;
    const rows = this.#sql
      .exec(
        'SELECT idx, entry FROM log_entries WHERE subject = ? AND idx < ? ORDER BY idx',
        await sessionDigest(session),
        value.size,
      )
      .toArray();
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
    const checkpoint = await this.checkpoint();
    const parsed = parseCheckpoint(checkpoint);
    if (!parsed.ok || earlier > parsed.value.size) return undefined;
    const proof = await consistencyProof(earlier, parsed.value.size, this.#read);
    return { proof: proof.map(toBase64), checkpoint };
  }

  /** From `index` on, in order. */
  async entries(index: number): Promise<string[]> {
    await this.#grow();
    return this.#sql
      .exec('SELECT entry FROM log_entries WHERE idx >= ? AND entry IS NOT NULL ORDER BY idx LIMIT ?', index, LOG_PAGE)
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
