import { describe, expect, test } from 'vitest';
import { type Known, Playback } from './playback.ts';
import { receive, Recording } from './recording.ts';

function setUp(times: number[], options: { endUs?: number; complete?: boolean } = {}) {
  let nowMs = 1000;
  const playback = new Playback(() => nowMs);
  const known: Known = {
    times,
    endUs: options.endUs ?? times.at(-1) ?? 0,
    complete: options.complete ?? true,
    countUntil: (us) => times.filter((time) => time <= us).length,
  };
  return { playback, known, wait: (ms: number) => (nowMs += ms) };
}

describe('playback', () => {
  test('moves with the clock, at the chosen speed, and stands still while paused', () => {
    const { playback, wait } = setUp([0]);
    playback.play();
    wait(500);
    expect(playback.positionUs).toBe(500_000);
    playback.setSpeed(4);
    wait(500);
    expect(playback.positionUs).toBe(2_500_000);
    playback.pause();
    wait(9000);
    expect(playback.positionUs).toBe(2_500_000);
  });

  test('skips a long silence to just before what comes next, and says by how much', () => {
    const { playback, known, wait } = setUp([0, 1_000_000, 61_000_000]);
    playback.play();
    wait(1900);
    expect(playback.tick(known)).toEqual({ kind: 'moved' });
    wait(200);
    expect(playback.tick(known)).toEqual({ kind: 'skipped', us: 57_900_000 });
    expect(playback.positionUs).toBe(60_000_000);
  });

  test('keeps silences when asked to', () => {
    const { playback, known, wait } = setUp([0, 61_000_000]);
    playback.skipIdle = false;
    playback.play();
    wait(5000);
    expect(playback.tick(known)).toEqual({ kind: 'moved' });
    expect(playback.positionUs).toBe(5_000_000);
  });

  test('waits at the last event while more is on its way', () => {
    const { playback, known, wait } = setUp([0, 1_000_000], { complete: false });
    playback.play();
    wait(3000);
    expect(playback.tick(known)).toEqual({ kind: 'waiting' });
    expect(playback.positionUs).toBe(1_000_000);
  });

  test('stops at the end and stays there', () => {
    const { playback, known, wait } = setUp([0, 1_000_000], { endUs: 1_500_000 });
    playback.play();
    wait(60_000);
    expect(playback.tick(known)).toEqual({ kind: 'ended' });
    expect([playback.playing, playback.positionUs]).toEqual([false, 1_500_000]);
  });
});

const LINES = [
  { kind: 'statement', timeUs: 10, statement: 1, text: 'select 1' },
  { kind: 'statement', timeUs: 20, statement: 2, text: 'select é' },
  { kind: 'rows', timeUs: 30, statement: 1, columns: ['a'], rows: [['1']], omitted: 0 },
  { kind: 'notice', timeUs: 25, severity: 'NOTICE', message: 'goes back in time' },
  {
    kind: 'result',
    timeUs: 40,
    statement: 2,
    tags: [],
    rows: 0,
    bytes: 0,
    durationUs: 20,
    error: { code: '42703', severity: 'ERROR', message: 'no' },
  },
]
  .map((event) => `${JSON.stringify(event)}\n`)
  .join('');

async function receiveSplit(bytes: Uint8Array, at: number): Promise<Recording> {
  const recording = new Recording();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes.slice(0, at));
      controller.enqueue(bytes.slice(at));
      controller.close();
    },
  });
  await receive(body, (events) => {
    for (const { event, characters } of events) recording.add(event, characters);
  });
  return recording;
}

describe('a received replay', () => {
  test('is the same wherever the stream was split, even inside a character', async () => {
    const bytes = new TextEncoder().encode(LINES);
    for (let at = 0; at <= bytes.length; at++) {
      const recording = await receiveSplit(bytes, at);
      expect(recording.events.map((event) => event.kind)).toEqual([
        'statement',
        'statement',
        'rows',
        'notice',
        'result',
      ]);
      expect(recording.events[1]).toMatchObject({ text: 'select é' });
    }
  });

  test('groups what answers a statement with it, in any order, and notes failures', async () => {
    const { cards, begun } = await receiveSplit(new TextEncoder().encode(LINES), 0);
    expect(cards.map((card) => [card.statement, card.events, card.failed])).toEqual([
      [1, [0, 2], false],
      [2, [1, 4], true],
      [undefined, [3], false],
    ]);
    expect(begun).toEqual([1, 2, 2, 3, 3]);
  });

  test('never lets time go back', async () => {
    const { times } = await receiveSplit(new TextEncoder().encode(LINES), 0);
    expect(times).toEqual([10, 20, 30, 30, 40]);
  });
});

test('rows that come later are counted against all that there are, not against those that were read for them', () => {
  const recording = new Recording();
  const rows = { kind: 'rows' as const, timeUs: 1, statement: 1, columns: ['a'] };
  recording.add({ ...rows, rows: [], omitted: 700_000, cursor: 'c' }, 10);
  recording.fill(0, { ...rows, rows: [['1'], ['2']], omitted: 729 }, 10);
  expect(recording.events).toEqual([{ ...rows, rows: [['1'], ['2']], omitted: 699_998 }]);
});
