import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newConnector, RecordingBuilder, sealManifest } from '../../test/harness/recording-builder.ts';
import { nodePlatform } from '../../connector/recording/archive/node-platform.ts';
import { type ConnectorId, newId, type SessionId } from '../ids.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { decodeSegment, encodeSegment } from './segment.ts';
import { type VerifyInput, type VerifyReport, verifySession } from './verify.ts';

const encoder = new TextEncoder();
const connector = newConnector();
const session = newId('ses');

function recording(segments = 4, id = session): Map<string, Uint8Array> {
  const builder = new RecordingBuilder({ connector, session: id });
  for (let number = 1; number < segments; number++)
    builder.query(`select ${number}`, encoder.encode(`the answer to ${number}`)).cut();
  return named(builder.end().objects);
}

function named(objects: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...objects].map(([key, bytes]) => [key.slice(key.lastIndexOf('/') + 1), bytes]));
}

function check(objects: ReadonlyMap<string, Uint8Array>, more: Partial<VerifyInput> = {}): Promise<VerifyReport> {
  return verifySession({
    session,
    connector: connector.id,
    platform: nodePlatform,
    trustedKey: connector.publicKey,
    source: { list: async () => [...objects.keys()], read: async (name) => objects.get(name) },
    ...more,
  });
}

const reasons = (report: VerifyReport): string[] => report.faults.map(({ object, reason }) => `${object} ${reason}`);
const manifestOf = (objects: ReadonlyMap<string, Uint8Array>): Manifest =>
  decodeManifest(object(objects, 'manifest.json'), nodePlatform).manifest;
const headsOf = (objects: ReadonlyMap<string, Uint8Array>) =>
  manifestOf(objects).segments.map(({ number, digest }) => ({ number, digest, at: '2026-11-20T12:00:01.000Z' }));

const witnessedOf = (objects: ReadonlyMap<string, Uint8Array>) => ({
  digest: decodeManifest(object(objects, 'manifest.json'), nodePlatform).digest,
  segments: manifestOf(objects).segments.length,
});

function object(objects: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = objects.get(name);
  if (!bytes) throw new Error(`no object ${name}`);
  return bytes;
}

/** The same recording with its manifest told otherwise and signed again with the connector's own key. */
function retold(objects: Map<string, Uint8Array>, change: (manifest: Manifest) => Manifest): Map<string, Uint8Array> {
  return new Map(objects).set('manifest.json', sealManifest(change(manifestOf(objects)), connector));
}

describe('a session that never began', () => {
  const neverBegan = { reason: 'log_failed', at: '2026-11-20T12:00:01.000Z' };

  test('is proven to be none where nothing is stored, as the edge witnessed', async () => {
    const report = await check(new Map(), { heads: [], neverBegan });
    expect(report).toMatchObject({ proven: true, neverBegan: true, faults: [] });
    expect(report.proofs).toEqual([expect.stringContaining('it never began (log_failed)')]);
  });

  test('is not proven where anything of it is stored, or was witnessed', async () => {
    const objects = recording();
    expect(reasons(await check(objects, { heads: headsOf(objects), neverBegan }))).toEqual(['session began_after_all']);
    const report = await check(new Map(), { heads: headsOf(objects), neverBegan });
    expect(reasons(report)).toContain('session began_after_all');
    expect(reasons(report)).toContain('manifest.json manifest_missing');
  });
});

describe('an untouched recording', () => {
  test('is proven, and the report says what was proven', async () => {
    const objects = recording();
    const report = await check(objects, { heads: headsOf(objects), witnessedManifest: witnessedOf(objects) });
    expect(report).toMatchObject({ proven: true, faults: [], notCompared: [], manifest: { session } });
    expect(report.proofs).toHaveLength(5);
  });

  test('is proven without key and witness too, and the report says what was not compared', async () => {
    const report = await check(recording(), { trustedKey: undefined });
    expect(report.proven).toBe(true);
    expect(report.notCompared).toHaveLength(2);
  });

  test('is proven with one segment only, and whatever the order of the listing', async () => {
    expect((await check(recording(1))).proven).toBe(true);
    expect((await check(new Map([...recording()].reverse()))).proven).toBe(true);
  });

  test('is proven when the witness saw only some of the heads', async () => {
    const objects = recording();
    const witnessedManifest = witnessedOf(objects);
    const report = await check(objects, { heads: headsOf(objects).slice(1, 3), witnessedManifest });
    expect(report.proven).toBe(true);
    expect(report.proofs).toContain(
      'every part that the edge witnessed while the session ran (2) is the one that is stored',
    );
    expect(report.notCompared).toEqual(['2 of 4 parts: the edge witnessed none of them']);
  });

  test('claims no agreement with a witness that saw nothing', async () => {
    const report = await check(recording(), { heads: [] });
    expect(report.proven).toBe(true);
    expect(report.proofs.filter((proof) => proof.includes('witnessed'))).toEqual([]);
    expect(report.notCompared).toEqual([
      '4 of 4 parts: the edge witnessed none of them',
      'the manifest: the edge has not witnessed it',
    ]);
  });
});

describe('one byte flipped', () => {
  const objects = recording(3);
  const ROUND = 500;
  const rounds = [...objects].flatMap(([name, bytes]) =>
    Array.from({ length: Math.ceil(bytes.length / ROUND) }, (_, index) => ({ name, from: index * ROUND, bytes })),
  );
  for (const { name, from, bytes } of rounds)
    test(`anywhere in ${name}, from byte ${from} on, is found, and laid to that object`, async () => {
      for (let at = from; at < Math.min(from + ROUND, bytes.length); at++) {
        const altered = Uint8Array.from(bytes);
        altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
        const report = await check(new Map(objects).set(name, altered), { trustedKey: undefined });
        expect(report.proven, `byte ${at}`).toBe(false);
        expect(report.faults.map((fault) => fault.object)).toContain(name);
      }
    });

  test('to any other value, and bytes cut off or added, are found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...objects.keys()),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('flip', 'cut', 'add'),
        async (name, place, value, how) => {
          const bytes = object(objects, name);
          const at = place % bytes.length;
          let altered = Uint8Array.from(bytes);
          if (how === 'flip') altered[at] = (altered[at] ?? 0) ^ value;
          else if (how === 'cut') altered = altered.slice(0, at);
          else altered = Uint8Array.from([...bytes, value]);
          const report = await check(new Map(objects).set(name, altered));
          expect(report.proven).toBe(false);
          expect(report.faults.map((fault) => fault.object)).toContain(name);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a segment', () => {
  test.each([0, 1, 3])('that was removed, number %i, is missed', async (number) => {
    const objects = recording();
    objects.delete(`0000000${number}.seg`);
    const report = await check(objects);
    expect(reasons(report)).toEqual([`0000000${number}.seg segment_missing`]);
  });

  test('that was swapped with another is found in both places', async () => {
    const objects = recording();
    const swapped = new Map(objects)
      .set('00000001.seg', object(objects, '00000002.seg'))
      .set('00000002.seg', object(objects, '00000001.seg'));
    expect(reasons(await check(swapped))).toEqual(['00000001.seg segment_swapped', '00000002.seg segment_swapped']);
  });

  test('from another session of the same connector is found', async () => {
    const other = recording(4, newId('ses'));
    const objects = recording().set('00000002.seg', object(other, '00000002.seg'));
    expect(reasons(await check(objects))).toEqual(['00000002.seg segment_swapped']);
  });

  test('of the same session and number with other content is found', async () => {
    const objects = recording();
    const { header, block } = decodeSegment(object(objects, '00000003.seg'), nodePlatform);
    const forged = Uint8Array.from(block);
    forged[forged.length - 3] = 0x21;
    objects.set('00000003.seg', encodeSegment(header, forged, nodePlatform).bytes);
    expect(reasons(await check(objects))).toEqual(['00000003.seg segment_swapped']);
  });

  test('that was added is found, and so is any other object', async () => {
    const objects = recording();
    objects.set('00000004.seg', object(objects, '00000003.seg')).set('notes.txt', encoder.encode('?'));
    expect(reasons(await check(objects))).toEqual(['00000004.seg segment_unlisted', 'notes.txt segment_unlisted']);
  });
});

describe('a recording that was cut short', () => {
  test('by its last segments is found', async () => {
    const objects = recording();
    objects.delete('00000002.seg');
    objects.delete('00000003.seg');
    expect(reasons(await check(objects))).toEqual(['00000002.seg segment_missing', '00000003.seg segment_missing']);
  });

  test('by its last segments and its manifest is found, and the witness says how much', async () => {
    const objects = recording();
    const heads = headsOf(objects);
    objects.delete('00000003.seg');
    objects.delete('manifest.json');
    expect(reasons(await check(objects, { heads }))).toEqual([
      'manifest.json manifest_missing',
      '00000003.seg head_differs',
    ]);
  });

  test('and given a manifest to match by whoever has the key is found through the witness', async () => {
    const objects = recording();
    const short = new Map(objects);
    short.delete('00000003.seg');
    const cut = retold(short, (manifest) => ({ ...manifest, segments: manifest.segments.slice(0, 3) }));
    const heads = headsOf(objects);
    const report = await check(cut, { heads });
    expect(reasons(report)).toContain('00000003.seg head_differs');
    expect(report.faults.at(-1)?.message).toContain('cut short');
    const witnessedManifest = { digest: 'f'.repeat(64), segments: 4 };
    expect(reasons(await check(objects, { heads, witnessedManifest }))).toEqual(['manifest.json head_differs']);
  });

  test('to nothing at all is not proven', async () => {
    expect(reasons(await check(new Map()))).toEqual(['manifest.json manifest_missing']);
  });

  test('has its gaps named when there is no manifest, and a far-off name costs no walk', async () => {
    const objects = recording();
    objects.delete('manifest.json');
    objects.delete('00000001.seg');
    objects.set('99999999.seg', object(objects, '00000003.seg'));
    const found = reasons(await check(objects));
    expect(found).toContain('00000001.seg segment_missing');
    expect(found).toContain('99999999.seg segment_unlisted');
    expect(found.length).toBeLessThan(200);
  });
});

describe('a manifest', () => {
  test('signed again with another key is found when the connector’s key is known', async () => {
    const objects = recording();
    const stranger = { ...newConnector(), id: connector.id };
    const manifest = manifestOf(objects);
    const key = Buffer.from(stranger.publicKey).toString('base64url');
    const resigned = { ...manifest, connector: { ...manifest.connector, key } };
    objects.set('manifest.json', sealManifest(resigned, stranger));
    expect(reasons(await check(objects))).toEqual(['manifest.json key_unknown']);
  });

  test('signed by another key than it names is found without knowing the connector’s', async () => {
    const objects = recording();
    objects.set('manifest.json', sealManifest(manifestOf(objects), newConnector()));
    expect(reasons(await check(objects, { trustedKey: undefined }))).toContain('manifest.json signature_wrong');
  });

  test('of another session or connector is found', async () => {
    const other = recording(4, newId('ses'));
    const objects = recording().set('manifest.json', object(other, 'manifest.json'));
    expect(reasons(await check(objects))).toContain('manifest.json manifest_damaged');
    const moved = await check(recording(), { connector: newId('con') as ConnectorId });
    expect(moved.proven).toBe(false);
    const renamed = await check(recording(), { session: newId('ses') as SessionId });
    expect(renamed.proven).toBe(false);
  });

  const untrue: [string, (manifest: Manifest) => Manifest][] = [
    ['frames', (m) => ({ ...m, counts: { ...m.counts, frames: m.counts.frames + 1 } })],
    ['actions', (m) => ({ ...m, counts: { ...m.counts, actions: 0 } })],
    ['statements', (m) => ({ ...m, counts: { ...m.counts, statements: 0 } })],
    ['errors', (m) => ({ ...m, counts: { ...m.counts, errors: 7 } })],
    ['rows', (m) => ({ ...m, counts: { ...m.counts, rows: m.counts.rows - 1 } })],
    ['bytes', (m) => ({ ...m, counts: { ...m.counts, bytes: { ...m.counts.bytes, target: 1 } } })],
    ['duration', (m) => ({ ...m, durationUs: m.durationUs + 1 })],
    ['opening', (m) => ({ ...m, opened: m.opened && { ...m.opened, resource: 'x' as never } })],
    ['end', (m) => ({ ...m, end: { reason: 'idle_timeout', message: m.end.message } })],
  ];
  test.each(untrue)('that says another %s than the segments is found', async (_what, change) => {
    expect(reasons(await check(retold(recording(), change)))).toEqual(['manifest.json count_differs']);
  });
});

describe('the witness', () => {
  test('finds a segment that is not the one it saw', async () => {
    const objects = recording();
    const heads = headsOf(objects).map((head) => (head.number === 2 ? { ...head, digest: '0'.repeat(64) } : head));
    const report = await check(objects, { heads });
    expect(reasons(report)).toEqual(['00000002.seg head_differs']);
    expect(report.faults[0]?.message).toContain('not the one that was witnessed');
  });
});

const ONE_LANE = { count: 1, first: 0, last: 0, exceptions: [], more: 0 };

test('a fact as version 1 has it makes a segment of version 2 a fault', async () => {
  const held = { kind: 'action.held', request: newId('req'), digest: 'ab'.repeat(32), rule: 'r', policyVersion: 1 };
  const with1 = named(new RecordingBuilder({ connector, session }).rawFact({ ...held, statement: 1 }).end().objects);
  expect(await check(with1)).toMatchObject({
    proven: false,
    faults: [{ object: '00000000.seg', reason: 'fact_of_other_version' }],
  });
});

describe('what no reader shows as part of a session', () => {
  const opened = () => new RecordingBuilder({ connector, session });
  const laneOpened = (lane: number) => ({ kind: 'lane.opened', lane, of: 'exec', label: '' }) as const;
  const laneClosed = (lane: number) => ({ kind: 'lane.closed', lane, recorded: 'full' }) as const;
  const ended = { kind: 'session.ended', reason: 'client_closed', message: '' } as const;
  const x = encoder.encode('x');

  test.each<[string, (builder: RecordingBuilder) => RecordingBuilder]>([
    ['frame 1 is not JSON', (it) => it.rawBody(encoder.encode('{"kind":'))],
    ['frame 1 is not JSON', (it) => it.rawBody(Uint8Array.of(0x22, 0xff, 0x22))],
    // Counted by its first bytes, and no fact.
    ['frame 1 is not JSON', (it) => it.rawBody(encoder.encode('{"kind":"statement.started","action":'))],
    ['frame 1 is not a sound fact', (it) => it.rawFact({ kind: 'statement.finished' })],
    ['frame 1 is not a sound fact', (it) => it.rawFact('statement.started')],
    ['frame 1 of lane 0 tells of lane 1', (it) => it.fact(laneOpened(1))],
    ['frame 1 opens the session again', (it) => it.fact(it.opened)],
    ['frame 2 comes after the session’s end', (it) => it.fact(ended).bytes('target', x)],
    ['frame 2 comes after the session’s end', (it) => it.fact(ended).fact({ kind: 'cancel.requested' })],
    ['frame 1 is of lane 1, which is not open', (it) => it.bytes('client', x, 1)],
    ['frame 1 is of lane 1, which is not open', (it) => it.fact({ kind: 'cancel.requested' }, 1)],
    ['frame 3 is of lane 1, which is', (it) => it.fact(laneOpened(1), 1).fact(laneClosed(1), 1).bytes('client', x, 1)],
    ['frame 3 opens lane 1 again', (it) => it.fact(laneOpened(1), 1).fact(laneClosed(1), 1).fact(laneOpened(1), 1)],
  ])('is damage: %s', async (message, write) => {
    const { faults } = await check(named(write(opened()).cut().end().objects));
    expect(faults[0]).toMatchObject({ object: '00000000.seg', reason: 'fact_damaged' });
    expect(faults[0]?.message).toContain(message);
  });

  test('is damage where the session’s opening is not the first, or another’s', async () => {
    const other = newId('ses');
    const objects = named(opened().rawOpening({ session: other }).end().objects);
    expect((await check(objects)).faults[0]?.message).toBe(`frame 0 opens another session, ${other}`);
    const unopened = named(opened().rawOpening(undefined).fact({ kind: 'cancel.requested' }).end().objects);
    expect((await check(unopened)).faults[0]?.message).toBe('frame 0 does not tell of the session’s opening');
  });

  test('is told once a segment, and later segments are read all the same', async () => {
    const builder = opened().rawBody(x).rawBody(x).fact(laneOpened(1), 1).cut().bytes('client', x, 1).cut();
    const { faults } = await check(named(builder.rawBody(x).cut().end().objects));
    expect(faults.map(({ object, message }) => [object, message])).toEqual([
      ['00000000.seg', 'frame 1 is not JSON (and 1 more of segment 0)'],
      ['00000002.seg', 'frame 5 is not JSON'],
    ]);
  });

  test('may be of a lane whose opening a damaged log lost, as the manifest tells', async () => {
    const objects = named(opened().bytes('client', x, 1).end().objects);
    const partial = retold(objects, ({ coverage, ...manifest }) => {
      const lanes = { ...coverage.lanes, recorded: 'partial', note: 'frames could not be read back' } as const;
      return { ...manifest, coverage: { ...coverage, lanes } };
    });
    expect((await check(partial)).faults).toEqual([]);
  });
});

describe('what a recording claims to show', () => {
  const opened = () => new RecordingBuilder({ connector, session });
  const judged = () =>
    named(
      opened()
        .query('select 1', encoder.encode('1'))
        .fact({ kind: 'action.refused', action: 2, reason: 'blocked', message: 'Blocked by rule orders.' })
        .fact({ kind: 'action.refused', action: 3, reason: 'blocked', message: 'Blocked by rule orders.' })
        .cut()
        .fact({ kind: 'mask.applied', masked: [{ rule: 'orders#1', count: 3 }] })
        .fact({ kind: 'mask.applied', masked: [{ rule: 'orders#1', count: 4 }] })
        .fact({ kind: 'mask.withheld', reason: 'lineage_unknown', count: 2 })
        .fact({ kind: 'lane.closed', lane: 0, recorded: 'partial', note: 'a forward' })
        .end().objects,
    );
  const exempted = () =>
    named(
      new RecordingBuilder({ connector, session, exempt: 'a payroll run' })
        .fact({ kind: 'action.refused', reason: 'blocked', message: 'Blocked by rule orders.' })
        .end().objects,
    );
  const told = (change: (coverage: Manifest['coverage']) => Partial<Manifest['coverage']>) => (manifest: Manifest) => ({
    ...manifest,
    coverage: { ...manifest.coverage, ...change(manifest.coverage) },
  });

  test('of refusals and masks is what its facts add up to', async () => {
    const report = await check(judged());
    expect(report).toMatchObject({ proven: true, faults: [] });
    expect(report.exempt).toBeUndefined();
    expect(report.manifest?.coverage).toMatchObject({
      masked: [{ rule: 'orders#1', count: 7 }],
      withheld: [{ reason: 'lineage_unknown', count: 2 }],
      refused: [{ reason: 'blocked', count: 2 }],
    });
  });

  test.each<[string, (coverage: Manifest['coverage']) => Partial<Manifest['coverage']>]>([
    ['what was masked', () => ({ masked: [{ rule: 'orders#1', count: 6 }] })],
    ['what was withheld', () => ({ withheld: [] })],
    ['what was refused', () => ({ refused: [] })],
    ['what the policy exempted', () => ({ exemptions: ['an invented one'] })],
    ['how its lanes were recorded', ({ lanes }) => ({ lanes: { ...lanes, recorded: 'none' } })],
    ['which lanes there are', ({ lanes }) => ({ lanes: { ...lanes, count: 2, last: 1 } })],
    ['which lanes are not recorded in full', ({ lanes }) => ({ lanes: { ...lanes, exceptions: [] } })],
    ['which lanes are not recorded in full', ({ lanes }) => ({ lanes: { ...lanes, more: 1 } })],
  ])('otherwise than its facts is found: %s', async (what, change) => {
    const report = await check(retold(judged(), told(change)));
    expect(reasons(report)).toEqual(['manifest.json count_differs']);
    expect(report.faults[0]?.message).toContain(what);
  });

  test('claims no lane in full that lies between two others and is nowhere', async () => {
    const builder = new RecordingBuilder({ connector, session });
    for (const lane of [1, 3]) builder.fact({ kind: 'lane.opened', lane, of: 'exec', label: '' }, lane);
    const { faults } = await check(named(builder.end().objects));
    expect(faults.map(({ message }) => message)).toEqual([
      'the manifest claims every lane in full, and of lanes 0 to 3 1 are missing',
    ]);
  });

  test('is nothing where the policy exempted it: proven as that, never as full', async () => {
    const report = await check(exempted());
    expect(report).toMatchObject({ proven: true, exempt: 'a payroll run', faults: [] });
    expect(report.proofs.join('; ')).toContain('nothing of what went over the wire, by policy: a payroll run');
    expect(report.manifest?.coverage).toEqual({
      lanes: { ...ONE_LANE, recorded: 'none', note: 'a payroll run' },
      masked: [],
      refused: [{ reason: 'blocked', count: 1 }],
      exemptions: ['a payroll run'],
    });
  });

  test.each<[string, (coverage: Manifest['coverage']) => Partial<Manifest['coverage']>]>([
    ['full', () => ({ lanes: { ...ONE_LANE, recorded: 'full' } })],
    ['exempt from nothing', () => ({ exemptions: [] })],
  ])('exempted, it cannot be told as %s', async (_, change) => {
    expect(reasons(await check(retold(exempted(), told(change))))).toEqual(['manifest.json count_differs']);
  });

  test('though exempted, is what stands there all the same', async () => {
    const builder = new RecordingBuilder({ connector, session, exempt: 'a payroll run' });
    const objects = named(builder.query('select 1', encoder.encode('1')).end().objects);
    expect((await check(objects)).faults[0]?.message).toContain('how its lanes were recorded');
    const lanes = { ...ONE_LANE, recorded: 'partial' as const, note: 'a payroll run' };
    expect(
      (
        await check(
          retold(
            objects,
            told(() => ({ lanes })),
          ),
        )
      ).proven,
    ).toBe(true);
  });
});
