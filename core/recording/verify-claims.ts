// What a manifest claims of its session, against what its segments add up to.

import { type Coverage, type Manifest, MANIFEST_NAME } from './manifest.ts';
import { coverageOfOriginals } from './originals/originals-coverage.ts';
import type { SessionTally } from './tally.ts';
import type { VerifyFault } from './verify-faults.ts';

export function compareCounts(manifest: Manifest, tally: SessionTally): VerifyFault[] {
  const faults: VerifyFault[] = [];
  const differs = (message: string): void => {
    faults.push({ object: MANIFEST_NAME, reason: 'count_differs', message });
  };
  const found = tally.counts();
  const claimed = manifest.counts;
  for (const name of ['frames', 'actions', 'statements', 'errors', 'rows'] as const)
    if (found[name] !== claimed[name])
      differs(`the manifest says ${claimed[name]} ${name}, the segments hold ${found[name]}`);
  for (const who of ['client', 'target', 'gateway'] as const)
    if (found.bytes[who] !== claimed.bytes[who])
      differs(`the manifest says ${claimed.bytes[who]} bytes from the ${who}, the segments hold ${found.bytes[who]}`);
  if (tally.lastTimeUs !== manifest.durationUs) differs('the manifest says another duration than the segments');
  const { opened, ended } = tally;
  if (JSON.stringify(opened) !== JSON.stringify(manifest.opened))
    differs('the manifest tells the session’s opening otherwise than the first segment');
  if (ended?.reason !== manifest.end.reason || ended.message !== manifest.end.message)
    differs('the manifest tells the session’s end otherwise than the last segment');
  return faults;
}

/** What the manifest claims to show is what the segments show, by the facts in them. */
export function compareCoverage({ coverage: claimed, segments }: Manifest, tally: SessionTally): VerifyFault[] {
  const found = tally.coverage(0);
  const faults: VerifyFault[] = [];
  const differs = (what: string): void => {
    const message = `the manifest tells ${what} otherwise than the segments`;
    faults.push({ object: MANIFEST_NAME, reason: 'count_differs', message });
  };
  const counted = (entries: readonly { readonly count: number }[] = []): string =>
    JSON.stringify(entries.map((entry) => JSON.stringify(entry)).sort());
  if (counted(claimed.masked) !== counted(found.masked)) differs('what was masked');
  if (counted(claimed.hidden) !== counted(found.hidden)) differs('what is hidden of statements');
  if (counted(claimed.withheld) !== counted(found.withheld)) differs('what was withheld');
  if (counted(claimed.refused) !== counted(found.refused)) differs('what was refused');
  if (JSON.stringify(claimed.originals) !== JSON.stringify(coverageOfOriginals(segments, tally.opened)))
    differs('what is kept of what masks hid');
  if (counted(claimed.notKept) !== counted(found.notKept)) differs('what of that is not kept');
  if (claimed.connections !== found.connections) differs('how many connections it had');
  if (JSON.stringify(claimed.exemptions) !== JSON.stringify(found.exemptions)) differs('what the policy exempted');
  const lanesOf = ({ lanes: { count, first, last } }: Coverage) => JSON.stringify([count, first, last]);
  if (lanesOf(claimed) !== lanesOf(found)) differs('which lanes there are');
  const { recorded: whole, first, last, count } = claimed.lanes;
  // Numbers are given out without a gap: a lane between two others that is nowhere was left out.
  if (whole === 'full' && found.exemptions.length === 0 && (first !== 0 || count !== last + 1)) {
    const message = `the manifest claims every lane in full, and of lanes 0 to ${last} ${last + 1 - count} are missing`;
    faults.push({ object: MANIFEST_NAME, reason: 'count_differs', message });
  }
  const exceptionsOf = ({ lanes: { exceptions, more } }: Coverage) =>
    JSON.stringify([more, exceptions.map(({ lane, recorded, note }) => [lane, recorded, note])]);
  if (exceptionsOf(claimed) !== exceptionsOf(found)) differs('which lanes are not recorded in full');
  // `partial` is the connector's word about its own log; that the lanes are full is not when the policy exempted them.
  const [claim, recorded] = [claimed.lanes.recorded, found.lanes.recorded];
  if (claim !== recorded && !(recorded === 'full' && claim === 'partial')) differs('how its lanes were recorded');
  return faults;
}
