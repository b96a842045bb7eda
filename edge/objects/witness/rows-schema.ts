// The tables of what was witnessed of sessions, of a day or of those before there were days. Rows are added; they go when the
// piece that has them is in the object store and in the log (rows-export.ts), and at no other time.

/** While rows of that session are freed. */
const IS_FREED = (session: string) =>
  `EXISTS (SELECT 1 FROM pieces WHERE state = 'logged' AND first <= ${session} AND last >= ${session})`;

const TABLES = `
  CREATE TABLE IF NOT EXISTS sessions (
    session TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    admitted_at TEXT NOT NULL,
    opened TEXT
  );
  CREATE TABLE IF NOT EXISTS heads (
    session TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    frames INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (session, number)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS manifests (
    session TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    segments INTEGER NOT NULL,
    at TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS never_began (
    session TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    at TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS purged (session TEXT PRIMARY KEY, audit INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS purge_orders (session TEXT PRIMARY KEY, audit INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS log_outbox (
    sequence INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    session TEXT NOT NULL,
    digest TEXT
  );
  CREATE TABLE IF NOT EXISTS pieces (
    number INTEGER PRIMARY KEY,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    bytes BLOB,
    gone INTEGER NOT NULL DEFAULT 0
  );
`;

/** Additive, for the tables of an earlier release; a row of one is due at once. */
const COLUMNS = {
  opened: 'TEXT',
  opened_index: 'INTEGER',
  ended_index: 'INTEGER',
  due_ms: 'INTEGER DEFAULT 0',
  freed_heads: 'INTEGER NOT NULL DEFAULT 0',
  freed_through: 'INTEGER NOT NULL DEFAULT -1',
};

const keep = (table: string) => `
  CREATE TRIGGER IF NOT EXISTS ${table}_keep BEFORE UPDATE ON ${table}
    BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END;
  CREATE TRIGGER IF NOT EXISTS ${table}_stay BEFORE DELETE ON ${table} WHEN NOT ${IS_FREED('OLD.session')}
    BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END;
`;

/** A purged session has no person any more, and leaves the index of persons. */
const INDEXES_AND_TRIGGERS = `
  CREATE INDEX IF NOT EXISTS sessions_of_persons ON sessions (lower(json_extract(opened, '$.email')), session)
    WHERE opened IS NOT NULL;
  CREATE INDEX IF NOT EXISTS sessions_due ON sessions (due_ms) WHERE due_ms IS NOT NULL;
  ${['heads', 'manifests', 'never_began', 'purged'].map(keep).join('')}
  DROP TRIGGER IF EXISTS sessions_keep;
  CREATE TRIGGER sessions_keep BEFORE UPDATE ON sessions
    WHEN NEW.session <> OLD.session OR NEW.connector <> OLD.connector OR NEW.admitted_at <> OLD.admitted_at
      OR NEW.freed_heads < OLD.freed_heads OR NEW.freed_through < OLD.freed_through
      OR OLD.opened_index IS NOT NULL AND NEW.opened_index IS NOT OLD.opened_index
      OR OLD.ended_index IS NOT NULL AND NEW.ended_index IS NOT OLD.ended_index
      OR NEW.opened IS NOT OLD.opened
        AND (NEW.opened IS NOT NULL OR NOT EXISTS (SELECT 1 FROM purged WHERE purged.session = OLD.session))
    BEGIN SELECT RAISE(ABORT, 'sessions are append-only, but for whose a purged one was'); END;
  CREATE TRIGGER IF NOT EXISTS sessions_stay BEFORE DELETE ON sessions WHEN NOT ${IS_FREED('OLD.session')}
    BEGIN SELECT RAISE(ABORT, 'sessions are append-only'); END;
  CREATE TRIGGER IF NOT EXISTS pieces_keep BEFORE UPDATE ON pieces
    WHEN NEW.number <> OLD.number OR NEW.first <> OLD.first OR NEW.last <> OLD.last
      OR NEW.digest <> OLD.digest AND OLD.digest <> ''
      OR NEW.state <> OLD.state AND OLD.state || ' ' || NEW.state NOT IN ('cut stored', 'stored logged', 'logged freed')
    BEGIN SELECT RAISE(ABORT, 'pieces are append-only'); END;
  CREATE TRIGGER IF NOT EXISTS pieces_stay BEFORE DELETE ON pieces
    BEGIN SELECT RAISE(ABORT, 'pieces are append-only'); END;
`;

export function createRowTables(sql: SqlStorage): void {
  sql.exec(TABLES);
  const there = new Set(
    sql
      .exec('PRAGMA table_info(sessions)')
      .toArray()
      .map(({ name }) => name),
  );
  for (const [name, type] of Object.entries(COLUMNS))
    if (!there.has(name)) sql.exec(`ALTER TABLE sessions ADD COLUMN ${name} ${type}`);
  sql.exec(INDEXES_AND_TRIGGERS);
}
