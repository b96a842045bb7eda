import { describe, expect, it } from 'vitest';
import { READ_AHEAD, readAhead } from './read-ahead.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('reading ahead', () => {
  it('gives everything in order, with as many under way as allowed and no more', async () => {
    let underWay = 0;
    let most = 0;
    const seen: number[] = [];
    const read = async (number: number) => {
      most = Math.max(most, ++underWay);
      // The later, the sooner.
      for (let turns = 20 - (number % 20); turns > 0; turns--) await turn();
      underWay--;
      return number;
    };
    for await (const number of readAhead(100, read)) seen.push(number);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, number) => number));
    expect(most).toBe(READ_AHEAD);
  });

  it('holds no more than that in memory for a slow taker', async () => {
    let started = 0;
    const reading = readAhead(1000, async (number) => {
      started++;
      return number;
    });
    for (let taken = 1; taken <= 5; taken++) {
      await reading.next();
      await turn();
      expect(started).toBe(taken - 1 + READ_AHEAD);
    }
  });

  it('fails at the first failure, after what came before it', async () => {
    const seen: number[] = [];
    const walk = async () => {
      for await (const number of readAhead(50, async (number) => {
        if (number >= 7) throw new Error(`no ${number}`);
        return number;
      }))
        seen.push(number);
    };
    await expect(walk()).rejects.toThrow('no 7');
    expect(seen).toHaveLength(7);
  });

  it('reads nothing of nothing', async () => {
    expect((await readAhead(0, () => Promise.reject(new Error('read'))).next()).done).toBe(true);
  });
});
