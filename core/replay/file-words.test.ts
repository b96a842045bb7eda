import { expect, it } from 'vitest';
import { accessWords, failureWords, transferWords } from './file-words.ts';

it.each<[Parameters<typeof accessWords>[0], string]>([
  [{ operation: 'open', path: '/a', flags: ['read'] }, 'open /a to read'],
  [{ operation: 'open', path: '/a', flags: ['read', 'write', 'create'] }, 'open /a to read and write'],
  [{ operation: 'list', path: '/' }, 'list /'],
  [{ operation: 'remove', path: '/a' }, 'remove /a'],
  [{ operation: 'rename', path: '/a', to: '/b' }, 'rename /a to /b'],
  [{ operation: 'copy', path: '/a', to: '/b' }, 'copy /a to /b'],
  [{ operation: 'make_directory', path: '/a' }, 'make directory /a'],
  [{ operation: 'remove_directory', path: '/a' }, 'remove directory /a'],
  [{ operation: 'symlink', path: '/a', to: 'b' }, 'make /a a symbolic link to b'],
  [{ operation: 'link', path: '/a', to: '/b' }, 'make /a a link to /b'],
  [
    { operation: 'set_attributes', path: '/a', attributes: { permissions: 0o100644, modified: 1 } },
    'set mode 0644, times of /a',
  ],
  [
    { operation: 'set_attributes', path: '', attributes: { size: 0, uid: 0, gid: 7 } },
    'set size 0, owner 0:7 of a file that is not open',
  ],
])('%j is told as "%s"', (access, words) => {
  expect(accessWords(access)).toBe(words);
});

it('what the target did not do is told in its words, and what nobody answered as that', () => {
  expect(failureWords({})).toBeUndefined();
  expect(failureWords({ error: { code: 3, message: 'Permission denied' } })).toBe('Permission denied');
  expect(failureWords({ unanswered: true })).toBe('not answered');
});

it('a transfer is told with its size, and with why it may not be the whole file', () => {
  const transfer = { direction: 'download', path: '/a', size: 2048 } as const;
  expect(transferWords(transfer)).toBe('download /a, 2 KiB');
  expect(transferWords({ ...transfer, partial: ['gaps', 'not_closed'] })).toBe(
    'download /a, 2 KiB, maybe not the whole file (with gaps, not closed)',
  );
});
