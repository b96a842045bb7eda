// How much of each lane was recorded: one line for all of them, one for each that is another.

import type { LaneCoverage } from '../../../core/recording/lane-coverage.ts';
import { RECORDED_WORDS } from '../../../core/recording/coverage-words.ts';
import { count } from '../../../core/text/amounts.ts';
import { Text } from './text.tsx';

/** More exceptions than this are told by their number; the API lists them. */
const MAX_SHOWN = 20;

export const LaneWords = ({ lanes }: { lanes: LaneCoverage }) => {
  const unseen = lanes.more + Math.max(0, lanes.exceptions.length - MAX_SHOWN);
  return (
    <>
      <Recorded
        what={lanes.count === 1 ? 'The conversation was' : `${count(lanes.count, 'channel')} were`}
        how={lanes}
      />
      {lanes.exceptions.slice(0, MAX_SHOWN).map((exception) => (
        <Recorded what={`But channel ${exception.lane} was`} how={exception} />
      ))}
      {unseen === 0 ? null : <li>And {count(unseen, 'channel')} more not in full.</li>}
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
