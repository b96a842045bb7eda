import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CastVersion } from '../../core/replay/exports.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
import { openingOf } from '../../core/session-evidence.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import type { OpenRecording } from '../replay/registry.ts';
import { readRecording } from '../store/read-recording.ts';
import { exportSession } from './registry.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const HOSTILE = '\u001b[31mthe recording is damaged from here on</pre><script>alert(1)</script>\u202e';

function story(): RecordingBuilder {
  return new RecordingBuilder({ protocol: 'ssh' })
    .fact({ kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec: uptime' }, 1)
    .fact({ kind: 'command.started', action: 1, form: 'exec', command: `uptime ${HOSTILE}` }, 1)
    .wait(1)
    .bytes('target', utf8(`up\n3 days${HOSTILE}\n`), 1)
    .fact({ kind: 'command.finished', action: 1, signal: 'KILL', durationUs: 5 }, 1)
    .fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1)
    .wait(1_234_567)
    .fact({ kind: 'lane.opened', lane: 2, of: 'shell', label: 'shell' }, 2)
    .fact(
      {
        ...{ kind: 'command.started', action: 2, form: 'shell', command: '' },
        ...{ environment: ['LANG=de_DE', 'LC_X=a=b'], terminal: { type: 'xterm-256color', modes: 'AA==' } },
      },
      2,
    )
    .fact({ kind: 'terminal.resized', columns: 100, rows: 30 }, 2)
    .wait(333_333)
    .bytes('target', utf8('$ '), 2)
    .wait(333_333)
    .bytes('client', utf8('**\r'), 2)
    .bytes('target', utf8('ls\r\n漢\u001b[1m'), 2)
    .fact({ kind: 'command.typed', action: 9, line: 'ls', reconstructed: true }, 2)
    .fact({ kind: 'command.signalled', action: 2, signal: 'INT' }, 2)
    .wait(333_334)
    .fact({ kind: 'terminal.resized', columns: 90, rows: 20 }, 2)
    .fact({ kind: 'action.refused', action: 3, reason: 'blocked', message: 'Blocked by rule x.', rule: 'x' }, 2)
    .fact({ kind: 'command.finished', action: 2, exit: 3, durationUs: 10 }, 2)
    .fact({ kind: 'lane.closed', lane: 2, recorded: 'full' }, 2);
}

const openedIn =
  (builder: RecordingBuilder): OpenRecording =>
  (from) =>
    readRecording(
      { connector: builder.connector.id, session: builder.session },
      memoryReader(builder.objects),
      nodeRecordingPlatform,
      from,
    );
function entryOf(builder: RecordingBuilder): SessionEntry {
  const counts = {
    frames: 0,
    actions: 2,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  return { ...openingOf(builder.opened), state: 'sealed', segments: 1, counts };
}

async function exported(
  builder: RecordingBuilder,
  format: 'html' | 'asciicast',
  query: { asciicast?: CastVersion; lane?: number } = {},
) {
  const entry = entryOf(builder);
  const made = await exportSession(entry, openedIn(builder), { format, ...query });
  if (!made.ok) return made.error;
  let text = '';
  for await (const part of made.value.chunks) text += part;
  return text;
}

/** https://docs.asciinema.org/manual/asciicast/v3/ */
const Header = z.strictObject({
  version: z.literal(3),
  term: z.strictObject({ cols: z.number().int().min(1), rows: z.number().int().min(1), type: z.string().optional() }),
  env: z.record(z.string(), z.string()).optional(),
  timestamp: z.number().int(),
  title: z.string(),
});
const Event = z.union([
  z.tuple([z.number().min(0), z.enum(['o', 'i', 'm']), z.string()]),
  z.tuple([z.number().min(0), z.literal('r'), z.string().regex(/^\d+x\d+$/)]),
  z.tuple([z.number().min(0), z.literal('x'), z.string().regex(/^\d+$/)]),
]);
function cast(text: string) {
  const [header, ...events] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  return { header: Header.parse(header), events: events.map((event) => Event.parse(event)) };
}

describe('the asciicast of a terminal', () => {
  it('is version 3: sizes, what was shown and typed, markers, and the exit status at its end', async () => {
    const { header, events } = cast(await exported(story().end(), 'asciicast'));
    expect(header).toMatchObject({
      version: 3,
      term: { cols: 100, rows: 30, type: 'xterm-256color' },
      env: { LANG: 'de_DE', LC_X: 'a=b', TERM: 'xterm-256color' },
      title: expect.stringMatching(/lane 2: shell$/),
    });
    expect(events.map(([, code, data]) => [code, data])).toEqual([
      ['m', '2: shell'],
      ['o', '$ '],
      ['i', '**\r'],
      ['o', 'ls\r\n漢\u001b[1m'],
      ['m', '9: typed: ls'],
      ['m', '2: client sends signal INT'],
      ['r', '90x20'],
      ['m', 'REFUSED: Blocked by rule x.'],
      ['x', '3'],
    ]);
  });

  it('has intervals that add up to the times, to the microsecond', async () => {
    const intervals = cast(await exported(story().end(), 'asciicast')).events.map(([interval]) => interval);
    const sums = intervals.map((_, index) =>
      Math.round(intervals.slice(0, index + 1).reduce((sum, one) => sum + one * 1e6, 0)),
    );
    expect(sums).toEqual([
      1_234_568, 1_567_901, 1_901_234, 1_901_234, 1_901_234, 1_901_234, 2_234_568, 2_234_568, 2_234_568,
    ]);
    expect(intervals.map((interval) => interval * 1e6).every((us) => Math.abs(us - Math.round(us)) < 1e-6)).toBe(true);
  });

  it('is version 2 where that is asked for, with times since the beginning', async () => {
    const text = await exported(story().end(), 'asciicast', { asciicast: 2 });
    const [header, ...events] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(header).toMatchObject({ version: 2, width: 100, height: 30, env: { TERM: 'xterm-256color' } });
    expect(events.map(([time, code]: [number, string]) => [time, code])).toEqual([
      [1.234568, 'm'],
      [1.567901, 'o'],
      [1.901234, 'i'],
      [1.901234, 'o'],
      [1.901234, 'm'],
      [1.901234, 'm'],
      [2.234568, 'r'],
      [2.234568, 'm'],
    ]);
  });

  it('is of the first terminal, of the lane that was asked for, or says which there are', async () => {
    const { header, events } = cast(await exported(story().end(), 'asciicast', { lane: 1 }));
    expect(header).toMatchObject({
      term: { cols: 80, rows: 24 },
      title: expect.stringMatching(/lane 1: exec: uptime$/),
    });
    // Without a terminal a line ends with LF alone.
    expect(events.find(([, code]) => code === 'o')?.[2]).toMatch(/^up\r\n3 days/);
    expect(events.map(([, , data]) => data)).toContain('1: ended by signal KILL');
    expect(await exported(story().end(), 'asciicast', { lane: 7 })).toBe(
      'lane 7 has no terminal and no output of a command; these have: 1 (exec: uptime), 2 (shell)',
    );
    const several = story()
      .fact({ kind: 'lane.opened', lane: 3, of: 'shell', label: 'shell' }, 3)
      .fact({ kind: 'terminal.resized', columns: 10, rows: 10 }, 3)
      .end();
    expect(await exported(several, 'asciicast')).toContain('"m","other terminals of this session: lanes 3"]');
    expect(await exported(new RecordingBuilder({ protocol: 'ssh' }).end(), 'asciicast')).toMatch(/has no terminal/);
  });

  it('ends with the damage, which nothing recorded can imitate', async () => {
    const DAMAGE = /^\[[\d.e-]+,"m","the recording is damaged from here on/;
    const damaged = story().cut().bytes('target', utf8('behind'), 2).end();
    damaged.objects.delete([...damaged.objects.keys()][1] ?? '');
    expect((await exported(damaged, 'asciicast')).trimEnd().split('\n').at(-1)).toMatch(DAMAGE);
    const sound = await exported(story().end(), 'asciicast', { lane: 1 });
    for (const line of sound.split('\n')) expect(line).not.toMatch(DAMAGE);
  });
});

describe('the page of a terminal session', () => {
  it('has commands, how they ended and the output of what ran without a terminal, all of it harmless', async () => {
    const path = `/srv/${HOSTILE}`;
    const told = story()
      .fact({ kind: 'lane.opened', lane: 3, of: 'subsystem', label: 'subsystem: sftp' }, 3)
      .fact({ kind: 'file.accessed', action: 4, operation: 'open', path, flags: ['read'], durationUs: 1 }, 3)
      .fact({ kind: 'file.transferred', action: 4, path, direction: 'download', size: 7, partial: ['gaps'] }, 3)
      .fact({ kind: 'file.accessed', action: 5, operation: 'remove', path, unanswered: true, durationUs: 1 }, 3);
    const html = await exported(told.end(), 'html');
    expect(html).toMatch(/#4 open \/srv\/\\x1b.* to read<\/p>/);
    expect(html).toMatch(/#4 download: \/srv\/.*, 7 bytes, maybe not the whole file \(with gaps\)/);
    expect(html).toMatch(/#5 remove \/srv\/.*: not answered/);
    expect(html).toContain('uptime \\x1b[31mthe recording');
    expect(html).toContain('#1 ended: signal KILL');
    expect(html).toContain('#2 ended: exit 3');
    expect(html).toContain('<p>With LANG=de_DE LC_X=a=b TERM=xterm-256color</p>');
    expect(html).toMatch(
      /#9<\/b> lane 2, typed \(reconstructed from the terminal: an aid, not evidence\)<pre>ls<\/pre>/,
    );
    expect(html).toContain('#2 signal INT, from the client');
    expect(html).toContain('<pre>up\n3 days');
    expect(html.match(/Lane \d+ has a terminal\. What it showed is not on this page: [^<]*asciicast\./g)).toHaveLength(
      1,
    );
    expect(html).toContain('REFUSED: Blocked by rule x.');
    expect(html).not.toMatch(/<script|class="error damaged"/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});
