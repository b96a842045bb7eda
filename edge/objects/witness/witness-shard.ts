// What was witnessed of the sessions of one day: that of their ids (core/tlog/witness-rows.ts).

import { DurableObject } from 'cloudflare:workers';
import type { Witnessed, WitnessPage } from '../../../core/api.ts';
import type { ConnectorId, SessionId } from '../../../core/ids.ts';
import type { Env } from '../../env.ts';
import type { Serves } from '../../ports/object.ts';
import type { AdmittedTo, Admission, LeftOfPerson, WitnessAnswer } from '../../ports/witness.ts';
import type { NewHead, NewManifest, ShardPlace, WitnessShardPort } from '../../ports/witness-objects.ts';
import { remote } from '../rpc.ts';
import { AlarmClock } from './alarm-clock.ts';
import { KeptRows } from './kept-rows.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS place (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), log TEXT NOT NULL, day TEXT NOT NULL);
`;

const TRY_AGAIN_MS = 60_000;

export class WitnessShard extends DurableObject<Env> implements Serves<WitnessShardPort> {
  readonly #kept: KeptRows;
  readonly #clock: AlarmClock;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    const { storage } = context;
    storage.sql.exec(SCHEMA);
    this.#clock = new AlarmClock(storage);
    this.#kept = new KeptRows({
      storage,
      env,
      place: () => this.#place().day,
      enter: (entries) => remote(env.WITNESS, this.#place().log).enter(entries),
    });
  }

  /** Exports what is due. A failure is tried again later and never thrown. */
  override async alarm(): Promise<void> {
    this.#clock.rang();
    try {
      const events = await this.#kept.run();
      if (events.length > 0) await remote(this.env.AUDIT_LOG).appendAll(events);
      const next = this.#kept.nextMs();
      if (next !== undefined) this.#clock.wake(Math.max(next, Date.now() + 1_000));
    } catch (error) {
      console.error(`what was witnessed is not exported: ${error instanceof Error ? error.name : 'unknown'}`);
      this.#clock.wake(Date.now() + TRY_AGAIN_MS);
    }
  }

  async admitAll(place: ShardPlace, sessions: readonly AdmittedTo[], connector: ConnectorId): Promise<boolean[]> {
    if (!this.#isPlaced()) {
      // The day is known before it has a row, so that none is left out of a list.
      await remote(this.env.WITNESS, place.log).openDay(place.day);
      const { sql } = this.ctx.storage;
      sql.exec('INSERT OR IGNORE INTO place (only_one, log, day) VALUES (1, ?, ?)', place.log, place.day);
    }
    return this.#then(this.#kept.rows.admitAll(sessions, connector));
  }

  admissions(sessions: readonly SessionId[]): Promise<(Admission | undefined)[]> {
    return this.#kept.rows.admissions(sessions);
  }

  recordHead(connector: ConnectorId, head: NewHead): Promise<WitnessAnswer> {
    return this.#thenSchedule(this.#kept.rows.recordHead(connector, head));
  }

  recordManifest(connector: ConnectorId, manifest: NewManifest): Promise<WitnessAnswer> {
    return this.#then(this.#kept.rows.recordManifest(connector, manifest));
  }

  recordNeverBegan(connector: ConnectorId, what: { session: SessionId; reason: string }): Promise<WitnessAnswer> {
    return this.#then(this.#kept.rows.recordNeverBegan(connector, what.session, what.reason));
  }

  recordPurgeOrdered(session: SessionId, audit: number): void {
    this.#kept.rows.recordPurgeOrdered(session, audit);
  }

  dropPurgeOrder(session: SessionId, audit: number): void {
    this.#kept.rows.dropPurgeOrder(session, audit);
  }

  recordPurged(session: SessionId, audit: number): Promise<void> {
    return this.#then(this.#kept.rows.recordPurged(session, audit));
  }

  leftOf(email: string, after: string, limit: number): LeftOfPerson {
    return this.#kept.rows.leftOf(email, after, limit);
  }

  witnessed(session: SessionId): Promise<Witnessed | undefined> {
    return this.#kept.rows.witnessed(session);
  }

  list(cursor: string, limit: number): Promise<WitnessPage> {
    return this.#kept.rows.list(cursor, limit);
  }

  entriesOf(session: SessionId): Promise<number[] | undefined> {
    return this.#kept.rows.indicesOf(session);
  }

  /** The alarm is set before anything waits: an object that ends meanwhile goes on from what it has written. */
  #then<T>(act: Promise<T>): Promise<T> {
    this.#clock.wake(Date.now() + TRY_AGAIN_MS);
    return this.#thenSchedule(act);
  }

  async #thenSchedule<T>(act: Promise<T>): Promise<T> {
    try {
      return await act;
    } finally {
      const next = this.#kept.nextAfterWrite();
      if (next !== undefined) this.#clock.wake(Math.max(next, Date.now() + 1_000));
    }
  }

  #isPlaced(): boolean {
    return this.ctx.storage.sql.exec('SELECT 1 FROM place').toArray().length > 0;
  }

  #place(): ShardPlace {
    const { log, day } = this.ctx.storage.sql.exec('SELECT log, day FROM place').one();
    return { log: String(log), day: String(day) };
  }
}
