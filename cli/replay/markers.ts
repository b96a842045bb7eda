// What happened in a session and when, without playing it: what a player's time bar marks.

import type { ReplayEvent } from '../../core/catalogue.ts';
import type { Noun } from '../../core/protocols.ts';
import { MARKER_KINDS } from '../../core/replay/marker-kinds.ts';
import { Markers, markerNoun } from '../../core/replay/markers.ts';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { count, offset } from '../../core/text/amounts.ts';
import type { Output } from '../output.ts';
import { jsonLine, line } from '../terminal-text.ts';

/** `actions`: what the protocol calls its own. In JSON, one a line. */
export async function listMarkers(
  events: AsyncIterable<ReplayEvent | TerminalEvent>,
  actions: Pick<Noun, 'one' | 'many'>,
  fromUs: number,
  output: Output,
): Promise<void> {
  const markers = new Markers();
  for await (const event of events) markers.add(event);
  for (const marker of markers.all) {
    if (marker.timeUs < fromUs) continue;
    if (output.json) {
      await output.write(`${jsonLine(marker)}\n`);
      continue;
    }
    const { timeUs, kind, action, words } = marker;
    const number = action === undefined ? '' : `${output.style('cyan', `${action}>`)} `;
    const style =
      kind === 'error' || kind === 'refusal' ? 'red' : kind === 'hold' || kind === 'mask' ? 'yellow' : 'dim';
    const at = output.style('dim', `[${offset(timeUs)}]`);
    await output.write(
      `${at} ${output.style(style, markerNoun(kind, actions).one.padEnd(9))} ${number}${line(words)}\n`,
    );
  }
  const found = MARKER_KINDS.filter((kind) => markers.counts[kind] > 0);
  const sums = found.map((kind) =>
    count(markers.counts[kind], markerNoun(kind, actions).one, markerNoun(kind, actions).many),
  );
  output.note(sums.length === 0 ? 'Nothing happened in this session.' : sums.join(', '));
  if (markers.more > 0) output.note(`${count(markers.more, 'more is', 'more are')} counted and not listed.`);
}
