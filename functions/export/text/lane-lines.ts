// Which lines each lane of a terminal session showed, for transcripts.

import { z } from 'zod';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { took } from '../../../core/text/amounts.ts';
import { PlainLines } from './plain-lines.ts';
import { ScreenLines, ScreenLinesState, type ScreenTelling } from './screen-lines.ts';

export interface LaneLine {
  readonly lane: number;
  readonly timeUs: number;
  readonly text: string;
  /** A word of ours about what was shown, and not shown itself. */
  readonly ours: boolean;
}

/** Emulators at work at the same time: one takes up to some MB. Terminals beyond are read as plain output. */
const MAX_EMULATORS = 32;

export const LaneLinesState = z.object({
  screens: z.array(z.tuple([z.number(), ScreenLinesState])).max(MAX_EMULATORS),
  plain: z.array(z.tuple([z.number(), z.string()])),
});
type LaneLinesState = z.infer<typeof LaneLinesState>;

export class LaneLines {
  readonly #screens: Map<number, ScreenLines>;
  readonly #plain: Map<number, PlainLines>;

  /** `saved`: what `state` said. */
  constructor({ screens, plain }: LaneLinesState = { screens: [], plain: [] }) {
    this.#screens = new Map(screens.map(([lane, screen]) => [lane, new ScreenLines(screen.known, screen)]));
    this.#plain = new Map(plain.map(([lane, rest]) => [lane, new PlainLines(rest)]));
  }

  /** undefined: a screen cannot be written down now. */
  state(): LaneLinesState | undefined {
    const screens: LaneLinesState['screens'] = [];
    for (const [lane, screen] of this.#screens) {
      const kept = screen.state();
      if (!kept) return undefined;
      screens.push([lane, kept]);
    }
    return { screens, plain: [...this.#plain].map(([lane, { rest }]) => [lane, rest]) };
  }

  /** What is shown for good before this event, or by it. */
  take(event: TerminalEvent): LaneLine[] {
    switch (event.kind) {
      case 'resize': {
        const screen = this.#screens.get(event.lane);
        screen?.resize(event);
        if (!screen && !this.#plain.has(event.lane) && this.#screens.size < MAX_EMULATORS)
          this.#screens.set(event.lane, new ScreenLines(event));
        return [];
      }
      case 'output':
        return this.#output(event);
      // What was shown before the next word of ours stands before it.
      case 'finished':
      case 'lane-end':
        return this.#end(event.lane, event.timeUs);
      case 'ended':
      case 'damaged':
        return inOrder(
          [...this.#screens.keys(), ...this.#plain.keys()].flatMap((lane) => this.#end(lane, event.timeUs)),
        );
      case 'input':
      case 'keyframe':
      case 'more':
      case 'opened':
        return [];
      default:
        return inOrder([...this.#screens].flatMap(([lane, screen]) => shownLines(lane, screen.settled())));
    }
  }

  #output({ lane, text, timeUs }: Extract<TerminalEvent, { kind: 'output' }>): LaneLine[] {
    const screen = this.#screens.get(lane);
    if (screen) {
      const wasLost = screen.lost;
      const lines = shownLines(lane, screen.write(timeUs, text));
      if (screen.lost && !wasLost)
        lines.push({
          lane,
          timeUs,
          ours: true,
          text: 'what it shows from here on cannot be read as lines: see the replay',
        });
      return lines;
    }
    let plain = this.#plain.get(lane);
    if (!plain) {
      plain = new PlainLines();
      this.#plain.set(lane, plain);
    }
    return plain.write(text).map((line) => ({ lane, timeUs, text: line, ours: false }));
  }

  #end(lane: number, timeUs: number): LaneLine[] {
    const screen = this.#screens.get(lane);
    const lines = screen ? shownLines(lane, screen.end(timeUs)) : [];
    for (const text of this.#plain.get(lane)?.end() ?? []) lines.push({ lane, timeUs, text, ours: false });
    this.#screens.delete(lane);
    this.#plain.delete(lane);
    return lines;
  }
}

/** Lines of several terminals that were told together. */
const inOrder = (lines: LaneLine[]): LaneLine[] => lines.sort((a, b) => a.timeUs - b.timeUs);

const shownLines = (lane: number, shown: readonly ScreenTelling[]): LaneLine[] =>
  shown.map((each) => ({ lane, timeUs: each.timeUs, text: textOf(each), ours: each.kind !== 'line' }));

function textOf(shown: ScreenTelling): string {
  if (shown.kind === 'line') return shown.text;
  const lasted = took(shown.timeUs - shown.sinceUs);
  return shown.kind === 'full-screen'
    ? `a program had the whole screen for ${lasted}: see the replay`
    : `lines were drawn over for ${lasted}; only their last state is here: see the replay`;
}
