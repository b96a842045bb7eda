// Where rendered exports are kept: beside the search index, made of recordings as that is, without a lock and without versions, so
// that a purge deletes them at once. Of one export its parts, how far it is (render.ts), and where
// it can be gone on with.

import { z } from 'zod';
import { SessionId } from '../../core/ids.ts';
import { RENDERED_PREFIX } from '../../core/retention/rendered.ts';

const RenderedKey = z.string().regex(/^[0-9a-f]{64}$/);

/** `key`: of what it was made of, and how (job.ts). */
export const RenderedPlace = z.object({ session: SessionId, key: RenderedKey });
export type RenderedPlace = z.infer<typeof RenderedPlace>;

/** A part's number, how far it is, or where it can be gone on with (resume-points.ts). */
export type RenderedName = number | 'progress' | 'resume-0' | 'resume-1';

/** Every method throws RetriableFault when the store does not answer. */
export interface RenderedStore {
  /** Durable when it resolves; what stood there is written over, with the same bytes where it is a part. */
  put(place: RenderedPlace, name: RenderedName, bytes: Uint8Array): Promise<void>;
  /** undefined: there is none. */
  get(place: RenderedPlace, name: RenderedName): Promise<Uint8Array | undefined>;
  /** Resolves when nothing of the session is left that was there when it was called. */
  remove(session: SessionId): Promise<void>;
  /** Each session of which something is there, in order, with the time of its oldest object. */
  sessions(): AsyncGenerator<{ readonly session: SessionId; readonly oldestMs: number }>;
  /** Opens that part, without any other right, until then. `fileName`: for whoever saves it. */
  link(place: RenderedPlace, part: number, fileName: string, untilMs: number): Promise<string>;
}

/** Throws for what is no place: a name never leads elsewhere. */
export function renderedKeyOf(place: RenderedPlace, name: RenderedName): string {
  const { session, key } = RenderedPlace.parse(place);
  return `${RENDERED_PREFIX}${session}/${key}/${fileOf(name)}`;
}

const fileOf = (name: RenderedName): string =>
  typeof name === 'number' ? String(name).padStart(6, '0') : name === 'progress' ? 'progress.json' : name;
