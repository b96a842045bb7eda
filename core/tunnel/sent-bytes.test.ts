import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SentBytes } from './sent-bytes.ts';

test('gives any part of what is kept, in whatever order it is asked for', () => {
  const numbers = fc.array(fc.tuple(fc.constantFrom('add', 'release', 'parts'), fc.nat(200), fc.nat(200)));
  fc.assert(
    fc.property(numbers, (steps) => {
      const sent = new SentBytes();
      let all = Buffer.alloc(0);
      for (const [what, one, other] of steps) {
        if (what === 'add') {
          const more = Buffer.from(Array.from({ length: one }, (_, at) => (at * 7 + all.length) & 0xff));
          all = Buffer.concat([all, more]);
          sent.add(more);
        } else if (what === 'release') sent.release(Math.min(sent.end, sent.begin + one));
        else {
          const from = Math.min(sent.end, sent.begin + one);
          const to = Math.min(sent.end, from + other);
          expect(Buffer.concat(sent.parts(from, to)).equals(all.subarray(from, to))).toBe(true);
        }
      }
      expect(sent.end).toBe(all.length);
    }),
    { numRuns: 500 },
  );
});
