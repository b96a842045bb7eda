// A session of terminals for the portal's tests: a real recording, replayed by the functions' own code.

import type { ActionEntry, SessionEntry } from '../../core/catalogue.ts';
import { openingOf } from '../../core/session-evidence.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { replayAsAsked } from '../../functions/replay/registry.ts';
import { readRecording } from '../../functions/store/read-recording.ts';
import { streamText } from '../../functions/stream-text.ts';
import type { FakeSession } from '../harness/fake-gatehouse.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { RecordingBuilder } from '../harness/recording-builder.ts';

const ESC = '\u001b';
const utf8 = (text: string) => new TextEncoder().encode(text);

/** `lines`: how much its shell prints, for a recording with many keyframes. */
export function terminalStory(lines = 20, more: (builder: RecordingBuilder) => void = () => {}): FakeSession {
  const builder = new RecordingBuilder({
    protocol: 'ssh',
    resource: 'web-1',
    reason: 'look at the log',
    startedAt: '2026-11-20T12:00:00.000Z',
  });
  builder
    .wait(500_000)
    .fact({ kind: 'lane.opened', lane: 1, of: 'shell', label: 'shell' }, 1)
    .fact({ kind: 'terminal.resized', columns: 60, rows: 12 }, 1)
    .fact({ kind: 'command.started', action: 1, form: 'shell', command: '' }, 1)
    .wait(500_000)
    .bytes('target', utf8(`${ESC}[1;32malice@web-1${ESC}[0m:${ESC}[34m~${ESC}[0m$ `), 1)
    .wait(1_000_000)
    .bytes('client', utf8('******\r'), 1)
    .bytes('target', utf8('ls -l 漢字 🎉\r\n'), 1)
    .fact({ kind: 'command.typed', action: 6, line: 'ls -l 漢字 🎉', reconstructed: true }, 1)
    .fact({ kind: 'command.signalled', action: 1, signal: 'WINCH' }, 1);
  for (let i = 0; i < lines; i++) {
    builder
      .wait(Math.ceil(10_000_000 / lines))
      .bytes('target', utf8(`${ESC}[3${i % 8}mline ${i}${ESC}[0m ${'.'.repeat(i % 40)}\r\n`), 1);
    if (i % 500 === 499) builder.cut();
  }
  more(builder);
  builder
    .wait(1_000_000)
    .fact({ kind: 'lane.opened', lane: 2, of: 'exec', label: 'exec: uptime' }, 2)
    .fact({ kind: 'command.started', action: 2, form: 'exec', command: 'uptime' }, 2)
    .wait(100_000)
    .bytes('target', utf8(' 12:00:14 up 3 days\n load average: 0.01\n'), 2)
    .fact({ kind: 'command.finished', action: 2, exit: 1, durationUs: 100_000 }, 2)
    .fact({ kind: 'lane.closed', lane: 2, recorded: 'full' }, 2)
    .fact({ kind: 'action.refused', action: 3, reason: 'blocked', message: 'Blocked by rule web.', rule: 'web' }, 1)
    .fact({ kind: 'lane.opened', lane: 3, of: 'subsystem', label: 'subsystem: sftp' }, 3)
    .fact({ kind: 'file.accessed', action: 4, operation: 'open', path: '/srv/a', flags: ['read'], durationUs: 90 }, 3)
    .fact({ kind: 'file.transferred', action: 4, path: '/srv/a', direction: 'download', size: 2048 }, 3)
    .fact({ kind: 'file.accessed', action: 5, operation: 'remove', path: '/srv/b', unanswered: true, durationUs: 9 }, 3)
    .wait(1_000_000)
    .bytes('target', utf8(`${ESC}[2J${ESC}[Hthe last screen`), 1)
    .fact({ kind: 'command.finished', action: 1, exit: 0, durationUs: 14_000_000 }, 1)
    .fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1)
    .end();
  const counts = {
    frames: 9,
    actions: 2,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 7, target: 900, gateway: 0 },
  };
  const entry: SessionEntry = {
    ...openingOf(builder.opened),
    state: 'sealed',
    segments: 1,
    counts,
    endedAt: '2026-11-20T12:00:15.000Z',
  };
  return {
    entry,
    actions: [
      {
        kind: 'command',
        action: 1,
        lane: 1,
        timeUs: 500_000,
        title: 'shell',
        outcome: 'exit 0',
        durationUs: 14_000_000,
        detail: { form: 'shell', command: '', exit: 0, environment: ['LANG=C'], terminal: { type: 'xterm' } },
      },
      {
        kind: 'command',
        action: 6,
        lane: 1,
        timeUs: 2_000_000,
        title: 'ls -l 漢字 🎉',
        outcome: 'typed',
        detail: { form: 'typed', command: 'ls -l 漢字 🎉' },
      },
      {
        kind: 'command',
        action: 2,
        lane: 2,
        timeUs: 13_000_000,
        title: 'uptime',
        outcome: 'exit 1',
        durationUs: 100_000,
        detail: { form: 'exec', command: 'uptime', exit: 1 },
      },
      {
        kind: 'file',
        action: 4,
        lane: 3,
        timeUs: 13_100_000,
        title: 'open /srv/a to read',
        outcome: 'download 2 KiB',
        durationUs: 100_000,
        detail: {
          operation: 'open',
          path: '/srv/a',
          flags: ['read'],
          transfers: [{ direction: 'download', size: 2048, sha256: 'ab'.repeat(32), partial: ['gaps'] }],
        },
      },
    ] satisfies ActionEntry[],
    events: [],
    replay: replayOf(builder, entry),
  };
}

/** As the functions make it of a recording. */
export function replayOf(builder: RecordingBuilder, entry: SessionEntry): NonNullable<FakeSession['replay']> {
  const place = { connector: builder.connector.id, session: builder.session };
  return async (query) => {
    const events = replayAsAsked(
      entry,
      (from) => readRecording(place, memoryReader(builder.objects), nodeRecordingPlatform, from),
      query,
    );
    if (!events.ok) throw new Error(events.error);
    return streamText(jsonLines(events.value));
  };
}

async function* jsonLines(events: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}
