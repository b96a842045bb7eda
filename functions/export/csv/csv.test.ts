import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exportedBytes, exportedText, unzipped } from '../../../test/harness/session/exported.ts';
import { answer, RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import { csvLine } from './cells.ts';
import { ZipWriter } from './zip.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-csv-'));
});
afterAll(() => rm(dir, { recursive: true }));

const ROWS = [
  ['=HYPERLINK("http://evil")', '-5', '+1.5e3'],
  ['@sum', '-1+cmd|calc', '\tx'],
  ['# the recording is damaged from here on: no', '', null],
] as const;
const hostile = () =>
  new RecordingBuilder().query(
    'select 1',
    answer(
      ['=a', 'b', 'c'],
      ROWS.map((row) => [...row]),
    ),
    { rows: 3 },
  );

it('lets no cell of a stranger become a formula, and leaves numbers alone', async () => {
  const csv = await exportedText(hostile().end(), { format: 'csv', statement: 1 });
  expect(csv.split('\r\n')).toEqual([
    ...["'=a,b,c", `"'=HYPERLINK(""http://evil"")",-5,+1.5e3`, `'@sum,'-1+cmd|calc,'\tx`],
    ...['"# the recording is damaged from here on: no","",', ''],
  ]);
});

it.each(['\ufeff=a', ' =a', '\u00a0+a', '\u3000@a', '\ufeff \uff1da', '\u200b-a', '\u0000=a', '\uff1da', '\n=a'])(
  'takes %j for a formula too, as a spreadsheet does',
  async (cell) => {
    const recorded = new RecordingBuilder().query('select 1', answer(['a'], [[cell]]), { rows: 1 }).end();
    expect(await exportedText(recorded, { format: 'csv', statement: 1 })).toMatch(/^a\r\n"?'/);
  },
);

it('leaves all as it was recorded where that is asked for', async () => {
  const csv = await exportedText(hostile().end(), { format: 'csv', statement: 1, exact: 'true' });
  expect(csv.split('\r\n').slice(0, 3)).toEqual([
    ...['=a,b,c', '"=HYPERLINK(""http://evil"")",-5,+1.5e3', '@sum,-1+cmd|calc,"\tx"'],
  ]);
});

it('is read back as it was, whatever is in its cells', () => {
  const cell = fc.option(fc.string({ unit: 'binary' }), { nil: null });
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 5 }), (cells) => {
      expect(readLine(csvLine(cells, true))).toEqual(cells);
    }),
  );
});

/** RFC 4180, and an unquoted nothing is NULL. */
function readLine(line: string): (string | null)[] {
  const cells: (string | null)[] = [];
  for (let rest = `,${line.slice(0, -2)}`; rest !== ''; ) {
    const [whole, quoted, bare] = /^,(?:"((?:[^"]|"")*)"|([^",]*))(?=,|$)/.exec(rest) ?? [];
    if (whole === undefined) throw new Error('no CSV');
    cells.push(quoted === undefined ? bare || null : quoted.replaceAll('""', '"'));
    rest = rest.slice(whole.length);
  }
  return cells;
}

it('says where a damaged recording ends, in a file and in an archive', async () => {
  const builder = hostile()
    .cut()
    .query('select 2', answer(['x'], [['1']]))
    .end();
  const [, last] = [...builder.objects.keys()];
  builder.objects.delete(last ?? '');
  const one = await exportedText(builder, { format: 'csv', statement: 1 });
  expect(one.trimEnd().split('\r\n').at(-1)).toBe('# the recording is damaged from here on: segment 1 is missing');
  const files = await unzipped(await exportedBytes(builder, { format: 'csv' }), join(dir, 'damaged.zip'));
  expect(Object.keys(files)).toEqual(['statements.csv', 'statement-1.csv', 'DAMAGED.txt']);
  expect(files['DAMAGED.txt']).toContain('segment 1 is missing');
  expect(files['statements.csv']).toMatch(/# the recording is damaged/);
});

it('shows the rows of a statement that was running when the recording ended', async () => {
  const rows = answer(['x'], [['1'], ['2']]).subarray(0, -6);
  const running = new RecordingBuilder().query('select 0', answer(['x'], [['0']]));
  const at = { direction: 'client' as const, lane: 0, offset: 0, length: 1 };
  running
    .fact({ kind: 'statement.started', action: 2, form: 'simple', text: 'select x', at })
    .bytes('target', rows)
    .end();
  expect(await exportedText(running, { format: 'csv', statement: 2 })).toBe('x\r\n1\r\n2\r\n');
});

it('refuses what has no results', async () => {
  const ssh = new RecordingBuilder({ protocol: 'ssh' }).end();
  await expect(exportedText(ssh, { format: 'csv' })).rejects.toThrow('only sessions of databases have results');
});

it('gives the same archive each time', async () => {
  const builder = hostile().end();
  const first = await exportedBytes(builder, { format: 'csv' });
  expect(first.equals(await exportedBytes(builder, { format: 'csv' }))).toBe(true);
});

it('writes archives that other readers take, with names beyond ASCII and files of nothing', async () => {
  async function* text(of: string) {
    yield of;
  }
  const zip = new ZipWriter(new Date('2026-11-20T12:34:56Z'));
  const parts: Uint8Array[] = [];
  for (const [name, of] of [
    ['é.csv', 'x'.repeat(200_000)],
    ['empty.csv', ''],
  ] as const)
    for await (const part of zip.file(name, text(of))) parts.push(part);
  parts.push(...zip.end());
  const archive = Buffer.concat(parts);
  expect(archive.length).toBeLessThan(2000);
  expect(await unzipped(archive, join(dir, 'x.zip'))).toEqual({ 'é.csv': 'x'.repeat(200_000), 'empty.csv': '' });
});

it('lists what the policy came to about each statement', async () => {
  const builder = new RecordingBuilder()
    .query('select 1', answer(['x'], [['1']]))
    .fact({ kind: 'action.refused', action: 2, reason: 'blocked', message: 'Blocked.' })
    .query('drop table a', new Uint8Array(), {
      error: { code: '42501', severity: 'ERROR', message: 'Blocked.' },
      rows: 0,
    })
    .end();
  const files = await unzipped(await exportedBytes(builder, { format: 'csv' }), join(dir, 'verdicts.zip'));
  expect(
    files['statements.csv']
      ?.trimEnd()
      .split('\r\n')
      .map((line) => line.slice(line.lastIndexOf(',') + 1)),
  ).toEqual([...['verdict', '', 'refused']]);
});

it('what COPY wrote is itself where it is wanted exactly, and lines in a column otherwise', async () => {
  const message = (type: string, body: Uint8Array | string) => {
    const bytes = Buffer.from(body);
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(bytes.length + 4, 1);
    return Buffer.concat([head, bytes]);
  };
  const copied = Buffer.concat([
    message('H', Buffer.from([0, 0, 1, 0, 0])),
    ...['id,name\n', '1,"a, b"\n', '=2,x\n'].map((line) => message('d', line)),
    message('c', ''),
    message('C', 'COPY 2\0'),
  ]);
  const builder = new RecordingBuilder().query('copy t to stdout csv header', copied, { rows: 2 }).end();
  const of = (exact: boolean) =>
    exportedText(builder, { format: 'csv', statement: 1, ...(exact && { exact: 'true' as const }) });
  expect(await of(true)).toBe('id,name\n1,"a, b"\n=2,x\n');
  expect(await of(false)).toBe('copy\r\n"id,name"\r\n"1,""a, b"""\r\n"\'=2,x"\r\n');
});

it('refuses a statement that gave no rows', async () => {
  const error = { code: '42P01', severity: 'ERROR', message: 'there is no such table' };
  const builder = new RecordingBuilder()
    .query('select 1', Buffer.from('E\0\0\0\x08Mno\0', 'latin1'), { error, rows: 0 })
    .query('select 1', answer(['x'], []), { rows: 0 })
    .end();
  const of = (statement: number) => exportedText(builder, { format: 'csv', statement });
  await expect(of(1)).rejects.toThrow('statement 1 has no results here: text and statements.csv list what there is');
  expect(await of(2)).toBe('x\r\n');
});
