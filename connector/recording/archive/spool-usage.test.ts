import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spoolUsage } from './spool-usage.ts';

test('counts what is made and not stored, and says how old the oldest is', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-spool-'));
  expect(await spoolUsage(directory)).toEqual({ bytes: 0, objects: 0, oldestMs: undefined });
  const write = (session: string, name: string, bytes: number, ageSeconds: number) => {
    const folder = join(directory, 'sessions', session);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), Buffer.alloc(bytes));
    const at = 1_800_000_000 - ageSeconds;
    utimesSync(join(folder, name), at, at);
  };
  write('one', '00000000.seg', 100, 5);
  write('one', '00000000.original', 20, 9);
  write('two', 'manifest.json', 3, 1);
  // Neither is an object: what was stored, and what is being written.
  write('two', 'journal', 1_000, 99);
  write('two', '00000007.seg.part', 1_000, 99);
  expect(await spoolUsage(directory)).toEqual({ bytes: 123, objects: 3, oldestMs: 1_799_999_991_000 });
  rmSync(directory, { recursive: true });
});
