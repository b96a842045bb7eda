// What it costs to seal a session, in objects read, and that nothing is taken for whole because its beginning was once.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { decodeManifest } from '../../core/recording/manifest.ts';
import { manifestKey, segmentKey } from '../../core/recording/segment.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { answer, RecordingBuilder, sealManifest } from '../../test/harness/recording-builder.ts';
import { CatalogueReader } from '../catalogue-table/reader.ts';
import { CHAIN_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { CatalogueTable, createCatalogueTable } from '../catalogue-table/table.ts';
import { CatalogueWriter } from '../catalogue-table/writer.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { SearchAnnouncer } from '../search/announce.ts';
import { type IndexDeps, indexObject } from './index-object.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

/** Without the rows of segments and statements, which are many and not what this is about. */
class SealingWriter extends CatalogueWriter {
  override async claim() {
    return {};
  }
  override async putActions() {
    return [];
  }
  override async putSegment(): Promise<void> {}
}

class SilentAnnouncer extends SearchAnnouncer {
  override async announce(): Promise<void> {}
}

/** With lanes, refusals and masks in it, that all count at its end. */
function longSession(segments: number): RecordingBuilder {
  const builder = new RecordingBuilder();
  const refused = { kind: 'action.refused', rule: 'r', policyVersion: 1, reason: 'blocked', message: 'no' } as const;
  for (let number = 1; number < segments; number++) {
    builder.query(`select ${number}`, answer(['n'], [['1']]));
    if (number % 10 === 0) builder.fact({ ...refused, action: number });
    builder.wait(1_000).cut();
  }
  return builder.end();
}

async function indexerOf(builder: RecordingBuilder) {
  const name = `catalogue-${newId('ses')}`;
  await createCatalogueTable(client, name);
  const table = new CatalogueTable(client, name);
  const objects = new Map(builder.objects);
  const read: string[] = [];
  const reader = memoryReader(objects);
  const deps: IndexDeps = {
    reader: {
      ...reader,
      get: (key) => {
        read.push(key.kind === 'segment' ? String(key.number) : key.kind);
        return reader.get(key);
      },
    },
    writer: new SealingWriter(table),
    platform: nodeRecordingPlatform,
    verify: verifySession,
    search: new SilentAnnouncer(table),
    keysOf: async (connector) => ({
      kind: 'known',
      keys: {
        ...{ connector, version: 1 },
        keys: [
          { key: Buffer.from(builder.connector.publicKey).toString('base64url'), from: '2026-01-01T00:00:00.000Z' },
        ],
      },
    }),
    report: () => {},
    now: Date.now,
  };
  const manifest = manifestKey(builder.connector.id, builder.session);
  const segments = [...objects.keys()].filter((key) => key !== manifest);
  const catalogue = new CatalogueReader(table, () => {});
  return {
    objects,
    table,
    segments,
    manifest,
    segment: (number: number) => segmentKey(builder.connector.id, builder.session, number),
    index: async (keys: readonly string[]) => {
      for (const key of keys) await indexObject(key, deps);
    },
    /** What was read of it to seal it, the manifest's own event beside. */
    seal: async () => {
      read.length = 0;
      await indexObject(manifest, deps);
      const entry = await catalogue.session(builder.session);
      if (!entry || entry === 'damaged') throw new Error('there is no entry');
      return { state: entry.state, fault: entry.fault, segments: read.filter((one) => one !== 'manifest') };
    },
    chain: { pk: sessionPartition(builder.session), sk: CHAIN_ROW },
  };
}

describe('sealing a session', () => {
  it('reads no more of a long one than of a short one', async () => {
    for (const segments of [15, 200]) {
      const { index, seal, segments: keys } = await indexerOf(longSession(segments));
      await index(keys);
      const sealed = await seal();
      expect([segments, sealed.state, sealed.fault]).toEqual([segments, 'sealed', undefined]);
      expect(sealed.segments).toHaveLength(segments % 16);
    }
  });

  it('is as cheap after deliveries in disorder, once each and twice', async () => {
    const { index, seal, segments } = await indexerOf(longSession(70));
    // Each behind its predecessor's storing, which is all that an event needs.
    const shuffled = segments.toSorted((a, b) => (a.slice(-6, -4) < b.slice(-6, -4) ? 1 : -1));
    await index([...shuffled, ...segments.slice(20, 40)]);
    const sealed = await seal();
    expect([sealed.state, sealed.segments.length]).toEqual(['sealed', 70 % 16]);
  });

  it('looks for what it does not read again: a segment that is gone breaks it, and is named', async () => {
    const { index, seal, segments, segment, objects } = await indexerOf(longSession(40));
    await index(segments);
    objects.delete(segment(3));
    const broken = await seal();
    expect([broken.state, broken.fault]).toEqual(['broken', expect.stringContaining('segment 3 is missing')]);
  });

  it('believes no manifest that lists the beginning otherwise, or counts it otherwise', async () => {
    for (const what of ['digest', 'counts'] as const) {
      const builder = longSession(40);
      const { index, seal, segments, manifest, objects } = await indexerOf(builder);
      await index(segments);
      const { manifest: before } = decodeManifest(objects.get(manifest) ?? new Uint8Array(), nodeRecordingPlatform);
      const listed = before.segments.map((one) => (one.number === 2 ? { ...one, digest: 'ab'.repeat(32) } : one));
      const counts = { ...before.counts, statements: before.counts.statements - 1 };
      const changed = what === 'digest' ? { ...before, segments: listed } : { ...before, counts };
      objects.set(manifest, sealManifest(changed, builder.connector));
      const broken = await seal();
      const said = what === 'digest' ? 'segment 2 is not the one that the manifest lists' : 'statements';
      expect([broken.state, broken.fault]).toEqual(['broken', expect.stringContaining(said)]);
    }
  });

  it('goes no further behind a segment that is damaged, and names that at the end', async () => {
    const { index, seal, segments, segment, objects } = await indexerOf(longSession(40));
    const whole = objects.get(segment(5)) ?? new Uint8Array();
    objects.set(
      segment(5),
      whole.map((byte, at) => (at === whole.length >> 1 ? byte ^ 1 : byte)),
    );
    await index(segments);
    const broken = await seal();
    expect([broken.state, broken.fault]).toEqual(['broken', expect.stringContaining('00000005.seg')]);
    expect(broken.segments).toHaveLength(40);
  });

  it('reads all of it where what it knew of the beginning cannot be read, or is of another session', async () => {
    const other = await indexerOf(longSession(40));
    await other.index(other.segments);
    const { state } = (await other.table.get(other.chain)) ?? {};
    for (const wrong of ['{"next":32}', state]) {
      const { index, seal, segments, table, chain } = await indexerOf(longSession(40));
      await index(segments);
      await table.putAll([{ ...chain, next: 32, state: wrong }]);
      const sealed = await seal();
      expect([sealed.state, sealed.segments.length]).toEqual(['sealed', 40]);
    }
  });
});
