// What was received of a terminal session: its outline, and of the lane that is looked at the output between two
// keyframes at a time. Knows nothing of a page.

import type { Silence } from '../../../../core/replay/idle.ts';
import { Markers } from '../../../../core/replay/markers.ts';
import { unpackedScreen } from '../../../../core/replay/packed-screen.ts';
import type { TerminalEvent } from '../../../../core/replay/terminal.ts';
import { receive } from './recording.ts';

type Event<K extends TerminalEvent['kind']> = Extract<TerminalEvent, { kind: K }>;

/** What changes a screen. */
type ScreenEvent = Event<'output'> | Event<'resize'>;

interface LaneOutline {
  readonly number: number;
  label: string;
  /** false: it ran without a terminal. */
  terminal: boolean;
  readonly keyframes: Event<'keyframe'>[];
  endUs: number;
}

export interface CommandOutline {
  readonly action: number;
  readonly lane: number;
  readonly timeUs: number;
  readonly form: string;
  finishedUs?: number;
  failed?: boolean;
}

/** From one keyframe of a lane to the next. */
export interface Stretch {
  readonly lane: number;
  readonly index: number;
  readonly keyframe: Event<'keyframe'>;
  /** Of the keyframe. */
  screen: string;
  readonly events: ScreenEvent[];
  /** Of the events, and of the next keyframe. */
  readonly times: number[];
  /** All of it was received, or as much as is. */
  complete: boolean;
  /** It was too long to be loaded: it is known up to then. */
  cutUs?: number;
}

/** Kept in the browser; others are asked for again. One is some 256 KiB of output. */
const MAX_STRETCHES = 24;
/** Of a stretch, in characters. Longer ones are written to be long: nothing can be gone to in the middle of them (ADR 25). */
const MAX_STRETCH = 8 * 1024 * 1024;

export class TerminalRecording {
  /** Lanes with something to show, by number. */
  readonly lanes = new Map<number, LaneOutline>();
  readonly commands: CommandOutline[] = [];
  readonly markers = new Markers();
  readonly #idle = new Map<number, Silence[]>();
  endUs = 0;
  ended: Event<'ended'> | undefined;
  damaged: Event<'damaged'> | undefined;
  /** Whether the whole outline was received. */
  complete = false;
  readonly #labels = new Map<number, string>();
  readonly #byAction = new Map<number, CommandOutline>();
  readonly #stretches = new Map<string, Stretch>();
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
  }

  async loadOutline(arrived: () => void): Promise<void> {
    await this.#receive({ part: 'outline' }, (event) => this.#add(event), arrived);
    this.complete = true;
    arrived();
  }

  #add(event: TerminalEvent): void {
    this.endUs = Math.max(this.endUs, event.timeUs);
    this.markers.add(event);
    switch (event.kind) {
      case 'lane':
        this.#labels.set(event.lane, event.label);
        return;
      case 'keyframe': {
        const { lane: number } = event;
        const label = this.#labels.get(number) ?? `lane ${number}`;
        const lane = this.lanes.get(number) ?? { number, label, terminal: false, keyframes: [], endUs: event.timeUs };
        this.lanes.set(number, lane);
        lane.keyframes.push(event);
        return;
      }
      case 'resize': {
        const lane = this.lanes.get(event.lane);
        if (lane) lane.terminal = true;
        return;
      }
      case 'lane-end': {
        const lane = this.lanes.get(event.lane);
        if (lane) lane.endUs = event.timeUs;
        return;
      }
      case 'command': {
        const { action, lane, timeUs, form } = event;
        const command = { action, lane, timeUs, form };
        this.commands.push(command);
        this.#byAction.set(action, command);
        return;
      }
      case 'finished': {
        const command = this.#byAction.get(event.action);
        if (!command) return;
        command.finishedUs = event.timeUs;
        command.failed = event.signal !== undefined || (event.exit ?? 0) !== 0;
        return;
      }
      case 'typed': {
        const { action, lane, timeUs } = event;
        const line = { action, lane, timeUs, form: 'typed', finishedUs: timeUs };
        this.commands.push(line);
        this.#byAction.set(action, line);
        return;
      }
      case 'idle': {
        const { lane, fromUs, timeUs: untilUs } = event;
        const known = this.#idle.get(lane);
        if (known) known.push({ fromUs, untilUs });
        else this.#idle.set(lane, [{ fromUs, untilUs }]);
        return;
      }
      case 'ended':
        this.ended = event;
        return;
      case 'damaged':
        this.damaged = event;
        return;
      default:
        // From a newer server: left out.
        return;
    }
  }

  /** Silences of a lane. */
  idleOf(lane: number | undefined): readonly Silence[] {
    return (lane === undefined ? undefined : this.#idle.get(lane)) ?? [];
  }

  command(action: number): CommandOutline | undefined {
    return this.#byAction.get(action);
  }

  /** The stretch of a lane that holds a time; undefined: it is not known yet where it ends, or there is no such lane. */
  at(lane: number, timeUs: number): Stretch | undefined {
    const keyframes = this.lanes.get(lane)?.keyframes ?? [];
    let index = keyframes.length - 1;
    while (index > 0 && (keyframes[index]?.timeUs ?? 0) > timeUs) index--;
    return this.stretch(lane, index);
  }

  stretch(lane: number, index: number): Stretch | undefined {
    const keyframes = this.lanes.get(lane)?.keyframes ?? [];
    const keyframe = keyframes[index];
    if (!keyframe || (!this.complete && index === keyframes.length - 1)) return undefined;
    const key = `${lane} ${index}`;
    const found = this.#stretches.get(key) ?? {
      ...{ lane, index, keyframe, screen: '' },
      ...{ events: [], times: [], complete: false },
    };
    // The least recently asked for goes first.
    this.#stretches.delete(key);
    this.#stretches.set(key, found);
    for (const old of this.#stretches.keys()) {
      if (this.#stretches.size <= MAX_STRETCHES) break;
      this.#stretches.delete(old);
    }
    return found;
  }

  isLast({ lane, index }: Stretch): boolean {
    return this.complete && index === (this.lanes.get(lane)?.keyframes.length ?? 0) - 1;
  }

  /** Page after page, from its beginning. */
  async load(stretch: Stretch): Promise<void> {
    const { lane, index, keyframe } = stretch;
    const next = this.lanes.get(lane)?.keyframes[index + 1];
    stretch.events.length = 0;
    stretch.times.length = 0;
    delete stretch.cutUs;
    stretch.screen = await unpackedScreen(keyframe);
    let chars = 0;
    let cursor: string | undefined = keyframe.cursor;
    while (cursor !== undefined) {
      if (chars > MAX_STRETCH) {
        stretch.cutUs = stretch.times.at(-1) ?? keyframe.timeUs;
        break;
      }
      const asked: Record<string, string> = { lane: String(lane), cursor };
      if (next) asked.until = next.cursor;
      cursor = undefined;
      await this.#receive(asked, (event) => {
        if (event.kind === 'more') cursor = event.cursor;
        if (event.kind === 'damaged') this.damaged = event;
        if (event.kind !== 'output' && event.kind !== 'resize') return;
        stretch.events.push(event);
        if (event.kind === 'output') chars += event.text.length;
        // Times never go back, whatever a recording says: a player's position is one number.
        stretch.times.push(Math.max(event.timeUs, stretch.times.at(-1) ?? 0));
      });
    }
    // Time goes on to where the next one begins.
    if (next) stretch.times.push(Math.max(next.timeUs, stretch.times.at(-1) ?? 0));
    stretch.complete = true;
  }

  async #receive(
    query: Readonly<Record<string, string>>,
    take: (event: TerminalEvent) => void,
    arrived: () => void = () => {},
  ): Promise<void> {
    const response = await fetch(`${this.#address}?${new URLSearchParams(query)}`, { redirect: 'error' });
    if (!response.ok || !response.body) throw new Error(String(response.status));
    await receive<TerminalEvent>(response.body, (events) => {
      for (const { event } of events) take(event);
      arrived();
    });
  }
}

/** How many of the ascending times have come. */
export function countUntil(times: readonly number[], timeUs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}
