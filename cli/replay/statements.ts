// A replay of kind `statements` on a terminal: each statement, its answer as a grid, what it came to.

import type { ReplayEvent } from '../../core/catalogue.ts';
import { offset, took } from '../../core/text/amounts.ts';
import { besideWords } from '../../core/replay/beside-words.ts';
import { errorName } from '../../core/replay/error-name.ts';
import { type Output, time } from '../output.ts';
import { cut, line, lines, width } from '../terminal-text.ts';

const WIDEST_CELL = 40;

export function renderStatements(event: ReplayEvent, output: Output): string {
  const at = output.style('dim', `[${offset(event.timeUs)}]`);
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
      return event.fetched
        ? `${at} ${output.style('cyan', `${event.statement}:`)} fetched later\n${grid(event, output)}`
        : grid(event, output);
    case 'result': {
      const number = output.style('cyan', `${event.statement}:`);
      const left = event.suspended ? 'more to fetch, ' : '';
      const measured = output.style('dim', `(${answeredRows(event)}${left}${took(event.durationUs)})`);
      if (event.error) {
        return `${at} ${number} ${output.style('red', `${line(errorName(event.error))}: ${line(event.error.message)}`)} ${measured}${beside(event.error)}`;
      }
      return `${[at, number, event.tags.map(line).join('; '), measured].filter((part) => part !== '').join(' ')}`;
    }
    case 'notice':
      return `${at} ${output.style('yellow', `${line(event.severity)}: ${line(event.message)}`)}${beside(event)}`;
    case 'ended':
      return `${at} ended (${line(event.reason)}): ${line(event.message)}`;
    case 'damaged':
      return `${at} ${output.style('red', 'damaged from here on')}: ${line(event.message)}`;
  }
}

/** Tags of commands that give rows say how many; others have them by RETURNING, FETCH and the like. */
const answeredRows = ({ rows, tags }: Extract<ReplayEvent, { kind: 'result' }>): string =>
  rows > 0 || tags.length === 0 || tags.some((tag) => /^(?:SELECT|FETCH|COPY|SHOW)\b/.test(tag))
    ? `${rows} ${rows === 1 ? 'row' : 'rows'}, `
    : '';

const beside = (said: Parameters<typeof besideWords>[0]): string =>
  besideWords(said)
    .map((words) => `\n    ${lines(words).replaceAll('\n', '\n    ')}`)
    .join('');

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
  if (omittedColumns > 0)
    text.push(output.style('dim', `    … ${omittedColumns} more ${omittedColumns === 1 ? 'column' : 'columns'}`));
  if (omitted > 0) text.push(output.style('dim', `    … ${omitted} more ${omitted === 1 ? 'row' : 'rows'}`));
  return text.join('\n');
}
