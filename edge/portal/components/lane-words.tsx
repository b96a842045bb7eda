// How much of each lane was recorded: one line for all of them, one for each that is another.

import type { LaneCoverage } from '../../../core/recording/lane-coverage.ts';
import { count } from '../format.ts';
import { Text } from './text.tsx';

/** More exceptions than this are told by their number; the API lists them. */
const MAX_SHOWN = 20;

const RECORDED_WORDS = { full: 'in full', partial: 'in part', none: 'not at all' } as const;

export const LaneWords = ({ lanes }: { lanes: LaneCoverage }) => {
  const unseen = lanes.more + Math.max(0, lanes.exceptions.length - MAX_SHOWN);
  return (
    <>
      <Recorded what={lanes.count === 1 ? 'The conversation was' : `${count(lanes.count, 'lane')} were`} how={lanes} />
      {lanes.exceptions.slice(0, MAX_SHOWN).map((exception) => (
        <Recorded what={`But lane ${exception.lane} was`} how={exception} />
      ))}
      {unseen === 0 ? null : <li>And {count(unseen, 'lane')} more not in full.</li>}
    </>
  );
};

const Recorded = ({ what, how }: { what: string; how: Pick<LaneCoverage, 'recorded' | 'note'> }) => (
  <li>
    {what} recorded <strong>{RECORDED_WORDS[how.recorded]}</strong>
    {how.note ? (
      <>
        : <Text value={how.note} />
      </>
    ) : null}
    .
  </li>
);
