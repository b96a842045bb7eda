import { expect, it } from 'vitest';
import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { NOTHING_COUNTED } from '../../core/recording/manifest.ts';
import { openingOf } from '../../core/session-evidence.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { readRecording } from '../store/read-recording.ts';
import { replaySession } from './registry.ts';

async function eventsOf(builder: RecordingBuilder): Promise<ReplayEvent[]> {
  const session: SessionEntry = {
    ...openingOf(builder.opened),
    ...{ state: 'sealed', segments: builder.objects.size - 1, counts: NOTHING_COUNTED },
  };
  const place = { connector: builder.connector.id, session: builder.session };
  const parts = readRecording(place, memoryReader(builder.objects), nodeRecordingPlatform);
  const events: ReplayEvent[] = [];
  for await (const event of replaySession(session, parts)) events.push(event);
  return events;
}

it('shows each lane’s rows under its own statement, however the lanes are interleaved', async () => {
  const builder = new RecordingBuilder();
  const texts = ['zero', 'one'];
  const answers = texts.map((name) => answer([name], [[`of lane ${name}`]]));
  builder.fact({ kind: 'lane.opened', lane: 1, of: 'exchange', label: 'beside' }, 1);
  for (const [lane, text] of texts.entries()) {
    const at = { direction: 'client' as const, lane, offset: 0, length: 0 };
    builder.fact({ kind: 'statement.started', action: lane + 1, form: 'simple', text, at }, lane);
  }
  // Halves in turn: joined across lanes they would be no messages.
  for (const half of [0, 1])
    for (const [lane, bytes] of answers.entries())
      builder.bytes('target', bytes.subarray(half * 10, half === 0 ? 10 : undefined), lane);
  for (const [lane, bytes] of answers.entries()) {
    const at = { direction: 'target' as const, lane, offset: 0, length: bytes.length };
    const ended = { tags: ['SELECT 1'], rows: 1, bytes: bytes.length, durationUs: 5, at };
    builder.fact({ kind: 'statement.finished', action: lane + 1, ...ended }, lane);
  }
  builder.fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1).end();
  const rows = (await eventsOf(builder)).filter((event) => event.kind === 'rows');
  expect(rows).toMatchObject([
    { statement: 1, columns: ['zero'], rows: [['of lane zero']] },
    { statement: 2, columns: ['one'], rows: [['of lane one']] },
  ]);
});

it('tells of a file that a statement sent, with its size and SHA-256, and whether it was all of it', async () => {
  const builder = new RecordingBuilder();
  const sent = { kind: 'file.transferred', path: 'people.csv', direction: 'upload', size: 2048 } as const;
  builder.fact({ ...sent, action: 2, sha256: 'ab'.repeat(32) });
  builder.fact({ ...sent, action: 4, partial: ['not_closed'] });
  builder.end();
  const notices = (await eventsOf(builder)).filter((event) => event.kind === 'notice');
  expect(notices).toMatchObject([
    { severity: 'FILE', message: `upload people.csv, 2 KiB, SHA-256 ${'ab'.repeat(32)}` },
    { severity: 'FILE', message: 'upload people.csv, 2 KiB, maybe not the whole file (not closed)' },
  ]);
});
