import { expect, it } from 'vitest';
import { TypedInput } from './typed-input.ts';

/** `<`: so much is typed; `>`: so much is shown. */
function noteOf(...steps: readonly (readonly ['<' | '>', number])[]): string | undefined {
  const input = new TypedInput();
  for (const [way, bytes] of steps)
    if (way === '>') input.answered(bytes);
    else input.conceal(Buffer.alloc(bytes, 'x'));
  return input.note;
}

it('says how much was typed that no echo can be of, whatever else was shown', () => {
  const echoed = Array.from({ length: 300 }, () => [['<', 1000] as const, ['>', 1000] as const]).flat();
  expect(noteOf(...echoed, ['<', 4096])).toBeUndefined();
  expect(noteOf(['<', 5000])).toBe(
    'input of 5000 bytes is recorded by its length, and 5000 of them at least were not echoed',
  );
  // What was shown before is no echo of it.
  expect(noteOf(['>', 1_000_000], ['<', 500_000])).toMatch(/500000 of them at least were not echoed/);
  // Nor is all of what is shown behind a file that went in.
  expect(noteOf(['<', 500_000], ['>', 1_000_000])).toMatch(/500000 of them went in before any echo/);
});
