import { expect, test } from 'vitest';
import { fingerprint } from '../wire/host-key.ts';
import { newEd25519Key, parsePrivateKey } from '../wire/ssh2.ts';
import { isHostKey, PinnedKeys } from './pinned-keys.ts';
import { readUserName } from './user-name.ts';

test.each([
  ['deploy@web', 'deploy', 'web', undefined],
  ['deploy=web', 'deploy', 'web', undefined],
  ['web', undefined, 'web', undefined],
  ['deploy@web,alice@example.com', 'deploy', 'web', 'alice@example.com'],
  ['deploy=web,alice=example.com', 'deploy', 'web', 'alice@example.com'],
  ['web,alice=example.com', undefined, 'web', 'alice@example.com'],
  ['deploy@corp.example@web', 'deploy@corp.example', 'web', undefined],
])('%s', (user, login, resource, email) => expect(readUserName(user)).toEqual({ login, resource, email }));

test.each([
  '',
  '@web',
  'deploy@',
  'Deploy@WEB',
  'a b@web',
  'deploy@web,',
  'a,b@web,c,d',
  `x@${'w'.repeat(64)}`,
  'x'.repeat(700),
])('%j is no name to go by', (user) => expect(readUserName(user)).toBeUndefined());

test('every key that is made can be read', () => {
  const lengths = Array.from({ length: 4000 }, () => parsePrivateKey(newEd25519Key())?.getPublicSSH().length);
  expect(new Set(lengths)).toEqual(new Set([51]));
});

test('a target may show what is pinned, by key or by fingerprint, and nothing else', () => {
  const keys = [newEd25519Key(), newEd25519Key()].map((text) => parsePrivateKey(text)?.getPublicSSH() as Buffer);
  const [key, other] = keys as [Buffer, Buffer];
  const line = `ssh-ed25519 ${key.toString('base64')} comment`;
  for (const written of [line, fingerprint(key)]) {
    const pinned = new PinnedKeys([written]);
    expect([pinned.has(key), pinned.has(other)]).toEqual([true, false]);
    expect(pinned.mismatch(other)).toBe(
      `it showed the host key ${fingerprint(other)} (ssh-ed25519), and hostKeys names ${fingerprint(key)}`,
    );
  }
  expect(new PinnedKeys([line]).algorithms).toEqual(['ssh-ed25519']);
  expect([line, 'SHA256:short', 'web ssh-ed25519 AAAA', ''].map(isHostKey)).toEqual([true, false, false, false]);
});
