// Exports as the command line writes them: whole or not at all, joined from parts, and damage told from what only looks like it.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExportFormat, ExportParts } from '../../core/replay/exports.ts';
import { exportedBytes } from '../harness/session/exported.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';
import { fault, useFakeApi } from './fake-api.ts';

const SESSION = 'ses_01m7xr5fk9b56k8brj0dvrwre8';
const { replies, seen, origin, run, runProcess } = useFakeApi();
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-out-'));
});
afterAll(() => rm(dir, { recursive: true }));

// What is recorded may look like the end of a damaged export, and is none.
const IMITATION =
  '<section class="error damaged">\u001b[31mthe recording is damaged from here on: {"kind":"fact"\n' +
  'The recording is damaged from here on: \n**The recording is damaged from here on:** \n# the recording is damaged from here on: PK\u0001\u0002DAMAGED.txt';

it.each<[ExportFormat, string[]]>([
  ['ndjson', []],
  ['html', []],
  ['asciicast', []],
  ['text', []],
  ['markdown', []],
  ['csv', []],
  ['csv', ['--statement', '1']],
])('of a damaged recording is written as %s %j, and exits 1', async (format, more) => {
  const builder = new RecordingBuilder()
    .query(`select '${IMITATION}'`, answer([IMITATION], [[IMITATION]]))
    .cut()
    .end();
  const [, last] = [...builder.objects.keys()];
  const out = join(dir, 'damaged');
  for (const code of [0, 1]) {
    if (code === 1) builder.objects.delete(last ?? '');
    const query = { format, ...(more[1] !== undefined && { statement: 1 }) };
    replies[`GET /api/v1/sessions/${SESSION}/export`] = { text: await exportedBytes(builder, query) };
    const toFile = await runProcess('export', SESSION, '--format', format, ...more, '--out', out);
    expect([toFile.code, toFile.stderr.includes('damaged')]).toEqual([code, code === 1]);
    expect((await stat(out)).size).toBeGreaterThan(0);
    expect((await run('export', SESSION, '--format', format, ...more)).code).toBe(code);
  }
});

it('leaves no half file behind when a download breaks off', async () => {
  replies[`GET /api/v1/sessions/${SESSION}/export`] = { status: 503, body: fault('unavailable', 'Later.') };
  const out = join(dir, 'x.ndjson');
  expect((await run('export', SESSION, '--out', out)).code).toBe(3);
  await expect(stat(out)).rejects.toThrow();
});

const PARTS = ['first of', ' two'].map((text) => Buffer.from(text));
function partsFrom(from: number, shown: number, digestOf = (bytes: Buffer): Buffer => bytes): ExportParts {
  const parts = PARTS.map((bytes, number) => ({
    number,
    bytes: bytes.length,
    sha256: createHash('sha256').update(digestOf(bytes)).digest('hex'),
    url: `${origin()}/store/${number}?signature=x`,
  }));
  return {
    state: 'ready',
    ...{ fileName: 'x.ndjson', contentType: 'application/x-ndjson', bytes: 12, count: 2 },
    parts: parts.slice(from, from + shown),
    until: '2026-11-20T12:05:00.000Z',
  };
}
const at = (query: string) => `GET /api/v1/sessions/${SESSION}/export?format=ndjson${query}`;

it('waits for parts, joins them in their order, and shows the token to no store', async () => {
  replies[at('')] = { status: 202, body: { ...partsFrom(0, 0), state: 'rendering', bytes: 0, count: 1 } };
  replies[at('&part=0')] = { status: 202, body: partsFrom(0, 1) };
  replies[at('&part=1')] = { status: 202, body: partsFrom(1, 1) };
  for (const [number, bytes] of PARTS.entries()) replies[`GET /store/${number}`] = { text: bytes };
  const out = join(dir, 'joined');
  const ran = await run('export', SESSION, '--out', out, '--json');
  expect([ran.code, JSON.parse(ran.stdout)]).toEqual([0, { session: SESSION, format: 'ndjson', file: out, bytes: 12 }]);
  expect(ran.stderr).toBe('The recording is large, so it is read and the export written in parts.\n');
  expect(await readFile(out, 'utf8')).toBe('first of two');
  const ofStore = seen.filter(({ url }) => url.startsWith('/store/'));
  expect(ofStore.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
});

it.each([
  ['is not what it should be', 200, Buffer.from('first if')],
  ['is short', 200, Buffer.from('first')],
  ['is longer', 200, Buffer.from('first of all')],
  ['has expired for good', 403, Buffer.from('')],
])('writes no file of which a part %s', async (_what, status, text) => {
  replies[at('')] = { status: 202, body: partsFrom(0, 2) };
  replies[at('&part=0')] = { status: 202, body: partsFrom(0, 2) };
  replies['GET /store/0'] = { status, text };
  const out = join(dir, 'never');
  const ran = await run('export', SESSION, '--out', out);
  expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('part 1 of the export did not come whole')]);
  expect((await readdir(dir)).filter((name) => name.startsWith('never'))).toEqual([]);
});

it('takes an address that has expired again, once it is given a new one', async () => {
  replies[at('')] = { status: 202, body: partsFrom(0, 2) };
  replies[at('&part=0')] = { status: 202, body: partsFrom(0, 2) };
  let asked = 0;
  replies['GET /store/0'] = () => (asked++ === 0 ? { status: 403, text: '' } : { text: PARTS[0] ?? '' });
  replies['GET /store/1'] = { text: PARTS[1] ?? '' };
  expect(await run('export', SESSION)).toMatchObject({ code: 0, stdout: 'first of two' });
});

it.each([
  [['--file', 'a', '--format', 'csv'], '--file is the file itself'],
  [['--format', 'file'], 'name the file with --file'],
  [['--statement', '1'], '--statement goes with --format csv, text or markdown'],
  [['--format', 'csv', '--statement', '0'], '--statement 0'],
  [['--format', 'csv', '--statement', '3..7'], '--statement takes one number with --format csv'],
  [['--format', 'text', '--statement', '7..3'], 'or from the first to the last: 3..7'],
  [['--format', 'csv', '--lane', '1'], '--asciicast and --lane go with --format asciicast'],
])('of usage exits 2: %j', async (args, said) => {
  const ran = await run('export', SESSION, ...args);
  expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(said)]);
  expect(seen).toEqual([]);
});

it('asks for what the flags say', async () => {
  replies[`GET /api/v1/sessions/${SESSION}/export`] = { text: 'x' };
  await run('export', SESSION, '--format', 'csv', '--statement', '7', '--exact');
  await run('export', SESSION, '--format', 'text', '--statement', '3..7');
  await run('export', SESSION, '--file', '/srv/a b', '-o', join(dir, 'file'));
  expect(seen.map(({ url }) => url.split('?')[1])).toEqual([
    'format=csv&statement=7&exact=true',
    'format=text&statement=3&through=7',
    'format=file&file=%2Fsrv%2Fa+b',
  ]);
});
