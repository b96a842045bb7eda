// Content of files that went over a lane, read from its recorded bytes and handed on in the file's order. Which file it is says its
// reader's own number; that it is the right one says its digest, which the connector told of the bytes as they went by.

export interface ContentPart {
  /** Of a file that was open, in one direction; the same in each reading. */
  readonly content: string;
  /** A view, good until the next. */
  readonly bytes: Uint8Array;
}

/** One lane, both directions, from its beginning. What cannot be followed gives nothing more. */
export interface ContentReader {
  take(direction: 'client' | 'target', chunk: Uint8Array): ContentPart[];
  /** What one that goes on from here needs (checkpoints.ts), as JSON. undefined: not here. */
  state(): unknown;
}
