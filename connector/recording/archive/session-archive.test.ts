// What a session's segments take in memory while they wait for the disk.

import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { FRAME_HEADER_BYTES, writeFrameHeader } from '../../../core/recording/frame.ts';
import { type ArchiveContext, SessionArchive } from './session-archive.ts';

it('counts what waits for the disk as soon as it is cut, and writes one file after the other', async () => {
  const counted: string[] = [];
  const begun: string[] = [];
  const goes: (() => void)[] = [];
  const writeSpool: ArchiveContext['writeSpool'] = async (_session, files, turn) => {
    const name = files.map((file) => file.name).join(' ');
    counted.push(name);
    await turn;
    begun.push(name);
    // False: nothing is sent.
    return new Promise((resolve) => goes.push(() => resolve(false)));
  };
  const connector = { id: newId('con'), name: 'test', build: 'test' };
  const archive = new SessionArchive(newId('ses'), { connector, writeSpool } as ArchiveContext);
  for (let sequence = 0; sequence < 3; sequence++) {
    const frame = randomBytes(FRAME_HEADER_BYTES + 1000);
    writeFrameHeader(frame, 0, sequence, 1, 0, 0, 1000);
    archive.cutter.add(sequence, frame, 0, frame.length, 1, 0);
    archive.cut();
  }
  expect(counted).toEqual(['00000000.seg', '00000001.seg', '00000002.seg']);
  for (let written = 1; written <= 3; written++) {
    await expect.poll(() => begun.length).toBe(written);
    goes.shift()?.();
  }
  await archive.settled();
  expect(begun).toEqual(counted);
});
