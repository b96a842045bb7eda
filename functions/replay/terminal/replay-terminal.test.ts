import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { TerminalEvent } from '../../../core/replay/terminal.ts';
import { openingOf } from '../../../core/session-evidence.ts';
import { memoryReader } from '../../../test/harness/memory-reader.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import { nodeRecordingPlatform } from '../../recording-platform.ts';
import { readRecording, type SegmentPlace } from '../../store/read-recording.ts';
import { readLanePlace } from './cursor.ts';
import { Emulator } from '../../../core/replay/emulator.ts';
import { outlineTerminal } from './outline.ts';
import { pageOfLane, replayTerminal } from './replay-terminal.ts';

const LANE = 1;
const utf8 = (text: string) => new TextEncoder().encode(text);

function shell(columns = 40, rows = 10): RecordingBuilder {
  return new RecordingBuilder()
    .fact({ kind: 'lane.opened', lane: LANE, of: 'shell', label: 'shell' }, LANE)
    .fact({ kind: 'terminal.resized', columns, rows }, LANE)
    .fact({ kind: 'command.started', action: 1, form: 'shell', command: '' }, LANE);
}

const open = (builder: RecordingBuilder) => (from?: SegmentPlace) =>
  readRecording(
    { connector: builder.connector.id, session: builder.session },
    memoryReader(builder.objects),
    nodeRecordingPlatform,
    from,
  );
function entryOf(builder: RecordingBuilder): SessionEntry {
  const counts = {
    frames: 0,
    actions: 0,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  return { ...openingOf(builder.opened), state: 'sealed', segments: 1, counts };
}
async function collect(events: AsyncIterable<TerminalEvent>): Promise<TerminalEvent[]> {
  const all: TerminalEvent[] = [];
  for await (const event of events) all.push(event);
  // What is sent is what the schema says.
  for (const event of all) expect(TerminalEvent.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
  return all;
}
const whole = (builder: RecordingBuilder) => collect(replayTerminal(entryOf(builder), open(builder)()));
const outline = (builder: RecordingBuilder) => collect(outlineTerminal(entryOf(builder), open(builder)()));

/** Page by page, as a player reads it. */
async function pagesFrom(builder: RecordingBuilder, lane: number, first: string, until?: string) {
  const end = until === undefined ? undefined : readLanePlace(until);
  const events: TerminalEvent[] = [];
  let pages = 0;
  for (let cursor: string | undefined = first; cursor !== undefined; ) {
    const place = readLanePlace(cursor);
    if (!place) throw new Error('no cursor');
    const page = await collect(pageOfLane(entryOf(builder), open(builder)(place.segment), lane, place, end));
    const last = page.at(-1);
    cursor = last?.kind === 'more' ? last.cursor : undefined;
    events.push(...page.filter(({ kind }) => kind !== 'more'));
    pages++;
  }
  return { events, pages };
}

const keyframesOf = (events: TerminalEvent[], lane = LANE) =>
  events.flatMap((event) => (event.kind === 'keyframe' && event.lane === lane ? [event] : []));

function play(emulator: Emulator, events: readonly TerminalEvent[]): string[] {
  for (const event of events) {
    if (event.kind === 'output') emulator.write(event.text);
    if (event.kind === 'resize') emulator.resize(event);
  }
  const { active } = emulator.terminal.buffer;
  const rows = Array.from({ length: emulator.rows }, (_, y) => active.getLine(y)?.translateToString() ?? '');
  return [...rows, `${active.cursorX},${active.cursorY}`];
}

describe('the replay of a terminal', () => {
  it('tells lanes, sizes, commands, what was typed and shown, files and the end, in the order of time', async () => {
    const builder = shell()
      .bytes('client', utf8('ls\r'), LANE)
      .wait(1000)
      .bytes('target', utf8('a b\r\n$ '), LANE)
      .fact({ kind: 'values.hidden', hidden: [{ by: 'secret', count: 1 }] }, LANE)
      .bytes('gateway', utf8('Gatehouse: wait\r\n'), LANE)
      .fact({ kind: 'terminal.resized', columns: 100, rows: 30 }, LANE)
      .fact({ kind: 'action.refused', action: 2, reason: 'blocked', message: 'Blocked by rule x.', rule: 'x' }, LANE)
      .fact({ kind: 'command.typed', action: 5, line: 'ls', reconstructed: true }, LANE)
      .fact({ kind: 'command.signalled', action: 1, breakMs: 0 }, LANE)
      .fact({ kind: 'command.finished', action: 1, exit: 3, durationUs: 10 }, LANE)
      .fact({ kind: 'lane.closed', lane: LANE, recorded: 'full' }, LANE)
      .fact({ kind: 'lane.opened', lane: 2, of: 'sftp', label: 'sftp' }, 2)
      .fact({ kind: 'command.started', action: 3, form: 'subsystem', command: 'sftp' }, 2)
      .bytes('client', Uint8Array.of(0, 0, 255), 2)
      .fact({ kind: 'file.transferred', action: 3, path: '/etc/motd', direction: 'download', size: 7 }, 2)
      .fact({ kind: 'lane.closed', lane: 2, recorded: 'partial', note: 'content was not kept' }, 2)
      .end();
    const [opened, ...events] = await whole(builder);
    expect(opened).toMatchObject({ kind: 'opened', session: { id: builder.session } });
    expect(events).toEqual([
      { kind: 'lane', timeUs: 0, lane: 1, of: 'shell', label: 'shell' },
      { kind: 'resize', timeUs: 0, lane: 1, columns: 40, rows: 10 },
      { kind: 'command', timeUs: 0, lane: 1, action: 1, form: 'shell', command: '' },
      { kind: 'input', timeUs: 0, lane: 1, text: 'ls\r' },
      { kind: 'output', timeUs: 1000, lane: 1, text: 'a b\r\n$ ' },
      {
        kind: 'notice',
        timeUs: 1000,
        lane: 1,
        severity: 'HIDDEN',
        message: expect.stringContaining('1 value'),
      },
      { kind: 'output', timeUs: 1000, lane: 1, text: 'Gatehouse: wait\r\n' },
      { kind: 'resize', timeUs: 1000, lane: 1, columns: 100, rows: 30 },
      {
        kind: 'notice',
        timeUs: 1000,
        lane: 1,
        severity: 'REFUSED',
        message: 'Blocked by rule x.',
        action: 2,
        rule: 'x',
      },
      { kind: 'typed', timeUs: 1000, lane: 1, action: 5, line: 'ls', reconstructed: true },
      { kind: 'signal', timeUs: 1000, lane: 1, action: 1, breakMs: 0 },
      { kind: 'finished', timeUs: 1000, lane: 1, action: 1, exit: 3, durationUs: 10 },
      { kind: 'lane-end', timeUs: 1000, lane: 1, label: 'shell', recorded: 'full' },
      { kind: 'lane', timeUs: 1000, lane: 2, of: 'sftp', label: 'sftp' },
      { kind: 'command', timeUs: 1000, lane: 2, action: 3, form: 'subsystem', command: 'sftp' },
      { kind: 'file', timeUs: 1000, lane: 2, action: 3, path: '/etc/motd', direction: 'download', size: 7 },
      {
        kind: 'lane-end',
        timeUs: 1000,
        lane: 2,
        label: 'sftp',
        recorded: 'partial',
        note: 'content was not kept',
        bytes: { client: 3, target: 0 },
      },
      { kind: 'ended', timeUs: 1000, reason: 'client_closed', message: 'the client closed the connection' },
    ]);
  });

  it('ends with the damage where there is one, and at a fact that is none', async () => {
    const cut = shell().bytes('target', utf8('before'), LANE).cut().bytes('target', utf8('behind'), LANE).end();
    cut.objects.delete([...cut.objects.keys()][1] ?? '');
    expect((await whole(cut)).slice(-2)).toMatchObject([
      { text: 'before' },
      { kind: 'damaged', message: 'segment 1 is missing' },
    ]);
    expect((await outline(cut)).at(-1)).toMatchObject({ kind: 'damaged' });
    const broken = shell()
      .rawFact({ kind: 'terminal.resized', columns: 'many' })
      .bytes('target', utf8('behind'), LANE)
      .end();
    expect((await whole(broken)).at(-1)).toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(/not a sound fact/),
    });
  });

  it('reads characters across frames, and keeps every byte that is no character', async () => {
    const bytes = fc.uint8Array({ maxLength: 12 });
    const text = fc.string({ unit: 'binary', maxLength: 6 }).map(utf8);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(bytes, text), { maxLength: 12 }), fc.nat(), async (chunks, seed) => {
        const all = Buffer.concat(chunks);
        const builder = shell();
        for (let at = 0, step = 1; at < all.length; at += step) {
          step = 1 + ((seed + at * 7) % 4);
          builder.bytes('target', all.subarray(at, at + step), LANE);
        }
        const outputs = (await whole(builder.end())).flatMap((event) => (event.kind === 'output' ? [event] : []));
        const back = outputs.map(({ text, base64 }) =>
          base64 === undefined ? utf8(text) : Buffer.from(base64, 'base64'),
        );
        expect(Buffer.concat(back).equals(all)).toBe(true);
        expect(outputs.map(({ text }) => text).join('')).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(all),
        );
      }),
      { numRuns: 20 },
    );
  });
});

describe('the outline and its pages', () => {
  it('show from every keyframe what all of it shows, and all pages are the whole', async () => {
    const builder = shell();
    for (let i = 0; i < 1500; i++) {
      const at = `\u001b[${(i % 9) + 1};${(i * 7) % 30}H`;
      builder
        .wait(1000)
        .bytes(
          'target',
          utf8(`${i % 50 === 0 ? '\u001b[3;8r\u001b7' : ''}${at}\u001b[3${i % 8}m漢${i} ${'x'.repeat(300)}\r\n`),
          LANE,
        );
      if (i % 40 === 0) builder.bytes('client', utf8('k'), LANE).cut();
      if (i === 700) builder.fact({ kind: 'terminal.resized', columns: 60, rows: 20 }, LANE);
      if (i === 1000) builder.bytes('target', utf8('\u001b[?1049h\u001b[H'), LANE);
    }
    builder.end();
    const told = await outline(builder);
    expect(new Set(told.map(({ kind }) => kind))).toEqual(
      new Set(['opened', 'lane', 'resize', 'command', 'keyframe', 'ended']),
    );
    const keyframes = keyframesOf(told);
    expect(keyframes.length).toBeGreaterThan(1);
    const all = (await whole(builder)).filter(({ kind }) => kind === 'output' || kind === 'input' || kind === 'resize');
    const shown = play(new Emulator({ columns: 0, rows: 0 }), all);
    expect(shown.join('')).toContain('漢');
    for (const keyframe of keyframes) {
      const { events } = await pagesFrom(builder, LANE, keyframe.cursor);
      const emulator = new Emulator(keyframe);
      emulator.restore(keyframe.screen);
      expect(play(emulator, events)).toEqual(shown);
    }
    const [first] = keyframes;
    const { events, pages } = await pagesFrom(builder, LANE, first?.cursor ?? '');
    expect(events).toEqual(all);
    expect(pages).toBeGreaterThanOrEqual(1);
    // From keyframe to keyframe without a gap and without an overlap.
    const stretches: TerminalEvent[] = [];
    for (const [index, { cursor }] of keyframes.entries())
      stretches.push(...(await pagesFrom(builder, LANE, cursor, keyframes[index + 1]?.cursor)).events);
    expect(stretches).toEqual(all);
  });

  it('end after four million characters, in the middle of a character too, and go on behind it', async () => {
    const all = Buffer.from('漢'.repeat(900_000));
    const builder = shell();
    for (let i = 0; i < 5; i++) {
      for (let at = 0; at < all.length; at += 10_000) builder.bytes('target', all.subarray(at, at + 10_000), LANE);
      builder.cut();
    }
    const cursor = keyframesOf(await outline(builder.end()))[0]?.cursor ?? '';
    const { events, pages } = await pagesFrom(builder, LANE, cursor);
    expect(pages).toBe(2);
    const text = (some: TerminalEvent[]) => some.map((event) => (event.kind === 'output' ? event.text : '')).join('');
    expect(text(events)).toBe('漢'.repeat(4_500_000));
    expect(events.every((event) => !('base64' in event))).toBe(true);
  });

  it('have the last lines of what ran without a terminal', async () => {
    const builder = new RecordingBuilder().fact(
      { kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec: cat log' },
      1,
    );
    builder.fact({ kind: 'command.started', action: 1, form: 'exec', command: 'cat log' }, 1);
    for (let i = 0; i < 100_000; i++) builder.bytes('target', utf8(`line ${i} of a log\n`), 1);
    const [first, second] = keyframesOf(await outline(builder.end()));
    expect(first?.screen).toBe('');
    expect(second?.screen).toMatch(/^line \d+ of a log\n(?:line \d+ of a log\n)+$/);
  });

  it('are damaged where a segment does not follow the one that the cursor names', async () => {
    const builder = shell().cut().bytes('target', utf8('shown'), LANE).end();
    const [first] = keyframesOf(await outline(builder));
    const place = readLanePlace(first?.cursor ?? '');
    if (!place) throw new Error('no cursor');
    const wrong = { ...place.segment, number: 1, firstFrame: 4, previous: 'ab'.repeat(32) };
    const page = await collect(pageOfLane(entryOf(builder), open(builder)(wrong), LANE, place));
    expect(page).toMatchObject([{ kind: 'damaged', message: expect.stringMatching(/does not follow/) }]);
    expect(readLanePlace('e30')).toBeUndefined();
    expect(readLanePlace('no json')).toBeUndefined();
  });

  it('outlast sizes and repetitions that nobody means', async () => {
    const builder = shell(4_000_000_000, 4_000_000_000)
      .bytes('target', utf8('x\u001b[2147483647b\u001b[2147483647I\u001b[2147483647S\u001b[2147483647Lx'), LANE)
      .fact({ kind: 'terminal.resized', columns: 1, rows: 1 }, LANE)
      .bytes('target', utf8('漢字\r\n'.repeat(70_000)), LANE)
      .bytes('target', utf8('\r\n'), LANE)
      .end();
    expect(keyframesOf(await outline(builder)).length).toBeGreaterThan(1);
  });
});
