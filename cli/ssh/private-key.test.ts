import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newSshKey, publicLineOf } from './private-key.ts';

const hasKeygen = spawnSync('ssh-keygen', ['-?']).error === undefined;

it.skipIf(!hasKeygen)('is one that ssh-keygen reads, with the public half that it says', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-key-'));
  const { privateFile, publicLine } = newSshKey();
  writeFileSync(join(directory, 'key'), privateFile.reveal(), { mode: 0o600 });
  const read = spawnSync('ssh-keygen', ['-y', '-P', '', '-f', join(directory, 'key')]);
  expect(read.stderr.toString()).toBe('');
  expect(read.stdout.toString().trim()).toBe(`${publicLine} gatehouse`);
  rmSync(directory, { recursive: true });
});

it('tells its public half again, and takes no other file for one', () => {
  const { privateFile, publicLine } = newSshKey();
  expect(publicLineOf(privateFile.reveal())).toBe(publicLine);
  for (const other of ['', 'x', privateFile.reveal().slice(0, 200), privateFile.reveal().replace('bm9uZQ', 'YWVzMQ')])
    expect(publicLineOf(other)).toBeUndefined();
});
