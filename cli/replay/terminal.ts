// A replay of kind `terminal` on a terminal: the first lane that has one as its person saw it, and lines for what ran
// without one before. What the recording could do to the viewer's own terminal is left out (terminal-filter.ts).

import { endWords, commandSettings, signalWords } from '../../core/replay/command-words.ts';
import { accessWords, failureWords, transferWords } from '../../core/replay/file-words.ts';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { Failure } from '../failure.ts';
import { offset, showBytes, took } from '../../core/text/amounts.ts';
import { type Output, type Terminal, time } from '../output.ts';
import { jsonLine, line, lines } from '../terminal-text.ts';
import { idleWords, Pace, type PlayOptions } from './pace.ts';
import { RESET_TERMINAL, TerminalFilter } from './terminal-filter.ts';

export async function showTerminal(
  events: AsyncIterable<TerminalEvent>,
  options: PlayOptions,
  output: Output,
  terminal: Terminal,
): Promise<void> {
  const pace = new Pace(options);
  const keys = options.wait && output.isTerminal && !output.json ? listen(terminal, pace) : undefined;
  const filter = new TerminalFilter();
  const others = new Set<number>();
  /** The lane whose screen is shown. */
  let shown: number | undefined;
  let damage: string | undefined;
  try {
    for await (const event of events) {
      if (event.kind === 'damaged') damage = event.message;
      if (output.json) {
        const isAsked = options.lane === undefined || !('lane' in event) || event.lane === options.lane;
        if (isAsked && event.timeUs >= options.fromUs) {
          await pace.until(event.timeUs);
          await output.write(`${jsonLine(event)}\n`);
        }
        continue;
      }
      if (event.kind === 'resize') {
        if (shown === undefined && (options.lane === undefined || options.lane === event.lane)) {
          shown = event.lane;
          warnOfSize(event, terminal, output);
          if (keys) output.note(output.style('dim', 'space: pause, q: quit'));
        } else if (event.lane !== shown) others.add(event.lane);
      }
      // What follows stands below its screen.
      if (shown !== undefined && (event.kind === 'ended' || event.kind === 'damaged')) {
        await output.write(`${resetText(output)}\n`);
        shown = undefined;
      }
      const isOther = 'lane' in event && (shown ?? options.lane ?? event.lane) !== event.lane;
      if (isOther) continue;
      const raw = 'lane' in event && event.lane === shown;
      const text = raw ? screenText(event, filter) : lineText(event, output);
      // Before the moment that is played from a screen is made as it was; lines are left out.
      if (text === '' || (!raw && event.timeUs < options.fromUs && event.kind !== 'opened')) continue;
      const leftOutUs = await pace.until(event.timeUs);
      if (pace.stopped) break;
      await output.write(raw ? text : `${idleWords(leftOutUs, output)}${text}`);
      // Its screen is left as it was; what follows stands below.
      if (event.kind === 'lane-end' && raw) {
        await output.write(`${resetText(output)}\n`);
        shown = undefined;
      }
    }
  } finally {
    if (shown !== undefined) await output.write(`${resetText(output)}\n`);
    keys?.end();
  }
  if (options.lane !== undefined && !output.json && shown === undefined && others.size > 0 && !others.has(options.lane))
    output.note(`Lane ${options.lane} has no terminal.`);
  if (others.size > 0)
    output.note(`Other terminals of this session: ${[...others].map((lane) => `--lane ${lane}`).join(', ')}`);
  if (damage !== undefined) throw new Failure(1, 'recording_damaged', `the recording is damaged: ${damage}`);
}

const resetText = (output: Output): string => (output.isTerminal ? RESET_TERMINAL : '');

/** What the lane's own screen shows: its output alone. A lane's end shows nothing, and ends the screen. */
const screenText = (event: TerminalEvent, filter: TerminalFilter): string =>
  event.kind === 'output' ? filter.push(event.text) : event.kind === 'lane-end' ? '\r\n' : '';

/** As lines, everything recorded made visible. */
function lineText(event: TerminalEvent, output: Output): string {
  const at = output.style('dim', `[${offset(event.timeUs)}]`);
  const words = wordsOf(event, output);
  if (words === '') return '';
  return event.kind === 'output' ? words : `${at} ${words}\n`;
}

function wordsOf(event: TerminalEvent, output: Output): string {
  switch (event.kind) {
    case 'opened': {
      const { session } = event;
      return `${line(session.email)} opened ${line(session.resource)} at ${time(session.startedAt)}: ${line(session.reason)}`;
    }
    case 'command': {
      const settings = commandSettings(event).map(line).join(' ');
      const words = `${output.style('cyan', `${event.action}>`)} ${output.style('bold', line(event.command || event.form))}`;
      return settings === '' ? words : `${words} ${output.style('dim', `(${settings})`)}`;
    }
    case 'typed':
      return `${output.style('cyan', `${event.action}>`)} typed: ${line(event.line)} ${output.style('dim', '(reconstructed)')}`;
    case 'signal':
      return `${event.action}: ${line(signalWords(event))}, from the client`;
    case 'finished': {
      const how = line(endWords(event) ?? 'exit not told');
      return `${event.action}: ${how} ${output.style('dim', `(${took(event.durationUs)})`)}`;
    }
    case 'access': {
      const failure = failureWords(event);
      const words = `${output.style('cyan', `${event.action}>`)} ${line(accessWords(event))}`;
      return failure === undefined ? words : `${words}: ${output.style('red', line(failure))}`;
    }
    case 'file':
      return `${event.action}: ${line(transferWords(event))}`;
    case 'output':
      return lines(event.text.replaceAll('\r\n', '\n'));
    case 'notice':
      return output.style('yellow', `${line(event.severity)}: ${line(event.message)}`);
    case 'lane-end': {
      const { bytes, note } = event;
      const moved = bytes && `${showBytes(bytes.client)} from the client, ${showBytes(bytes.target)} from the target`;
      const parts = [moved, note && line(note)].filter((part) => part !== undefined);
      return parts.length === 0 ? '' : `${line(event.label ?? `lane ${event.lane}`)}: ${parts.join('; ')}`;
    }
    case 'ended':
      return `ended (${line(event.reason)}): ${line(event.message)}`;
    case 'damaged':
      return `${output.style('red', 'damaged from here on')}: ${line(event.message)}`;
    case 'lane':
    case 'input':
    case 'resize':
    case 'keyframe':
    case 'idle':
    case 'more-markers':
    case 'more':
      return '';
  }
}

function warnOfSize(
  { columns, rows }: Extract<TerminalEvent, { kind: 'resize' }>,
  { stdout }: Terminal,
  output: Output,
): void {
  const own = stdout as { readonly columns?: number; readonly rows?: number };
  if (!output.isTerminal || own.columns === undefined || own.rows === undefined) return;
  if (columns > own.columns || rows > own.rows)
    output.note(
      `Recorded at ${columns} x ${rows}; this terminal has ${own.columns} x ${own.rows}, so lines may break elsewhere.`,
    );
}

/** Space pauses, q and Ctrl-C end. Undefined: nobody is there to press one. */
function listen({ stdin }: Terminal, pace: Pace): { end(): void } | undefined {
  const tty = stdin as typeof stdin & { setRawMode?(on: boolean): unknown };
  if (!tty.isTTY || !tty.setRawMode) return undefined;
  const onKeys = (keys: Buffer | string): void => {
    for (const key of String(keys)) {
      if (key === ' ') pace.togglePause();
      if (key === 'q' || key === '\u0003') pace.stop();
    }
  };
  tty.setRawMode(true);
  tty.on('data', onKeys);
  tty.resume();
  return {
    end() {
      tty.off('data', onKeys);
      tty.setRawMode?.(false);
      tty.pause();
    },
  };
}
