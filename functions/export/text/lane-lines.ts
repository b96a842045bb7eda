// Which lines each lane of a terminal session showed, for transcripts.

import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { took } from '../../../core/text/amounts.ts';
import { PlainLines } from './plain-lines.ts';
import { ScreenLines } from './screen-lines.ts';

export interface LaneLine {
  readonly lane: number;
  readonly text: string;
  /** A word of ours about what was shown, and not shown itself. */
  readonly ours: boolean;
}

/** Emulators at work at the same time: one takes up to some MB. Terminals beyond are read as plain output. */
const MAX_EMULATORS = 32;

export class LaneLines {
  readonly #screens = new Map<number, ScreenLines>();
  readonly #plain = new Map<number, PlainLines>();

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
        return [...this.#screens.keys(), ...this.#plain.keys()].flatMap((lane) => this.#end(lane, event.timeUs));
      default:
        return [];
    }
  }

  #output({ lane, text, timeUs }: Extract<TerminalEvent, { kind: 'output' }>): LaneLine[] {
    const screen = this.#screens.get(lane);
    if (screen) {
      const wasLost = screen.lost;
      const lines = shownLines(lane, timeUs, screen.write(timeUs, text));
      if (screen.lost && !wasLost)
        lines.push({ lane, ours: true, text: 'what it shows from here on cannot be read as lines: see the replay' });
      return lines;
    }
    let plain = this.#plain.get(lane);
    if (!plain) {
      plain = new PlainLines();
      this.#plain.set(lane, plain);
    }
    return plain.write(text).map((line) => ({ lane, text: line, ours: false }));
  }

  #end(lane: number, timeUs: number): LaneLine[] {
    const screen = this.#screens.get(lane);
    const lines = screen ? shownLines(lane, timeUs, screen.end(timeUs)) : [];
    for (const text of this.#plain.get(lane)?.end() ?? []) lines.push({ lane, text, ours: false });
    this.#screens.delete(lane);
    this.#plain.delete(lane);
    return lines;
  }
}

const shownLines = (lane: number, timeUs: number, shown: ReturnType<ScreenLines['write']>): LaneLine[] =>
  shown.map((each) =>
    each.kind === 'line'
      ? { lane, text: each.text, ours: false }
      : { lane, ours: true, text: `a program had the whole screen for ${took(timeUs - each.sinceUs)}: see the replay` },
  );
