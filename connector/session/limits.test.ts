import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, UnauthenticatedCount } from './limits.ts';

describe('connections that have proven nothing', () => {
  it('are capped for each address and over all, and give their place back', () => {
    const count = new UnauthenticatedCount({
      ...DEFAULT_LIMITS,
      maxUnauthenticated: 3,
      maxUnauthenticatedPerAddress: 2,
    });
    expect([count.enter('a'), count.enter('a'), count.enter('a')]).toEqual([true, true, false]);
    expect([count.enter('b'), count.enter('c')]).toEqual([true, false]);
    count.leave('a');
    expect(count.enter('c')).toBe(true);
    expect(count.size).toBe(3);
  });
});
