// A card of a replay as elements. Everything that comes from the recording goes in as text nodes.

import type { ReplayEvent } from '../../../../core/catalogue.ts';
import { besideWords } from '../../../../core/replay/beside-words.ts';
import { isGatewayWord } from '../../../../core/replay/error-name.ts';
import { showBytes, count, offset, took } from '../../../../core/text/amounts.ts';
import { answered, isTall } from '../../format.ts';
import { sqlTokens } from '../../sql-tokens.ts';
import { type Child, h, marked, outside } from './elements.ts';
import type { Card, Recording } from './recording.ts';

/** The card as far as it had come when `shown` events had happened. */
export function drawCard(recording: Recording, card: Card, shown: number): HTMLLIElement {
  const item = h('li', 'shown');
  for (const index of card.events) if (index < shown) addEvent(item, recording, index);
  return item;
}

/** Adds one more event to a card that is on the page. */
export function addEvent(item: HTMLLIElement, recording: Recording, index: number): void {
  const event = recording.events[index];
  if (event) item.append(...drawEvent(event, index));
}

function drawEvent(event: ReplayEvent, index: number): Node[] {
  switch (event.kind) {
    case 'opened': {
      const { email, resource, client } = event.session;
      return [line(event.timeUs, '', outside(email), ` connected to ${resource} from `, outside(client.address))];
    }
    case 'statement':
      return drawStatement(event);
    case 'rows':
      return [
        ...(event.fetched ? [line(event.timeUs, '', 'Fetched later:')] : []),
        ...(event.cursor === undefined ? drawRows(event) : [drawLeftOut(event, index)]),
      ];
    case 'result':
      return drawResult(event);
    case 'notice':
      return [line(event.timeUs, '', outside(event.severity), ': ', outside(event.message)), ...besideParts(event)];
    case 'ended':
      return [line(event.timeUs, '', 'Session ended. ', outside(event.message))];
    case 'damaged':
      return [line(event.timeUs, 'shown-bad', 'The recording is damaged from here on. ', outside(event.message))];
    default:
      // From a newer server: leave it out rather than stop the replay.
      return [];
  }
}

function line(timeUs: number, className: string, ...children: readonly Child[]): HTMLElement {
  return h('p', `shown-event ${className}`.trim(), h('span', 'offset', offset(timeUs)), ' ', ...children);
}

type Event<K extends ReplayEvent['kind']> = Extract<ReplayEvent, { kind: K }>;

function drawStatement(event: Event<'statement'>): Node[] {
  const code = h('code', '');
  for (const token of sqlTokens(event.text)) {
    if (token.kind === 'plain') code.append(...marked(token.text));
    else code.append(h('span', `sql-${token.kind}`, ...marked(token.text)));
  }
  const pre = h('pre', 'sql', code);
  pre.dir = 'ltr';
  if (isTall(event.text)) {
    pre.tabIndex = 0;
    pre.setAttribute('role', 'region');
    pre.setAttribute('aria-label', 'Long statement');
  }
  const number = h('span', 'statement-number', String(event.statement));
  const parts: Node[] = [h('div', 'shown-head', number, h('span', 'offset', offset(event.timeUs))), pre];
  if (event.textBytes !== undefined)
    parts.push(h('p', 'rows-more dim', `Cut here; all ${showBytes(event.textBytes)} are in the NDJSON download.`));
  if (event.parameters && event.parameters.length > 0) {
    const list = h('dl', 'parameters');
    event.parameters.forEach(({ value }, index) => {
      const shown = value === null ? h('span', 'null', 'NULL') : h('code', '', outside(value));
      list.append(h('div', '', h('dt', '', `$${index + 1}`), h('dd', '', shown)));
    });
    parts.push(list);
  }
  return parts;
}

/** Rows drawn at once; the rest of what was kept comes on request. */
const FIRST_ROWS = 12;

function drawRows(event: Event<'rows'>): Node[] {
  const head = h('tr', '');
  for (const column of event.columns) {
    const cell = h('th', '', ...marked(column));
    cell.scope = 'col';
    head.append(cell);
  }
  const body = h('tbody', '');
  const addRows = (rows: readonly (readonly (string | null)[])[]) => {
    for (const row of rows) {
      body.append(
        h('tr', '', ...row.map((value) => (value === null ? h('td', 'null', 'NULL') : h('td', '', outside(value))))),
      );
    }
  };
  addRows(event.rows.slice(0, FIRST_ROWS));
  const box = h('div', 'rows', h('table', '', h('thead', '', head), body));
  box.tabIndex = 0;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', `Rows of statement ${event.statement}`);
  const parts: Node[] = [box];
  const hidden = event.rows.length - FIRST_ROWS;
  if (hidden > 0) {
    const more = h('button', 'button button-quiet button-small', `Show ${count(hidden, 'more row')}`);
    more.type = 'button';
    more.addEventListener('click', () => {
      addRows(event.rows.slice(FIRST_ROWS));
      more.parentElement?.remove();
      box.focus();
    });
    parts.push(h('p', 'rows-more', more));
  }
  if (event.omittedColumns)
    parts.push(h('p', 'rows-more dim', `${count(event.omittedColumns, 'more column')} in the NDJSON download.`));
  if (event.omitted > 0) {
    parts.push(
      h('p', 'rows-more dim', `${count(event.omitted, 'more row')} in the recording; the NDJSON download has all.`),
    );
  }
  return parts;
}

/** They come when their statement is looked at, or when they are asked for (statements.ts). */
function drawLeftOut({ columns, omitted }: Event<'rows'>, index: number): HTMLElement {
  const more = h('button', 'button button-quiet button-small', `Show ${count(omitted, 'row')}`);
  more.type = 'button';
  more.dataset.rows = String(index);
  return h('p', 'rows-more dim', more, ' ', outside(columns.slice(0, 12).join(', ')));
}

const besideParts = (said: Parameters<typeof besideWords>[0]): Node[] =>
  besideWords(said).map((words) => h('p', 'statement-beside', outside(words)));

function drawResult(event: Event<'result'>): Node[] {
  const answer = h('span', 'statement-answer');
  const say = (text: string) => answer.append(h('span', '', text));
  for (const word of answered(event.tags, event.rows)) answer.append(h('span', '', ...marked(word)));
  if (event.suspended) say('more to fetch');
  if (event.bytes >= 65_536) say(showBytes(event.bytes));
  say(took(event.durationUs));
  const parts: Node[] = [];
  if (event.error) {
    const { severity, code, message } = event.error;
    parts.push(
      h(
        'p',
        'statement-error',
        ...(isGatewayWord(event.error)
          ? []
          : [h('strong', '', ...marked(severity)), ' ', h('code', '', ...marked(code)), ' ']),
        outside(message),
      ),
      ...besideParts(event.error),
    );
  }
  parts.push(h('div', 'shown-head', h('span', 'offset', offset(event.timeUs)), answer));
  return parts;
}
