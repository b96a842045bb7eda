import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, UnauthenticatedConnections } from './limits.ts';

describe('connections that have proven nothing', () => {
  const dropped: string[] = [];
  const from = (address: string, name: string) => ({ address, drop: () => void dropped.push(name) });

  it('make room at a cap by the one that waited longest: of that address, else of all', () => {
    const connections = new UnauthenticatedConnections({
      ...DEFAULT_LIMITS,
      maxUnauthenticated: 3,
      maxUnauthenticatedPerAddress: 2,
    });
    const second = from('a', 'a2');
    connections.enter(from('a', 'a1'));
    connections.enter(second);
    connections.enter(from('a', 'a3'));
    expect(dropped).toEqual(['a1']);
    connections.enter(from('b', 'b1'));
    connections.enter(from('c', 'c1'));
    expect(dropped).toEqual(['a1', 'a2']);
    expect(connections.size).toBe(3);
    connections.leave(second);
    expect(connections.size).toBe(3);
  });
});
