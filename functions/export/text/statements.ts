// A database's session as plain text, for a ticket or an e-mail: statements and what came of them. Rows are in CSV, HTML and NDJSON.

import type { ReplayEvent } from '../../../core/catalogue.ts';
import { besideWords } from '../../../core/replay/beside-words.ts';
import { errorName } from '../../../core/replay/error-name.ts';
import { count, took } from '../../../core/text/amounts.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import { damageLine, headLines, indented, timed } from './lines.ts';
import {
  type Folded,
  foldedWords,
  isRowsNotice,
  noticeWords,
  type ToldWhich,
  toldStatements,
} from './told-statements.ts';

export async function* exportStatementsText(
  events: AsyncIterable<ReplayEvent>,
  which: ToldWhich = {},
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  for await (const event of toldStatements(events, which, at)) {
    const lines = linesOf(event);
    if (lines !== '') yield lines;
  }
}

function linesOf(event: ReplayEvent | Folded): string {
  switch (event.kind) {
    case 'folded':
      return timed(event, foldedWords(event));
    case 'opened':
      return headLines(event.session);
    case 'statement': {
      const parameters = (event.parameters ?? []).map(
        ({ value }, i) => `$${i + 1} = ${value === null ? 'NULL' : JSON.stringify(value)}`,
      );
      const cut = event.textBytes === undefined ? '' : indented(`(cut here; the whole has ${event.textBytes} bytes)`);
      return `${timed(event, `#${event.statement}`)}${indented(event.text)}${cut}${indented(parameters.join('\n'))}`;
    }
    case 'rows':
      return '';
    case 'result':
      return `${timed(event, `#${event.statement}: ${resultWords(event)}`)}${beside(event.error)}`;
    case 'notice':
      // No rows are here, of whatever protocol.
      return isRowsNotice(event) ? '' : `${timed(event, noticeWords(event))}${beside(event)}`;
    case 'ended':
      return timed(event, `session ended: ${event.message}`);
    case 'damaged':
      return damageLine(event.message);
  }
}

const beside = (said: Parameters<typeof besideWords>[0] = {}): string => indented(besideWords(said).join('\n'));

export function resultWords(result: Extract<ReplayEvent, { kind: 'result' }>): string {
  const { error, tags, rows, suspended, durationUs } = result;
  const answer = error ? `${errorName(error)}: ${error.message}` : tags.join(', ');
  return [answer, rows > 0 ? count(rows, 'row') : '', suspended ? 'more to fetch' : '', took(durationUs)]
    .filter((words) => words !== '')
    .join(' · ');
}
