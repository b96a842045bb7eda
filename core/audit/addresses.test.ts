import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayBeAddress, replaceAddresses, withoutAddress } from './addresses.ts';

const ZED = 'zed@example.com';
function read(text: string, ...known: string[]) {
  const found: string[] = [];
  const replaced = replaceAddresses(
    text,
    (address) => `{${found.push(address) - 1}}`,
    (address) => known.includes(address),
  );
  return { found, replaced };
}

describe('an address within a text', () => {
  it.each([
    ['see `zed@example.com` now', 'see `{0}` now', ZED],
    ['*zed@example.com*, **Zed@Example.com**', '*{0}*, **{1}**', ZED],
    ['_zed@example.com_', '_{0}_', ZED],
    ['zed@example.com/OPS-7', '{0}/OPS-7', ZED],
    ['https://h/?u=zed@example.com&b=1', 'https://h/?u={0}&b=1', ZED],
    ['https://h/?u=zed%40example.com&b=1', 'https://h/?u={0}&b=1', ZED],
    ['q=%22zed%40example.com%22', 'q=%22{0}%22', ZED],
    ["where u = 'zed@example.com'", "where u = '{0}'", ZED],
    ["'x'+'zed@example.com'", "'x'+'{0}'", ZED],
    ['mail...zed@example.com...', 'mail...{0}...', ZED],
    ['--user--zed@example.com', '--user--{0}', ZED],
    ['{"a":"zed@example.com"}', '{"a":"{0}"}', ZED],
    ['{zed@example.com|x}', '{{0}|x}', ZED],
    ["user:o'zed@example.com", 'user:{0}', "o'zed@example.com"],
    ['u=zed+ops@example.com', 'u={0}', 'zed+ops@example.com'],
    ['u=zed%2bops%40example.com', 'u={0}', 'zed+ops@example.com'],
    ['(josé@exämple.com)', '({0})', 'josé@exämple.com'],
    ['jose\u0301@example.com', '{0}', 'josé@example.com'],
    ['\u{20000}zed@example.com', '{0}', '\u{20000}zed@example.com'],
  ])('of %s is the address alone', (text, replaced, address) => {
    const seen = read(text, ZED);
    expect(seen.replaced).toBe(replaced);
    expect(new Set(seen.found)).toEqual(new Set([address]));
  });

  it('has unusual signs in it where such a one is known, and is the longest that is', () => {
    expect(read('see a/zed@example.com', ZED, 'a/zed@example.com').found).toEqual(['a/zed@example.com']);
    expect(read('see _zed@example.com', '_zed@example.com').found).toEqual(['_zed@example.com']);
    expect(read('see b/zed@example.com', ZED, 'a/zed@example.com').found).toEqual([ZED]);
    // Another person's, within a word.
    expect(read("o'zed@example.com a_zed@example.com", ZED, '_zed@example.com').found).toEqual([
      "o'zed@example.com",
      'a_zed@example.com',
    ]);
  });

  const people = [
    ZED,
    "o'brien@example.com",
    'a.b+c@mail.example.org',
    'a/b@example.com',
    'ünal@exämple.com',
    '_x@local',
  ];
  const around = fc.string({
    unit: fc.constantFrom(...'`*/?=&\'"_-+.,:;(){}[]<>|~!#$%^@ \n2 4 0 a z é %40 %22'),
    maxLength: 12,
  });
  it.each([
    'zed\uff20example.com',
    'zed\ufe6bexample.com',
    'z\u200bed@exam\u200bple.com',
    'zed\u00ad@example.com',
    '\uff5a\uff45\uff44@example.com',
    'zed@example\uff0ecom',
    'zed @example.com',
    'zed@ example.com',
    'zed\u00a0@\u00a0example.com',
    'zed%2540example.com',
    'zed%252540example.com',
    'zed&#64;example.com',
    'zed\\u0040example.com',
  ])('is found in %j, as the search and a reader take it', (text) => {
    const { found, replaced } = read(`user:"${text}" OPS-7`, ZED);
    expect(new Set(found)).toEqual(new Set([ZED]));
    expect(replaced).toMatch(/^user:"\{\d\}" OPS-7$/);
  });

  it('leaves the rest as it was written where no other address is found in the plain form', () => {
    expect(read('\uff21\uff22 50%2525 zed@example.com \uff20', ZED).replaced).toMatch(
      /^\uff21\uff22 50%2525 \{\d\} \uff20$/,
    );
  });

  it('is looked for in time that grows with the text', () => {
    for (const text of [' '.repeat(100_000), 'a '.repeat(50_000), '%25'.repeat(30_000), `${'a'.repeat(90_000)} @`])
      expect(read(text).found).toEqual([]);
  });

  it('that is known stays in no surroundings in clear, and no other known person is named', () => {
    fc.assert(
      fc.property(fc.constantFrom(...people), around, around, fc.boolean(), (address, left, right, upper) => {
        const { found, replaced } = read(`${left}${upper ? address.toUpperCase() : address}${right}`, ...people);
        expect(replaced.toLowerCase()).not.toContain(address);
        expect(people.filter((other) => other !== address && found.includes(other))).toEqual([]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('between signs that are no part of a word is that one alone', () => {
    const signs = fc.string({ unit: fc.constantFrom(...'`*/?=&",:;(){}[]<>|~!#$^ \n'), maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...people), signs, signs, (address, left, right) => {
        expect(read(left + address + right, ...people)).toEqual({ found: [address], replaced: `${left}{0}${right}` });
      }),
    );
  });

  it.each(['a@', '@example.com', '=@=', 'x @ y', 'a%40', '50%', "'@'"])('is none in %s', (text) => {
    expect(read(text).replaced).toBe(text);
  });
});

describe('a name', () => {
  it.each([
    '`zed@example.com',
    '*zed@example.com*',
    'h/?u=zed@example.com&b=1',
    "o'zed@example.com",
    'zed+ops@example.com',
  ])('of an earlier release, or a mailbox, may be theirs: %s', (name) => {
    expect(mayBeAddress(name, ZED)).toBe(true);
  });
  it.each([
    'azed@example.com',
    'a.zed@example.com',
    'a-zed@example.com',
    'zed@example.comx',
    'zed@other.com',
    'zed.x@example.com',
  ])('is another person’s: %s', (name) => {
    expect(mayBeAddress(name, ZED)).toBe(false);
  });
});

describe('a text without one address', () => {
  it.each([
    ['of zed@example.com, at last', 'of per_1, at last'],
    ['Zed@Example.com and zed%40example.com', 'per_1 and per_1'],
    ['zed+ops@example.com', 'per_1'],
    ['ｚｅｄ@example.com', 'per_1'],
    // Others' stay, and a text without it stays to the letter.
    ['mozed@example.com, zed@example.com.evil.org', 'mozed@example.com, zed@example.com.evil.org'],
    ['ask Amy@Example.com about zed@example.com', 'ask amy@example.com about per_1'],
    ['ask Amy@Example.com', 'ask Amy@Example.com'],
    ["o'zed@example.com", "o'zed@example.com"],
    ['', ''],
  ])('%s', (text, without) => expect(withoutAddress(text, ZED, 'per_1')).toBe(without));
});
