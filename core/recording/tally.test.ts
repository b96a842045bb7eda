import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordingBuilder } from '../../test/harness/recording-builder.ts';
import type { Fact } from './facts/fact.ts';
import { SessionTally, TallyState } from './tally.ts';

const { opened } = new RecordingBuilder({ exempt: 'a payroll run' });
const facts: readonly Fact[] = [
  opened,
  { kind: 'action.refused', reason: 'blocked', message: '' },
  { kind: 'mask.applied', masked: [{ rule: 'a', count: 2 }] },
  {
    kind: 'mask.applied',
    masked: [
      { rule: 'a', count: 1 },
      { rule: 'b', count: 5 },
    ],
  },
  { kind: 'mask.withheld', reason: 'copy_unknown', count: 3 },
  { kind: 'action.refused', reason: 'hold_denied', message: '' },
];

function addTo(tally: SessionTally, given: readonly Fact[], lane = 0): SessionTally {
  given.forEach((fact, sequence) => {
    const body = new TextEncoder().encode(JSON.stringify(fact));
    tally.addFrame({ sequence, timeUs: 0, direction: 'gateway', kind: 'fact', lane, body });
  });
  return tally;
}

const ONE_LANE = { count: 1, first: 0, last: 0, exceptions: [], more: 0 };

describe('a tally', () => {
  const whole = addTo(new SessionTally(), facts);

  it('takes coverage from facts alone', () => {
    expect(whole.coverage(0)).toEqual({
      lanes: { ...ONE_LANE, recorded: 'none', note: 'a payroll run' },
      masked: [
        { rule: 'a', count: 3 },
        { rule: 'b', count: 5 },
      ],
      withheld: [{ reason: 'copy_unknown', count: 3 }],
      refused: [
        { reason: 'blocked', count: 1 },
        { reason: 'hold_denied', count: 1 },
      ],
      exemptions: ['a payroll run'],
    });
  });

  it('counts commands that failed beside the counts of a manifest', () => {
    const ended = (how: object) => ({ kind: 'command.finished', action: 1, durationUs: 1, ...how }) as Fact;
    const commands = [{ exit: 0 }, { exit: 127 }, { signal: 'KILL' }, {}, { exit: 1 }].map(ended);
    const tally = addTo(new SessionTally(), commands, 1);
    expect(tally.failedCommands).toBe(3);
    // Manifests hold what they always held, or none that exists would be recounted to the same.
    expect(tally.counts()).toEqual({ ...new SessionTally().counts(), frames: 5 });
    const kept = TallyState.parse(JSON.parse(JSON.stringify(tally.state())));
    expect(addTo(SessionTally.from(kept), commands, 1).failedCommands).toBe(6);
    // An earlier release counted none: what comes behind is no sum.
    const { failedCommands: _, ...earlier } = kept;
    expect(addTo(SessionTally.from(earlier), commands, 1).failedCommands).toBeUndefined();
  });

  it('is the same after a crash at any place', () => {
    for (let at = 0; at <= facts.length; at++) {
      const kept: unknown = JSON.parse(JSON.stringify(addTo(new SessionTally(), facts.slice(0, at)).state()));
      const again = addTo(SessionTally.from(TallyState.parse(kept)), facts.slice(at));
      expect(again.coverage(0)).toEqual(whole.coverage(0));
      expect(again.state()).toEqual(whole.state());
    }
  });

  it('goes on from the state that an older connector left', () => {
    const { masked: _, withheld: __, actions: ___, ...older } = addTo(new SessionTally(), facts.slice(0, 2)).state();
    const again = addTo(SessionTally.from(TallyState.parse({ ...older, statements: 3, lanes: [0] })), facts.slice(2));
    expect(again.coverage(0).masked).toEqual(whole.coverage(0).masked);
    expect(again.counts()).toMatchObject({ statements: 3, actions: 3 });
    expect(TallyState.parse({ ...older, lanes: [4, 0, 1, 3] }).lanes).toEqual({
      seen: [
        [0, 1],
        [3, 4],
      ],
      exceptions: [],
      more: 0,
    });
  });

  it('an exempted session is never called full, not even where frames were lost or bytes are there', () => {
    expect(whole.coverage(4).lanes.note).toMatch(/^a payroll run; 4 frames/);
    const bytes = SessionTally.from(whole.state());
    bytes.addFrame({ sequence: 9, timeUs: 0, direction: 'client', kind: 'bytes', lane: 0, body: new Uint8Array(3) });
    expect(bytes.coverage(0).lanes).toEqual({ ...ONE_LANE, recorded: 'partial', note: 'a payroll run' });
  });
});

describe('the lanes of a tally', () => {
  const { opened: session } = new RecordingBuilder();
  const laneOpened = (lane: number): Fact => ({ kind: 'lane.opened', lane, of: 'exec', label: 'exec' });
  function withLanes(count: number, closed: (lane: number) => Fact | undefined = () => undefined): SessionTally {
    const tally = addTo(new SessionTally(), [session]);
    for (let lane = 1; lane < count; lane++) {
      const last = closed(lane);
      addTo(tally, [laneOpened(lane), ...(last ? [last] : [])], lane);
      const body = new Uint8Array(3);
      tally.addFrame({ sequence: 0, timeUs: 0, direction: 'client', kind: 'bytes', lane: lane - 1, body });
    }
    return tally;
  }

  it('are as small for 100,000 as for one', () => {
    const tally = withLanes(100_000, (lane) => ({ kind: 'lane.closed', lane, recorded: 'full' }));
    expect(tally.coverage(0).lanes).toEqual({
      count: 100_000,
      first: 0,
      last: 99_999,
      recorded: 'full',
      exceptions: [],
      more: 0,
    });
    expect(JSON.stringify(tally.state()).length).toBeLessThan(2048);
    expect(JSON.stringify(tally.coverage(3)).length).toBeLessThan(2048);
  });

  it('that are not recorded in full are told one by one, and beyond a thousand by their number', () => {
    const note = 'x'.repeat(5000);
    const tally = withLanes(3001, (lane) =>
      lane % 2 === 0 ? { kind: 'lane.closed', lane, recorded: 'partial', note } : undefined,
    );
    const again = SessionTally.from(TallyState.parse(JSON.parse(JSON.stringify(tally.state()))));
    addTo(again, [{ kind: 'lane.closed', lane: 3, recorded: 'none' }], 3);
    const { lanes } = again.coverage(0);
    expect(lanes).toMatchObject({ count: 3001, recorded: 'full', more: 501 });
    expect(lanes.exceptions).toHaveLength(1000);
    expect(lanes.exceptions[0]).toEqual({ lane: 2, recorded: 'partial', note: note.slice(0, 200) });
  });

  it('are counted once, in whatever order their frames come and whatever of them was lost', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, (lanes) => {
        const tally = new SessionTally();
        for (const lane of lanes) addTo(tally, [{ kind: 'cancel.requested' }], lane);
        const again = SessionTally.from(TallyState.parse(JSON.parse(JSON.stringify(tally.state()))));
        const seen = new Set(lanes);
        const [first, last] = [Math.min(...seen), Math.max(...seen)];
        expect(again.coverage(0).lanes).toMatchObject({ count: seen.size, first, last });
        expect(again.state()).toEqual(tally.state());
      }),
    );
  });

  it('are told of by their own facts alone: one on another lane neither adds a lane nor takes from one', () => {
    const tally = addTo(new SessionTally(), [session]);
    addTo(tally, [laneOpened(1)], 1);
    const before = tally.coverage(0).lanes;
    addTo(tally, [laneOpened(2), { kind: 'lane.closed', lane: 1, recorded: 'none', note: 'forged' }], 0);
    addTo(tally, [{ kind: 'lane.closed', lane: 0, recorded: 'none' }], 1);
    expect(tally.coverage(0).lanes).toEqual(before);
    addTo(tally, [{ kind: 'lane.closed', lane: 1, recorded: 'partial' }], 1);
    expect(tally.coverage(0).lanes).toMatchObject({ count: 2, exceptions: [{ lane: 1, recorded: 'partial' }] });
  });
});

it('counts the connections of a session that others joined', () => {
  const { opened: session } = new RecordingBuilder();
  const joined = (connection: number): Fact => ({
    ...{ kind: 'connection.joined', connection, client: { address: '10.0.0.1' }, details: {} },
  });
  const alone = addTo(new SessionTally(), [session]);
  expect(alone.coverage(0)).not.toHaveProperty('connections');
  const tally = addTo(alone, [joined(2), { kind: 'connection.left', connection: 1 }, joined(3)]);
  expect(tally.coverage(0).connections).toBe(3);
  expect(SessionTally.from(TallyState.parse(tally.state())).coverage(0)).toEqual(tally.coverage(0));
});

it('counts what was refused as an error once, whatever it is', () => {
  const at = { direction: 'client' as const, lane: 0, offset: 0, length: 0 };
  const refused = (action?: number): Fact => ({
    ...{ kind: 'action.refused', reason: 'blocked', message: '' },
    ...(action !== undefined && { action }),
  });
  const error = { code: '42501', severity: 'ERROR', message: '' };
  const statement = addTo(new SessionTally(), [
    { kind: 'statement.started', action: 1, form: 'simple', text: 'drop table a', at },
    refused(1),
    { kind: 'statement.finished', action: 1, tags: [], rows: 0, bytes: 0, durationUs: 0, error },
  ]);
  expect(statement.counts()).toMatchObject({ actions: 1, errors: 1 });
  const forward = addTo(new SessionTally(), [refused()], 2);
  expect(forward.counts()).toMatchObject({ actions: 0, errors: 1 });
  const command = addTo(
    forward,
    [{ kind: 'command.started', action: 1, form: 'exec', command: 'rm x' }, refused(1)],
    3,
  );
  expect(command.counts()).toMatchObject({ actions: 1, errors: 2 });
  expect(SessionTally.from(TallyState.parse(command.state())).counts()).toEqual(command.counts());
});

it('counts each kind of action, and statements by themselves', () => {
  const at = { direction: 'client' as const, lane: 0, offset: 0, length: 0 };
  const tally = addTo(new SessionTally(), [
    { kind: 'statement.started', action: 1, form: 'simple', text: 'select 1', at },
    { kind: 'command.started', action: 2, form: 'exec', command: 'ls' },
    { kind: 'exchange.started', action: 3, method: 'GET', url: 'https://shop.internal/', at },
    { kind: 'action.refused', action: 4, reason: 'blocked', message: '' },
  ]);
  expect(tally.counts()).toMatchObject({ actions: 3, statements: 1 });
  expect(SessionTally.from(TallyState.parse(tally.state())).counts()).toEqual(tally.counts());
});
