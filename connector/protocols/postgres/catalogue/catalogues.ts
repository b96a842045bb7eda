// The catalogues of the databases that sessions with column rules are in: one for all sessions on the
// same target and database as the same user, loaded over a connection of its own. A load that fails
// leaves what was known, and how old it is; whoever asks decides that this is too old, and withholds.

import { createHash } from 'node:crypto';
import type { BaseColumn } from '../../../../core/masking/columns.ts';
import type { PgParser } from '../../../../core/sql/postgres/postgres.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { Catalogue } from './catalogue.ts';
import { type CatalogueConnection, openCatalogueConnection } from './catalogue-connection.ts';
import type { TransactionNames } from './session-catalogue.ts';
import {
  type CatalogueRow,
  type Definitions,
  definitionsOf,
  definitionsQuery,
  NAMES_QUERY,
  ownCodeOf,
  type Relation,
  asRelation,
} from './catalogue-contents.ts';

/** Definitions that others change count at the latest after this. */
export const MAX_CATALOGUE_AGE_MS = 10_000;
/** For login and both queries together. */
const LOAD_DEADLINE_MS = 5_000;
/** After a failure nothing is tried for so long: results must not wait for the same failure one by one. */
const RETRY_AFTER_MS = 1_000;
/** How long a catalogue is kept that no session uses: short sessions follow each other. */
const KEPT_MS = 60_000;
/**
 * The same of its connection. DROP DATABASE and its like wait five seconds for others to leave (CountOtherDBBackends in
 * PostgreSQL's procarray.c): somebody who drops a database behind a session must not fail because of it (ADR 24).
 */
const KEPT_CONNECTION_MS = 2_000;
/** Relations read before other sessions get their turn. */
const RELATIONS_PER_TURN = 500;
/** Renamed columns remembered. */
const MAX_FORMER = 100_000;
/** Shown to nobody. */
const ABANDONED = 'the last session left';

/** A session's share in a catalogue. */
export interface CatalogueLease {
  /** The latest; undefined: none was loaded yet. */
  readonly current: Catalogue | undefined;
  /** The latest, where it has what sessions changed and is at most so old, `MAX_CATALOGUE_AGE_MS` when missing. */
  usable(maxAgeMs?: number): Catalogue | undefined;
  /** When a session last changed definitions: a load that began before has not seen it. */
  readonly changedAt: number;
  /** This session changed definitions, and the change is there for all now. */
  changed(): void;
  /** A catalogue of what the session itself was told, which nobody else gets. Throws for rows that are malformed. */
  ofSession(names: TransactionNames): Promise<Catalogue>;
  /**
   * Whether another session may have just changed definitions, its end not being seen yet: only a load that begins now
   * is sure to have them.
   */
  changing(): boolean;
  /** What says so of this session. Until `release`. */
  watch(changing: () => boolean): void;
  /** Why the last load failed, when it did. Holds no data. */
  readonly fault: string | undefined;
  /** Milliseconds, monotonic: the clock of `asOf`. */
  now(): number;
  /** Resolves when a load that began at `since` or later has ended, or none is tried for the time being. Never rejects. */
  refresh(since: number): Promise<void>;
  release(): void;
}

interface CataloguesOptions {
  readonly parse: PgParser;
  readonly now?: () => number;
  readonly open?: typeof openCatalogueConnection;
}

/** In words that a client may be told; those of any other error may quote what nobody shall see. */
class LoadFault extends Error {}

interface Load {
  readonly beganAt: number;
  done: Promise<void>;
  /** The last session left while it was under way: what became of it says nothing of the target. */
  abandoned: boolean;
}

interface Shared {
  leases: number;
  current: Catalogue | undefined;
  connection: CatalogueConnection | undefined;
  changedAt: number;
  fault: string | undefined;
  /** When the last load that failed ended. */
  failedAt: number;
  load: Load | undefined;
  fingerprint: string;
  forget: NodeJS.Timeout | undefined;
  hangUp: NodeJS.Timeout | undefined;
  /** One of each session. */
  readonly watched: Set<() => boolean>;
  readonly former: Map<string, BaseColumn[]>;
}

export class Catalogues {
  readonly #parse: PgParser;
  readonly #now: () => number;
  readonly #open: typeof openCatalogueConnection;
  readonly #shared = new Map<string, Shared>();

  constructor({ parse, now = performance.now.bind(performance), open = openCatalogueConnection }: CataloguesOptions) {
    this.#parse = parse;
    this.#now = now;
    this.#open = open;
  }

  lease(session: UpstreamTarget, database: string | undefined): CatalogueLease {
    // Sessions that have users of their own share what one reads whose user stays.
    const target = session.administrator ?? session;
    const key = JSON.stringify([target.host, target.port, target.user, database ?? target.database, target.tls]);
    let shared = this.#shared.get(key);
    if (!shared) {
      shared = {
        leases: 0,
        current: undefined,
        connection: undefined,
        changedAt: Number.NEGATIVE_INFINITY,
        fault: undefined,
        failedAt: Number.NEGATIVE_INFINITY,
        load: undefined,
        fingerprint: '',
        forget: undefined,
        hangUp: undefined,
        watched: new Set(),
        former: new Map(),
      };
      this.#shared.set(key, shared);
    }
    const own = shared;
    own.leases++;
    clearTimeout(own.forget);
    clearTimeout(own.hangUp);
    let released = false;
    let watched: (() => boolean) | undefined;
    return {
      get current() {
        return own.current;
      },
      usable: (maxAgeMs = MAX_CATALOGUE_AGE_MS) => {
        const { current } = own;
        return current && current.asOf >= Math.max(own.changedAt, this.#now() - maxAgeMs) ? current : undefined;
      },
      get fault() {
        return own.fault;
      },
      get changedAt() {
        return own.changedAt;
      },
      ofSession: async ({ relations: rows, code, definitions }) => {
        const relations = await relationsOf(rows);
        const former = new Map(own.former);
        remember(former, own.current, relations);
        const contents = { relations, own: ownCodeOf(code) };
        return new Catalogue(contents, definitionsOf(definitions), former, this.#parse, this.#now());
      },
      changed: () => {
        own.changedAt = this.#now();
      },
      // All are asked, since each notes what is over.
      changing: () => [...own.watched].filter((one) => one !== watched && one()).length > 0,
      watch: (changing) => {
        watched = changing;
        own.watched.add(changing);
      },
      now: this.#now,
      refresh: (since) => this.#refresh(own, target, database, since),
      release: () => {
        if (released) return;
        released = true;
        if (watched) own.watched.delete(watched);
        if (--own.leases > 0) return;
        const hangUp = () => {
          own.connection?.close();
          own.connection = undefined;
        };
        if (own.load) {
          own.load.abandoned = true;
          own.load = undefined;
          hangUp();
        } else own.hangUp = setTimeout(hangUp, KEPT_CONNECTION_MS).unref();
        own.forget = setTimeout(() => this.#shared.delete(key), KEPT_MS).unref();
      },
    };
  }

  /** A lease whose catalogue is there, or cannot be had: for a session to begin with. Never rejects. */
  async warm(target: UpstreamTarget, database: string | undefined): Promise<CatalogueLease> {
    const lease = this.lease(target, database);
    await lease.refresh(Math.max(lease.changedAt, this.#now() - MAX_CATALOGUE_AGE_MS));
    return lease;
  }

  async #refresh(shared: Shared, target: UpstreamTarget, database: string | undefined, since: number): Promise<void> {
    while (shared.leases > 0 && (shared.current?.asOf ?? Number.NEGATIVE_INFINITY) < since) {
      const under = shared.load;
      if (under) {
        await under.done;
        // It was as late as asked for, and if it failed, another would. One that was given up says nothing to those who came since.
        if (under.beganAt >= since && !under.abandoned) return;
        continue;
      }
      const now = this.#now();
      if (now < shared.failedAt + RETRY_AFTER_MS) return;
      const load: Load = { beganAt: now, abandoned: false, done: Promise.resolve() };
      shared.load = load;
      load.done = this.#load(shared, target, database, load);
    }
  }
  async #load(shared: Shared, target: UpstreamTarget, database: string | undefined, load: Load): Promise<void> {
    const { beganAt } = load;
    try {
      const results: CatalogueRow[][] = [[], []];
      const hash = createHash('sha256');
      const connection = await this.#ask(shared, target, database, load, NAMES_QUERY, (result, row) => {
        results[result]?.push(row);
        hash.update(row.join('\0'));
      });
      const fingerprint = hash.digest('base64');
      shared.fault = undefined;
      if (shared.current && fingerprint === shared.fingerprint) {
        shared.current.confirm(beganAt);
        return;
      }
      const relations = await relationsOf(results[0] ?? []);
      if (load.abandoned) return;
      const views = relations.filter(({ kind }) => kind === 'v' || kind === 'm').map(({ oid }) => oid);
      const rows: CatalogueRow[] = [];
      const defined = await connection.query(definitionsQuery(views), (_, row) => rows.push(row), this.#left(load));
      if (load.abandoned) return;
      // Somebody changes a view at this moment: what it is made of is not known, all else is.
      if (!defined.ok) shared.fault = defined.error;
      const definitions: Definitions = definitionsOf(defined.ok ? rows : []);
      remember(shared.former, shared.current, relations);
      shared.current = new Catalogue(
        { relations, own: ownCodeOf(results[1] ?? []) },
        definitions,
        shared.former,
        this.#parse,
        beganAt,
      );
      shared.fingerprint = defined.ok ? fingerprint : '';
    } catch (error) {
      if (load.abandoned) return;
      shared.fault = error instanceof LoadFault ? error.message : 'an error of the gateway';
      shared.failedAt = this.#now();
    } finally {
      if (shared.load === load) shared.load = undefined;
    }
  }

  #left({ beganAt }: Load): number {
    return Math.max(1, beganAt + LOAD_DEADLINE_MS - this.#now());
  }

  /** Gives the connection that answered. One that was kept may have been closed by the target meanwhile: then a new one is asked. */
  async #ask(
    shared: Shared,
    target: UpstreamTarget,
    database: string | undefined,
    load: Load,
    text: string,
    row: (result: number, row: CatalogueRow) => void,
  ): Promise<CatalogueConnection> {
    for (;;) {
      const kept = shared.connection?.usable === true;
      const connection = await this.#connection(shared, target, database, load);
      let rows = 0;
      const take = (result: number, one: CatalogueRow) => {
        rows++;
        row(result, one);
      };
      const read = await connection.query(text, take, this.#left(load));
      if (load.abandoned) throw new Error(ABANDONED);
      if (read.ok) return connection;
      if (!kept || rows > 0) throw new LoadFault(read.error);
    }
  }

  async #connection(
    shared: Shared,
    target: UpstreamTarget,
    database: string | undefined,
    load: Load,
  ): Promise<CatalogueConnection> {
    if (shared.connection?.usable) return shared.connection;
    shared.connection?.close();
    shared.connection = undefined;
    const limited = { ...target, connectTimeoutMs: Math.min(target.connectTimeoutMs, LOAD_DEADLINE_MS) };
    const opened = await this.#open(limited, database);
    if (!opened.ok) throw new LoadFault(opened.error);
    if (load.abandoned) {
      opened.value.close();
      throw new Error(ABANDONED);
    }
    shared.connection = opened.value;
    return opened.value;
  }
}

async function relationsOf(rows: readonly CatalogueRow[]): Promise<readonly Relation[]> {
  const relations: Relation[] = [];
  for (const row of rows) {
    relations.push(asRelation(row));
    if (relations.length % RELATIONS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return relations;
}

/** Keeps the names that columns had, alone and as their parents': a rule that named one goes on to hide it. */
function remember(former: Map<string, BaseColumn[]>, before: Catalogue | undefined, now: readonly Relation[]): void {
  if (!before) return;
  for (const relation of now) {
    const was = before.relation(relation.oid);
    if (!was) continue;
    const left = was.parents.some((parent) => !relation.parents.includes(parent));
    const moved = was.name !== relation.name || was.schema !== relation.schema;
    for (const column of relation.columns) {
      const old = was.columns.find(({ number }) => number === column.number);
      if (!old || (!moved && !left && old.name === column.name) || former.size >= MAX_FORMER) continue;
      const key = `${relation.oid}.${column.number}`;
      const known = former.get(key) ?? [];
      const own = { schema: was.schema, table: was.name, column: old.name };
      // It was the parent's column too, and of all its kin.
      const bases = left ? before.basesOf(was, old) : [own];
      if (known.length < 16) former.set(key, [...known, ...(bases === 'unknown' ? [own] : bases)]);
    }
  }
}
