import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openedFact, testConnector } from '../../../test/harness/recording.ts';
import { newId } from '../../../core/ids.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { type Direction, DIRECTION_CODE, FRAME_HEADER_BYTES, writeFrameHeader } from '../../../core/recording/frame.ts';
import { decodeSegment, framesOf } from '../../../core/recording/segment.ts';
import { nodePlatform } from './node-platform.ts';
import { type CutSegment, SegmentCutter } from './segment-cutter.ts';
import { JournalLine } from './spool.ts';

const connector = testConnector();

function frame(direction: Direction, body: Uint8Array, fact = false, timeUs = 7, lane = 0): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + body.length);
  writeFrameHeader(bytes, 0, timeUs, DIRECTION_CODE[direction], fact ? 1 : 0, lane, body.length);
  bytes.set(body, FRAME_HEADER_BYTES);
  return bytes;
}
const factFrame = (fact: Fact): Buffer => frame('gateway', Buffer.from(JSON.stringify(fact)), true);

function newCutter() {
  const session = newId('ses');
  const cutter = new SegmentCutter(session, connector.id, nodePlatform);
  let sequence = 0;
  const add = (bytes: Buffer, at = sequence++, nowMs = 0): boolean => cutter.add(at, bytes, 0, bytes.length, 1, nowMs);
  add(factFrame(openedFact(connector.id, session)));
  return { session, cutter, add };
}

function must(cut: CutSegment | undefined): CutSegment {
  if (!cut) throw new Error('nothing was cut');
  return cut;
}

describe('the cutter of segments', () => {
  test('is due one second after a session’s first frame, five after the first of a later segment, and seven after a minute', () => {
    const { cutter, add } = newCutter();
    expect(cutter.dueMs).toBe(1_000);
    cutter.cut();
    add(frame('client', Buffer.from('x')), 1, 10_000);
    add(frame('client', Buffer.from('y')), 2, 14_000);
    expect(cutter.dueMs).toBe(15_000);
    // After a session's first minute they may be older: there are as many as sessions are long.
    for (const [sequence, timeUs, age] of [
      [3, 59_999_999, 5_000],
      [4, 60_000_000, 7_000],
    ] as const) {
      cutter.cut();
      add(frame('client', Buffer.from('y'), false, timeUs), sequence, 100_000);
      expect(cutter.dueMs).toBe(100_000 + age);
    }
  });

  test('makes two segments of less than 2 MiB of what cannot be compressed: a seek reads so many', () => {
    const { cutter, add } = newCutter();
    cutter.cut();
    const stored: number[] = [];
    while (stored.length < 2) {
      const bytes = frame('target', randomBytes(64 * 1024 - FRAME_HEADER_BYTES));
      if (cutter.wouldOverflow(bytes.length)) stored.push(must(cutter.cut()).bytes.length);
      add(bytes);
    }
    expect((stored[0] ?? 0) + (stored[1] ?? 0)).toBeLessThan(2 * 1024 * 1024);
  });

  test('wants a cut before a segment grows beyond 1 MB, however frames fall', () => {
    const { cutter, add } = newCutter();
    let largest = 0;
    for (let i = 0; i < 300; i++) {
      const bytes = frame('target', Buffer.alloc((i * 7919) % 65_536, i));
      if (cutter.wouldOverflow(bytes.length)) largest = Math.max(largest, must(cutter.cut()).line.segment.rawBytes);
      add(bytes);
    }
    expect(largest).toBeGreaterThan(900_000);
    expect(largest).toBeLessThanOrEqual(1_000_000);
  });

  test('keeps facts as format version 1 has them in segments of that version, and no others', () => {
    const { cutter, add } = newCutter();
    const formats = [must(cutter.cut())];
    const started = (number: object) => {
      const at = { direction: 'client', lane: 0, offset: 0, length: 0 };
      const fact = { kind: 'statement.started', ...number, form: 'simple', text: '', at };
      add(frame('gateway', Buffer.from(JSON.stringify(fact)), true));
    };
    started({ action: 1 });
    formats.push(must(cutter.cut()));
    // What an earlier release left in the log.
    started({ statement: 2 });
    formats.push(must(cutter.cut()));
    expect(formats.map(({ bytes }) => decodeSegment(bytes, nodePlatform).format)).toEqual([2, 2, 1]);
    expect(cutter.tally.counts().statements).toBe(2);
  });

  test('chains its segments, and holds nothing between them', () => {
    const { cutter, add } = newCutter();
    const first = must(cutter.cut());
    expect(cutter.cut()).toBeUndefined();
    expect(cutter.pendingBytes).toBe(0);
    expect(cutter.pendingFile).toBeUndefined();
    add(frame('client', Buffer.from('more')));
    const second = decodeSegment(must(cutter.cut()).bytes, nodePlatform);
    expect(second.header).toMatchObject({ number: 1, previous: first.line.segment.digest, firstFrame: 1, frames: 1 });
  });

  test('takes no frame twice, and says how many it never got', () => {
    const { cutter, add } = newCutter();
    expect(add(frame('client', Buffer.from('a')), 1)).toBe(true);
    expect(add(frame('client', Buffer.from('a')), 1)).toBe(false);
    expect(add(frame('client', Buffer.from('d')), 4)).toBe(true);
    expect(cutter.lost).toBe(2);
    expect(cutter.tally.coverage(cutter.lost).lanes).toMatchObject({ count: 1, recorded: 'partial' });
  });

  test('goes on after a crash exactly where its confirmed and its spooled segments end', () => {
    const { session, cutter, add } = newCutter();
    const cuts = [must(cutter.cut())];
    for (let i = 1; i < 6; i++) {
      add(frame('client', Buffer.from(`frame ${i}`), false, i * 100));
      if (i % 2 === 0) cuts.push(must(cutter.cut()));
    }
    const [first, second, third] = cuts as [CutSegment, CutSegment, CutSegment];
    const again = new SegmentCutter(session, connector.id, nodePlatform);
    again.restoreStored([first.line, second.line]);
    expect(again.restoreSpooled(decodeSegment(third.bytes, nodePlatform), third.bytes.length)).toEqual(third.line);
    expect(again.nextSequence).toBe(5);
    const last = frame('client', Buffer.from('frame 5'), false, 500);
    expect(again.add(4, last, 0, last.length, 1, 0)).toBe(false);
    expect(again.add(5, last, 0, last.length, 1, 0)).toBe(true);
    expect(Buffer.from(must(again.cut()).bytes).equals(must(cutter.cut()).bytes)).toBe(true);
    expect(again.tally.state()).toEqual(cutter.tally.state());
  });

  test('writes a line into the journal that is as short for 100,000 lanes as for one', () => {
    const { cutter, add } = newCutter();
    cutter.cut();
    const body = Buffer.from('x');
    for (let lane = 1; lane < 100_000; lane++) {
      if (cutter.wouldOverflow(FRAME_HEADER_BYTES + 1)) cutter.cut();
      add(frame('client', body, false, 7, lane));
    }
    const { line } = must(cutter.cut());
    expect(JSON.stringify(line).length).toBeLessThan(2048);
    const again = JournalLine.parse(JSON.parse(JSON.stringify(line)));
    expect(again.tally.lanes.seen).toEqual([[0, 99_999]]);
  });

  test('passes over a spooled segment that does not continue the session', () => {
    const { session, cutter, add } = newCutter();
    cutter.cut();
    add(frame('client', Buffer.from('x')));
    const second = decodeSegment(must(cutter.cut()).bytes, nodePlatform);
    expect(new SegmentCutter(session, connector.id, nodePlatform).restoreSpooled(second, 1)).toBeUndefined();
  });

  test('appends an end to a session that has none, at the time of its last frame', () => {
    const { cutter, add } = newCutter();
    add(frame('client', Buffer.from('x'), false, 900));
    cutter.addEnd({ kind: 'session.ended', reason: 'connector_crashed', message: 'm' }, 0, 1, 0);
    expect(cutter.tally.ended?.reason).toBe('connector_crashed');
    expect([...framesOf(decodeSegment(must(cutter.cut()).bytes, nodePlatform))].at(-1)?.timeUs).toBe(900);
  });
});
