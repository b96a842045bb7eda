// What a detector is. It recognises a value by a byte that every such value contains (its trigger),
// looks at most LOOK_BEHIND_BYTES back from there and LOOK_AHEAD_BYTES on, and is a function of those
// bytes alone: so the same text is masked alike however it was cut into chunks.

/** From a trigger back to where its value begins: a mailbox name has 64, and so have names of settings. */
export const LOOK_BEHIND_BYTES = 96;
/** From a trigger on. Long values (tokens, keys) need only their head within; `tail` follows them on. */
export const LOOK_AHEAD_BYTES = 4096;

/** Where a detector puts what it found: one object used again and again. */
export interface Span {
  start: number;
  end: number;
}

export interface Detector {
  readonly name: string;
  /** Bytes that values are recognised by. */
  readonly triggers: string;
  /** true: triggers are digits, and only the first of a run of digits counts. */
  readonly firstDigitOnly?: true;
  /**
   * Whether `trigger` can be that of a value when it stands behind byte `before` (-1: at the start of the text). Asked
   * for every pair when a finder is made, so that a look at two bytes settles most places. Left out: it always can.
   */
  readonly canFollow?: (before: number, trigger: number) => boolean;
  /**
   * Looks for a value around the trigger at `at`. What precedes `begin` and follows `end` does not exist; a value
   * never starts before `low`, where an earlier one ends. Fills `found` and says true, or says false.
   */
  match(bytes: Uint8Array, at: number, begin: number, low: number, end: number, found: Span): boolean;
  /**
   * For values without a bound: where the value goes on to, from `from` which is its end so far. Gives the end, or
   * -1 when it may go on behind `end`; then it is asked again later, from `end` less TAIL_OVERLAP_BYTES.
   */
  readonly tail?: (bytes: Uint8Array, from: number, end: number) => number;
}

/** A tail's last bytes are shown to it again, so that an end mark across a border is seen whole. */
export const TAIL_OVERLAP_BYTES = 64;
