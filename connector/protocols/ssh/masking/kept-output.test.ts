// With what stood in it, a masked program's output is what the program wrote, wherever it was cut and whenever it paused.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileMasks, Masks } from '../../../../core/masking/masks.ts';
import type { Shape } from '../../../../core/masking/terminal/live-stream.ts';
import { encodeReplacements, restoreBody } from '../../../../core/recording/originals/original-object.ts';
import { KeptOutput } from './kept-output.ts';

const CARD = '4111 1111 1111 1111';
const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMw\nAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n`;
const rules = compileMasks([
  { name: 'r', mask: [{ detect: ['credit-card', 'email', 'private-key', 'password'], with: 'placeholder' }] },
]);
const masks = () => new Masks(rules, { keyedHash: (value) => value.slice(0, 16), incidents: () => {} });

/** `pauses`: behind which parts it was silent for so long. */
function run(parts: readonly Buffer[], shape: Shape, pauses: readonly ('none' | 'short' | 'long')[] = []) {
  const stream = masks().liveStream(shape);
  if (!stream) throw new Error('no detectors');
  const kept = new KeptOutput(masks);
  const [shown, restored]: [Buffer[], Uint8Array[]] = [[], []];
  let bytes = 0;
  /** Behind the last that was given: hidden without a mark. */
  let unmarked = 0;
  const give = (part: Uint8Array) => {
    if (part.length === 0) return;
    unmarked = 0;
    const hid = kept.hidIn(Buffer.from(part), !stream.holds);
    bytes += hid.reduce((sum, { clear }) => sum + clear.length, 0);
    shown.push(Buffer.from(part));
    restored.push(restoreBody(part, [encodeReplacements(hid, 0)]));
  };
  parts.forEach((part, index) => {
    kept.push(part);
    unmarked += part.length;
    give(stream.push(part));
    const pause = pauses[index] ?? 'none';
    if (pause !== 'none') give(stream.pause(pause));
  });
  give(stream.end());
  return { shown: Buffer.concat(shown), restored: Buffer.concat(restored), bytes, unmarked };
}

const pieces = fc.constantFrom(
  CARD,
  KEY,
  'alice@example.com',
  'password=hunter2!',
  '\x1b[31m',
  '1\x1b[3b',
  '\r\n',
  '\n',
  ' ',
  'é',
  'word',
  '4111 ',
  'x'.repeat(70_000),
);

describe('the output of a program', () => {
  test('comes back whole, cut anywhere and with pauses', () => {
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.array(fc.constantFrom('none' as const, 'short' as const, 'long' as const), { maxLength: 9 }),
        fc.constantFrom<Shape>('free', 'columns'),
        (texts, cuts, pauses, shape) => {
          const text = Buffer.from(texts.join(''));
          const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
          const parts = places.slice(1).map((end, index) => text.subarray(places[index], end));
          const { restored, unmarked } = run(parts, shape, pauses);
          expect(text.subarray(0, restored.length).equals(restored)).toBe(true);
          expect(text.length - restored.length).toBeLessThanOrEqual(unmarked);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([true, false])(
    'of a key that never ends no more waits than a few MiB; it is counted, and what follows is kept',
    (settled) => {
      const counting = masks();
      const kept = new KeptOutput(() => counting);
      for (let i = 0; i < 100; i++) kept.push(Buffer.alloc(64 * 1024, 'QUJD'));
      kept.push(Buffer.from(settled ? '\n' : `\nbegun ${CARD}`));
      expect(kept.hidIn(Buffer.from('[private-key]\n'), settled)).toEqual([]);
      expect(counting.notKept()).toEqual([{ reason: 'too_large', count: 1 }]);
      kept.push(Buffer.from(settled ? `begun ${CARD}\n` : '\n'));
      const shown = Buffer.from('begun [credit-card]\n');
      const hid = kept.hidIn(shown, true);
      expect(Buffer.from(restoreBody(shown, [encodeReplacements(hid, 0)])).toString()).toBe(`begun ${CARD}\n`);
      expect(counting.notKept()).toEqual([{ reason: 'too_large', count: 1 }]);
    },
  );

  test('of long output only the values are kept, though chunks end within lines', () => {
    const text = Buffer.from(`nothing here\n${CARD} paid\n`.repeat(5_000));
    const parts = Array.from({ length: Math.ceil(text.length / 1000) }, (_, i) =>
      text.subarray(i * 1000, i * 1000 + 1000),
    );
    const { restored, shown, bytes } = run(parts, 'free');
    expect(restored.equals(text)).toBe(true);
    expect(shown.includes('4111')).toBe(false);
    expect(bytes).toBe(5_000 * CARD.length);
  });
});
