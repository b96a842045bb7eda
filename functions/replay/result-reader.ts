// What a database's protocol brings to a replay: results, read from the bytes of answers.

export interface ReplayedResult {
  /** Of its first message, in all bytes from the target. */
  readonly offset: number;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly omitted: number;
  /** Columns beyond those shown. */
  readonly omittedColumns: number;
  /** The encoding, where some of it could not be decoded and is shown as bytes. */
  readonly undecoded: string | undefined;
  /** What it takes to read it again from its first message alone, as text. undefined: more than one keeps. */
  readonly layout: string | undefined;
}

/** One a lane; it follows both directions from their beginning, or the target's from the first message of one result. */
export interface ResultReader {
  /** It reads none: a replay says where they are. */
  readonly readsNone?: true;
  /** Bytes from the target seen so far. */
  readonly offset: number;
  /** What is taken now may be in another encoding than the one known. */
  readonly unsettled: boolean;
  /** A result is there, as far as it is kept. */
  readonly ready: boolean;
  push(chunk: Uint8Array): void;
  /** What the client sent, each chunk before what the server answered to it. */
  pushClient(chunk: Uint8Array): void;
  /** No more is pushed, though more was sent: of a row that has begun, what came is shown. */
  cut?(): void;
  /** Results that began in [from, to); earlier ones, which no statement claimed, are dropped. */
  takeRange(from: number, to: number): readonly ReplayedResult[];
  /** What there is, finished or not. */
  takeAll(): readonly ReplayedResult[];
}

/** Of a protocol whose results nobody reads. */
export const noResults = (): ResultReader => ({
  readsNone: true,
  offset: Number.POSITIVE_INFINITY,
  unsettled: false,
  ready: false,
  push() {},
  pushClient() {},
  takeRange: () => [],
  takeAll: () => [],
});
