import { execFileSync, spawn } from 'node:child_process';
import { chmod, lstat, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveStream, saveText } from './save-stream.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-save-'));
});
afterAll(() => rm(dir, { recursive: true }));
const path = (name: string): string => join(dir, name);
const WHOLE = [Buffer.from('first of,'), Buffer.from(' two')];
const TEXT = 'first of, two';

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw new Error('cut');
}

it('makes a private file, and leaves none where the body breaks off', async () => {
  expect(await saveStream(path('new'), WHOLE)).toBe(TEXT.length);
  expect((await stat(path('new'))).mode & 0o777).toBe(0o600);
  await expect(saveStream(path('cut'), broken())).rejects.toThrow('cut');
  await expect(saveStream(path('new'), broken())).rejects.toThrow('cut');
  expect(await readFile(path('new'), 'utf8')).toBe(TEXT);
  expect(await readdir(dir)).toEqual(['new']);
});

it('keeps who may read a file that was there', async () => {
  await writeFile(path('open'), 'old');
  await chmod(path('open'), 0o640);
  await saveText(path('open'), TEXT);
  expect([(await stat(path('open'))).mode & 0o777, await readFile(path('open'), 'utf8')]).toEqual([0o640, TEXT]);
});

it.each(['there', 'not there yet'])('writes what a link points to, which is %s', async (target) => {
  if (target === 'there') await writeFile(path(target), 'old');
  await symlink(target, path(`to ${target}`));
  await saveStream(path(`to ${target}`), WHOLE);
  expect(await readlink(path(`to ${target}`))).toBe(target);
  expect(await readFile(path(target), 'utf8')).toBe(TEXT);
});

it('writes into a FIFO and leaves it one', async () => {
  execFileSync('mkfifo', [path('fifo')]);
  const reader = spawn('cat', [path('fifo')]);
  const read = (async () => Buffer.concat(await reader.stdout.toArray()).toString())();
  expect(await saveStream(path('fifo'), WHOLE)).toBe(TEXT.length);
  expect(await read).toBe(TEXT);
  expect((await lstat(path('fifo'))).isFIFO()).toBe(true);
});

it('says that a device is full, and leaves it a device', async () => {
  await symlink('/dev/full', path('full'));
  await expect(saveStream(path('full'), WHOLE)).rejects.toMatchObject({
    exitCode: 2,
    message: `cannot write ${path('full')}: ENOSPC`,
  });
  await symlink('/dev/null', path('null'));
  expect(await saveText(path('null'), TEXT)).toBe(TEXT.length);
  expect([(await lstat(path('null'))).isSymbolicLink(), (await stat('/dev/full')).isCharacterDevice()]).toEqual([
    true,
    true,
  ]);
});

it('refuses a folder', async () => {
  await expect(saveStream(dir, WHOLE)).rejects.toMatchObject({ exitCode: 2, message: `cannot write ${dir}: EISDIR` });
});
