import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unifiedDiff } from './unified-diff.ts';

const NAMES = { before: 'a', after: 'b' };

test('shows what changed with three lines around it', () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`);
  const after = before.with(4, 'other\n').toSpliced(18, 1);
  expect(unifiedDiff(before.join(''), after.join(''), NAMES)).toBe(
    [
      '--- a\n+++ b\n@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+other\n line 6\n line 7\n line 8',
      '@@ -16,5 +16,4 @@\n line 16\n line 17\n line 18\n-line 19\n line 20',
    ].join('\n'),
  );
});

test('of the same text is empty, and a missing newline at the end is a difference', () => {
  expect(unifiedDiff('a\n', 'a\n', NAMES)).toBe('');
  expect(unifiedDiff('', 'a\n', NAMES)).toBe('--- a\n+++ b\n@@ -0,0 +1 @@\n+a');
  expect(unifiedDiff('a', 'a\n', NAMES)).toContain('-a\n\\ No newline at end of file\n+a');
});

test('applied to the one text gives the other', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', '-d', '+', ''), { maxLength: 40 })
    .map((all) => all.map((one) => `${one}\n`).join(''));
  fc.assert(
    fc.property(text, text, (before, after) => {
      expect(patched(before, unifiedDiff(before, after, NAMES))).toBe(after);
    }),
  );
});

/** As `patch` does it, with no fuzz. */
function patched(before: string, diff: string): string {
  if (diff === '') return before;
  const old = before.split('\n').slice(0, -1);
  const out: string[] = [];
  let at = 0;
  for (const each of diff.split('\n').slice(2)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? /.exec(each);
    if (hunk) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      while (at < start) out.push(old[at++] ?? 'beyond');
      continue;
    }
    if (each.startsWith('+')) out.push(each.slice(1));
    else {
      expect(old[at++]).toBe(each.slice(1));
      if (each.startsWith(' ')) out.push(each.slice(1));
    }
  }
  return [...out, ...old.slice(at)].map((one) => `${one}\n`).join('');
}
