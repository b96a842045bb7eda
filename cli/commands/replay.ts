// Plays a session's conversation in the terminal, with its real pauses.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { ReplayEvent } from '../../core/catalogue.ts';
import { SessionId } from '../../core/ids.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { duration, type Output, time } from '../output.ts';
import { cut, jsonLine, line, lines, width } from '../terminal-text.ts';

/** Longer pauses are cut to this, unless --full-pauses: nobody watches a lunch break. */
const LONGEST_PAUSE_MS = 3_000;
/** One event: at most 100 rows. Guards against an answer without a line's end. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;
const WIDEST_CELL = 40;

interface Options {
  readonly speed: string;
  readonly wait: boolean;
  readonly fullPauses?: boolean;
}

export function addReplay(command: Command, cli: Cli): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .option('--speed <N>', 'times as fast: 0.5, 2, 10', '1')
    .option('--no-wait', 'print it at once')
    .option('--full-pauses', `keep pauses longer than ${LONGEST_PAUSE_MS / 1_000} s`)
    .action(async (text: string, options: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const speed = Number(options.speed);
      if (!(speed > 0 && speed <= 1_000))
        throw usage(`--speed ${options.speed}: expected a number above 0, at most 1000`);
      const { client, output } = await cli.open(command);
      let lastUs = 0;
      for await (const event of events(client.stream(`/sessions/${id}/replay`))) {
        const pauseMs = Math.max(0, event.timeUs - lastUs) / 1_000 / speed;
        lastUs = event.timeUs;
        if (options.wait) await sleep(options.fullPauses ? pauseMs : Math.min(pauseMs, LONGEST_PAUSE_MS));
        // One object a line: a stream has no end to indent towards.
        await output.write(`${output.json ? jsonLine(event) : render(event, output)}\n`);
        if (event.kind === 'damaged')
          throw new Failure(1, 'recording_damaged', `the recording is damaged: ${event.message}`);
      }
    });
}

async function* events(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReplayEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const whole = rest.split('\n');
    rest = whole.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw unexpected();
    for (const text of whole) if (text !== '') yield parse(text);
  }
  if (rest.trim() !== '') yield parse(rest);
}

function parse(text: string): ReplayEvent {
  try {
    return ReplayEvent.parse(JSON.parse(text));
  } catch {
    throw unexpected();
  }
}

const unexpected = (): Failure => new Failure(3, 'unexpected_answer', 'the replay has a shape that is not known here');

export function render(event: ReplayEvent, output: Output): string {
  const at = output.style('dim', `[${clock(event.timeUs)}]`);
  switch (event.kind) {
    case 'opened': {
      const { session } = event;
      return `${at} ${line(session.email)} opened ${line(session.resource)} at ${time(session.startedAt)}: ${line(session.reason)}`;
    }
    case 'statement': {
      const parameters = (event.parameters ?? []).map(
        ({ value }, index) => `\n    $${index + 1} = ${value === null ? 'NULL' : `'${line(value)}'`}`,
      );
      return `${at} ${output.style('cyan', `${event.statement}>`)} ${output.style('bold', lines(event.text.trimEnd()))}${cutMark(event, output)}${parameters.join('')}`;
    }
    case 'rows':
      return grid(event, output);
    case 'result': {
      const took = output.style('dim', `(${answeredRows(event)}${duration(event.durationUs)})`);
      if (event.error) {
        return `${at} ${output.style('red', `${line(event.error.severity)} ${line(event.error.code)}: ${line(event.error.message)}`)} ${took}`;
      }
      return `${at} ${event.tags.map(line).join('; ')} ${took}`;
    }
    case 'notice':
      return `${at} ${output.style('yellow', `${line(event.severity)}: ${line(event.message)}`)}`;
    case 'ended':
      return `${at} ended (${line(event.reason)}): ${line(event.message)}`;
    case 'damaged':
      return `${at} ${output.style('red', 'damaged from here on')}: ${line(event.message)}`;
  }
}

/** `00:12.345` */
function clock(us: number): string {
  const ms = Math.floor(us / 1_000);
  const minutes = Math.floor(ms / 60_000);
  return `${String(minutes).padStart(2, '0')}:${((ms % 60_000) / 1_000).toFixed(3).padStart(6, '0')}`;
}

/** Tags of commands that give rows say how many; others have them by RETURNING, FETCH and the like. */
const answeredRows = ({ rows, tags }: Extract<ReplayEvent, { kind: 'result' }>): string =>
  rows > 0 || tags.length === 0 || tags.some((tag) => /^(?:SELECT|FETCH|COPY|SHOW)\b/.test(tag))
    ? `${rows} ${rows === 1 ? 'row' : 'rows'}, `
    : '';

function cutMark({ text, textBytes }: Extract<ReplayEvent, { kind: 'statement' }>, output: Output): string {
  if (textBytes === undefined) return '';
  const shown = Buffer.byteLength(text);
  return output.style(
    'dim',
    `\n    … cut here: ${shown} of ${textBytes} bytes; gatehouse export --format ndjson has all`,
  );
}

function grid(
  { columns, rows, omitted, omittedColumns = 0 }: Extract<ReplayEvent, { kind: 'rows' }>,
  output: Output,
): string {
  const head = columns.map((name) => cut(line(name), WIDEST_CELL));
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '∅' : cut(line(cell), WIDEST_CELL))));
  const widths = head.map((name, column) => Math.max(width(name), ...cells.map((row) => width(row[column] ?? ''))));
  const join = (row: readonly string[]): string =>
    `    ${row.map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell)))).join(' | ')}`.trimEnd();
  const text = [output.style('dim', join(head)), ...cells.map(join)];
  if (omittedColumns > 0) text.push(output.style('dim', `    … ${omittedColumns} more columns`));
  if (omitted > 0) text.push(output.style('dim', `    … ${omitted} more rows`));
  return text.join('\n');
}
