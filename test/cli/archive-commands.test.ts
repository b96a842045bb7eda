// The commands of the archive, each with what goes wrong in the same ways: a wrong value, an unknown id, no right, an edge that is away.
// One meaning of each exit code (docs/cli.md), one line that names the thing.

import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { command as runCommand } from './run-cli.ts';

const home = mkdtempSync(join(tmpdir(), 'gatehouse-archive-'));
const [session, hold] = [newId('ses'), newId('hld')];
const why = ['--reason', 'a dispute'];

let server: Server;
let url: string;
let answer: { readonly status: number; readonly error: { readonly reason: string; readonly message: string } };
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: answer.error }));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(() => void server.close());

const run = (args: readonly string[], at = url) =>
  runCommand([...args, '--json'], { GATEHOUSE_URL: at, GATEHOUSE_TOKEN: 'gat_test' });
const failure = (stderr: string) => (JSON.parse(stderr) as { error: { reason: string; message: string } }).error;

/** Of each what asks the edge for something. */
const ASKING: readonly (readonly string[])[] = [
  ['sessions'],
  ['search', 'drop'],
  ['audit'],
  ['audit', 'verify'],
  ['verify', session],
  ['verify', '--all'],
  ['checkpoint'],
  ['checkpoint', '--entries', join(home, 'entries')],
  ['hold', 'list'],
  ['hold', 'place', '--session', session, ...why],
  ['hold', 'lift', hold, ...why],
  ['purge', '--dry-run'],
  ['purge', '--now'],
  ['purge', '--early', '--session', session, ...why],
  ['retention', 'show', session],
  ['reindex'],
  ['reindex', '--status'],
  ['erase-person', 'alice@example.com', ...why],
];

describe.each(ASKING.map((args) => ({ command: args.join(' ').replace(home, 'HOME'), args })))(
  '$command',
  ({ args }) => {
    /** Of what proves: 1 is "not proven" there, and what could not be looked at is 2. */
    const proves = args.includes('verify');

    it('exits 3 where the edge is away', async () => {
      const { code, stdout, stderr } = await run(args, 'http://127.0.0.1:9');
      expect([code, stdout, failure(stderr).reason]).toEqual([3, '', 'unreachable']);
    });

    it('says who may, without that right', async () => {
      answer = { status: 403, error: { reason: 'forbidden', message: 'This is for auditors.' } };
      const { code, stdout, stderr } = await run(args);
      expect([code, stdout, failure(stderr)]).toEqual([proves ? 2 : 1, '', answer.error]);
    });

    it('says what there is not', async () => {
      answer = { status: 404, error: { reason: 'not_found', message: 'There is no such thing.' } };
      const { code, stdout, stderr } = await run(args);
      expect([code, stdout, failure(stderr).reason]).toEqual([proves ? 2 : 1, '', 'not_found']);
      expect(failure(stderr).message).toContain('There is no such thing.');
    });

    it('exits 2 where nobody is signed in, and takes no flag that it does not know', async () => {
      answer = { status: 401, error: { reason: 'unauthenticated', message: 'Sign in first.' } };
      expect((await run(args)).code).toBe(2);
      const { code, stderr } = await run([...args, '--nosuch']);
      expect([code, failure(stderr).reason, failure(stderr).message]).toEqual([
        2,
        'usage',
        expect.stringContaining("'--nosuch'"),
      ]);
    });
  },
);

it.each([
  [['sessions', '--limit', '0'], '--limit 0: expected a whole number from 1 to 200'],
  [['sessions', '--limit', '1e2'], '--limit 1e2'],
  [['sessions', '--since', 'soon'], '--since soon'],
  [['search', 'drop', '--limit', '101'], '--limit 101: expected a whole number from 1 to 100'],
  [['audit', '--limit', '501'], '--limit 501: expected a whole number from 1 to 500'],
  [['audit', '--since', 'soon'], '--since soon'],
  [['audit', 'verify', '--limit', '5'], '--limit goes with audit'],
  [['audit', 'verify', '--head', 'ab'.repeat(32)], '--head'],
  [['verify'], 'SESSION, --all and --dir'],
  [['verify', session, '--all'], 'SESSION, --all and --dir'],
  [['verify', 'abc'], 'SESSION abc'],
  [['verify', '--all', '--checkpoint', 'f'], '--checkpoint goes with --dir'],
  [['checkpoint', '--since', join(home, 'nowhere')], '--since'],
  [['checkpoint', '--keys', join(home, 'nowhere')], '--keys'],
  [['verify', '--all', '--keys', join(home, 'nowhere')], '--keys'],
  [['hold', 'place', ...why], '--session'],
  [['hold', 'place', '--since', '2h', ...why], '--since goes with --until'],
  [['hold', 'place', '--until', '2h', ...why], '--since goes with --until'],
  [['hold', 'place', '--user', 'alice', ...why], '--user alice'],
  [['hold', 'place', '--user', 'alice@*', ...why], 'a star stands for nobody'],
  [['hold', 'place', '--session', 'abc', ...why], '--session abc'],
  [['hold', 'place', '--session', session, '--reason', ' '], '--reason'],
  [['hold', 'lift', 'abc', ...why], 'HOLD abc'],
  [['purge'], '--dry-run, --now and --early'],
  [['purge', '--now', '--early'], '--dry-run, --now and --early'],
  [['purge', '--dry-run', '--session', 'abc'], '--session abc'],
  [['purge', '--early', ...why], '--session and --user'],
  [['retention', 'show', 'abc'], 'SESSION abc'],
  [['reindex', '--status', '--drop'], '--drop'],
  [['erase-person', 'alice', ...why], 'EMAIL alice'],
])('%j is a usage error that names the thing, before anything is sent', async (args, words) => {
  const { code, stderr } = await run(args, 'http://127.0.0.1:9');
  expect([code, failure(stderr).reason]).toEqual([2, 'usage']);
  expect(failure(stderr).message).toContain(words);
});
