// The terminal recording as asciinema itself reads it.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openingOf } from '../../core/session-evidence.ts';
import { exportAsciicast } from '../../functions/export/asciicast.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { replaySession } from '../../functions/replay/registry.ts';
import { readRecording } from '../../functions/store/read-recording.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-cast-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('asciinema plays an exported session', async (context) => {
  const asciinema = findClient('asciinema');
  if (!asciinema) return context.skip('asciinema is not installed (apt-get install asciinema)');
  const builder = new RecordingBuilder()
    .query(
      'select id, name\n  from customers',
      answer(
        ['id', 'name'],
        [
          ['1', 'Ada \u001b[31m'],
          ['22', null],
        ],
      ),
    )
    .end();
  const counts = {
    frames: 0,
    actions: 1,
    statements: 1,
    errors: 0,
    rows: 2,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  const place = { connector: builder.connector.id, session: builder.session };
  const events = replaySession(
    { ...openingOf(builder.opened), state: 'sealed', segments: 1, counts },
    readRecording(place, memoryReader(builder.objects), nodeRecordingPlatform),
  );
  const file = join(directory, 'session.cast');
  let cast = '';
  for await (const line of exportAsciicast(events)) cast += line;
  await writeFile(file, cast);

  // It wants a terminal of its own to watch for Ctrl-C.
  const command = `'${asciinema}' cat '${file}'`;
  const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, HOME: directory, LC_ALL: 'C.UTF-8' },
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of the recording
  expect(stdout.replace(/\u001b\[\d+m/g, '').split(/\r+\n/)).toEqual([
    expect.stringContaining('alice@example.com on demo'),
    'demo=> select id, name',
    '  from customers',
    ' id | name',
    '----+--------------',
    ' 1  | Ada \\x1b[31m',
    ' 22 |',
    'SELECT 1',
    'Time: 1.000 ms',
    'session ended: the client closed the connection',
    '',
  ]);
});
