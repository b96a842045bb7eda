// What of a replay is worth going to: the same marks in the portal's players and on the command line.

import type { ReplayEvent } from '../catalogue.ts';
import type { Noun as SectionNoun } from '../protocols.ts';
import { showBytes, span } from '../text/amounts.ts';
import { cutText } from '../text/cut-text.ts';
import { endWords, signalWords } from './command-words.ts';
import { errorName, isGatewayWord } from './error-name.ts';
import { MARKER_KINDS, type MarkerKind } from './marker-kinds.ts';
import { accessWords, failureWords, transferWords } from './file-words.ts';
import type { TerminalEvent } from './terminal.ts';

export interface Marker {
  readonly kind: MarkerKind;
  readonly timeUs: number;
  /** Of a hold that was decided: when. */
  untilUs?: number;
  /** As recorded; whoever shows them escapes them. */
  words: string;
  readonly action?: number;
  readonly lane?: number;
}

type Noun = Pick<SectionNoun, 'one' | 'many'>;

/** A kind in words. `actions`: what the protocol calls its own. */
export const markerNoun = (kind: MarkerKind, actions: Noun): Noun => (kind === 'action' ? actions : NOUNS[kind]);
const NOUNS: Readonly<Record<Exclude<MarkerKind, 'action'>, Noun>> = {
  error: { one: 'error', many: 'errors' },
  refusal: { one: 'refused', many: 'refusals' },
  hold: { one: 'hold', many: 'holds' },
  mask: { one: 'masked', many: 'masked values' },
  file: { one: 'file', many: 'files' },
  forward: { one: 'forward', many: 'forwards' },
  resize: { one: 'new size', many: 'new sizes' },
  other: { one: 'event', many: 'other events' },
};

/** How a forwarded connection's lane is named (RFC 4254 section 7, and OpenSSH's for sockets). */
const FORWARD = /tcpip|streamlocal/;
const MAX_WORDS = 200;
const MAX_MARKERS = 50_000;
/** Statements, holds and lanes that are looked after for what comes later to them. */
const MAX_OPEN = 1000;

export class Markers {
  /** In the order of time, as far as the recording is. */
  readonly all: Marker[] = [];
  /** Those that were counted together. */
  readonly together: Together[] = [];
  readonly counts: Record<MarkerKind, number> = {
    ...{ action: 0, error: 0, refusal: 0, hold: 0, mask: 0, file: 0, forward: 0, resize: 0, other: 0 },
  };
  readonly #holds = new Map<number | undefined, Marker>();
  readonly #refused = new Set<number>();
  readonly #sized = new Set<number>();
  readonly #forwards = new Set<number>();
  readonly #most: number;

  /** `most`: of more than these only the number is kept. */
  constructor(most = MAX_MARKERS) {
    this.#most = most;
  }

  /** What the event adds, if anything. */
  add(event: ReplayEvent | TerminalEvent): void {
    if (event.kind === 'more-markers') {
      this.counts[event.of] += event.count;
      this.together.push(event);
      return;
    }
    const marker = this.#markerOf(event);
    if (!marker) return;
    this.counts[marker.kind]++;
    if (this.all.length < this.#most) this.all.push(marker);
  }

  /** How many there are that are not kept. */
  get more(): number {
    return MARKER_KINDS.reduce((sum, kind) => sum + this.counts[kind], 0) - this.all.length;
  }

  #markerOf(event: ReplayEvent | TerminalEvent): Marker | undefined {
    const { timeUs } = event;
    const at = { timeUs, ...('lane' in event && { lane: event.lane }) };
    const of = (kind: MarkerKind, words: string, action?: number): Marker => ({
      ...{ kind, ...at, words: cutText(words, MAX_WORDS) },
      ...(action !== undefined && { action }),
    });
    switch (event.kind) {
      case 'statement':
        return of('action', event.text, event.statement);
      case 'result':
        return this.#failed(event, of);
      case 'command':
        return of('action', event.command || event.form, event.action);
      case 'typed':
        return of('action', `typed: ${event.line}`, event.action);
      case 'finished': {
        if (event.signal === undefined && (event.exit ?? 0) === 0) return undefined;
        return of('error', endWords(event) ?? '', event.action);
      }
      case 'notice':
        return this.#noticed(event, of);
      case 'access': {
        const failure = failureWords(event);
        return of('file', [accessWords(event), failure ?? []].flat().join(': '), event.action);
      }
      case 'file':
        return of('file', transferWords(event), event.action);
      case 'signal':
        return of('other', `${signalWords(event)}, from the client`, event.action);
      case 'lane':
        if (!FORWARD.test(event.of)) return undefined;
        if (this.#forwards.size < MAX_OPEN) this.#forwards.add(event.lane);
        return of('forward', event.label);
      case 'lane-end': {
        const { bytes, note, label = `lane ${event.lane}` } = event;
        const forward = this.#forwards.delete(event.lane);
        this.#sized.delete(event.lane);
        if (note === undefined && !bytes) return undefined;
        const moved = bytes ? `, ${showBytes(bytes.client + bytes.target)} went over it` : '';
        return of(forward ? 'forward' : 'other', `${label} closed${note === undefined ? '' : `: ${note}`}${moved}`);
      }
      case 'resize': {
        const first = !this.#sized.has(event.lane);
        if (this.#sized.size < MAX_OPEN) this.#sized.add(event.lane);
        return first ? undefined : of('resize', `${event.columns} × ${event.rows}`);
      }
      case 'damaged':
        return of('error', `The recording is damaged from here on: ${event.message}`);
      default:
        return undefined;
    }
  }

  #failed({ statement, error }: Extract<ReplayEvent, { kind: 'result' }>, of: MakeMarker): Marker | undefined {
    const refused = this.#refused.delete(statement);
    // The refusal itself is marked; what was passed over behind a failure did not fail.
    if (!error || refused || isGatewayWord(error)) return undefined;
    return of('error', `${errorName(error)}: ${error.message}`, statement);
  }

  #noticed(event: Extract<ReplayEvent | TerminalEvent, { kind: 'notice' }>, of: MakeMarker): Marker | undefined {
    const { severity, message } = event;
    const action = 'statement' in event ? event.statement : 'action' in event ? event.action : undefined;
    const kind = KINDS[severity];
    if (kind === 'decided') {
      const hold = this.#holds.get(action);
      if (!hold) return of('other', `${severity}: ${message}`, action);
      this.#holds.delete(action);
      hold.untilUs = Math.max(hold.timeUs, event.timeUs);
      hold.words = cutText(`${message} It waited ${span((hold.untilUs - hold.timeUs) / 1000)}.`, MAX_WORDS);
      return undefined;
    }
    if (kind === 'refusal' && action !== undefined && this.#refused.size < MAX_OPEN) this.#refused.add(action);
    const marker = of(kind ?? 'other', kind && kind !== 'other' ? message : `${severity}: ${message}`, action);
    if (kind === 'hold' && this.#holds.size < MAX_OPEN) this.#holds.set(action, marker);
    return marker;
  }
}

/** So many of a kind, from then until then. */
type Together = Extract<TerminalEvent, { kind: 'more-markers' }>;

type MakeMarker = (kind: MarkerKind, words: string, action?: number) => Marker;

/** Of the gateway's own notices, by their severity. */
const KINDS: Readonly<Record<string, MarkerKind | 'decided'>> = {
  REFUSED: 'refusal',
  HELD: 'hold',
  APPROVED: 'decided',
  DENIED: 'decided',
  EXPIRED: 'decided',
  WITHDRAWN: 'decided',
  FAILED: 'decided',
  MASKED: 'mask',
  HIDDEN: 'mask',
  WITHHELD: 'mask',
  FILE: 'file',
};

/** The next marker in a direction: behind the one that was gone to last, or else the position. `wanted`: those that are looked at. */
export function stepMarker(
  all: readonly Marker[],
  wanted: ReadonlySet<MarkerKind>,
  from: { readonly at: Marker | undefined; readonly positionUs: number },
  direction: 1 | -1,
): Marker | undefined {
  const last = from.at ? all.indexOf(from.at) : -1;
  const passes = (marker: Marker, index: number) => {
    if (!wanted.has(marker.kind)) return false;
    if (last >= 0) return direction === 1 ? index > last : index < last;
    return direction === 1 ? marker.timeUs > from.positionUs : marker.timeUs < from.positionUs;
  };
  return direction === 1 ? all.find(passes) : all.findLast(passes);
}

/** Where on a bar of so many places markers stand: many at one place are one there. What lasts stands on all that it lasted. */
export function barPlaces(
  all: Iterable<{ readonly fromUs: number; readonly untilUs: number }>,
  endUs: number,
  places: number,
): readonly (readonly [from: number, to: number])[] {
  const covered = new Uint8Array(places + 1);
  const placeOf = (us: number) => Math.min(places, Math.max(0, Math.round((us / Math.max(1, endUs)) * places)));
  for (const { fromUs, untilUs } of all) covered.fill(1, placeOf(fromUs), placeOf(untilUs) + 1);
  const runs: [number, number][] = [];
  for (let place = 0; place <= places; place++) {
    const last = runs.at(-1);
    if (covered[place] === 0) continue;
    if (last && last[1] === place - 1) last[1] = place;
    else runs.push([place, place]);
  }
  return runs;
}
