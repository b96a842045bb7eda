import { expect, it } from 'vitest';
import { Output } from '../output.ts';
import { renderStatements } from './statements.ts';

const output = new Output(
  { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: { NO_COLOR: '1' } },
  false,
);

it.each([
  [['UPDATE 4'], 0, '[0:00.000] 1: UPDATE 4 (1 ms)'],
  [['UPDATE 4'], 4, '[0:00.000] 1: UPDATE 4 (4 rows, 1 ms)'],
  [['SELECT 0'], 0, '[0:00.000] 1: SELECT 0 (0 rows, 1 ms)'],
  [['SELECT 1'], 1, '[0:00.000] 1: SELECT 1 (1 row, 1 ms)'],
])('%s with %i rows is told as it was', (tags, rows, told) => {
  const shown = renderStatements(
    { kind: 'result', timeUs: 0, statement: 1, tags, rows, bytes: 9, durationUs: 1000 },
    output,
  );
  expect(shown.replace(/1\.0+ ms/, '1 ms')).toBe(told);
});

it('what is cut is marked, with what there is and where', () => {
  const statement = renderStatements(
    { kind: 'statement', timeUs: 0, statement: 1, text: 'select 1', textBytes: 2_000_000 },
    output,
  );
  expect(statement).toContain('… cut here: 8 of 2000000 bytes; gatehouse export');
  const rows = {
    kind: 'rows',
    timeUs: 0,
    statement: 1,
    columns: ['a'],
    rows: [['1']],
    omitted: 3,
    omittedColumns: 1400,
  } as const;
  expect(renderStatements({ ...rows, columns: [...rows.columns], rows: [['1']] }, output)).toMatch(
    /… 1400 more columns\n.*… 3 more rows/,
  );
});
