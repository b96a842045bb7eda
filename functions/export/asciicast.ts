// The conversation as a terminal recording: statements behind a prompt, results as tables, with the
// real timing.

import { z } from 'zod';
import type { CastVersion } from '../../core/replay/exports.ts';
import type { ReplayEvent } from '../../core/catalogue.ts';
import { besideWords } from '../../core/replay/beside-words.ts';
import { isGatewayWord } from '../../core/replay/error-name.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import { orderedStatements } from '../replay/ordered-statements.ts';
import { CastWriter } from './cast.ts';
import { onLines, onOneLine } from '../../core/text/written-text.ts';

const WIDTH = 120;
const HEIGHT = 32;
const MAX_CELL_WIDTH = 60;

const KeptCast = z.object({ lastUs: z.number(), prompt: z.string() });

export async function* exportAsciicast(
  events: AsyncIterable<ReplayEvent>,
  version: CastVersion = 2,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  const saved = at.saved('cast', KeptCast);
  const cast = new CastWriter(version, saved?.lastUs);
  let prompt = saved?.prompt ?? '=> ';
  at.keep('cast', KeptCast, () => ({ lastUs: cast.lastUs, prompt }));
  for await (const event of orderedStatements(events, at)) {
    if (event.kind === 'opened') {
      const { session } = event;
      prompt = `${onOneLine(session.resource)}=> `;
      yield cast.header(session, WIDTH, HEIGHT, `${session.email} on ${session.resource}, ${session.id}`);
    }
    if (event.kind === 'statement') yield cast.marker(event.timeUs, `${event.statement}: ${event.text}`);
    const output = outputOf(event, prompt);
    if (output !== '') yield cast.event(event.timeUs, 'o', output);
    if (event.kind === 'damaged') yield cast.damage(event.timeUs, event.message);
  }
}

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
      return `${DIM}${onOneLine(text)}${PLAIN}\r\n`;
    }
    case 'statement': {
      const parameters = (event.parameters ?? [])
        .map(({ value }, i) => `$${i + 1} = ${value === null ? 'NULL' : onOneLine(value)}`)
        .join(', ');
      const bound = parameters === '' ? '' : `${DIM}${parameters}${PLAIN}\r\n`;
      const cut = event.textBytes === undefined ? '' : `${DIM}(cut; ${event.textBytes} bytes in all)${PLAIN}\r\n`;
      return `${BOLD}${prompt}${PLAIN}${crlf(onLines(event.text))}\r\n${cut}${bound}`;
    }
    case 'rows':
      return `${event.fetched ? `${DIM}(#${event.statement}, fetched later)${PLAIN}\r\n` : ''}${table(event.columns, event.rows)}${event.omittedColumns ? `${DIM}(${event.omittedColumns} more columns not shown)${PLAIN}\r\n` : ''}${event.omitted > 0 ? `${DIM}(${event.omitted} more not shown)${PLAIN}\r\n` : ''}`;
    case 'result': {
      const tags = event.tags.map((tag) => `${onOneLine(tag)}\r\n`).join('');
      const { error } = event;
      const failed = error
        ? `${RED}${onOneLine(isGatewayWord(error) ? error.message : `${error.severity}:  ${error.message}`)}${PLAIN}\r\n${beside(error)}`
        : '';
      return `${tags}${failed}${event.suspended ? `${DIM}(more to fetch)${PLAIN}\r\n` : ''}${DIM}Time: ${(event.durationUs / 1000).toFixed(3)} ms${PLAIN}\r\n`;
    }
    case 'notice':
      return `${onOneLine(`${event.severity}:  ${event.message}`)}\r\n${beside(event)}`;
    case 'ended':
      return `${DIM}${onOneLine(`session ended: ${event.message}`)}${PLAIN}\r\n`;
    case 'damaged':
      return `${RED}${onOneLine(`the recording is damaged from here on: ${event.message}`)}${PLAIN}\r\n`;
  }
}

const beside = (said: Parameters<typeof besideWords>[0]): string =>
  besideWords(said)
    .map((words) => `${crlf(onLines(words))}\r\n`)
    .join('');

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
  const shown = onOneLine(cell);
  return shown.length <= MAX_CELL_WIDTH ? shown : `${shown.slice(0, MAX_CELL_WIDTH - 1)}…`;
}
