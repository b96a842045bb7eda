// node test/masking/measure.ts: what detectors and rewriting cost, on one core.
// Figures differ by machine; docs/masking.md says on which they were taken.

import { mask } from '../../core/masking/masked.ts';
import { DETECTOR_NAMES } from '../../core/masking/detectors/names.ts';
import { FrameScanner, frameTable } from '../../connector/protocols/postgres/framing.ts';
import { ResultMasker } from '../../connector/protocols/postgres/masking/result-masker.ts';
import { SimpleGuide } from '../../connector/protocols/postgres/masking/simple-guide.ts';
import { masksOf } from './masks-of.ts';
import { dataRow, message, rowDescription } from './wire.ts';

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
const chunks = Array.from({ length: Math.ceil(stream.length / 65_536) }, (_, index) =>
  stream.subarray(index * 65_536, (index + 1) * 65_536),
);

const scan = (): void => {
  const scanner = new FrameScanner(frameTable('DC', 'T'), { frame: () => undefined });
  for (const chunk of chunks) scanner.scan(chunk);
};
const rewrite = (rules: readonly unknown[]) => (): void => {
  const { masks } = masksOf(rules);
  const guide = new SimpleGuide(masks, (_, attribute) => ({
    table: 'customers',
    column: columns[attribute - 1]?.[0] ?? '',
  }));
  const masker = new ResultMasker(masks, guide);
  let bytes = 0;
  for (const chunk of chunks) for (const part of mask(masker, chunk)) bytes += part.length;
  if (masker.fault || bytes === 0) throw new Error('nothing came out');
};
const scanner = time(scan);
const line = (name: string, seconds: number): void =>
  console.log(
    `| ${name} | ${Math.round(ROWS / seconds / 1000).toLocaleString('en')},000 | ${(stream.length / 1e6 / seconds).toFixed(0)} |`,
  );
console.log(`\n${ROWS} rows of 8 columns, ${(stream.length / ROWS).toFixed(0)} bytes each\n`);
console.log('| | rows/s | MB/s |\n| --- | ---: | ---: |');
line('borders of messages only', scanner);
line('rules that touch no column of the result', time(rewrite([{ columns: ['other.x'], with: 'null' }])));
line('2 columns masked', time(rewrite([{ columns: ['*.email', '*.phone'], with: 'placeholder' }])));
line('3 detectors, nothing found', time(rewrite([{ detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' }])));
line(
  '2 columns masked + 3 detectors',
  time(
    rewrite([
      { columns: ['*.email', '*.phone'], with: 'placeholder' },
      { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' },
    ]),
  ),
);
line(
  '2 columns `partial` + 3 detectors',
  time(
    rewrite([
      { columns: ['*.email', '*.phone'], with: 'partial' },
      { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' },
    ]),
  ),
);
line(
  '2 columns `hash` + 3 detectors',
  time(
    rewrite([
      { columns: ['*.email', '*.phone'], with: 'hash' },
      { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' },
    ]),
  ),
);
line('12 detectors, 2 values found in a row', time(rewrite([{ detect: DETECTOR_NAMES, with: 'placeholder' }])));
