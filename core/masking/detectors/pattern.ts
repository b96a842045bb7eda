// The policy author's own detectors: regular expressions in RE2's syntax, run in linear time. What
// RE2 does not know (look-around, back-references, possessive quantifiers) is refused when written.

import { MatcherInput, RE2JS } from 're2js';
import { err, ok, type Result } from '../../result.ts';

const MAX_PATTERN_LENGTH = 500;
/** RE2's measure of a pattern's cost for each byte of text. */
const MAX_PROGRAM_SIZE = 1000;

export interface DetectorPattern {
  readonly name: string;
  /**
   * Calls `found` with what begins in [from, scanEnd), in order and not overlapping. What precedes `begin` and
   * follows `end` does not exist.
   */
  each(
    bytes: Uint8Array,
    begin: number,
    from: number,
    scanEnd: number,
    end: number,
    found: (start: number, end: number) => void,
  ): void;
}

/** Says for the author what is wrong with a pattern. */
export function compilePattern(name: string, source: string): Result<DetectorPattern, string> {
  if (source.length > MAX_PATTERN_LENGTH) return err(`a pattern has at most ${MAX_PATTERN_LENGTH} characters`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace('error parsing regexp: ', '') : 'not readable';
    return err(`not a regular expression that runs in linear time (RE2): ${reason}`);
  }
  if (compiled.programSize() > MAX_PROGRAM_SIZE) return err('this pattern is too costly: shorten its repetitions');
  if (compiled.matcher('').find()) return err('this pattern fits the empty text, so it would fit everywhere');
  return ok({
    name,
    each(bytes, begin, from, scanEnd, end, found) {
      if (from >= end) return;
      const matcher = compiled.matcher(MatcherInput.utf8(bytes.subarray(begin, end)));
      let more = matcher.find(from - begin);
      while (more) {
        const start = matcher.start() + begin;
        const stop = matcher.end() + begin;
        if (start >= scanEnd) return;
        if (stop > start) found(start, stop);
        more = matcher.find();
      }
    },
  });
}
