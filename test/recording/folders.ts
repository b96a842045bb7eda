// A connector's folder and a store's for each test, and what law 1 asks of whatever was stored.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type RecordedClient, readRecording, testConnector, verifyStored } from '../harness/recording.ts';

export const connector = testConnector();
export let place = '';
export let directory = '';
export let objects = '';
export const undo: (() => unknown)[] = [];

/** For the file that calls it: folders of its own for each test. */
export function withFolders(): void {
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'gatehouse-laws-'));
    directory = join(place, 'connector');
    objects = join(place, 'objects');
  });
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
    rmSync(place, { recursive: true, force: true });
  });
}
export const store = () => ({ kind: 'directory' as const, root: objects });
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Everything that reached the other side is in the recording, and nothing is missing from it. */
export async function expectLaw1(client: RecordedClient): Promise<void> {
  const report = await verifyStored(objects, connector, client.session);
  expect(report.faults).toEqual([]);
  const stored = readRecording(objects, connector, client.session);
  for (const direction of ['client', 'target'] as const) {
    const delivered = Buffer.concat(client.delivered[direction]);
    expect(stored.wire(direction).subarray(0, delivered.length).equals(delivered)).toBe(true);
  }
}
