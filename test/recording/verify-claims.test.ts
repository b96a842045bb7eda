// What a recording claims to show, and what no reader takes for a part of it.

import { describe, expect, test } from 'vitest';
import { RecordingBuilder } from '../harness/recording-builder.ts';
import { check, connector, named, reasons, retold, session } from '../harness/verified-recording.ts';
import { newId } from '../../core/ids.ts';
import type { Manifest } from '../../core/recording/manifest.ts';

const encoder = new TextEncoder();

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
        .fact({
          kind: 'mask.applied',
          masked: [{ rule: 'orders#1', count: 4 }],
          notKept: [{ reason: 'too_large', count: 1 }],
        })
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
      notKept: [{ reason: 'too_large', count: 1 }],
      refused: [{ reason: 'blocked', count: 2 }],
    });
    expect(report.proofs).toContain('hidden and not kept: 1 value, because it is too large');
  });

  test.each<[string, (coverage: Manifest['coverage']) => Partial<Manifest['coverage']>]>([
    ['what was masked', () => ({ masked: [{ rule: 'orders#1', count: 6 }] })],
    ['what of that is not kept', () => ({ notKept: undefined })],
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
