// Recordings that past releases wrote are read as they were then. New ones: test/harness/capture-recording.ts.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReplayEvent } from '../../core/catalogue.ts';
import { SessionOpened } from '../../core/recording/facts/session.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import { recordingSource } from '../../functions/store/recording-source.ts';
import { replayStored } from '../harness/stored-session.ts';

const KEPT = join(import.meta.dirname, '../fixtures/recordings');

describe.each(readdirSync(KEPT))('the kept recording %s', (name) => {
  const kept = JSON.parse(readFileSync(join(KEPT, name, 'replay.json'), 'utf8')) as {
    opened: unknown;
    events: readonly unknown[];
  };
  const opened = SessionOpened.parse(kept.opened);
  const reader = directoryReader(join(KEPT, name));

  it('is proven', async () => {
    const { session } = opened;
    const connector = opened.connector.id;
    const source = recordingSource(reader, connector, session);
    const report = await verifySession({ session, connector, source, platform: nodeRecordingPlatform });
    expect(report.faults).toEqual([]);
    expect(report.proven).toBe(true);
  });

  it('is replayed as it was', async () => {
    const events: ReplayEvent[] = [];
    for await (const event of replayStored(opened, reader)) events.push(event);
    // As this release says it: counts of version 1 lack what is counted now.
    expect(events).toEqual(kept.events.map((event) => ReplayEvent.parse(event)));
  });
});
