// A recording's frames as they stood before they were masked: what is kept of that, opened, put back where it was. A piece opens
// only beside the very body that was recorded, so what comes out is what the masked recording was made of.

import { type Frame, FrameDamage } from '../frame.ts';
import { framesOf, type Segment } from '../segment.ts';
import { OriginalDamage, readPieces, restoreBody, type SealedPiece } from './original-object.ts';

/** Opens a piece beside the body that it is of; throws OriginalDamage. Whoever makes one has the session's key. */
export type OpenPiece = (number: number, body: Uint8Array, sealed: Uint8Array) => Uint8Array;

export interface ClearFrame extends Frame {
  /** Something of it was masked, and is put back. */
  readonly restored: boolean;
}

/** Of one lane: bytes of the client in front of what comes, and its frames that were masked, newest last. */
interface ClientBytes {
  offset: number;
  frames: { readonly offset: number; readonly masked: Uint8Array; readonly clear: Uint8Array }[];
}

/** A statement stands shortly behind its bytes. */
const MAX_REMEMBERED_FRAMES = 64;

/** Of one session, segment by segment from the first. */
export class ClearFrames {
  readonly #open: OpenPiece;
  readonly #clients = new Map<number, ClientBytes>();

  constructor(open: OpenPiece) {
    this.#open = open;
  }

  /** `original`: what stands beside the segment; its digest was compared. Throws OriginalDamage, FrameDamage. */
  *framesOf(segment: Segment, original: Uint8Array | undefined): Generator<ClearFrame, void, undefined> {
    const pieces = new Map<number, SealedPiece[]>();
    for (const piece of original ? readPieces(original) : []) {
      const others = pieces.get(piece.frame);
      if (others) others.push(piece);
      else pieces.set(piece.frame, [piece]);
    }
    for (const frame of framesOf(segment)) {
      const own = pieces.get(frame.sequence) ?? [];
      pieces.delete(frame.sequence);
      if (own.length > 0 && frame.kind !== 'bytes') throw new OriginalDamage(`frame ${frame.sequence} is no bytes`);
      const opened = own.map(({ number, sealed }) => this.#open(number, frame.body, sealed));
      const body = own.length > 0 ? restoreBody(frame.body, opened) : this.#restoreFact(frame);
      this.#remember(frame, body);
      yield { ...frame, body, restored: body !== frame.body };
    }
    if (pieces.size > 0) throw new OriginalDamage('it is of frames that its segment does not have');
  }

  #remember({ direction, lane, kind, body: masked }: Frame, clear: Uint8Array): void {
    if (kind !== 'bytes' || direction !== 'client') return;
    const client = this.#clients.get(lane) ?? { offset: 0, frames: [] };
    this.#clients.set(lane, client);
    // What the client sent is masked in as many bytes (ADR 5).
    if (clear !== masked && clear.length === masked.length)
      client.frames.push({ offset: client.offset, masked, clear });
    if (client.frames.length > MAX_REMEMBERED_FRAMES) client.frames.shift();
    client.offset += masked.length;
  }

  /** The text of a statement is of the client's bytes: it is read where those are masked. */
  #restoreFact(frame: Frame): Uint8Array {
    const { kind, lane, body } = frame;
    const frames = kind === 'fact' ? this.#clients.get(lane)?.frames : undefined;
    if (!frames || frames.length === 0) return body;
    const fact = parse(frame);
    if (fact?.kind !== 'statement.started' || typeof fact.text !== 'string') return body;
    const at = fact.at as { direction?: unknown; offset?: unknown; length?: unknown } | undefined;
    if (at?.direction !== 'client' || typeof at.offset !== 'number' || typeof at.length !== 'number') return body;
    const text = clearText(fact.text, at.offset, at.length, frames);
    return text === undefined ? body : new TextEncoder().encode(JSON.stringify({ ...fact, text }));
  }
}

/** Undefined: it is not in one masked frame, so it stays as it is recorded. */
function clearText(text: string, offset: number, length: number, frames: ClientBytes['frames']): string | undefined {
  const frame = frames.find((one) => offset >= one.offset && offset + length <= one.offset + one.masked.length);
  if (!frame) return undefined;
  const from = offset - frame.offset;
  const wanted = new TextEncoder().encode(text);
  const at = indexOf(frame.masked, wanted, from, from + length);
  return at < 0 ? undefined : new TextDecoder().decode(frame.clear.subarray(at, at + wanted.length));
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number, to: number): number {
  for (let at = from; at + wanted.length <= to; at++) {
    let same = 0;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return -1;
}

function parse({ body, sequence }: Frame): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof json === 'object' && json !== null ? { ...json } : undefined;
  } catch {
    throw new FrameDamage(`frame ${sequence} is not JSON`);
  }
}
