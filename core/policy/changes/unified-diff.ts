// A unified diff of two texts, as `diff -u` prints it.

const CONTEXT_LINES = 3;
/** Cells of the table below; beyond that the differing middle is shown as replaced whole. */
const MAX_CELLS = 4_000_000;

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** Empty when the texts are the same. */
export function unifiedDiff(before: string, after: string, names: { before: string; after: string }): string {
  if (before === after) return '';
  const edits = editsBetween(linesOf(before), linesOf(after));
  const out = [`--- ${names.before}`, `+++ ${names.after}`];
  let [oldLine, newLine] = [1, 1];
  for (let at = 0; at < edits.length; ) {
    const change = edits.findIndex(({ sign }, index) => index >= at && sign !== ' ');
    if (change < 0) break;
    const begin = Math.max(at, change - CONTEXT_LINES);
    for (; at < begin; at++) [oldLine, newLine] = [oldLine + 1, newLine + 1];
    // A hunk goes on while the next change is near enough for their contexts to touch.
    let last = change;
    for (let next = change + 1; next < edits.length && next <= last + 2 * CONTEXT_LINES + 1; next++)
      if (edits[next]?.sign !== ' ') last = next;
    const hunk = edits.slice(begin, last + CONTEXT_LINES + 1);
    const [oldCount, newCount] = ['-', '+'].map(
      (sign) => hunk.filter((edit) => [' ', sign].includes(edit.sign)).length,
    );
    out.push(`@@ -${range(oldLine, oldCount ?? 0)} +${range(newLine, newCount ?? 0)} @@`);
    for (const { sign, line } of hunk) out.push(`${sign}${line}`);
    [oldLine, newLine, at] = [oldLine + (oldCount ?? 0), newLine + (newCount ?? 0), begin + hunk.length];
  }
  return out.join('\n');
}

const range = (line: number, count: number): string => {
  const first = count === 0 ? line - 1 : line;
  return count === 1 ? String(first) : `${first},${count}`;
};

const NO_NEWLINE = '\n\\ No newline at end of file';

/** A last line without a newline differs from one with it. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  return last === '' ? lines : [...lines, `${last}${NO_NEWLINE}`];
}

function editsBetween(before: readonly string[], after: readonly string[]): Edit[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const room = Math.min(before.length, after.length) - head;
  while (tail < room && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => ({ sign: ' ', line }));
  return [
    ...same(before.slice(0, head)),
    ...middleEdits(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ];
}

/** By the longest common subsequence. */
function middleEdits(before: readonly string[], after: readonly string[]): Edit[] {
  const width = after.length + 1;
  const whole = (before.length + 1) * width > MAX_CELLS;
  const longest = new Uint32Array(whole ? 0 : (before.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  if (!whole)
    for (let i = before.length - 1; i >= 0; i--)
      for (let j = after.length - 1; j >= 0; j--)
        longest[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh && !whole) {
      edits.push({ sign: ' ', line: old });
      [i, j] = [i + 1, j + 1];
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      edits.push({ sign: '-', line: old });
      i++;
    } else {
      edits.push({ sign: '+', line: fresh ?? '' });
      j++;
    }
  }
  return edits;
}
