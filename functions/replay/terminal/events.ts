// Frames of a terminal session as events of its replay (core/replay/terminal.ts), without keyframes and pages.
// Reads one segment at a time, and keeps of each lane that is open what its next frame needs.

import { z } from 'zod';
import type { SessionEntry } from '../../../core/catalogue.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import type { Frame } from '../../../core/recording/frame.ts';
import { FactDamage, FactReader } from '../../../core/recording/facts/fact-reader.ts';
import { KeptBytes, keptBytes } from '../../checkpoints.ts';
import { connectionNotice } from '../connection-notices.ts';
import { noticeOf } from '../policy-notices.ts';
import { type SentText, Utf8Stream } from './text.ts';

/** Lanes of these carry text from their beginning; others when a command or a terminal is theirs. */
const TEXT_LANES: ReadonlySet<string> = new Set(['shell', 'exec', 'attach', 'stderr']);
/** Of more that are open at once, the oldest are begun anew. */
const MAX_OPEN_LANES = 10_000;

export class LaneReader {
  /** Its bytes are shown. */
  text: boolean;
  /** It has a terminal. */
  terminal = false;
  label: string | undefined;
  readonly output: Utf8Stream;
  readonly input: Utf8Stream;
  readonly bytes = { client: 0, target: 0 };

  constructor(text: boolean, rests: { readonly output?: Uint8Array; readonly input?: Uint8Array } = {}) {
    this.text = text;
    this.output = new Utf8Stream(rests.output);
    this.input = new Utf8Stream(rests.input);
  }
}

const Count = z.number().int().min(0);

/** In their order: the oldest is given up first. */
export const EventReaderState = z.object({
  ended: z.boolean(),
  lanes: z.array(
    z.object({
      number: Count,
      text: z.boolean(),
      terminal: z.boolean(),
      label: z.string().optional(),
      output: KeptBytes,
      input: KeptBytes,
      bytes: z.object({ client: Count, target: Count }),
    }),
  ),
});
type EventReaderState = typeof EventReaderState;

/** Events of each frame in turn. After `damaged` nothing more is to be given to it. */
export class EventReader {
  readonly lanes = new Map<number, LaneReader>();
  readonly #facts: FactReader;

  constructor({ id: session, connector }: SessionEntry) {
    this.#facts = new FactReader({ session, connector }, false);
  }

  state(): z.input<EventReaderState> {
    const lanes = [...this.lanes].map(([number, { text, terminal, label, output, input, bytes }]) => ({
      ...{ number, text, terminal, bytes: { ...bytes } },
      ...(label !== undefined && { label }),
      ...{ output: keptBytes(output.rest), input: keptBytes(input.rest) },
    }));
    return { ended: this.#facts.ended, lanes };
  }

  resume({ ended, lanes }: z.output<EventReaderState>): void {
    this.#facts.resume({ lanes: [], lastLane: 0, ended });
    for (const { number, text, terminal, label, output, input, bytes } of lanes) {
      const lane = new LaneReader(text, { output, input });
      [lane.terminal, lane.label, lane.bytes.client, lane.bytes.target] = [terminal, label, bytes.client, bytes.target];
      this.lanes.set(number, lane);
    }
  }

  lane(number: number): LaneReader {
    let lane = this.lanes.get(number);
    if (!lane) {
      lane = new LaneReader(false);
      this.lanes.set(number, lane);
      const [oldest] = this.lanes.keys();
      if (this.lanes.size > MAX_OPEN_LANES && oldest !== undefined) this.lanes.delete(oldest);
    }
    return lane;
  }

  take(frame: Frame): TerminalEvent[] {
    try {
      const fact = this.#facts.take(frame);
      if (frame.kind === 'bytes') return this.#bytes(frame);
      return fact ? this.#fact(frame, fact) : [];
    } catch (fault) {
      if (!(fault instanceof FactDamage)) throw fault;
      return [{ kind: 'damaged', timeUs: frame.timeUs, message: fault.message }];
    }
  }

  #bytes({ timeUs, lane: number, direction, body }: Frame): TerminalEvent[] {
    const lane = this.lane(number);
    if (direction === 'gateway') {
      // Our own words among the target's, whole ones.
      const words = new Utf8Stream();
      return lane.text ? [words.push(body), words.flush()].flatMap((text) => sent('output', timeUs, number, text)) : [];
    }
    if (!lane.text) {
      lane.bytes[direction] += body.length;
      return [];
    }
    const [kind, stream] =
      direction === 'target' ? (['output', lane.output] as const) : (['input', lane.input] as const);
    return sent(kind, timeUs, number, stream.push(body));
  }

  #fact({ timeUs, lane: number }: Frame, fact: Fact): TerminalEvent[] {
    const at = { timeUs, lane: number };
    switch (fact.kind) {
      case 'lane.opened': {
        const lane = this.lane(fact.lane);
        lane.text ||= TEXT_LANES.has(fact.of);
        lane.label = fact.label;
        return [{ kind: 'lane', timeUs, lane: fact.lane, of: fact.of, label: fact.label }];
      }
      case 'lane.closed': {
        const lane = this.lane(fact.lane);
        this.lanes.delete(fact.lane);
        const { recorded, note } = fact;
        return [
          ...this.#rests(timeUs, fact.lane, lane),
          {
            kind: 'lane-end',
            timeUs,
            lane: fact.lane,
            ...(lane.label !== undefined && { label: lane.label }),
            recorded,
            ...(note !== undefined && { note }),
            ...(lane.bytes.client + lane.bytes.target > 0 && { bytes: lane.bytes }),
          },
        ];
      }
      case 'command.started': {
        if (fact.form !== 'subsystem') this.lane(number).text = true;
        const { at: _, ...command } = fact;
        return [{ ...command, kind: 'command', ...at }];
      }
      case 'command.typed':
        return [{ ...fact, kind: 'typed', ...at }];
      case 'command.signalled':
        return [{ ...fact, kind: 'signal', ...at }];
      case 'command.finished':
        return [{ ...fact, kind: 'finished', ...at }];
      case 'terminal.resized': {
        const lane = this.lane(number);
        lane.text = true;
        lane.terminal = true;
        return [{ ...fact, kind: 'resize', ...at }];
      }
      case 'file.accessed':
        return [{ ...fact, kind: 'access', ...at }];
      case 'file.transferred':
        return [{ ...fact, kind: 'file', ...at }];
      case 'action.refused':
      case 'action.warned':
      case 'action.held':
      case 'hold.resolved':
      case 'mask.applied':
      case 'mask.withheld':
      case 'values.hidden':
      case 'rules.changed':
        return [notice(at, fact)];
      case 'connection.joined':
      case 'connection.left': {
        const { statement: _, ...words } = connectionNotice(timeUs, fact);
        return [{ ...words, ...at }];
      }
      case 'session.ended':
        return [
          ...[...this.lanes].flatMap(([lane, reader]) => this.#rests(timeUs, lane, reader)),
          { kind: 'ended', timeUs, reason: fact.reason, message: fact.message },
        ];
      // The replay begins with the session; the others are of other protocols.
      case 'session.opened':
      case 'statement.started':
      case 'statement.finished':
      case 'notice.received':
      case 'notification.received':
      case 'cancel.requested':
      case 'user.created':
      case 'exchange.started':
      case 'exchange.finished':
        return [];
    }
  }

  /** What was cut off in the middle of a character is shown as far as it came. */
  #rests(timeUs: number, number: number, lane: LaneReader): TerminalEvent[] {
    return [
      ...sent('output', timeUs, number, lane.output.flush()),
      ...sent('input', timeUs, number, lane.input.flush()),
    ];
  }
}

const sent = (kind: 'output' | 'input', timeUs: number, lane: number, text: SentText | undefined): TerminalEvent[] =>
  text ? [{ kind, timeUs, lane, ...text }] : [];

function notice(at: { timeUs: number; lane: number }, fact: Parameters<typeof noticeOf>[1]): TerminalEvent {
  const { statement, ...rest } = noticeOf(at.timeUs, fact);
  return { ...rest, ...at, ...(statement !== undefined && { action: statement }) };
}
