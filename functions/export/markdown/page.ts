// A session as a page of a knowledge base: front matter for its index, a summary, then what was done in order. Long results and
// outputs are cut and say so: the page is to be read.

import { z } from 'zod';
import type { ReplayEvent, SessionEntry } from '../../../core/catalogue.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { besideWords } from '../../../core/replay/beside-words.ts';
import { count, offset } from '../../../core/text/amounts.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import { resultWords } from '../text/statements.ts';
import { type Folded, foldedWords, noticeWords, type ToldWhich, toldStatements } from '../text/told-statements.ts';
import { isNoise, terminalWords, toldSettings } from '../text/terminal.ts';
import { headOf } from '../session-head.ts';
import { LaneLines, LaneLinesState } from '../text/lane-lines.ts';
import { damaged, fenced, plain, table, yamlString } from './markup.ts';
import { summaryOf } from './summary.ts';

const MAX_ROWS = 10;
const MAX_COLUMNS = 12;
/** Of one lane between two words of ours. */
const MAX_LINES = 60;

type Page = AsyncGenerator<string, void, undefined>;

/** `events` begins the replay anew at each call, or goes on with what was kept: the summary is read first. */
export async function* exportStatementsMarkdown(
  session: SessionEntry,
  events: (at: Checkpoints) => AsyncIterable<ReplayEvent>,
  which: ToldWhich = {},
  at: Checkpoints = NO_CHECKPOINTS,
): Page {
  yield* head(session, events, at);
  for await (const event of toldStatements(events(at), which, at)) {
    const block = statementBlock(event);
    if (block !== '') yield block;
  }
}

export async function* exportTerminalMarkdown(
  session: SessionEntry,
  events: (at: Checkpoints) => AsyncIterable<TerminalEvent>,
  which: Pick<ToldWhich, 'all'> = {},
  at: Checkpoints = NO_CHECKPOINTS,
): Page {
  yield* head(session, events, at);
  const saved = at.saved('lines', KeptLines);
  const lanes = new LaneLines(saved?.lanes);
  const waiting = new Map<number, LaneOutput>(saved?.waiting);
  at.keep('lines', KeptLines, () => {
    const kept = lanes.state();
    return kept && { lanes: kept, waiting: [...waiting] };
  });
  for await (const event of events(at)) {
    for (const line of lanes.take(event)) {
      let output = waiting.get(line.lane);
      if (!output) {
        output = { lines: [], more: 0 };
        waiting.set(line.lane, output);
      }
      if (output.lines.length < MAX_LINES) output.lines.push(line.ours ? `(${line.text})` : line.text.trimEnd());
      else output.more++;
    }
    const block = isNoise(event, which) ? '' : terminalBlock(event, which);
    if (block === '') continue;
    // What was shown stands before the next word of its lane.
    const told = 'lane' in event && event.kind !== 'notice' ? [event.lane] : [...waiting.keys()];
    for (const lane of told) {
      const output = waiting.get(lane);
      if (output) yield outputBlock(lane, output);
      waiting.delete(lane);
    }
    yield block;
  }
  for (const [lane, output] of waiting) yield outputBlock(lane, output);
}

const LaneOutput = z.object({ lines: z.array(z.string()), more: z.number() });
type LaneOutput = z.infer<typeof LaneOutput>;
const KeptLines = z.object({ lanes: LaneLinesState, waiting: z.array(z.tuple([z.number(), LaneOutput])) });

function outputBlock(lane: number, { lines, more }: LaneOutput): string {
  const cut =
    more > 0 ? `\n*${count(more, 'more line')} of lane ${lane} ${more === 1 ? 'is' : 'are'} not shown.*\n` : '';
  return `\n${fenced(lines.join('\n'), 'text')}${cut}`;
}

/** Nothing, where the page goes on behind it. */
async function* head(
  session: SessionEntry,
  events: (at: Checkpoints) => AsyncIterable<ReplayEvent | TerminalEvent>,
  at: Checkpoints,
): Page {
  const begun = at.saved('head', z.literal(['summary', 'told'])) === 'told';
  let now: 'summary' | 'told' = begun ? 'told' : 'summary';
  at.keep('head', z.literal(['summary', 'told']), () => now);
  const summary = await at.once('summary', z.string(), (within) => summaryOf(events(within), within));
  now = 'told';
  if (begun) return;
  const title = `${session.email} on ${session.resource}, ${session.startedAt.slice(0, 10)}`;
  const facts = headOf(session);
  const matter = [['title', title] as const, ...facts].map(([name, value]) => `${name}: ${yamlString(value)}\n`);
  const rows = facts.map(([name, value]) => `| ${name} | ${plain(value)} |\n`);
  yield [
    `---\n${matter.join('')}tags: [gatehouse, ${session.protocol}]\n---\n\n# ${plain(title)}\n`,
    `\n| | |\n| --- | --- |\n${rows.join('')}`,
    `\n## Summary\n\n${summary}`,
    '\n## What was done\n',
  ].join('');
}

function statementBlock(event: ReplayEvent | Folded): string {
  switch (event.kind) {
    case 'folded':
      return `\n*${plain(foldedWords(event))}*\n`;
    case 'opened':
      return '';
    case 'statement': {
      const parameters = (event.parameters ?? []).map(
        ({ value }, i) => `$${i + 1} = ${value === null ? 'NULL' : JSON.stringify(value)}`,
      );
      const cut = event.textBytes === undefined ? '' : `\n*Cut here; the whole has ${event.textBytes} bytes.*\n`;
      const bound = parameters.length === 0 ? '' : `\n${fenced(parameters.join('\n'), 'text')}`;
      return `\n### #${event.statement} at ${offset(event.timeUs)}\n\n${fenced(event.text, 'sql')}${cut}${bound}`;
    }
    case 'rows':
      return resultTable(event);
    case 'result':
      return `\n#${event.statement}: ${plain(resultWords(event))}\n${beside(event.error)}`;
    case 'damaged':
      return damaged(event.message);
    case 'ended':
      return `\n${offset(event.timeUs)} Session ended: ${plain(event.message)}\n`;
    case 'notice':
      return `\n> ${plain(noticeWords(event))}\n${beside(event)}`;
  }
}

/** Its lines as they came. */
function beside(said: Parameters<typeof besideWords>[0] = {}): string {
  const words = besideWords(said);
  return words.length === 0 ? '' : `\n${fenced(words.join('\n'), 'text')}`;
}

function resultTable(event: Extract<ReplayEvent, { kind: 'rows' }>): string {
  const { statement, columns, rows, omitted, omittedColumns = 0, fetched } = event;
  if (columns.length === 0) return '';
  const shown = rows.slice(0, MAX_ROWS);
  const moreRows = rows.length - shown.length + omitted;
  const moreColumns = Math.max(0, columns.length - MAX_COLUMNS) + omittedColumns;
  const cut = [moreRows > 0 ? count(moreRows, 'row') : '', moreColumns > 0 ? count(moreColumns, 'column') : '']
    .filter((words) => words !== '')
    .join(' and ');
  const whose = fetched ? `\n#${statement}, fetched later:\n` : '';
  return `${whose}\n${table(columns.slice(0, MAX_COLUMNS), shown)}${cut === '' ? '' : `\n*${cut} more not shown.*\n`}`;
}

function terminalBlock(event: TerminalEvent, which: Pick<ToldWhich, 'all'>): string {
  switch (event.kind) {
    case 'opened':
      return '';
    case 'damaged':
      return damaged(event.message);
    case 'command': {
      const settings = toldSettings(event, which);
      const set = settings.length === 0 ? '' : `\nWith ${plain(settings.join(' '))}\n`;
      const cut = event.commandBytes === undefined ? '' : `\n*Cut here; the whole has ${event.commandBytes} bytes.*\n`;
      const command = event.command === '' ? '' : `\n${fenced(event.command, 'sh')}`;
      return `\n### #${event.action} at ${offset(event.timeUs)}, ${event.form} on lane ${event.lane}\n${command}${cut}${set}`;
    }
    default: {
      const words = terminalWords(event);
      return words === undefined ? '' : `\n${offset(event.timeUs)} ${plain(words)}\n`;
    }
  }
}
