// What a database's protocol brings to a replay: results, read from the bytes of answers.

import type { StatementStarted } from '../../core/recording/facts/database.ts';

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
  /** Why nothing of it is shown. */
  readonly unread?: 'hidden' | 'not understood';
}

/** Rows that came after their statement's answer. */
export interface FetchedResult {
  readonly statement: number;
  readonly result: ReplayedResult;
}

export interface ClaimedBy {
  readonly statement: number;
  /** undefined: its beginning is not known. */
  readonly form: StatementStarted['form'] | undefined;
}

/** One a lane; it follows both directions from their beginning, or the target's from the first message of one result. */
export interface ResultReader {
  /** Bytes from the target seen so far. */
  readonly offset: number;
  /** What is taken now may be in another encoding than the one known. */
  readonly unsettled: boolean;
  /** A result is there, as far as it is kept. */
  readonly ready: boolean;
  /** Where the first bytes are of what it keeps beyond its statement's answer. */
  readonly oldest?: number;
  /** To read on from the first message of its result it needs what the client sent behind that. */
  readonly followsClient?: boolean;
  push(chunk: Uint8Array): void;
  /** What the client sent, each chunk before what the server answered to it. */
  pushClient(chunk: Uint8Array): void;
  /** No more is pushed, though more was sent: of a row that has begun, what came is shown. */
  cut?(): void;
  /** What the gateway said to the client, in whole messages. */
  pushGateway?(chunk: Uint8Array): void;
  /** Results of the answer to a statement, in [from, to); earlier ones, which no statement claimed, are dropped. */
  takeRange(from: number, to: number, of: ClaimedBy): readonly ReplayedResult[];
  /** What came of an answer whose end never did. */
  takeCut?(): readonly ReplayedResult[];
  /** Rows that are not in their statement's answer. `all`: also where more may come. */
  takeFetched?(all: boolean): readonly FetchedResult[];
  /** What there is, finished or not. */
  takeAll(): readonly ReplayedResult[];
  /** What one that goes on from here needs (checkpoints.ts), as JSON. undefined: not here, and exports of its protocol's replays end with one run. */
  state(): unknown;
  /** Goes on where the one was that said so. Throws StateMisfit. */
  resume(state: unknown): void;
}

/** Of a protocol that has none. */
export const noResults = (): ResultReader => ({
  offset: Number.POSITIVE_INFINITY,
  unsettled: false,
  ready: false,
  push() {},
  pushClient() {},
  takeRange: () => [],
  takeAll: () => [],
  state: () => null,
  resume() {},
});
