// What the steps of an export keep (checkpoints.ts), taken together at the borders of segments; and handed back to them, where it
// fits: each step asks for its own before the first frame, nothing is left over, and the recording itself vouches for the place, by the
// digest of the segment before.

import type { z } from 'zod';
import { type Checkpoints, StateMisfit } from '../checkpoints.ts';
import type { RecordingPart, SegmentPlace } from '../store/read-recording.ts';

export interface KeptStates {
  /** The segment whose first frame comes next, and which reading of the recording it is. */
  readonly segment: SegmentPlace;
  readonly reading: string;
  readonly states: Readonly<Record<string, unknown>>;
}

/** undefined: some step cannot be asked here. */
type AtBorder = (take: () => KeptStates | undefined) => Promise<void>;

export class StateKeeper {
  readonly #from: KeptStates | undefined;
  readonly #atBorder: AtBorder;
  readonly #steps = new Map<string, () => unknown>();
  /** Of `once`. */
  readonly #found = new Map<string, unknown>();
  readonly #asked = new Set<string>();
  #resuming: boolean;
  #begun = false;

  /** `atBorder` is called before the first frame of each segment, in each reading, but the very first. */
  constructor(from: KeptStates | undefined, atBorder: AtBorder) {
    this.#from = from;
    this.#atBorder = atBorder;
    this.#resuming = from !== undefined;
  }

  /** Until the first frame is there; nothing of the file is made before it. */
  get resuming(): boolean {
    return this.#resuming;
  }

  checkpoints(prefix = ''): Checkpoints {
    return {
      saved: (name, schema) => (this.#resuming ? this.#saved(`${prefix}${name}`, schema) : undefined),
      keep: (name, _schema, state) => {
        const full = `${prefix}${name}`;
        if (this.#steps.has(full)) throw new Error(`two steps of an export keep ${full}`);
        this.#steps.set(full, state);
      },
      read: (open) => this.#read(prefix, open),
      part: (name) => this.checkpoints(`${prefix}${name}.`),
      once: async (name, schema, make) => {
        const full = `${prefix}${name}!`;
        const has = this.#resuming && this.#from?.states[full] !== undefined;
        const part = this.checkpoints(`${prefix}${name}.`);
        const value = has ? this.#saved(full, schema) : await make(part);
        part.over();
        this.#found.set(full, has ? this.#from?.states[full] : value);
        return value;
      },
      over: () => {
        for (const name of this.#steps.keys()) if (name.startsWith(prefix)) this.#steps.delete(name);
      },
    };
  }

  #saved<Schema extends z.ZodType>(full: string, schema: Schema): z.output<Schema> {
    const { states = {} } = this.#from ?? {};
    if (!Object.hasOwn(states, full)) throw new StateMisfit(`nothing was kept of ${full}`);
    const parsed = schema.safeParse(states[full]);
    if (!parsed.success) throw new StateMisfit(`what was kept of ${full} does not fit`);
    this.#asked.add(full);
    return parsed.data;
  }

  async *#read(
    reading: string,
    open: (from?: SegmentPlace) => AsyncIterable<RecordingPart>,
  ): AsyncGenerator<RecordingPart, void, undefined> {
    const from = this.#resuming ? this.#from : undefined;
    if (from && from.reading !== reading) throw new StateMisfit(`it was left in another reading: ${from.reading}`);
    let known: number | undefined;
    for await (const part of open(from?.segment)) {
      if (part.kind === 'frame') {
        const { segment } = part;
        if (this.#resuming && segment.number !== from?.segment.number)
          throw new StateMisfit('it is not read from where it was left');
        if (known === undefined && !this.#begun) this.#begin();
        else if (segment.number !== known) await this.#atBorder(() => this.#take(reading, segment));
        known = segment.number;
        // It may be damage from there on, or the place may be none: whoever reads from the beginning knows.
      } else if (this.#resuming) throw new StateMisfit(`it cannot be read from there on: ${part.message}`);
      yield part;
    }
    if (this.#resuming) throw new StateMisfit('there is nothing behind it');
  }

  #begin(): void {
    this.#begun = true;
    if (!this.#resuming) return;
    const left = Object.keys(this.#from?.states ?? {}).filter((name) => !this.#asked.has(name));
    if (left.length > 0) throw new StateMisfit(`nobody asked for ${left.join(', ')}`);
    this.#resuming = false;
  }

  #take(reading: string, segment: SegmentPlace): KeptStates | undefined {
    const states: Record<string, unknown> = Object.fromEntries(this.#found);
    for (const [name, state] of this.#steps) {
      const kept = state();
      if (kept === undefined) return undefined;
      states[name] = kept;
    }
    return { segment, reading, states };
  }
}
