import { beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, UnauthenticatedConnections } from './limits.ts';

describe('connections that have proven nothing', () => {
  let now = 0;
  let begun: string[];
  let away: string[];
  const from = (address: string, name: string) => {
    const [toBegun, toAway] = [begun, away];
    return { address, begin: () => void toBegun.push(name), turnAway: () => void toAway.push(name) };
  };
  const limited = (all: number, perAddress: number) =>
    new UnauthenticatedConnections(
      { ...DEFAULT_LIMITS, maxUnauthenticated: all, maxUnauthenticatedPerAddress: perAddress },
      () => now,
    );
  const turns = async (count = 3) => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  beforeEach(() => {
    now = 0;
    begun = [];
    away = [];
  });

  it('wait for a place, first come, first served, and one full address holds up no other', () => {
    const connections = limited(3, 2);
    const first = from('a', 'a1');
    for (const each of [first, from('a', 'a2'), from('a', 'a3'), from('b', 'b1'), from('c', 'c1')])
      connections.enter(each);
    expect([begun, away]).toEqual([['a1', 'a2', 'b1'], []]);
    connections.leave(first);
    expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
    expect(connections.size).toBe(3);
  });

  it('are turned away when as many wait as may, and let in when those who wait have gone', () => {
    const connections = limited(2, 2);
    const [one, waits] = [from('a', 'a1'), from('c', 'c1')];
    for (const each of [one, from('b', 'b1'), waits, from('d', 'd1'), from('e', 'e1')]) connections.enter(each);
    expect([begun, away]).toEqual([['a1', 'b1'], ['e1']]);
    connections.leave(waits);
    connections.leave(one);
    expect(begun).toEqual(['a1', 'b1', 'd1']);
  });

  it('make room by who got least far: those being told why, the silent, those that wait long, never who just came', async () => {
    const connections = limited(4, 4);
    const [leaving, silent, securing, named] = [
      from('a', 'leaving'),
      from('b', 'silent'),
      from('c', 'securing'),
      from('d', 'named'),
    ];
    for (const each of [named, securing, silent, leaving]) connections.enter(each);
    connections.progressed(named, 'named');
    connections.progressed(securing, 'securing');
    // Not read yet: silence means nothing.
    now = 1_000;
    connections.enter(from('e', 'e1'));
    expect(away).toEqual([]);
    await turns();
    connections.progressed(leaving, 'leaving');
    expect([away, begun.at(-1)]).toEqual([['leaving'], 'e1']);
    connections.enter(from('e', 'e2'));
    expect([away.at(-1), begun.at(-1)]).toEqual(['silent', 'e2']);
    await turns();
    for (const [at, name, gone] of [
      [1_024, 'e3', undefined],
      [1_025, 'e4', 'e1'],
    ] as const) {
      now = at;
      const before = away.length;
      connections.enter(from('f', name));
      expect(away[before]).toBe(gone);
    }
    expect(away).not.toContain('securing');
    expect(away).not.toContain('named');
  });

  it('that are all honest are left alone while they get on, and give way when they stall', async () => {
    const connections = limited(2, 2);
    const [securing, named] = [from('a', 'securing'), from('b', 'named')];
    for (const each of [securing, named]) connections.enter(each);
    connections.progressed(securing, 'securing');
    connections.progressed(named, 'named');
    await turns();
    now = 1_999;
    connections.enter(from('c', 'c1'));
    expect(away).toEqual([]);
    now = 2_000;
    await expect.poll(() => [away, begun.at(-1)]).toEqual([['securing'], 'c1']);
  });
});
