import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { loadIdentity, saveJoined } from './identity.ts';
import { lockState } from './lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-state-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('makes directory and key on the first start, private, and finds both on the next', () => {
  const state = join(directory, 'a', 'b');
  const first = loadIdentity(state);
  const second = loadIdentity(state);
  if (!first.ok || !second.ok) throw new Error('not loaded');
  expect(first.value.joined).toBeUndefined();
  expect(second.value.publicKey).toBe(first.value.publicKey);
  expect(first.value.publicKey).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(statSync(join(state, 'identity.json')).mode & 0o777).toBe(0o600);
  expect(statSync(state).mode & 0o777).toBe(0o700);
  expect(existsSync(join(state, 'identity.json.new'))).toBe(false);
});

test('keeps the id that the edge gave', () => {
  const first = loadIdentity(directory);
  if (!first.ok) throw new Error(first.error);
  const connector = newId('con');
  saveJoined(directory, first.value, { connector, edge: 'https://a.example', at: new Date().toISOString() });
  const second = loadIdentity(directory);
  expect(second.ok && second.value.joined).toMatchObject({ connector, edge: 'https://a.example' });
  expect(second.ok && second.value.publicKey).toBe(first.value.publicKey);
});

test('law 11: a damaged file is one sentence without the key; printing an identity shows none', () => {
  const loaded = loadIdentity(directory);
  const path = join(directory, 'identity.json');
  const key = /-----BEGIN PRIVATE KEY-----\\n([^\\]+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'none';
  expect(inspect(loaded, { depth: 9 }) + JSON.stringify(loaded)).not.toContain(key);
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, -10));
  const damaged = loadIdentity(directory);
  expect(damaged).toEqual({
    ok: false,
    error: `${path} is damaged: restore it, or remove it and join again with a new token`,
  });
});

test('a directory that cannot be written is one sentence', () => {
  const blocked = join(directory, 'file');
  writeFileSync(blocked, '');
  const loaded = loadIdentity(join(blocked, 'state'));
  expect(loaded).toMatchObject({
    ok: false,
    error: expect.stringMatching(/^state directory .* cannot be made \(ENOTDIR\)/),
  });
  chmodSync(directory, 0o700);
});

test('a second holder of the same directory is refused until the first lets go', () => {
  const first = lockState(directory);
  const second = lockState(directory);
  expect(second).toEqual({
    ok: false,
    error: `state directory ${directory} is in use by another connector: give each its own --state`,
  });
  if (first.ok) first.value.release();
  const third = lockState(directory);
  expect(third.ok).toBe(true);
  if (third.ok) third.value.release();
});

test('the lock of a process that was killed is gone', () => {
  const script = `const { lockState } = await import(${JSON.stringify(new URL('./lock.ts', import.meta.url).href)});
    console.log(lockState(${JSON.stringify(directory)}).ok); process.kill(process.pid, 'SIGKILL');`;
  const killed = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: 'true\n' });
  const lock = lockState(directory);
  expect(lock.ok).toBe(true);
  if (lock.ok) lock.value.release();
});
