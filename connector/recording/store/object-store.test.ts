// Law 5: whoever makes a recording can create objects and nothing else. The bucket's policy holds
// that; these keep the code from ever needing more.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AnnouncingObjectStore } from './announcing-object-store.ts';
import { DirectoryObjectStore } from './directory-object-store.ts';
import { ObjectStoreSettings } from './object-store.ts';
import { S3ObjectStore } from './s3-object-store.ts';

const folder = new URL('.', import.meta.url).pathname;

test('a store can put and close, and nothing else', () => {
  for (const store of [AnnouncingObjectStore, DirectoryObjectStore, S3ObjectStore]) {
    // Whether all is announced is something it knows, not something it does.
    const does = Object.getOwnPropertyNames(store.prototype).filter((name) => name !== 'announced');
    expect(does.sort()).toEqual(['close', 'constructor', 'put']);
  }
});

test('nothing in the connector’s recording asks S3 for more than PutObject and the bucket’s lock', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))) {
    const commands = readFileSync(folder + name, 'utf8').match(/\b[A-Z]\w+Command\b/g) ?? [];
    expect(
      commands.filter((command) => !['PutObjectCommand', 'GetObjectLockConfigurationCommand'].includes(command)),
    ).toEqual([]);
  }
});

test('settings of a store default to the strictest', () => {
  const s3 = ObjectStoreSettings.parse({ kind: 's3', bucket: 'recordings', region: 'eu-west-1' });
  expect(s3).toMatchObject({ lock: 'COMPLIANCE', confirmation: 'sha256', timeoutMs: 30_000 });
  expect(ObjectStoreSettings.safeParse({ kind: 's3', bucket: 'recordings', region: 'x', lokc: 'none' }).success).toBe(
    false,
  );
});
