// A terminal session as a page to read and keep: its commands and what came of them, files, what the policy did, and
// the output of what ran without a terminal. A terminal's screen is for a player: asciicast.

import { z } from 'zod';
import { endWords, commandSettings, signalWords } from '../../core/replay/command-words.ts';
import { accessWords, failureWords, partialWords } from '../../core/replay/file-words.ts';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { took } from '../../core/text/amounts.ts';
import { escapeHtml } from '../../core/text/escape-html.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import { htmlDamage, htmlPage, htmlTime } from './html.ts';

/** Of one lane; an export of a large file is no page. */
const MAX_OUTPUT_CHARS = 64 * 1024;

const KeptLanes = z.object({
  terminals: z.array(z.number()),
  shown: z.array(z.tuple([z.number(), z.number()])),
});

export function exportTerminalHtml(
  events: AsyncIterable<TerminalEvent>,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  const saved = at.saved('lanes', KeptLanes);
  const terminals = new Set<number>(saved?.terminals);
  const shown = new Map<number, number>(saved?.shown);
  at.keep('lanes', KeptLanes, () => ({ terminals: [...terminals], shown: [...shown] }));
  return htmlPage(events, (event) => {
    if (event.kind === 'resize') {
      if (terminals.has(event.lane)) return '';
      terminals.add(event.lane);
      return screenElsewhere(event);
    }
    if (event.kind === 'lane-end') {
      terminals.delete(event.lane);
      shown.delete(event.lane);
    }
    if (event.kind !== 'output') return blockOf(event);
    if (terminals.has(event.lane)) return '';
    const before = shown.get(event.lane) ?? 0;
    if (before > MAX_OUTPUT_CHARS) return '';
    shown.set(event.lane, before + event.text.length);
    const text = escapeHtml(event.text.slice(0, MAX_OUTPUT_CHARS - before));
    const cut = before + event.text.length > MAX_OUTPUT_CHARS ? '<p>More output is in the other exports.</p>' : '';
    return `<pre>${text}</pre>${cut}`;
  });
}

const screenElsewhere = (event: Extract<TerminalEvent, { kind: 'resize' }>): string =>
  `<p>${htmlTime(event)} Lane ${event.lane} has a terminal. What it showed is not on this page: it is in the player, in the exports as text and Markdown, and as asciicast.</p>`;

function blockOf(event: Exclude<TerminalEvent, { kind: 'opened' | 'output' }>): string {
  const time = htmlTime(event);
  switch (event.kind) {
    case 'lane':
      return `<section>${time} Lane ${event.lane} opened: ${escapeHtml(event.label)}</section>`;
    case 'lane-end': {
      const { note, bytes, label } = event;
      const why = note === undefined ? '' : `: ${escapeHtml(note)}`;
      const moved = bytes ? ` ${bytes.client} bytes from the client, ${bytes.target} from the target.` : '';
      return `<p>${time} Lane ${event.lane}${label === undefined ? '' : `, ${escapeHtml(label)},`} closed, recorded ${event.recorded}${why}.${moved}</p>`;
    }
    case 'command': {
      const { action, form, command, commandBytes } = event;
      const cut = commandBytes === undefined ? '' : `<p>Cut here; the whole has ${commandBytes} bytes.</p>`;
      const settings = commandSettings(event);
      const set = settings.length === 0 ? '' : `<p>With ${escapeHtml(settings.join(' '))}</p>`;
      return `<section id="c${action}">${time} <b>#${action}</b> lane ${event.lane}, ${form}<pre>${escapeHtml(command)}</pre>${cut}${set}</section>`;
    }
    case 'typed':
      return `<section id="c${event.action}">${time} <b>#${event.action}</b> lane ${event.lane}, typed (reconstructed from the terminal: an aid, not evidence)<pre>${escapeHtml(event.line)}</pre></section>`;
    case 'signal':
      return `<p>${time} #${event.action} ${escapeHtml(signalWords(event))}, from the client</p>`;
    case 'finished': {
      const how = endWords(event) ?? 'not told how';
      return `<p>${time} #${event.action} ended: ${escapeHtml(how)} · ${took(event.durationUs)}</p>`;
    }
    case 'access': {
      const failure = failureWords(event);
      const words = `${accessWords(event)}${failure === undefined ? '' : `: ${failure}`}`;
      return `<p>${time} #${event.action} ${escapeHtml(words)}</p>`;
    }
    case 'file': {
      const digest = event.sha256 === undefined ? '' : `, SHA-256 ${event.sha256}`;
      return `<p>${time} #${event.action} ${event.direction}: ${escapeHtml(event.path)}, ${event.size} bytes${digest}${partialWords(event.partial)}</p>`;
    }
    case 'notice':
      return `<p>${time} ${escapeHtml(`${event.severity}: ${event.message}`)}</p>`;
    case 'ended':
      return `<section>${time} Session ended: ${escapeHtml(event.message)}</section>`;
    case 'damaged':
      return htmlDamage(event);
    // Its keys are in the output where they were echoed.
    case 'input':
    case 'resize':
    case 'keyframe':
    case 'idle':
    case 'more-markers':
    case 'more':
      return '';
  }
}
