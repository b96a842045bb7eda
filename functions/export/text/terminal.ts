// A terminal session as plain text: what was run and how it ended, files, forwards, what the policy did, and what was shown, line by
// line with its time.

import { commandSettings, endWords, signalWords } from '../../../core/replay/command-words.ts';
import { accessWords, failureWords, partialWords } from '../../../core/replay/file-words.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { offset, took } from '../../../core/text/amounts.ts';
import { onOneLine } from '../../../core/text/written-text.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import { type LaneLine, LaneLines, LaneLinesState } from './lane-lines.ts';
import { damageLine, headLines, indented, timed } from './lines.ts';
import { toldAs, type ToldWhich } from './told-statements.ts';

export async function* exportTerminalText(
  events: AsyncIterable<TerminalEvent>,
  which: Pick<ToldWhich, 'all'> = {},
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  const lanes = new LaneLines(at.saved('lines', LaneLinesState));
  at.keep('lines', LaneLinesState, () => lanes.state());
  for await (const event of events) {
    const lines = `${lanes.take(event).map(shownLine).join('')}${isNoise(event, which) ? '' : linesOf(event, which)}`;
    if (lines !== '') yield lines;
  }
}

/** The bar keeps what was shown apart from words of ours. */
const shownLine = ({ lane, timeUs, text, ours }: LaneLine): string =>
  `[${offset(timeUs)}] ${ours ? `lane ${lane}: ${text}` : `${lane}| ${onOneLine(text)}`.trimEnd()}\n`;

/** Of those the command says that they opened. */
const OF_COMMANDS: ReadonlySet<string> = new Set(['shell', 'exec', 'subsystem']);

/** Lanes that opened for a command, and that closed with nothing to be said of it. */
export function isNoise(event: TerminalEvent, { all = false }: Pick<ToldWhich, 'all'>): boolean {
  if (all) return false;
  if (event.kind === 'lane') return OF_COMMANDS.has(event.of);
  return (
    event.kind === 'lane-end' && event.recorded === 'full' && event.note === undefined && event.bytes === undefined
  );
}

/** Locale and kind of terminal are in every client's own settings, and nothing that somebody did. */
const BY_ITSELF = /^(?:LANG|LANGUAGE|LC_\w+|TERM|COLORTERM)=/;

export const toldSettings = (
  event: Parameters<typeof commandSettings>[0],
  { all = false }: Pick<ToldWhich, 'all'>,
): readonly string[] => commandSettings(event).filter((setting) => all || !BY_ITSELF.test(setting));

function linesOf(event: TerminalEvent, which: Pick<ToldWhich, 'all'>): string {
  switch (event.kind) {
    case 'opened':
      return headLines(event.session);
    case 'command': {
      const settings = toldSettings(event, which);
      const cut = event.commandBytes === undefined ? '' : ` (cut here; the whole has ${event.commandBytes} bytes)`;
      return `${timed(event, `#${event.action} lane ${event.lane}, ${event.form}${cut}`)}${indented(event.command)}${indented(settings.join('\n'))}`;
    }
    default: {
      if (event.kind === 'damaged') return damageLine(event.message);
      const words = terminalWords(event);
      return words === undefined ? '' : timed(event, words);
    }
  }
}

/** Of an event that is one line. Undefined: it is not told, or by the lines of its lane. */
export function terminalWords(
  event: Exclude<TerminalEvent, { kind: 'opened' | 'command' | 'damaged' }>,
): string | undefined {
  switch (event.kind) {
    case 'lane':
      return `lane ${event.lane} opened: ${event.label}`;
    case 'lane-end': {
      const { lane, label, recorded, note, bytes } = event;
      const moved = bytes ? `, ${bytes.client} bytes from the client and ${bytes.target} from the target` : '';
      const what = label === undefined ? '' : ` (${label})`;
      return `lane ${lane} closed${what}, recorded ${recorded}${note === undefined ? '' : `: ${note}`}${moved}`;
    }
    case 'typed':
      return `#${event.action} typed, as the screen had it: ${event.line}`;
    case 'signal':
      return `#${event.action} ${signalWords(event)}, from the client`;
    case 'finished':
      return `#${event.action} ended: ${endWords(event) ?? 'not told how'} · ${took(event.durationUs)}`;
    case 'access': {
      const failure = failureWords(event);
      return `#${event.action} ${accessWords(event)}${failure === undefined ? '' : `: ${failure}`}`;
    }
    case 'file': {
      const digest = event.sha256 === undefined ? '' : `, SHA-256 ${event.sha256}`;
      return `#${event.action} ${event.direction}: ${event.path}, ${event.size} bytes${digest}${partialWords(event.partial)}`;
    }
    case 'notice': {
      const about = event.action === undefined ? '' : `#${event.action} `;
      return `${about}${toldAs(event.severity, event.message)}`;
    }
    case 'ended':
      return `session ended: ${event.message}`;
    case 'output':
    case 'input':
    case 'resize':
    case 'keyframe':
    case 'more':
      return undefined;
  }
}
