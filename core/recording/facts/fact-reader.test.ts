import { expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import type { Frame } from '../frame.ts';
import { FactReader } from './fact-reader.ts';

const frame = (fact: object, more: Partial<Frame> = {}): Frame => ({
  ...{ sequence: 4, timeUs: 0, direction: 'gateway', kind: 'fact', lane: 0 },
  body: Buffer.from(JSON.stringify(fact)),
  ...more,
});
const of = { session: newId('ses'), connector: newId('con') };
const parseFact = (one: Frame) => new FactReader(of, false).take(one);
const FINISHED = { kind: 'statement.finished', tags: [], rows: 1, bytes: 9, durationUs: 4 };

it('reads the form of format version 1 in its segments, and refuses it by name in later ones', () => {
  const earlier = { ...FINISHED, statement: 2 };
  expect(parseFact(frame(earlier, { format: 1 }))).toEqual({ ...FINISHED, action: 2 });
  expect(() => parseFact(frame(earlier))).toThrow('frame 4 has a fact of format version 1');
  // On a gate's fact the number may be missing, so without this it would be lost without a word.
  const refused = { kind: 'action.refused', reason: 'blocked', message: '', statement: 7 };
  expect(() => parseFact(frame(refused))).toThrow('format version 1');
  expect(parseFact(frame({ ...FINISHED, action: 2 }, { format: 1 }))).toMatchObject({ action: 2 });
});

it('believes nothing that one lane tells of another', () => {
  const closed = { kind: 'lane.closed', lane: 1, recorded: 'none' };
  const opened = { kind: 'lane.opened', lane: 1, of: 'exec', label: '' };
  for (const fact of [closed, opened]) {
    expect(parseFact(frame(fact, { lane: 1 }))).toMatchObject({ lane: 1 });
    expect(() => parseFact(frame(fact))).toThrow('frame 4 of lane 0 tells of lane 1');
  }
});

it('passes over a kind that it does not know, and refuses what is none', () => {
  expect(parseFact(frame({ kind: 'sky.fell' }))).toBeUndefined();
  expect(() => parseFact(frame({ kind: 'lane.closed' }, { lane: 1 }))).toThrow('not a sound fact');
});
