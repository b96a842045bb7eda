import { expect, it } from 'vitest';
import type { ReplayEvent } from '../../core/catalogue.ts';
import { fromMoment, runningWords } from './from-moment.ts';

const statement = (number: number, timeUs: number): ReplayEvent => ({
  ...{ kind: 'statement', timeUs, statement: number, text: `select ${number}` },
});
const result = (number: number, timeUs: number, suspended = false): ReplayEvent => ({
  ...{ kind: 'result', timeUs, statement: number, tags: [], rows: 0, bytes: 0, durationUs: 1 },
  ...(suspended && { suspended }),
});

async function playedFrom(fromUs: number, events: readonly ReplayEvent[]): Promise<ReplayEvent[]> {
  const played: ReplayEvent[] = [];
  for await (const event of fromMoment(
    (async function* () {
      yield* events;
    })(),
    fromUs,
  ))
    played.push(event);
  return played;
}

it('begins with what ran at that moment', async () => {
  const [one, two, three] = [statement(1, 1_000_000), statement(2, 2_000_000), statement(3, 9_000_000)];
  const events = [one, result(1, 1_500_000), two, result(2, 8_000_000), three, result(3, 9_500_000)];
  expect(await playedFrom(5_000_000, events)).toEqual([two, events[3], three, events[5]]);
  expect(runningWords(two, 5_000_000)).toBe('running for 3 s at that moment');
  expect(runningWords(three, 5_000_000)).toBe('');
  // At the moment itself it has begun, or is answered.
  expect(await playedFrom(2_000_000, events)).toEqual(events.slice(2));
  expect(await playedFrom(1_700_000, events)).toEqual(events.slice(2));
  expect(await playedFrom(0, events)).toEqual(events);
});

it('counts a statement as running whose rows are not all fetched, and no answer twice', async () => {
  const [one, two] = [statement(1, 1), statement(2, 2)];
  const events = [one, result(1, 3, true), two, result(2, 4), result(1, 9)];
  expect(await playedFrom(6, events)).toEqual([one, events[4]]);
});

it('tells of a damage before the moment', async () => {
  const damaged: ReplayEvent = { kind: 'damaged', timeUs: 2, message: 'gone' };
  expect(await playedFrom(6, [statement(1, 1), damaged])).toEqual([statement(1, 1), damaged]);
});
