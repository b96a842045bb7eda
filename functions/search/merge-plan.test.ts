import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planMerge, TARGET_BYTES } from './merge-plan.ts';

const KIB = 1024;
const segment = (id: number, rawBytes: number) => ({ id: `s${String(id).padStart(6, '0')}`, until: id, rawBytes });

/** A segment each minute, merged as planned; sizes add up. */
function live(sizes: readonly number[]) {
  let segments: ReturnType<typeof segment>[] = [];
  let written = 0;
  let most = 0;
  for (const [index, size] of sizes.entries()) {
    segments.push(segment(index, size));
    for (let ids = planMerge(segments); ids.length > 0; ids = planMerge(segments)) {
      const picked = segments.filter(({ id }) => ids.includes(id));
      const bytes = picked.reduce((sum, { rawBytes }) => sum + rawBytes, 0);
      expect(bytes).toBeLessThanOrEqual(TARGET_BYTES);
      expect(picked.length).toBeGreaterThan(1);
      written += bytes;
      const until = Math.max(...picked.map((each) => each.until));
      segments = [
        ...segments.filter(({ id }) => !ids.includes(id)),
        { id: `${picked[0]?.id}+`, until, rawBytes: bytes },
      ];
    }
    most = Math.max(most, segments.filter(({ rawBytes }) => rawBytes * 2 <= TARGET_BYTES).length);
  }
  return { segments, written, most };
}

it('ends, whatever there is, with few segments that are not large', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 80 * KIB * KIB }), { maxLength: 150 }), (sizes) => {
      expect(live(sizes).most).toBeLessThanOrEqual(50);
    }),
  );
});

it('writes a document a few times in its life', () => {
  const sizes = Array.from({ length: 3000 }, () => 200 * KIB);
  const { segments, written, most } = live(sizes);
  expect(most).toBeLessThan(40);
  expect(written / (3000 * 200 * KIB)).toBeLessThan(6);
  expect(segments.length).toBeLessThan(60);
});
