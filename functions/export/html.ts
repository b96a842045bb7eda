// One session as one file: read offline, without a script, years from now. Everything recorded is
// escaped, and the page's own policy forbids whatever could load or run.

import { createHash } from 'node:crypto';
import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { took } from '../../core/text/amounts.ts';
import { besideWords } from '../../core/replay/beside-words.ts';
import { errorName } from '../../core/replay/error-name.ts';
import { PROTOCOLS } from '../../core/protocols.ts';
import { capital } from '../../core/text/capital.ts';
import { escapeHtml } from '../../core/text/escape-html.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import { orderedStatements } from '../replay/ordered-statements.ts';

const STYLE = `
:root{color-scheme:light dark;--line:#8884}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0;font:13px/1.45 ui-monospace,monospace}
section{border-top:1px solid var(--line);padding:.6rem 0}
time{opacity:.7;font-size:.85rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font:13px ui-monospace,monospace;margin:.3rem 0}
th,td{border:1px solid var(--line);padding:.15rem .5rem;text-align:left;white-space:pre-wrap;vertical-align:top}
.null{opacity:.5}
.error{color:#b00020}
@media (prefers-color-scheme:dark){.error{color:#ff8a80}}
@media print{body{max-width:none}}
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

export const exportHtml = (
  events: AsyncIterable<ReplayEvent>,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> => htmlPage(orderedStatements(events, at), blockOf);

type Opened = { readonly kind: 'opened'; readonly session: SessionEntry };

/** A head for the session that was opened, and a block for every other event. `block` escapes what it shows. */
export async function* htmlPage<Event extends Opened | { readonly kind: string }>(
  events: AsyncIterable<Event>,
  block: (event: Exclude<Event, Opened>) => string,
): AsyncGenerator<string, void, undefined> {
  for await (const event of events)
    yield isOpened(event) ? head(event.session) : `${block(event as Exclude<Event, Opened>)}\n`;
  yield '</main>\n</body>\n</html>\n';
}

const isOpened = (event: Opened | { readonly kind: string }): event is Opened => event.kind === 'opened';

export const htmlTime = ({ timeUs }: { readonly timeUs: number }): string =>
  `<time>+${(timeUs / 1e6).toFixed(3)} s</time>`;

/** The last of an export, by which programs know that it is damaged: nothing recorded can imitate it. */
export const htmlDamage = (event: { readonly timeUs: number; readonly message: string }): string =>
  `<section class="error damaged">${htmlTime(event)} The recording is damaged from here on: ${escapeHtml(event.message)}</section>`;

function head(session: SessionEntry): string {
  const facts: [string, string | undefined][] = [
    ['Session', session.id],
    ['Person', session.email],
    ['Resource', `${session.resource} (${session.protocol})`],
    ['Reason', session.reason],
    ['Task', session.task],
    ['Trace', session.trace],
    ['Grant', `${session.grant}, rule ${session.rule}`],
    ['Client', `${session.client.address} ${session.client.application ?? ''}`],
    ['Started', session.startedAt],
    ['Ended', session.endedAt],
    ['State', session.fault === undefined ? session.state : `${session.state}: ${session.fault}`],
    ['Recorded', session.exempt === undefined ? undefined : `nothing of what went over the wire: ${session.exempt}`],
    ['Break-glass', session.breakGlass ? 'used without the approval that the rule asks for' : undefined],
    [capital(PROTOCOLS[session.protocol].noun.many), String(session.counts.actions)],
  ];
  const rows = facts
    .filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '')
    .map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`);
  const title = escapeHtml(`${session.email} on ${session.resource}, ${session.startedAt}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<dl>${rows.join('\n')}</dl>
`;
}

function blockOf(event: Exclude<ReplayEvent, { kind: 'opened' }>): string {
  const time = htmlTime(event);
  switch (event.kind) {
    case 'statement': {
      const parameters = (event.parameters ?? [])
        .map(({ value }, i) => `$${i + 1} = ${value === null ? 'NULL' : escapeHtml(value)}`)
        .join('\n');
      const bound = parameters === '' ? '' : `<pre>${parameters}</pre>`;
      const cut = event.textBytes === undefined ? '' : `<p>Cut here; the whole has ${event.textBytes} bytes.</p>`;
      return `<section id="s${event.statement}">${time} <b>#${event.statement}</b><pre>${escapeHtml(event.text)}</pre>${cut}${bound}</section>`;
    }
    case 'rows': {
      const beside = event.omittedColumns ? `<p>${notShown(event.omittedColumns, 'column')}</p>` : '';
      const more = `${beside}${event.omitted > 0 ? `<p>${notShown(event.omitted, 'row')}</p>` : ''}`;
      const fetched = event.fetched ? `<p>${time} #${event.statement}, fetched later:</p>` : '';
      return `${fetched}<div class="scroll">${table(event.columns, event.rows)}</div>${more}`;
    }
    case 'result': {
      const { error } = event;
      const answer = error
        ? `<span class="error">${escapeHtml(`${errorName(error)}: ${error.message}`)}</span>`
        : escapeHtml(event.tags.join(', '));
      return `<p>${time} #${event.statement}: ${answer} · ${event.rows > 0 ? `${event.rows} ${event.rows === 1 ? 'row' : 'rows'} · ` : ''}${event.suspended ? 'more to fetch · ' : ''}${took(event.durationUs)}</p>${beside(error)}`;
    }
    case 'notice':
      return `<p>${time} ${escapeHtml(`${event.severity}: ${event.message}`)}</p>${beside(event)}`;
    case 'ended':
      return `<section>${time} Session ended: ${escapeHtml(event.message)}</section>`;
    case 'damaged':
      return htmlDamage(event);
  }
}

function beside(said: Parameters<typeof besideWords>[0] = {}): string {
  const words = besideWords(said);
  return words.length === 0 ? '' : `<pre class="error">${escapeHtml(words.join('\n'))}</pre>`;
}

const notShown = (amount: number, one: string): string =>
  amount === 1 ? `1 more ${one} is not shown.` : `${amount} more ${one}s are not shown.`;

function table(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const head = columns.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  const cell = (value: string | null) =>
    value === null ? '<td class="null">NULL</td>' : `<td>${escapeHtml(value)}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}
