// The conversation as a terminal recording: statements behind a prompt, results as tables, with the
// real timing. asciicast v2, since every player reads it.
// https://docs.asciinema.org/manual/asciicast/v2/

import type { ReplayEvent } from '../../core/catalogue.ts';
import { isGatewayWord } from '../../core/replay/error-name.ts';
import { byStatement } from '../../core/replay/by-statement.ts';
import { showUnseen, showUnseenInLines } from './escape.ts';

const WIDTH = 120;
const HEIGHT = 32;
const MAX_CELL_WIDTH = 60;
const MARKER_CHARS = 80;

export async function* exportAsciicast(events: AsyncIterable<ReplayEvent>): AsyncGenerator<string, void, undefined> {
  let prompt = '=> ';
  let lastUs = 0;
  for await (const event of byStatement(events)) {
    // Times of a recording for players never go back.
    lastUs = Math.max(lastUs, event.timeUs);
    const seconds = Number((lastUs / 1e6).toFixed(6));
    if (event.kind === 'opened') {
      const { session } = event;
      prompt = `${showUnseen(session.resource)}=> `;
      yield `${JSON.stringify({
        version: 2,
        width: WIDTH,
        height: HEIGHT,
        timestamp: Math.floor(Date.parse(session.startedAt) / 1000),
        title: `${session.email} on ${session.resource}, ${session.id}`,
      })}\n`;
    }
    if (event.kind === 'statement')
      yield line(seconds, 'm', `${event.statement}: ${showUnseen(event.text).slice(0, MARKER_CHARS)}`);
    const output = outputOf(event, prompt);
    if (output !== '') yield line(seconds, 'o', output);
  }
}

const line = (seconds: number, code: 'o' | 'm', data: string): string => `${JSON.stringify([seconds, code, data])}\n`;

const BOLD = '\u001b[1m';
const DIM = '\u001b[2m';
const RED = '\u001b[31m';
const PLAIN = '\u001b[0m';

/** The only control characters in it are the colours and line ends written here. */
function outputOf(event: ReplayEvent, prompt: string): string {
  switch (event.kind) {
    case 'opened': {
      const { session } = event;
      const text = `${session.email} on ${session.resource} at ${session.startedAt} (${session.id})`;
      return `${DIM}${showUnseen(text)}${PLAIN}\r\n`;
    }
    case 'statement': {
      const parameters = (event.parameters ?? [])
        .map(({ value }, i) => `$${i + 1} = ${value === null ? 'NULL' : showUnseen(value)}`)
        .join(', ');
      const bound = parameters === '' ? '' : `${DIM}${parameters}${PLAIN}\r\n`;
      const cut = event.textBytes === undefined ? '' : `${DIM}(cut; ${event.textBytes} bytes in all)${PLAIN}\r\n`;
      return `${BOLD}${prompt}${PLAIN}${crlf(showUnseenInLines(event.text))}\r\n${cut}${bound}`;
    }
    case 'rows':
      return `${table(event.columns, event.rows)}${event.omittedColumns ? `${DIM}(${event.omittedColumns} more columns not shown)${PLAIN}\r\n` : ''}${event.omitted > 0 ? `${DIM}(${event.omitted} more not shown)${PLAIN}\r\n` : ''}`;
    case 'result': {
      const tags = event.tags.map((tag) => `${showUnseen(tag)}\r\n`).join('');
      const { error } = event;
      const failed = error
        ? `${RED}${showUnseen(isGatewayWord(error) ? error.message : `${error.severity}:  ${error.message}`)}${PLAIN}\r\n`
        : '';
      return `${tags}${failed}${event.suspended ? `${DIM}(more to fetch)${PLAIN}\r\n` : ''}${DIM}Time: ${(event.durationUs / 1000).toFixed(3)} ms${PLAIN}\r\n`;
    }
    case 'notice':
      return `${showUnseen(`${event.severity}:  ${event.message}`)}\r\n`;
    case 'ended':
      return `${DIM}${showUnseen(`session ended: ${event.message}`)}${PLAIN}\r\n`;
    case 'damaged':
      return `${RED}${showUnseen(`the recording is damaged from here on: ${event.message}`)}${PLAIN}\r\n`;
  }
}

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

function table(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const head = columns.map(shorten);
  const body = rows.map((row) => row.map((cell) => (cell === null ? '' : shorten(cell))));
  const widths = head.map((name, i) => Math.max(name.length, ...body.map((row) => row[i]?.length ?? 0)));
  const rule = widths.map((width) => '-'.repeat(width + 2)).join('+');
  const draw = (cells: readonly string[]) => widths.map((width, i) => ` ${(cells[i] ?? '').padEnd(width)} `).join('|');
  return [draw(head), rule, ...body.map(draw)].map((text) => `${text.trimEnd()}\r\n`).join('');
}

function shorten(cell: string): string {
  const shown = showUnseen(cell);
  return shown.length <= MAX_CELL_WIDTH ? shown : `${shown.slice(0, MAX_CELL_WIDTH - 1)}…`;
}
