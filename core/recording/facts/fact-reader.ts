// Frames of kind `fact`, read as the facts that they are, and what makes them damage. Whoever shows a recording
// and whoever proves one read by these rules: what the one refuses, the other does not call sound.

import { z } from 'zod';
import type { ConnectorId, SessionId } from '../../ids.ts';
import type { Frame } from '../frame.ts';
import { EarlierFact, FACT_KINDS, Fact, hasEarlierForm } from './fact.ts';

/** A fact is none, or a frame stands where it cannot: what its segment says is not to be believed. */
export class FactDamage extends Error {
  readonly reason: 'fact_damaged' | 'fact_of_other_version';

  constructor(message: string, reason: FactDamage['reason'] = 'fact_damaged') {
    super(message);
    this.reason = reason;
  }
}

/** What it knows of the frames before. */
export const FactReaderState = z.object({
  lanes: z.array(z.number().int()),
  lastLane: z.number().int(),
  ended: z.boolean(),
});
type FactReaderState = z.infer<typeof FactReaderState>;

/** The frames of one session, in their order. */
export class FactReader {
  readonly #session: SessionId;
  readonly #connector: ConnectorId;
  /** Those that are open beside lane 0; undefined where their opening may be among what is not read. */
  #lanes: Set<number> | undefined;
  #lastLane = 0;
  #ended = false;

  /** `complete`: it is given every frame from the session's first on, and the log lost none of them. */
  constructor(of: { readonly session: SessionId; readonly connector: ConnectorId }, complete: boolean) {
    this.#session = of.session;
    this.#connector = of.connector;
    this.#lanes = complete ? new Set() : undefined;
  }

  /** Of one that was complete: it goes on where that one was. */
  resume({ lanes, lastLane, ended }: FactReaderState): void {
    if (this.#lanes) this.#lanes = new Set(lanes);
    this.#lastLane = lastLane;
    this.#ended = ended;
  }

  /** undefined: it does not know all of what was before. */
  state(): FactReaderState | undefined {
    return this.#lanes && { lanes: [...this.#lanes], lastLane: this.#lastLane, ended: this.#ended };
  }

  /** The session's end was told: what comes behind it is damage. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Frames that are not given to it follow. */
  skip(): void {
    this.#lanes = undefined;
  }

  /** undefined for bytes, and for a kind of fact that this reader does not know. Throws FactDamage; the frame counts for the next ones all the same. */
  take(frame: Frame): Fact | undefined {
    if (this.#ended) throw new FactDamage(`frame ${frame.sequence} comes after the session’s end`);
    const fact = frame.kind === 'fact' ? parseFact(frame) : undefined;
    if (fact?.kind === 'session.opened') this.#checkOpening(frame, fact);
    else if (frame.sequence === 0 && this.#lanes)
      throw new FactDamage('frame 0 does not tell of the session’s opening');
    if (fact?.kind === 'session.ended') this.#ended = true;
    if (this.#lanes && (frame.lane !== 0 || fact?.kind === 'lane.opened')) this.#checkLane(frame, fact, this.#lanes);
    return fact;
  }

  #checkOpening({ sequence }: Frame, { session, connector }: Extract<Fact, { kind: 'session.opened' }>): void {
    if (sequence !== 0) throw new FactDamage(`frame ${sequence} opens the session again`);
    if (session !== this.#session) throw new FactDamage(`frame 0 opens another session, ${session}`);
    if (connector.id !== this.#connector)
      throw new FactDamage(`frame 0 opens a session of another connector, ${connector.id}`);
  }

  #checkLane({ sequence, lane }: Frame, fact: Fact | undefined, open: Set<number>): void {
    if (fact?.kind === 'lane.opened') {
      const again = lane <= this.#lastLane;
      this.#lastLane = Math.max(this.#lastLane, lane);
      open.add(lane);
      if (again) throw new FactDamage(`frame ${sequence} opens lane ${lane} again`);
    } else if (!open.has(lane)) throw new FactDamage(`frame ${sequence} is of lane ${lane}, which is not open`);
    else if (fact?.kind === 'lane.closed') open.delete(lane);
  }
}

/** undefined for a kind that this reader does not know: a newer connector's, and its bytes are recorded all the same. Throws FactDamage. */
function parseFact(frame: Frame): Fact | undefined {
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(frame.body));
  } catch {
    throw new FactDamage(`frame ${frame.sequence} is not JSON`);
  }
  const earlier = frame.format === 1;
  if (!earlier && hasEarlierForm(json))
    throw new FactDamage(
      `frame ${frame.sequence} has a fact of format version 1 in a segment of a later one`,
      'fact_of_other_version',
    );
  const parsed = (earlier ? EarlierFact : Fact).safeParse(json);
  if (parsed.success) {
    const { data } = parsed;
    if ((data.kind === 'lane.opened' || data.kind === 'lane.closed') && data.lane !== frame.lane)
      throw new FactDamage(`frame ${frame.sequence} of lane ${frame.lane} tells of lane ${data.lane}`);
    return data;
  }
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  if (typeof kind === 'string' && !FACT_KINDS.has(kind)) return undefined;
  throw new FactDamage(`frame ${frame.sequence} is not a sound fact`);
}

const decoder = new TextDecoder('utf-8', { fatal: true });
