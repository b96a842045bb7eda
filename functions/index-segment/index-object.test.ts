import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyInput, VerifyReport } from '../../core/recording/verify.ts';
import { newId } from '../../core/ids.ts';
import { manifestKey, originalKey, segmentKey } from '../../core/recording/segment.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { CatalogueReader } from '../catalogue-table/reader.ts';
import { CatalogueTable, createCatalogueTable, type Item } from '../catalogue-table/table.ts';
import { CatalogueWriter } from '../catalogue-table/writer.ts';
import { type IndexEvent, RetriableFault } from '../faults.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { SearchAnnouncer } from '../search/announce.ts';
import { beginSession } from '../reindex/begin-session.ts';
import { type IndexDeps, indexObject } from './index-object.ts';
import { keysNotCompared } from './known-keys.ts';

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

/** Stands in for the proof where a test is about rows: whole when every listed segment is there. */
const verifyPresence = async ({ session, source }: VerifyInput): Promise<VerifyReport> => {
  const names = await source.list();
  const proven = names.includes('manifest.json');
  return { session, proven, proofs: [], notCompared: [], faults: [] };
};

async function newCatalogue(Table: typeof CatalogueTable = CatalogueTable) {
  const name = `catalogue-${newId('ses')}`;
  await createCatalogueTable(client, name);
  const table = new Table(client, name);
  const objects = new Map<string, Uint8Array>();
  const events: IndexEvent[] = [];
  const deps: IndexDeps = {
    reader: memoryReader(objects),
    writer: new CatalogueWriter(table),
    search: new SearchAnnouncer(table),
    platform: nodeRecordingPlatform,
    verify: verifyPresence,
    keysOf: keysNotCompared,
    report: (event) => events.push(event),
    now: Date.now,
  };
  const store = (builder: RecordingBuilder) => {
    for (const [key, bytes] of builder.objects) objects.set(key, bytes);
  };
  return { table, objects, events, deps, store, reader: new CatalogueReader(table, () => {}) };
}

function threeSegments(): RecordingBuilder {
  const builder = new RecordingBuilder({ task: 'T-1' });
  builder.query('select 1', answer(['n'], [['1']])).cut();
  builder
    .query('select 2', answer(['n'], [['2'], ['3']]), { rows: 2, tags: ['SELECT 2'] })
    .fact({
      kind: 'statement.started',
      action: 3,
      form: 'simple',
      text: 'copy big to stdout',
      at: { direction: 'client', lane: 0, offset: 0, length: 0 },
    })
    .cut();
  builder.fact({ kind: 'statement.finished', action: 3, tags: ['COPY 9'], rows: 9, bytes: 90, durationUs: 5 });
  return builder.end();
}

async function rowsOf(table: CatalogueTable, builder: RecordingBuilder): Promise<readonly Item[]> {
  const page = await table.query({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': `session#${builder.session}` },
  });
  return page.items;
}

describe('indexing a session', () => {
  it('lists it, its segments, and each statement with its end, also when that came a segment later', async () => {
    const { deps, store, reader } = await newCatalogue();
    const builder = threeSegments();
    store(builder);
    // What is sealed beside a segment comes before it, and is nothing for the index.
    await indexObject(originalKey(builder.connector.id, builder.session, 0), deps);
    for (const key of builder.objects.keys()) await indexObject(key, deps);

    const entry = await reader.session(builder.session);
    expect(entry).toMatchObject({
      id: builder.session,
      email: 'alice@example.com',
      task: 'T-1',
      state: 'sealed',
      segments: 3,
      counts: { statements: 3, rows: 12, errors: 0 },
    });
    expect(await reader.segments(builder.session)).toHaveLength(3);
    const actions = await reader.actions(builder.session, undefined, 50);
    expect(actions).toMatchObject({
      ok: true,
      value: {
        actions: [
          { action: 1, title: 'select 1', outcome: 'SELECT 1', detail: { text: 'select 1', tags: ['SELECT 1'] } },
          { action: 2, detail: { rows: 2 } },
          { action: 3, detail: { tags: ['COPY 9'], rows: 9 } },
        ],
      },
    });
    const listed = await reader.sessions({ task: 'T-1', limit: 10 });
    expect(listed).toMatchObject({ ok: true, value: { sessions: [{ id: builder.session }] } });
  });

  it('lists each statement with what the policy made of it, also when that was decided segments later', async () => {
    const { deps, store, reader } = await newCatalogue();
    const builder = new RecordingBuilder();
    const started = (statement: number) => {
      const at = { direction: 'client' as const, lane: 0, offset: 0, length: 0 };
      builder.fact({
        kind: 'statement.started',
        action: statement,
        form: 'simple',
        text: `statement ${statement}`,
        at,
      });
    };
    const digest = 'ab'.repeat(32);
    const [first, second] = [newId('req'), newId('req')];
    const refused = { kind: 'action.refused', rule: 'orders', policyVersion: 1 } as const;
    started(1);
    builder.fact({ ...refused, action: 1, reason: 'blocked', message: 'Blocked by rule orders: it drops t.' });
    started(2);
    builder.fact({ kind: 'action.held', action: 2, request: first, digest, rule: 'orders', policyVersion: 1 }).cut();
    const resolved = { kind: 'hold.resolved' as const, by: ['bob@example.com'] };
    builder.fact({ ...resolved, action: 2, request: first, outcome: 'approved', comment: 'go' }).cut();
    builder.fact({ kind: 'statement.finished', action: 2, tags: ['GRANT'], rows: 0, bytes: 9, durationUs: 5 });
    started(3);
    builder.fact({ kind: 'action.held', action: 3, request: second, digest, rule: 'orders', policyVersion: 1 });
    builder.fact({ ...resolved, action: 3, request: second, outcome: 'denied', comment: 'no' });
    builder.fact({ ...refused, action: 3, reason: 'hold_denied', message: 'Denied by bob@example.com' });
    builder.end();
    store(builder);
    // The held one is found as held while nobody has decided, whatever came first.
    const keys = [...builder.objects.keys()];
    await indexObject(keys[0] ?? '', deps);
    const actions = async () => {
      const page = await reader.actions(builder.session, undefined, 50);
      return page.ok ? page.value.actions : [];
    };
    expect((await actions())[1]?.verdict).toMatchObject({ outcome: 'held', rule: 'orders' });
    for (const key of keys.slice(1).reverse()) await indexObject(key, deps);
    expect(await actions()).toMatchObject([
      { action: 1, verdict: { outcome: 'refused', rule: 'orders', message: 'Blocked by rule orders: it drops t.' } },
      { action: 2, outcome: 'GRANT', verdict: { outcome: 'approved', rule: 'orders', by: ['bob@example.com'] } },
      { action: 3, verdict: { outcome: 'denied', by: ['bob@example.com'], message: 'Denied by bob@example.com' } },
    ]);
  });

  it('lists that a session is exempt from recording', async () => {
    const { deps, store, reader } = await newCatalogue();
    const builder = new RecordingBuilder({ exempt: 'a payroll run', task: 'T-2' }).end();
    store(builder);
    for (const key of builder.objects.keys()) await indexObject(key, deps);
    expect(await reader.session(builder.session)).toMatchObject({ exempt: 'a payroll run', state: 'sealed' });
    const listed = await reader.sessions({ task: 'T-2', limit: 10 });
    expect(listed).toMatchObject({ ok: true, value: { sessions: [{ exempt: 'a payroll run' }] } });
  });

  it('counts a live session by the segments that came', async () => {
    const { deps, store, reader } = await newCatalogue();
    const builder = threeSegments();
    store(builder);
    const [first, second] = [...builder.objects.keys()];
    await indexObject(first ?? '', deps);
    expect(await reader.session(builder.session)).toMatchObject({ state: 'live', segments: 1, counts: { rows: 1 } });
    await indexObject(second ?? '', deps);
    await indexObject(second ?? '', deps);
    expect(await reader.session(builder.session)).toMatchObject({
      state: 'live',
      segments: 2,
      counts: { statements: 3, rows: 3 },
    });
  });

  it('counts commands that failed, wherever they began, and says nothing while some are not counted', async () => {
    const { deps, table, store, reader } = await newCatalogue();
    const builder = new RecordingBuilder({ protocol: 'ssh' });
    const run = (action: number) => ({ kind: 'command.started', action, form: 'exec', command: 'make' }) as const;
    const end = (action: number, how: object) => ({ kind: 'command.finished', action, durationUs: 5, ...how }) as const;
    builder
      .fact(run(1), 1)
      .fact(run(2), 2)
      .fact(end(2, { exit: 0 }), 2)
      .cut();
    builder
      .fact(end(1, { signal: 'TERM' }), 1)
      .fact(run(3), 3)
      .fact(end(3, { exit: 2 }), 3)
      .cut();
    builder.end();
    store(builder);
    const counted = async () => {
      const session = await reader.session(builder.session);
      if (!session || session === 'damaged') throw new Error('it is not listed');
      return [session.state, session.failedCommands, session.counts.errors];
    };
    await indexObject(keyOf(builder, 0), deps);
    expect(await counted()).toEqual(['live', 0, 0]);
    // The manifest comes before a segment: it does not tell the number.
    await indexObject(manifestKey(builder.connector.id, builder.session), deps);
    expect(await counted()).toEqual(['sealed', undefined, 0]);
    const rest = [...builder.objects.keys()].slice(1);
    for (const key of [...rest, ...rest]) await indexObject(key, deps);
    expect(await counted()).toEqual(['sealed', 2, 0]);

    // What an earlier release left of the first two segments: a sum of the others is not the session's.
    const pk = `session#${builder.session}`;
    await table.update({
      Key: { pk, sk: 'tally#000000' },
      UpdateExpression: 'REMOVE failedCommands, failedCommandsOf SET #numbers = :two',
      ExpressionAttributeNames: { '#numbers': 'numbers' },
      ExpressionAttributeValues: { ':two': new Set([0, 1]) },
    });
    await table.update({
      Key: { pk, sk: 'session' },
      UpdateExpression: 'REMOVE tally0',
    });
    await indexObject(keyOf(builder, 2), deps);
    expect(await counted()).toEqual(['sealed', undefined, 0]);
    const place = { session: builder.session, connector: builder.connector.id };
    await beginSession(place, { table, reader: deps.reader });
    for (const key of builder.objects.keys()) await indexObject(key, deps);
    expect(await counted()).toEqual(['sealed', 2, 0]);
  });

  it('leaves the same rows whatever the order, repetition and concurrency of events', async () => {
    const builder = threeSegments();
    const keys = [...builder.objects.keys()];
    const straight = await newCatalogue();
    straight.store(builder);
    for (const key of keys) await indexObject(key, straight.deps);
    const expected = await rowsOf(straight.table, builder);
    expect(expected.length).toBeGreaterThan(7);

    const deliveries = fc
      .tuple(
        fc.shuffledSubarray(keys, { minLength: keys.length }),
        fc.array(fc.constantFrom(...keys), { maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
      )
      .map(([all, again, width]) => ({ events: [...again, ...all], width }));
    await fc.assert(
      fc.asyncProperty(deliveries, async ({ events, width }) => {
        const shuffled = await newCatalogue();
        shuffled.store(builder);
        for (let i = 0; i < events.length; i += width)
          await Promise.all(events.slice(i, i + width).map((key) => indexObject(key, shuffled.deps)));
        expect(await rowsOf(shuffled.table, builder)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps the later of two sums when the earlier one arrives after it', async () => {
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    // Holds back the row's update of whoever counted first.
    class Held extends CatalogueTable {
      override async update(input: Parameters<CatalogueTable['update']>[0]) {
        if (input.ExpressionAttributeValues?.[':segments'] === 1) {
          held.resolve();
          await gate.promise;
        }
        return super.update(input);
      }
    }
    const { deps, store, reader } = await newCatalogue(Held);
    const builder = threeSegments();
    store(builder);
    const first = indexObject(keyOf(builder, 0), deps);
    await held.promise;
    await indexObject(keyOf(builder, 1), deps);
    gate.resolve();
    await first;
    expect(await reader.session(builder.session)).toMatchObject({ segments: 2, counts: { statements: 3, rows: 3 } });
  });

  it('mends on the next delivery what a crash left half written', async () => {
    let crashed = false;
    class Crashing extends CatalogueTable {
      override async update(input: Parameters<CatalogueTable['update']>[0]) {
        if (!crashed && input.ExpressionAttributeValues?.[':segments'] !== undefined) {
          crashed = true;
          throw new RetriableFault('crashed between the tally and the row');
        }
        return super.update(input);
      }
    }
    const { deps, store, reader } = await newCatalogue(Crashing);
    const builder = threeSegments();
    store(builder);
    await expect(indexObject(keyOf(builder, 0), deps)).rejects.toThrow(RetriableFault);
    await indexObject(keyOf(builder, 0), deps);
    expect(await reader.session(builder.session)).toMatchObject({ segments: 1, counts: { statements: 1, rows: 1 } });
  });

  it('believes the first segment more than the manifest about who opened it, whichever came first', async () => {
    const builder = new RecordingBuilder().query('select 1', answer(['n'], [['1']])).cut();
    Object.assign(builder.opened.identity, { email: 'other@example.com' });
    builder.end();
    for (const keys of [[...builder.objects.keys()], [...builder.objects.keys()].reverse()]) {
      const { deps, store, reader } = await newCatalogue();
      store(builder);
      for (const key of keys) await indexObject(key, deps);
      expect(await reader.session(builder.session)).toMatchObject({ email: 'alice@example.com' });
      expect(await reader.sessions({ email: 'other@example.com', limit: 1 })).toEqual({
        ok: true,
        value: { sessions: [] },
      });
    }
  });

  it('asks for an event again while the segment before is not there', async () => {
    const { deps, store, objects, reader } = await newCatalogue();
    const builder = threeSegments();
    store(builder);
    const [first, second] = [...builder.objects.keys()];
    objects.delete(first ?? '');
    await expect(indexObject(second ?? '', deps)).rejects.toThrow(RetriableFault);
    expect(await reader.segments(builder.session)).toEqual([]);
  });

  it('asks for an event again while its object is not there', async () => {
    const { deps } = await newCatalogue();
    await expect(indexObject(segmentKey(newId('con'), newId('ses'), 0), deps)).rejects.toThrow(RetriableFault);
    await expect(indexObject(manifestKey(newId('con'), newId('ses')), deps)).rejects.toThrow(RetriableFault);
  });

  it('ignores what is no recording', async () => {
    const { deps, events } = await newCatalogue();
    await indexObject('recordings/../../etc/passwd', deps);
    expect(events).toEqual([{ kind: 'event.ignored', object: 'recordings/../../etc/passwd' }]);
  });
});

describe('a damaged segment', () => {
  const damages: [string, (bytes: Uint8Array, builder: RecordingBuilder) => Uint8Array, RegExp][] = [
    ['a flipped byte', (bytes) => flip(bytes, 40), /SHA-256/],
    ['a cut tail', (bytes) => bytes.slice(0, -5), /SHA-256|size/],
    ['another segment in its place', (_, builder) => builder.objects.get(keyOf(builder, 2)) ?? flip(_, 0), /key/],
  ];
  it.each(damages)('marks its session as broken and writes none of it: %s', async (_, damage, message) => {
    const { deps, store, objects, reader, events } = await newCatalogue();
    const builder = threeSegments();
    store(builder);
    const key = keyOf(builder, 1);
    objects.set(key, damage(objects.get(key) ?? new Uint8Array(), builder));
    await indexObject(keyOf(builder, 0), deps);
    await indexObject(key, deps);
    const entry = await reader.session(builder.session);
    expect(entry).toMatchObject({ state: 'broken', segments: 1, fault: expect.stringMatching(message) });
    expect(events).toMatchObject([{ kind: 'recording.broken', session: builder.session, object: key }]);
  });

  it('does not stand in the way of other sessions', async () => {
    const { deps, store, objects, reader } = await newCatalogue();
    const [broken, whole] = [threeSegments(), threeSegments()];
    store(broken);
    store(whole);
    objects.set(keyOf(broken, 0), Uint8Array.of(1, 2, 3));
    await Promise.all([...broken.objects.keys(), ...whole.objects.keys()].map((key) => indexObject(key, deps)));
    expect(await reader.session(whole.session)).toMatchObject({ state: 'sealed', segments: 3 });
    expect(await reader.session(broken.session)).toMatchObject({ email: 'alice@example.com' });
  });

  it('is found when it does not follow the one before it', async () => {
    const { deps, store, objects, reader } = await newCatalogue();
    const builder = threeSegments();
    const other = new RecordingBuilder({ connector: builder.connector, session: builder.session });
    other.query('select 9', answer(['n'], [['9']])).cut();
    store(builder);
    objects.set(keyOf(builder, 0), other.objects.get(keyOf(other, 0)) ?? new Uint8Array());
    await indexObject(keyOf(builder, 0), deps);
    await indexObject(keyOf(builder, 1), deps);
    expect(await reader.session(builder.session)).toMatchObject({
      fault: expect.stringMatching(/segment 1: it does not follow/),
    });
  });
});

describe('a session id of another connector', () => {
  it('is refused, and the owner keeps its rows', async () => {
    const { deps, store, reader, events } = await newCatalogue();
    const mine = threeSegments();
    const theirs = new RecordingBuilder({ session: mine.session, email: 'mallory@example.com' });
    theirs.query('select 1', answer(['n'], [['1']])).end();
    store(mine);
    store(theirs);
    for (const key of [...mine.objects.keys(), ...theirs.objects.keys()]) await indexObject(key, deps);
    expect(await reader.session(mine.session)).toMatchObject({
      email: 'alice@example.com',
      connector: mine.connector.id,
      state: 'sealed',
    });
    expect(events.filter(({ kind }) => kind === 'recording.refused')).toHaveLength(theirs.objects.size);
  });
});

const keyOf = (builder: RecordingBuilder, number: number) => segmentKey(builder.connector.id, builder.session, number);

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
