// Where the making of a file can be left, and gone on with by another run: between two segments of its recording. Whoever makes the
// file pulls it, so when a recording is asked for the first frame of a segment, each step on the way has handed on all that it had to
// say of those before. What a step knows then is all that it needs for the rest.
//
// What a step does that knows anything of the frames before (an exporter, a reader of a protocol's bytes):
//
//   const saved = at.saved('name', Schema);
//   let known = saved?.known ?? first;
//   if (!saved) yield head;                          what it says before it asks for the first frame it says once
//   at.keep('name', Schema, () => ({ known }));      all that it knows, also what it only counts, as JSON
//
// and it pulls: what reads ahead, or is told of frames by others, cannot be asked. `undefined` says "not here": it is asked again at the
// next segment. A step that can never be asked says so always, and its files end with one run's time. A recording that is read twice is
// read by `once` the first time. test/functions/rendered-cuts.test.ts cuts each format everywhere.
//
// What is kept is of the recording, so it is masked as that is; it stands beside the file's parts and ends with them (rendered/).

import { z } from 'zod';
import type { RecordingPart, SegmentPlace } from './store/read-recording.ts';

export interface Checkpoints {
  /** What a step kept where the file was left; undefined: it is made from its beginning. Throws StateMisfit for what is not of `schema`. */
  saved<Schema extends z.ZodType>(name: string, schema: Schema): z.output<Schema> | undefined;
  /** `state` is asked between two segments, from now on until the part is over. */
  keep<Schema extends z.ZodType>(name: string, schema: Schema, state: () => z.input<Schema> | undefined): void;
  /** The recording from where it was left. One is read at a time. */
  read(open: (from?: SegmentPlace) => AsyncIterable<RecordingPart>): AsyncIterable<RecordingPart>;
  /** Of steps that may have the names of others. */
  part(name: string): Checkpoints;
  /** What was found by reading before the file begins; found once. Its steps keep with what it is given. */
  once<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
    make: (at: Checkpoints) => Promise<z.output<Schema>>,
  ): Promise<z.output<Schema>>;
  /** The steps of this part are done, and are not asked again. */
  over(): void;
}

/** Of a file that is made in one go. */
export const NO_CHECKPOINTS: Checkpoints = {
  saved: () => undefined,
  keep: () => undefined,
  read: (open) => open(),
  part: () => NO_CHECKPOINTS,
  once: async (_name, _schema, make) => make(NO_CHECKPOINTS),
  over: () => undefined,
};

/** What was kept is not of this file, or not of this code: it is made from an earlier place. */
export class StateMisfit extends Error {}

/** For what a step keeps of its own steps. */
export function fitting<Schema extends z.ZodType>(schema: Schema, kept: unknown): z.output<Schema> {
  const parsed = schema.safeParse(kept);
  if (!parsed.success) throw new StateMisfit('what was kept does not fit');
  return parsed.data;
}

/** Bytes in what is kept. */
export const KeptBytes = z.string().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
export const keptBytes = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** Things that several hold: each is kept once, and named by its place. */
export class Listed<T> {
  readonly all: T[] = [];
  readonly #places = new Map<T, number>();

  of(thing: T): number {
    let place = this.#places.get(thing);
    if (place === undefined) {
      place = this.all.push(thing) - 1;
      this.#places.set(thing, place);
    }
    return place;
  }

  orNull(thing: T | undefined): number | null {
    return thing === undefined ? null : this.of(thing);
  }
}

/** Throws StateMisfit. */
export function listedAt<T>(all: readonly T[], place: number): T {
  const thing = all[place];
  if (thing === undefined) throw new StateMisfit('it names what it does not list');
  return thing;
}
