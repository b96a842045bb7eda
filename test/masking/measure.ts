// node test/masking/measure.ts: what detectors and rewriting cost, on one core.
// Figures differ by machine; docs/masking.md says on which they were taken.

import { mask } from '../../core/masking/masked.ts';
import { DETECTOR_NAMES } from '../../core/masking/detectors/names.ts';
import { FrameScanner, frameTable } from '../../connector/protocols/postgres/wire/framing.ts';
import { ResultMasker } from '../../connector/protocols/postgres/results/result-masker.ts';
import { copyText } from './results/copy-plans.ts';
import { planResult, SimpleGuide } from './results/simple-guide.ts';
import { masksOf } from './masks-of.ts';
import { dataRow, int16, message, readRow, rowDescription } from './results/wire.ts';

const time = (work: () => void): number => {
  work();
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const begun = performance.now();
    work();
    best = Math.min(best, performance.now() - begun);
  }
  return best / 1000;
};

const prose = Buffer.from(
  'The quick brown fox jumps over the lazy dog, and nobody minds; it was late in the year. '.repeat(24_000),
);
const numbers = Buffer.from(
  '1,2026-11-21 01:00:00.123456+00,42.50,550e8400-e29b-41d4-a716-446655440000,open,17\n'.repeat(24_000),
);
for (const [name, detectors] of [
  ['three detectors (e-mail, card, IBAN)', ['email', 'credit-card', 'iban']],
  ['all twelve', DETECTOR_NAMES],
  ['all twelve and a pattern', [...DETECTOR_NAMES, { name: 'employee', pattern: '\\bEMP-\\d{6}\\b' }]],
] as const) {
  const { masks } = masksOf([{ detect: detectors, with: 'placeholder' }]);
  const speed = (text: Buffer) => (text.length / 1e6 / time(() => masks.finder?.find(text, 0, text.length))).toFixed(0);
  console.log(`${name}: prose ${speed(prose)} MB/s, numbers ${speed(numbers)} MB/s`);
}

const ROWS = 50_000;
const columns = [
  ['id', 23],
  ['email', 25],
  ['phone', 25],
  ['name', 25],
  ['created', 1184],
  ['total', 1700],
  ['note', 25],
  ['status', 25],
] as const;
const rows = Array.from({ length: ROWS }, (_, index) =>
  dataRow([
    String(index),
    `user${index}@example.com`,
    `+1415555${String(index % 10_000).padStart(4, '0')}`,
    'Maria Gonzalez',
    '2026-11-21 01:00:00.123456+00',
    `${index % 977}.50`,
    'please leave the parcel with the neighbour',
    'shipped',
  ]),
);
const description = rowDescription(
  columns.map(([name, type], index) => ({ name, table: 1, attribute: index + 1, type })),
);
const stream = Buffer.concat([description, ...rows, message('C', Buffer.from('SELECT 1\0'))]);
/** As a socket gives them. */
const chunksOf = (bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, index) =>
    bytes.subarray(index * 65_536, (index + 1) * 65_536),
  );

const scan = (): void => {
  const scanner = new FrameScanner(frameTable('DC', 'T'), { frame: () => undefined });
  for (const chunk of chunksOf(stream)) scanner.scan(chunk);
};
const copied = Buffer.concat([
  message('H', Buffer.concat([Buffer.from([0]), int16(8), Buffer.alloc(16)])),
  ...rows.map((row) => {
    const cells = readRow(row.subarray(5)).map((cell) => cell?.toString() ?? '\\N');
    return message('d', Buffer.from(`${cells.join('\t')}\n`));
  }),
  message('c', Buffer.alloc(0)),
]);
const rewrite = (rules: readonly unknown[], copy: boolean) => (): void => {
  const { masks } = masksOf(rules);
  const resolve = (_: number, attribute: number) => ({
    table: 'customers',
    column: columns[attribute - 1]?.[0] ?? '',
  });
  const guide = new SimpleGuide(masks, resolve);
  const plan = copy ? planResult(masks, description.subarray(5), {}, resolve) : undefined;
  if (plan) guide.current = { text: '', copy: copyText(plan.columns) };
  const masker = new ResultMasker(masks, guide);
  let bytes = 0;
  for (const chunk of chunksOf(copy ? copied : stream)) for (const part of mask(masker, chunk)) bytes += part.length;
  if (masker.fault || bytes === 0) throw new Error('nothing came out');
};
const perSecond = (seconds: number): string => `${Math.round(ROWS / seconds / 1000).toLocaleString('en')},000`;
const line = (name: string, rules: readonly unknown[], copies = true): void =>
  console.log(
    `| ${name} | ${perSecond(time(rewrite(rules, false)))} | ${copies ? perSecond(time(rewrite(rules, true))) : ''} |`,
  );
const THREE = { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' };
const two = (way: string) => ({ columns: ['*.email', '*.phone'], with: way });
console.log(`\n${ROWS} rows of 8 columns, ${(stream.length / ROWS).toFixed(0)} bytes each\n`);
console.log('| rows/s | SELECT | COPY |\n| --- | ---: | ---: |');
console.log(`| borders of messages only | ${perSecond(time(scan))} | |`);
line('rules that touch no column of the result', [{ columns: ['other.x'], with: 'null' }], false);
line('2 columns masked', [two('placeholder')]);
line('3 detectors, nothing found', [THREE]);
line('2 columns masked + 3 detectors', [two('placeholder'), THREE]);
line('2 columns `partial` + 3 detectors', [two('partial'), THREE]);
line('2 columns `hash` + 3 detectors', [two('hash'), THREE]);
line('12 detectors, 2 values found in a row', [{ detect: DETECTOR_NAMES, with: 'placeholder' }]);
