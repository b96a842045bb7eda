// What is recorded of a client's message in place of it (ADR 5): as long, of the same layout, with what
// rules hide, and secrets whatever the rules, written over. Names of statements and portals stay as they are.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { Replacement } from '../../../../core/recording/originals/original-object.ts';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { Secrets } from '../../../sql/found-secrets.ts';
import type { Prepared } from '../pipeline/statement.ts';
import type { HiddenParameters } from '../wire/parameters.ts';

export interface CopySubject {
  /** What the text of a Query or Parse does. */
  readonly read?: Summaries | undefined;
  /** Whether a backslash may escape in every string of it. */
  readonly backslashEscapes?: boolean;
  /** What a Bind names. */
  readonly prepared?: Prepared | undefined;
  /** Told which parameters of a Bind or FunctionCall are hidden, if any. */
  hid?(parameters: HiddenParameters): void;
  /** Told of secrets that the text of a Parse says or takes, if there may be any. */
  told?(secrets: Secrets): unknown;
}

export interface RecordedCopies {
  /** `message` whole, header and all. Gives the very same buffer when nothing in it is hidden. Never throws. */
  copy(type: number, message: Buffer, masks: Masks, subject: CopySubject): Buffer;
  /**
   * The next part of the body of a message that is too long to be kept whole (Bind, FunctionCall, Query or Parse), or
   * of COPY data. `first` and `last` part of its message.
   */
  part(type: number, part: Buffer, masks: Masks, first: boolean, last: boolean): Buffer;
  /**
   * What stood in the copy that was given last, where that is kept (ADR 52): never a secret. Nothing of a message that was
   * hidden whole, since nobody knows which of it is one.
   */
  hidIn(copy: Buffer): readonly Replacement[];
}
