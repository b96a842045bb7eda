import { expect, test } from 'vitest';
import { asEscaping, withoutStrings } from './strings.ts';

test.each([
  ["select 'a'", "select 'a'"],
  ["select '\\d'", "select  E'\\d'"],
  ["select'\\d'", "select E'\\d'"],
  [
    "select 'it''s \\d', E'\\'', \"a\\\", $$'\\$$, $t$'\\'$t$",
    "select  E'it''s \\d', E'\\'', \"a\\\", $$'\\$$, $t$'\\'$t$",
  ],
  ["select 1 -- it's \\\n, '\\d'", "select 1 -- it's \\\n,  E'\\d'"],
  ["select /* ' /* \\' */ ' */ '\\d'", "select /* ' /* \\' */ ' */  E'\\d'"],
  ["select a$b$ '\\d' $b$'", "select a$b$  E'\\d' $b$'"],
  ["select $1'\\d'", "select $1 E'\\d'"],
  ["select U&'\\0041', x'1', B'0'", "select U&'\\0041', x'1', B'0'"],
  ["select '\\\\'", "select  E'\\\\'"],
])('%s reads the same where strings escape', (text, escaping) => {
  expect(asEscaping(text)).toBe(escaping);
});

test.each([
  "select '\\'",
  "select '\\' , 'x; drop table t --'",
  "select '\\''; drop table t --'",
  "select a like '%\\' escape '\\'",
  "select xe'\\' , '; drop table t --'",
  "select 1e'\\d' , '\\'",
])('%s does not', (text) => {
  expect(asEscaping(text)).toBeUndefined();
});

test.each([
  ["select 'a''b' || x", "select '' || x"],
  [`select "a'b", t."Weird ""one""" -- it's\n, y - 1 / 2`, `select "a'b", t."Weird ""one"""  \n, y - 1 / 2`],
  ["a /* ' /* ' */ ' */ b", 'a   b'],
  ["raise $$it's$$, $t$ $$ ' $t$, a$b$c", "raise '', '', a$b$c"],
  ["E'\\'' || b'01' || x'f' || U&'\\0041' || U&\"d\\0061t\"", "'' || '' || '' || '' || U&\"d\\0061t\""],
  ["$1'x'", "$1''"],
  ["regexp_replace(a, '\\s+', '')", "regexp_replace(a, '', '')"],
  ["'never ended", "''"],
  ["a '\\' b '", undefined],
])('%s without strings and comments', (text, kept) => {
  expect(withoutStrings(text)).toBe(kept);
});

test('where strings are known not to escape, a backslash is a letter', () => {
  expect(withoutStrings("a '\\' || b", true)).toBe("a '' || b");
});
