// Content that the old scp (`scp -O`) carried: behind a line `C0644 SIZE NAME` of whoever sends the file. Such a line may stand in a
// file as well, or be refused; so each of the wanted size is followed, and the digest says which it was.

import { z } from 'zod';
import { fitting, KeptBytes, keptBytes } from '../../checkpoints.ts';
import type { ContentPart, ContentReader } from './content.ts';

const LINE = /C[0-7]{4} (\d{1,19}) [^/\0\n]+\n/g;
/** Longer than a line of it. */
const MAX_LINE_BYTES = 8 * 1024;
/** At a time; more can only stand in a file that is made of such lines. */
const MAX_FOLLOWED = 64;

const Count = z.number().int().min(0);
const ScpState = z.object({
  rest: KeptBytes,
  at: Count,
  followed: z.array(z.object({ content: z.string(), left: Count })).max(MAX_FOLLOWED),
});

export class ScpContent implements ContentReader {
  readonly #source: 'client' | 'target';
  readonly #size: number;
  /** What may be the beginning of a line. */
  #rest = Buffer.alloc(0);
  /** Of the source's bytes, where `#rest` begins. */
  #at = 0;
  #followed: { readonly content: string; left: number }[] = [];

  /** `saved`: what `state` said. Throws StateMisfit. */
  constructor(source: 'client' | 'target', size: number, saved?: unknown) {
    this.#source = source;
    this.#size = size;
    if (saved === undefined) return;
    const { rest, at, followed } = fitting(ScpState, saved);
    [this.#rest, this.#at, this.#followed] = [Buffer.from(rest), at, followed];
  }

  state(): z.input<typeof ScpState> {
    return { rest: keptBytes(this.#rest), at: this.#at, followed: this.#followed.map((each) => ({ ...each })) };
  }

  take(direction: 'client' | 'target', chunk: Uint8Array): ContentPart[] {
    if (direction !== this.#source) return [];
    const parts = this.#followed.flatMap((each) => partOf(each, chunk));
    const bytes = Buffer.concat([this.#rest, chunk]);
    let looked = 0;
    for (const { 0: line, 1: size, index } of bytes.toString('latin1').matchAll(LINE)) {
      looked = index + line.length;
      // One that ended in an earlier chunk was seen there.
      if (Number(size) !== this.#size || looked <= this.#rest.length || this.#followed.length >= MAX_FOLLOWED) continue;
      const followed = { content: String(this.#at + looked), left: this.#size };
      this.#followed.push(followed);
      parts.push(...partOf(followed, bytes.subarray(looked)));
    }
    this.#followed = this.#followed.filter(({ left }) => left > 0);
    const kept = Math.max(looked, bytes.length - MAX_LINE_BYTES, 0);
    this.#at += kept;
    this.#rest = Buffer.from(bytes.subarray(kept));
    return parts;
  }
}

function partOf(followed: { readonly content: string; left: number }, bytes: Uint8Array): ContentPart[] {
  const part = bytes.subarray(0, followed.left);
  followed.left -= part.length;
  return part.length === 0 ? [] : [{ content: followed.content, bytes: part }];
}
