import { expect, it } from 'vitest';
import { SearchPaths } from './search-path.ts';

const paths = new SearchPaths();

it.each([
  ['"$user", public', 'alice', ['alice', 'public']],
  ['hr, "Vault", "a ""b"""', undefined, ['hr', 'Vault', 'a "b"']],
  ['""', undefined, ['']],
  ['', undefined, []],
  ['"$user", public', undefined, undefined],
  ['hr,', undefined, undefined],
  [undefined, 'alice', undefined],
])('%j for %j is %j', (value, user, path) => {
  expect(paths.read(value, user)).toEqual(path);
});

it('is one array for one path', () => {
  expect(paths.read('hr, public', 'a')).toBe(paths.read('hr, public', 'a'));
});
