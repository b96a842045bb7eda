// Where a session's objects are read from, wherever they are.

/** Thrown by a source for an object that is there and cannot be read; `message` says why. What can be read is proven all the same. */
export class UnreadableObject extends Error {}

/** A session's objects, wherever they are. */
export interface RecordingSource {
  /** Names below `recordings/CONNECTOR/SESSION/`, in any order: `00000000.seg`, `manifest.json`. */
  list(): Promise<readonly string[]>;
  /** undefined when there is none. Throws UnreadableObject, or whatever ends the whole proof. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Sealed originals are listed, and not handed out: of them no more is known than that they are there. */
  readonly originalsListed?: true;
}
