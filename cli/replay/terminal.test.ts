import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { Output } from '../output.ts';
import type { PlayOptions } from './pace.ts';
import { showTerminal } from './terminal.ts';
import { RESET_TERMINAL } from './terminal-filter.ts';

const at = (timeUs: number, lane: number) => ({ timeUs, lane });
const shell = (lane: number, timeUs = 0): TerminalEvent[] => [
  { kind: 'lane', ...at(timeUs, lane), of: 'shell', label: 'shell' },
  { kind: 'resize', ...at(timeUs, lane), columns: 80, rows: 24 },
];
const output = (timeUs: number, lane: number, text: string): TerminalEvent => ({
  kind: 'output',
  ...at(timeUs, lane),
  text,
});

class Tty extends PassThrough {
  readonly isTTY = true;
  readonly columns = 60;
  readonly rows = 20;
  raw: boolean[] = [];
  setRawMode(on: boolean): void {
    this.raw.push(on);
  }
}

function player(options: Partial<PlayOptions> = {}, json = false) {
  const [stdin, stdout, stderr] = [new Tty(), new Tty(), new PassThrough()];
  const terminal = { stdin, stdout, stderr, env: { NO_COLOR: '1' } };
  const play: PlayOptions = { speed: 1, wait: false, idleUs: 2_000_000, fromUs: 0, lane: undefined, ...options };
  return {
    stdin,
    shown: () => String(stdout.read() ?? ''),
    noted: () => String(stderr.read() ?? ''),
    play: (events: AsyncIterable<TerminalEvent>) => showTerminal(events, play, new Output(terminal, json), terminal),
  };
}
async function* stream(events: readonly TerminalEvent[]): AsyncGenerator<TerminalEvent> {
  yield* events;
}

describe('a terminal’s replay on a terminal', () => {
  it('tells what a command was given, lines that were typed, signals, and how it ended', async () => {
    const { play, shown } = player();
    const command = { kind: 'command', ...at(0, 1), action: 1, form: 'exec', command: 'x' } as const;
    await play(
      stream([
        { ...command, environment: ['LC_A=\u001b[1m'], terminal: { type: 'xterm', modes: '' } },
        { kind: 'typed', ...at(1, 1), action: 2, line: 'ls\u001b[2J', reconstructed: true },
        { kind: 'signal', ...at(2, 1), action: 1, signal: 'TERM' },
        { kind: 'finished', ...at(3, 1), action: 1, signal: 'SEGV', coreDumped: true, message: 'oh', durationUs: 3 },
      ]),
    );
    const text = shown();
    expect(text).toMatch(/1> x \(LC_A=\\x1b\[1m TERM=xterm\)\n/);
    expect(text).toMatch(/2> typed: ls\\x1b\[2J \(reconstructed\)\n/);
    expect(text).toMatch(/1: signal TERM, from the client\n/);
    expect(text).toMatch(/1: signal SEGV \(core dumped\): oh /);
  });

  it('shows the first terminal as it was, without what it could do here, and leaves this one as before', async () => {
    const { play, shown, noted } = player();
    await play(
      stream([
        ...shell(1),
        output(1, 1, '\u001b[?1049h\u001b[1mhi \u001b]52;c;b3duZWQ=\u0007\u001b[6n'),
        { kind: 'input', ...at(2, 1), text: '***' },
        ...shell(2),
        output(3, 2, 'of another'),
        { kind: 'ended', timeUs: 9, reason: 'client_closed', message: 'bye' },
      ]),
    );
    const text = shown();
    expect(text).toBe(`\u001b[?1049h\u001b[1mhi ${RESET_TERMINAL}\n[0:00.000] ended (client_closed): bye\n`);
    expect(noted()).toMatch(
      /Recorded at 80 x 24; this terminal has 60 x 20, so lines may break elsewhere\.\nOther terminals of this session: --lane 2/,
    );
  });

  it('tells of a forwarded connection where it led, how much went over it, and what is to be known of it', async () => {
    const { play, shown } = player();
    const forward = { kind: 'lane-end', lane: 1, label: 'forward to db:22', recorded: 'full' } as const;
    const bytes = { client: 10, target: 2048 };
    await play(stream([{ ...forward, timeUs: 1, bytes, note: 'SSH was spoken within' }]));
    expect(shown()).toBe(
      '[0:00.000] forward to db:22: 10 B from the client, 2 KiB from the target; SSH was spoken within\n',
    );
  });

  it('tells commands without a terminal as lines, everything recorded made visible', async () => {
    const { play, shown } = player();
    await play(
      stream([
        { kind: 'lane', ...at(0, 1), of: 'exec', label: 'exec: ls' },
        { kind: 'command', ...at(0, 1), action: 1, form: 'exec', command: 'ls \u001b[2J' },
        output(1000, 1, 'a\n\u001b]0;owned\u0007b\n'),
        { kind: 'finished', ...at(2000, 1), action: 1, exit: 2, durationUs: 2000 },
      ]),
    );
    const text = shown();
    expect(text).toMatch(/1> ls .*\na\n.*b\n.*1: exit 2/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it('tells what was done to files, whatever their names hold', async () => {
    const { play, shown } = player();
    const path = '/srv/\u001b[2Ja';
    await play(
      stream([
        { kind: 'access', ...at(0, 1), action: 2, operation: 'open', path, flags: ['write'], durationUs: 1 },
        { kind: 'file', ...at(0, 1), action: 2, path, direction: 'upload', size: 2048 },
        {
          kind: 'access',
          ...at(0, 1),
          action: 3,
          operation: 'rename',
          path: 'a',
          to: 'b',
          durationUs: 1,
          error: { code: 4, message: 'Failure' },
        },
      ]),
    );
    const text = shown();
    expect(text).toMatch(/2> open \/srv\/.*a to write\n.*2: upload \/srv\/.*a, 2 KiB\n.*3> rename a to b: Failure\n/);
    expect(text).not.toContain('\u001b[2J');
  });

  it('plays the lane that was asked for', async () => {
    const { play, shown } = player({ lane: 2 });
    await play(stream([...shell(1), output(1, 1, 'first'), ...shell(2), output(2, 2, 'second')]));
    expect(shown()).toBe(`second${RESET_TERMINAL}\n`);
  });

  it('pauses at a space, goes on at the next, ends at q, and gives the keyboard back', async () => {
    const { play, shown, stdin } = player({ wait: true, idleUs: 0 });
    let wrote = '';
    let next = 0;
    async function* keyed(): AsyncGenerator<TerminalEvent> {
      yield* shell(1);
      yield output(1, 1, 'one ');
      stdin.write(' ');
      await new Promise((resolve) => setImmediate(resolve));
      // It waits from here on, until somebody presses it again.
      queueMicrotask(() => {
        wrote += shown();
        next++;
      });
      setTimeout(() => stdin.write(' '), 20);
      yield output(2, 1, 'two ');
      wrote += shown();
      stdin.write('q');
      await new Promise((resolve) => setImmediate(resolve));
      yield output(3, 1, 'three');
    }
    await play(keyed());
    expect(next).toBe(1);
    expect(wrote + shown()).toBe(`one two ${RESET_TERMINAL}\n`);
    expect(stdin.raw).toEqual([true, false]);
  });

  it('begins at a moment: a screen as it was made until then, of lines those since', async () => {
    const screen = player({ wait: true, fromUs: 3_600_000_000 });
    const ended = { kind: 'ended', timeUs: 3_600_000_000, reason: 'client_closed', message: 'bye' } as const;
    await screen.play(stream([...shell(1), output(1, 1, 'long ago '), output(3_600_000_000, 1, 'then'), ended]));
    expect(screen.shown()).toBe(`long ago then${RESET_TERMINAL}\n[1:00:00.000] ended (client_closed): bye\n`);
    const command = { kind: 'command', ...at(0, 1), action: 1, form: 'exec', command: 'early' } as const;
    const lines = player({ fromUs: 5 });
    await lines.play(stream([command, { ...command, ...at(5, 1), action: 2, command: 'late' }]));
    expect(lines.shown()).toBe('[0:00.000] 2> late\n');
    const json = player({ fromUs: 5 }, true);
    await json.play(stream([command, { ...command, ...at(5, 1), action: 2 }]));
    expect(json.shown().trimEnd().split('\n')).toHaveLength(1);
  });

  it('says between lines how much of a silence it left out', async () => {
    const { play, shown } = player({ wait: true, idleUs: 0 });
    const command = { kind: 'command', ...at(0, 1), action: 1, form: 'exec', command: 'a' } as const;
    await play(stream([command, { ...command, ...at(240_000_000, 1), action: 2, command: 'b' }]));
    expect(shown()).toBe('[0:00.000] 1> a\n[idle 4 min skipped]\n[4:00.000] 2> b\n');
  });

  it('fails at damage, after what came before it', async () => {
    const { play, shown } = player();
    const events = [
      ...shell(1),
      output(1, 1, 'before'),
      { kind: 'damaged', timeUs: 2, message: 'segment 1 is missing' } as const,
    ];
    await expect(play(stream(events))).rejects.toMatchObject({
      message: 'the recording is damaged: segment 1 is missing',
    });
    expect(shown()).toContain('before');
    expect(shown()).toBe('');
  });

  it('is one object a line with --json, and nothing else', async () => {
    const { play, shown } = player({}, true);
    const events = [...shell(1), output(1, 1, '\u001b[c')];
    await play(stream(events));
    expect(
      shown()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(events);
  });
});
