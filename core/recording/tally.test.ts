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

function addTo(tally: SessionTally, given: readonly Fact[]): SessionTally {
  given.forEach((fact, sequence) => {
    const body = new TextEncoder().encode(JSON.stringify(fact));
    tally.addFrame({ sequence, timeUs: 0, direction: 'gateway', kind: 'fact', lane: 0, body });
  });
  return tally;
}

describe('a tally', () => {
  const whole = addTo(new SessionTally(), facts);

  it('takes coverage from facts alone', () => {
    expect(whole.coverage(0)).toEqual({
      lanes: [{ lane: 0, recorded: 'none', note: 'a payroll run' }],
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

  it('is the same after a crash at any place', () => {
    for (let at = 0; at <= facts.length; at++) {
      const kept: unknown = JSON.parse(JSON.stringify(addTo(new SessionTally(), facts.slice(0, at)).state()));
      const again = addTo(SessionTally.from(TallyState.parse(kept)), facts.slice(at));
      expect(again.coverage(0)).toEqual(whole.coverage(0));
      expect(again.state()).toEqual(whole.state());
    }
  });

  it('goes on from the state that an older connector left', () => {
    const { masked: _, withheld: __, ...older } = addTo(new SessionTally(), facts.slice(0, 2)).state();
    const again = addTo(SessionTally.from(TallyState.parse(older)), facts.slice(2));
    expect(again.coverage(0)).toEqual(whole.coverage(0));
  });

  it('an exempted session is never called full, not even where frames were lost or bytes are there', () => {
    expect(whole.coverage(4).lanes[0]?.note).toMatch(/^a payroll run; 4 frames/);
    const bytes = SessionTally.from(whole.state());
    bytes.addFrame({ sequence: 9, timeUs: 0, direction: 'client', kind: 'bytes', lane: 0, body: new Uint8Array(3) });
    expect(bytes.coverage(0).lanes).toEqual([{ lane: 0, recorded: 'partial', note: 'a payroll run' }]);
  });
});
