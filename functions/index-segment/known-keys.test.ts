// Whose key signed: by what the edge told, in a table that more than the edge can write to.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectorKeys } from '../../core/connectors/connector-keys.ts';
import { newId, type SessionId } from '../../core/ids.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { newOrderSigner, type OrderSigner } from '../../test/harness/purge/edge-orders.ts';
import {
  answer,
  type ConnectorIdentity,
  newConnector,
  RecordingBuilder,
} from '../../test/harness/recording-builder.ts';
import { CatalogueReader } from '../catalogue-table/reader.ts';
import { CONNECTOR_KEYS } from '../catalogue-table/schema.ts';
import { CatalogueTable, createCatalogueTable } from '../catalogue-table/table.ts';
import { CatalogueWriter } from '../catalogue-table/writer.ts';
import { connectorKeyRoutes } from '../connector-keys.ts';
import { type IndexEvent, RetriableFault } from '../faults.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { SearchAnnouncer } from '../search/announce.ts';
import { indexObject } from './index-object.ts';
import { keysInTable } from './known-keys.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
let edge: OrderSigner;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
  edge = await newOrderSigner();
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const JOINED = '2026-11-01T00:00:00.000Z';
const keyOf = ({ publicKey }: ConnectorIdentity) => Buffer.from(publicKey).toString('base64url');
const keysOf = (connector: ConnectorIdentity, change: Partial<ConnectorKeys> = {}): ConnectorKeys => ({
  connector: connector.id,
  version: 1,
  keys: [{ key: keyOf(connector), from: JOINED }],
  ...change,
});
/** An id that says so. */
const sessionAt = (at: string): SessionId =>
  newId('ses', { now: () => Date.parse(at), random: (n) => crypto.getRandomValues(new Uint8Array(n)) });
const recordedBy = (connector: ConnectorIdentity, at = '2026-11-20T12:00:00.000Z') =>
  new RecordingBuilder({ connector, session: sessionAt(at), startedAt: at })
    .query('select 1', answer(['n'], [['1']]))
    .cut()
    .end();

async function newIndexer(given: string | null = edge.key) {
  const edgeKey = given ?? undefined;
  const name = `catalogue-${newId('ses')}`;
  await createCatalogueTable(client, name);
  const table = new CatalogueTable(client, name);
  const objects = new Map<string, Uint8Array>();
  const events: IndexEvent[] = [];
  const it = { storedAt: '2026-11-20T12:05:00.000Z', now: Date.parse('2026-11-20T12:05:00.000Z') };
  const deps = {
    reader: memoryReader(objects, () => Date.parse(it.storedAt)),
    writer: new CatalogueWriter(table),
    search: new SearchAnnouncer(table),
    platform: nodeRecordingPlatform,
    verify: verifySession,
    keysOf: keysInTable(table, edgeKey, () => it.now),
    report: (event: IndexEvent) => void events.push(event),
    now: () => it.now,
  };
  const routes = connectorKeyRoutes({ table, edgeKey });
  const catalogue = new CatalogueReader(table, () => {});
  return Object.assign(it, {
    table,
    events,
    put: (id: string, note: string) => routes.request(`/${id}/keys`, { method: 'PUT', body: JSON.stringify({ note }) }),
    tell: async (keys: ConnectorKeys) =>
      (
        await routes.request(`/${keys.connector}/keys`, {
          method: 'PUT',
          body: JSON.stringify({ note: await edge.signKeys(keys) }),
        })
      ).status,
    async index(builder: RecordingBuilder) {
      for (const [key, bytes] of builder.objects) objects.set(key, bytes);
      for (const key of builder.objects.keys()) await indexObject(key, deps);
      const entry = await catalogue.session(builder.session);
      return entry && entry !== 'damaged' ? { state: entry.state, fault: entry.fault } : undefined;
    },
  });
}

describe('keys of connectors', () => {
  it('are found among a thousand, each its own', async () => {
    const indexer = await newIndexer();
    const connectors = Array.from({ length: 1_000 }, () => newConnector());
    const rows = connectors.map(async (one) => ({
      ...{ pk: CONNECTOR_KEYS, sk: one.id, version: 1 },
      note: await edge.signKeys(keysOf(one)),
    }));
    await indexer.table.putAll(await Promise.all(rows));
    const [some, other] = [connectors[700] as ConnectorIdentity, connectors[701] as ConnectorIdentity];
    expect(await indexer.index(recordedBy(some))).toEqual({ state: 'sealed', fault: undefined });
    // Under another's name.
    const borrowed = await indexer.index(
      recordedBy({ ...other, privateKey: some.privateKey, publicKey: some.publicKey }),
    );
    expect(borrowed?.state).toBe('broken');
    expect(borrowed?.fault).toContain('not the connector’s registered key');
  });

  it('that the edge did not sign are nobody’s: nothing is sealed by them', async () => {
    const connector = newConnector();
    const thief = { ...newConnector(), id: connector.id };
    const forger = await newOrderSigner();
    const other = newConnector();
    const notes: Record<string, string> = {
      'another key signed': await forger.signKeys(keysOf(thief)),
      'of another connector': await edge.signKeys(keysOf(other)),
      altered: (await edge.signKeys(keysOf(connector))).replace(keyOf(connector), keyOf(thief)),
      'a note of another kind': (await edge.signKeys(keysOf(connector))).replace('connector keys', 'purge order'),
      'no note': 'x',
    };
    for (const [what, note] of Object.entries(notes)) {
      const indexer = await newIndexer();
      expect([what, (await indexer.put(connector.id, note)).status]).toEqual([what, 400]);
      // Past the API, as whoever writes to the table may.
      await indexer.table.putAll([{ pk: CONNECTOR_KEYS, sk: connector.id, note, version: 99 }]);
      await expect(indexer.index(recordedBy(thief)), what).rejects.toThrow(RetriableFault);
      expect(indexer.events).toContainEqual({ kind: 'keys.forged', connector: connector.id });
      expect(indexer.events.map(({ kind }) => kind)).not.toContain('recording.sealed');
    }
  });

  it('are taken from the edge however odd the row is that somebody left in their place', async () => {
    const connector = newConnector();
    const indexer = await newIndexer();
    await indexer.table.putAll([{ pk: CONNECTOR_KEYS, sk: connector.id, note: 'x', version: 'newest' }]);
    expect(await indexer.tell(keysOf(connector))).toBe(204);
    expect((await indexer.index(recordedBy(connector)))?.state).toBe('sealed');
  });

  it('that come in disorder do not bring back what was replaced', async () => {
    const connector = newConnector();
    const indexer = await newIndexer();
    await indexer.tell(keysOf(connector, { version: 3, revoked: '2026-11-20T12:02:00.000Z' }));
    await indexer.tell(keysOf(connector, { version: 2 }));
    expect((await indexer.index(recordedBy(connector)))?.state).toBe('broken');
  });

  it('that nobody told yet are waited for', async () => {
    const connector = newConnector();
    const indexer = await newIndexer();
    const recorded = recordedBy(connector);
    await expect(indexer.index(recorded)).rejects.toThrow(RetriableFault);
    await indexer.tell(keysOf(connector));
    expect((await indexer.index(recorded))?.state).toBe('sealed');
  });

  it('are not compared where no key of the edge is set: a signature proves one key, whosever', async () => {
    const indexer = await newIndexer(null);
    expect((await indexer.index(recordedBy(newConnector())))?.state).toBe('sealed');
  });

  it('fit for nothing under a setting that is no key', async () => {
    const indexer = await newIndexer('gatehouse.example.com+x');
    await expect(indexer.index(recordedBy(newConnector()))).rejects.toThrow(RetriableFault);
  });
});

describe('a key that was replaced', () => {
  const first = newConnector();
  const second = { ...newConnector(), id: first.id };
  const rotated = keysOf(first, {
    version: 2,
    keys: [
      { key: keyOf(first), from: JOINED, replaced: '2026-11-20T12:30:00.000Z' },
      { key: keyOf(second), from: '2026-11-20T12:30:00.000Z' },
    ],
  });

  it('proves what ended before, whenever it was stored, and nothing that ended after', async () => {
    const indexer = await newIndexer();
    await indexer.tell(rotated);
    indexer.storedAt = '2026-11-25T00:00:00.000Z';
    expect((await indexer.index(recordedBy(first)))?.state).toBe('sealed');
    expect((await indexer.index(recordedBy(second, '2026-11-20T13:00:00.000Z')))?.state).toBe('sealed');
    const late = await indexer.index(recordedBy(first, '2026-11-20T13:00:00.000Z'));
    expect(late).toMatchObject({ state: 'broken', fault: expect.stringContaining('replaced at 2026-11-20T12:30') });
  });
});

describe('a connector that was revoked', () => {
  const connector = newConnector();
  const revoked = keysOf(connector, { version: 2, revoked: '2026-11-20T12:30:00.000Z' });

  it('keeps what was sealed before, and what came after is named', async () => {
    const indexer = await newIndexer();
    await indexer.tell(revoked);
    expect(await indexer.index(recordedBy(connector))).toEqual({ state: 'sealed', fault: undefined });
    // Began before, as it says itself; the store knows when it came.
    indexer.storedAt = '2026-11-20T12:31:00.000Z';
    expect(await indexer.index(recordedBy(connector))).toMatchObject({
      state: 'broken',
      fault: expect.stringContaining('revoked at 2026-11-20T12:30'),
    });
  });

  it('has no session that began after: not one row is written of it', async () => {
    const indexer = await newIndexer();
    await indexer.tell(revoked);
    const began = recordedBy(connector, '2026-11-20T12:31:00.000Z');
    expect(await indexer.index(began)).toBeUndefined();
    expect(new Set(indexer.events.map(({ kind }) => kind))).toEqual(new Set(['recording.refused']));
    const rows = await indexer.table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': `session#${began.session}` },
    });
    expect(rows.items).toEqual([]);
  });

  it('is known as one at the next session, however lately its keys were read', async () => {
    const indexer = await newIndexer();
    await indexer.tell(keysOf(connector));
    expect((await indexer.index(recordedBy(connector)))?.state).toBe('sealed');
    await indexer.tell(revoked);
    expect(await indexer.index(recordedBy(connector, '2026-11-20T12:31:00.000Z'))).toBeUndefined();
  });
});
