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
}

/** One a session; it follows both directions from their beginning. */
export interface ResultReader {
  /** Bytes from the target seen so far. */
  readonly offset: number;
  /** What is taken now may be in another encoding than the one known. */
  readonly unsettled: boolean;
  push(chunk: Uint8Array): void;
  /** What the client sent, each chunk before what the server answered to it. */
  pushClient(chunk: Uint8Array): void;
  /** Results that began in [from, to); earlier ones, which no statement claimed, are dropped. */
  takeRange(from: number, to: number): readonly ReplayedResult[];
  /** What there is, finished or not. */
  takeAll(): readonly ReplayedResult[];
}

/** Of a protocol whose results nobody reads. */
export const noResults = (): ResultReader => ({
  offset: Number.POSITIVE_INFINITY,
  unsettled: false,
  push() {},
  pushClient() {},
  takeRange: () => [],
  takeAll: () => [],
});
