// Counts and coverage of a session, taken frame by frame. The writer of a manifest and everybody
// who checks one use this, so that "the counts agree" means one thing.

import { z } from 'zod';
import { type Fact, hasEarlierForm } from './facts/fact.ts';
import { MaskApplied, MaskWithheld, ValuesHidden } from './facts/mask.ts';
import { LaneClosed, SessionEnded, SessionOpened } from './facts/session.ts';
import type { Direction, Frame, FrameKind } from './frame.ts';
import type { LaneCoverage } from './lane-coverage.ts';
import { LaneTally, LaneTallyState } from './lane-tally.ts';
import type { Coverage, SessionCounts } from './manifest.ts';

/** A tally as the connector keeps it between segments. */
export const TallyState = z.object({
  frames: z.number().int(),
  /** Missing in what earlier releases left: as many as statements. */
  actions: z.number().int().optional(),
  statements: z.number().int(),
  errors: z.number().int(),
  /** Missing in what earlier releases left: nobody counted. */
  failedCommands: z.number().int().optional(),
  rows: z.number().int(),
  bytes: z.object({ client: z.number().int(), target: z.number().int(), gateway: z.number().int() }),
  lanes: LaneTallyState,
  refused: z.record(z.string(), z.number().int()),
  masked: z.record(z.string(), z.number().int()).default({}),
  hidden: z.record(z.string(), z.number().int()).default({}),
  withheld: z.record(z.string(), z.number().int()).default({}),
  notKept: z.record(z.string(), z.number().int()).default({}),
  /** Connections beside the first. */
  joined: z.number().int().default(0),
  lastTimeUs: z.number().int(),
  opened: SessionOpened.optional(),
  ended: SessionEnded.optional(),
});
export type TallyState = z.infer<typeof TallyState>;

const decoder = new TextDecoder();
/** How a StatementStarted is written: these are counted without being parsed, since nothing inside them counts. */
const STARTED = new TextEncoder().encode('{"kind":"statement.started","action":');

export class SessionTally {
  #frames = 0;
  #statements = 0;
  /** Actions that are no statements. */
  #others = 0;
  #errors = 0;
  #failedCommands: number | undefined = 0;
  #rows = 0;
  readonly #bytes = { client: 0, target: 0, gateway: 0 };
  #lanes = new LaneTally();
  readonly #refused = new Map<string, number>();
  readonly #masked = new Map<string, number>();
  readonly #hidden = new Map<string, number>();
  readonly #withheld = new Map<string, number>();
  readonly #notKept = new Map<string, number>();
  #joined = 0;
  #earlier = false;
  #lastLane = -1;
  #lastTimeUs = 0;
  #opened: SessionOpened | undefined;
  #ended: SessionEnded | undefined;

  static from(state: TallyState): SessionTally {
    const tally = new SessionTally();
    tally.#frames = state.frames;
    tally.#statements = state.statements;
    tally.#others = (state.actions ?? state.statements) - state.statements;
    tally.#errors = state.errors;
    tally.#failedCommands = state.failedCommands;
    tally.#rows = state.rows;
    Object.assign(tally.#bytes, state.bytes);
    tally.#lanes = LaneTally.from(state.lanes);
    for (const [reason, count] of Object.entries(state.refused)) tally.#refused.set(reason, count);
    for (const [rule, count] of Object.entries(state.masked)) tally.#masked.set(rule, count);
    for (const [by, count] of Object.entries(state.hidden)) tally.#hidden.set(by, count);
    for (const [reason, count] of Object.entries(state.withheld)) tally.#withheld.set(reason, count);
    for (const [reason, count] of Object.entries(state.notKept)) tally.#notKept.set(reason, count);
    tally.#joined = state.joined;
    tally.#lastTimeUs = state.lastTimeUs;
    tally.#opened = state.opened;
    tally.#ended = state.ended;
    return tally;
  }

  state(): TallyState {
    return {
      ...this.counts(),
      ...(this.#failedCommands !== undefined && { failedCommands: this.#failedCommands }),
      lanes: this.#lanes.state(),
      refused: Object.fromEntries(this.#refused),
      masked: Object.fromEntries(this.#masked),
      hidden: Object.fromEntries(this.#hidden),
      withheld: Object.fromEntries(this.#withheld),
      notKept: Object.fromEntries(this.#notKept),
      joined: this.#joined,
      lastTimeUs: this.#lastTimeUs,
      ...(this.#opened && { opened: this.#opened }),
      ...(this.#ended && { ended: this.#ended }),
    };
  }

  get opened(): SessionOpened | undefined {
    return this.#opened;
  }

  get ended(): SessionEnded | undefined {
    return this.#ended;
  }

  /**
   * Commands that ended with a status other than 0 or by a signal. Beside the counts, which manifests hold and
   * earlier releases recount. undefined: it goes on from what an earlier release left.
   */
  get failedCommands(): number | undefined {
    return this.#failedCommands;
  }

  get frames(): number {
    return this.#frames;
  }

  get lastTimeUs(): number {
    return this.#lastTimeUs;
  }

  /** Whether a fact of the form of format version 1 was counted since the last call. */
  takeEarlier(): boolean {
    const earlier = this.#earlier;
    this.#earlier = false;
    return earlier;
  }

  addFrame(frame: Frame): void {
    this.add(frame.timeUs, frame.direction, frame.kind, frame.lane, frame.body, 0, frame.body.length);
  }

  /** A frame that was read already, and the fact that it is. */
  addRead({ timeUs, direction, kind, lane, body }: Frame, fact: Fact | undefined): void {
    this.#addFrame(timeUs, lane);
    if (kind === 'bytes') this.#bytes[direction] += body.length;
    else if (fact) this.#addFact(lane, fact);
  }

  /** A frame whose body stands from `start` to `end` of `bytes`, which are not kept. */
  add(
    timeUs: number,
    direction: Direction,
    kind: FrameKind,
    lane: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#addFrame(timeUs, lane);
    if (kind === 'bytes') this.#bytes[direction] += end - start;
    else if (standsAt(STARTED, bytes, start, end)) this.#statements++;
    else {
      const fact = parseObject(bytes.subarray(start, end));
      if (hasEarlierForm(fact)) this.#earlier = true;
      this.#addFact(lane, fact);
    }
  }

  counts(): SessionCounts {
    return {
      frames: this.#frames,
      actions: this.#statements + this.#others,
      statements: this.#statements,
      errors: this.#errors,
      rows: this.#rows,
      bytes: { ...this.#bytes },
    };
  }

  coverage(lostFrames: number): Coverage {
    return {
      lanes: this.#lanes.coverage(this.#recorded(lostFrames)),
      masked: [...this.#masked].map(([rule, count]) => ({ rule, count })),
      ...(this.#hidden.size > 0 && { hidden: [...this.#hidden].map(([by, count]) => ({ by, count })) }),
      ...(this.#withheld.size > 0 && { withheld: [...this.#withheld].map(([reason, count]) => ({ reason, count })) }),
      ...(this.#notKept.size > 0 && { notKept: [...this.#notKept].map(([reason, count]) => ({ reason, count })) }),
      refused: [...this.#refused].map(([reason, count]) => ({ reason, count })),
      ...(this.#joined > 0 && { connections: this.#joined + 1 }),
      exemptions: this.exempt === undefined ? [] : [this.exempt],
    };
  }

  /** Why the policy had nothing of what went over the wire recorded; undefined where it had not. */
  get exempt(): string | undefined {
    return this.#opened?.grant.obligations.record.exempt;
  }

  #recorded(lostFrames: number): Pick<LaneCoverage, 'recorded' | 'note'> {
    const lost = `${lostFrames} frames could not be read back from a damaged log`;
    const { client, target, gateway } = this.#bytes;
    const anything = this.#statements + this.#others + client + target + gateway > 0;
    if (this.exempt !== undefined && !anything)
      return { recorded: 'none', note: lostFrames > 0 ? `${this.exempt}; ${lost}` : this.exempt };
    if (lostFrames > 0) return { recorded: 'partial', note: lost };
    // A connector that records what it need not: what stands there counts, and is not claimed to be all.
    if (this.exempt !== undefined) return { recorded: 'partial', note: this.exempt };
    return { recorded: 'full' };
  }

  #addFrame(timeUs: number, lane: number): void {
    this.#frames++;
    if (timeUs > this.#lastTimeUs) this.#lastTimeUs = timeUs;
    if (lane === this.#lastLane) return;
    this.#lastLane = lane;
    this.#lanes.add(lane);
  }

  #addFact(lane: number, fact: Record<string, unknown> | undefined): void {
    switch (fact?.kind) {
      case 'statement.started':
        this.#statements++;
        return;
      case 'statement.finished':
        if (fact.error !== undefined) this.#errors++;
        if (typeof fact.rows === 'number' && Number.isSafeInteger(fact.rows)) this.#rows += fact.rows;
        return;
      case 'command.finished':
        if (this.#failedCommands !== undefined && isFailedCommand(fact)) this.#failedCommands++;
        return;
      case 'command.started':
      case 'exchange.started':
        this.#others++;
        return;
      case 'connection.joined':
        this.#joined++;
        return;
      case 'lane.closed': {
        const closed = LaneClosed.safeParse(fact).data;
        // A lane is closed by its own fact alone: no other may say of it that it is there, or not all there.
        if (closed?.lane === lane) this.#lanes.close(closed);
        return;
      }
      case 'action.refused':
        if (typeof fact.reason === 'string') add(this.#refused, fact.reason, 1);
        // A statement that is refused finishes with its error, and is counted there.
        if (lane !== 0) this.#errors++;
        return;
      case 'mask.applied': {
        const applied = MaskApplied.safeParse(fact).data;
        for (const { rule, count } of applied?.masked ?? []) add(this.#masked, rule, count);
        for (const { reason, count } of applied?.notKept ?? []) add(this.#notKept, reason, count);
        return;
      }
      case 'values.hidden':
        for (const { by, count } of ValuesHidden.safeParse(fact).data?.hidden ?? []) add(this.#hidden, by, count);
        return;
      case 'mask.withheld': {
        const withheld = MaskWithheld.safeParse(fact).data;
        if (withheld) add(this.#withheld, withheld.reason, withheld.count);
        return;
      }
      case 'session.opened':
        this.#opened ??= SessionOpened.safeParse(fact).data;
        return;
      case 'session.ended':
        this.#ended = SessionEnded.safeParse(fact).data;
        return;
    }
  }
}

/** As `error:` finds it (core/search/action-document.ts). One that nobody says of how it ended did not fail. */
const isFailedCommand = ({ exit, signal }: Record<string, unknown>): boolean =>
  (typeof exit === 'number' && exit !== 0) || (typeof signal === 'string' && signal !== '');

const add = (to: Map<string, number>, name: string, count: number): void => {
  to.set(name, (to.get(name) ?? 0) + count);
};

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(body));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function standsAt(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < prefix.length) return false;
  // From the end: the facts' kinds differ in their last letters.
  for (let i = prefix.length - 1; i >= 0; i--) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}
