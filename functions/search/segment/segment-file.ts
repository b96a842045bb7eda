// A search segment's file: an SQLite database with documents in the order of time and an FTS5 index over them, made once and
// never changed, compressed. It lives in memory only: nothing of it is left on a disk.
//
//   sessions(id, body)                     SearchedSession
//   documents(id, at, session, key, body)  DocumentBody but for its key; ids are in the order of comparePlaces, from 1
//   words(parts, whole, facts)             FTS5, contentless: terms of tokens.ts and fact-terms.ts, with spaces between
//
// FTS5's own tokenizer cuts at ASCII's signs alone, of which our terms have none: it decides nothing.

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  comparePlaces,
  DocumentBody,
  type DocumentPlace,
  documentPlace,
  type SearchDocument,
  SearchedSession,
} from '../../../core/search/document.ts';
import { type TextTokens, textTokens } from '../../../core/search/tokens.ts';
import { makeBloom } from '../../../core/text/bloom.ts';
import { factTermsOf } from './fact-terms.ts';
import { termBeginning, type FtsQuery } from './fts-query.ts';

const FORMAT = 1;
/** Decompressed; what merging makes is smaller. */
const MAX_SEGMENT_FILE_BYTES = 192 * 1024 * 1024;
/** Stands between two texts of a document, so that no phrase reaches over; no term is this. */
const GAP = '\u241f';

const SCHEMA = `
  PRAGMA page_size = 4096;
  CREATE TABLE sessions (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    session INTEGER NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL
  );
  CREATE VIRTUAL TABLE words USING fts5(
    parts, whole, facts, content='', columnsize=0, detail=full, tokenize='ascii', prefix='3'
  );
  PRAGMA user_version = ${FORMAT};
`;

interface MadeSegment {
  readonly bytes: Uint8Array;
  readonly rawBytes: number;
  readonly bloom: Uint8Array;
}

/** Node's SQLite can be given a database in memory from 24 on. */
export const canSearch = typeof (DatabaseSync.prototype as Partial<DatabaseSync>).deserialize === 'function';

export class SegmentFileDamage extends Error {}

/** `documents`: in the order of comparePlaces, each place once; at least one. */
export function makeSegmentFile(documents: readonly SearchDocument[]): MadeSegment {
  const database = new DatabaseSync(':memory:');
  const terms = new Set<string>();
  try {
    database.exec(SCHEMA);
    database.exec('BEGIN');
    const sessions = new Map<string, number>();
    const addSession = database.prepare('INSERT INTO sessions (id, body) VALUES (?, ?)');
    const addDocument = database.prepare('INSERT INTO documents (id, at, session, key, body) VALUES (?, ?, ?, ?, ?)');
    const addWords = database.prepare('INSERT INTO words (rowid, parts, whole, facts) VALUES (?, ?, ?, ?)');
    let id = 0;
    for (const document of documents) {
      const { session, body } = document;
      // What is told of a session may differ in two versions of it.
      const told = JSON.stringify(session);
      let number = sessions.get(told);
      if (number === undefined) {
        number = sessions.size + 1;
        sessions.set(told, number);
        addSession.run(number, told);
      }
      id++;
      const { key, ...rest } = body;
      addDocument.run(id, documentPlace(document).at, number, key, JSON.stringify(rest));
      const texts = body.texts.map(textTokens);
      const facts = factTermsOf(document);
      for (const { parts, whole } of texts) for (const { term } of [...parts, ...whole]) addTerm(terms, term);
      for (const fact of facts) terms.add(fact);
      addWords.run(
        id,
        inOneLine(texts.map(({ parts }) => parts)),
        inOneLine(texts.filter(({ parts, whole }) => whole !== parts).map(({ whole }) => whole)),
        facts.join(' '),
      );
    }
    database.exec('COMMIT');
    database.exec("INSERT INTO words (words) VALUES ('optimize')");
    check(database);
    const raw = database.serialize();
    const bytes = zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    return { bytes: new Uint8Array(bytes), rawBytes: raw.length, bloom: makeBloom(terms) };
  } finally {
    database.close();
  }
}

function addTerm(terms: Set<string>, term: string): void {
  terms.add(term);
  const beginning = termBeginning(term);
  if (beginning !== undefined) terms.add(beginning);
}

const inOneLine = (texts: readonly TextTokens['parts'][]): string =>
  texts.map((tokens) => tokens.map(({ term }) => term).join(' ')).join(` ${GAP} `);

/** FTS5's own check: it finds what SQLite's does not. */
function check(database: DatabaseSync): void {
  try {
    database.exec("INSERT INTO words (words) VALUES ('integrity-check')");
    const answer = database.prepare('PRAGMA quick_check').get();
    if (Object.values(answer ?? {})[0] === 'ok') return;
  } catch (cause) {
    throw new SegmentFileDamage('the index that was made is not whole', { cause });
  }
  throw new SegmentFileDamage('the database that was made is not whole');
}

interface FoundDocument {
  readonly id: number;
  readonly document: SearchDocument;
}

/** An open segment file. Reads nothing but memory. */
export class SegmentFile {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #sessions = new Map<number, SearchedSession>();
  readonly rawBytes: number;

  /** Throws SegmentFileDamage. That it is the file that was stored is checked before, by its digest. */
  constructor(bytes: Uint8Array) {
    this.#database = new DatabaseSync(':memory:');
    try {
      const raw = zstdDecompressSync(bytes, { maxOutputLength: MAX_SEGMENT_FILE_BYTES });
      this.rawBytes = raw.length;
      this.#database.deserialize(raw);
      this.#database.exec('PRAGMA query_only = 1');
      const version = this.#database.prepare('PRAGMA user_version').get()?.user_version;
      if (version !== FORMAT) throw new SegmentFileDamage(`its format ${version} is not known to this release`);
    } catch (cause) {
      this.#database.close();
      throw cause instanceof SegmentFileDamage ? cause : new SegmentFileDamage('it does not open', { cause });
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  /** How many documents stand before a place, which is the id of the last of them. */
  countBefore(place: DocumentPlace): number {
    let low = 0;
    let high = Number(this.#prepared('SELECT max(id) AS last FROM documents').get()?.last ?? 0);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (comparePlaces(this.#placeAt(middle), place) < 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Up to `count` that may fit, the newest first, with ids up to `last` and above `after`. */
  find(query: FtsQuery, after: number, last: number, count: number): FoundDocument[] {
    if (query === false) return [];
    const rows =
      query === true
        ? this.#prepared(
            'SELECT id, session, key, body FROM documents WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT ?',
          ).all(after, last, count)
        : this.#prepared(
            `SELECT documents.id, documents.session, documents.key, documents.body FROM words JOIN documents ON documents.id = words.rowid
               WHERE words MATCH ? AND words.rowid > ? AND words.rowid <= ? ORDER BY words.rowid DESC LIMIT ?`,
          ).all(query, after, last, count);
    return rows.map((row) => ({
      id: Number(row.id),
      document: {
        session: this.#session(Number(row.session)),
        body: { ...JSON.parse(String(row.body)), key: String(row.key) } as DocumentBody,
      },
    }));
  }

  /** All of them, the oldest first; checked, since they go into another file. */
  *all(): Generator<SearchDocument> {
    for (const row of this.#database.prepare('SELECT session, key, body FROM documents ORDER BY id').iterate())
      yield {
        session: this.#session(Number(row.session)),
        body: DocumentBody.parse({ ...JSON.parse(String(row.body)), key: String(row.key) }),
      };
  }

  #placeAt(id: number): DocumentPlace {
    const row = this.#prepared('SELECT at, session, key FROM documents WHERE id = ?').get(id);
    return { at: Number(row?.at), session: this.#session(Number(row?.session)).session, key: String(row?.key) };
  }

  #session(id: number): SearchedSession {
    const known = this.#sessions.get(id);
    if (known) return known;
    const row = this.#prepared('SELECT body FROM sessions WHERE id = ?').get(id);
    const session = SearchedSession.parse(JSON.parse(String(row?.body)));
    this.#sessions.set(id, session);
    return session;
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
