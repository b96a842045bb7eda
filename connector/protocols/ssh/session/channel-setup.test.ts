import { expect, it } from 'vitest';
import { type ChannelWish, commandDigest } from './channel-setup.ts';

it('what is approved is the command with its variables, its TERM and the modes of its terminal', () => {
  const terminal = { type: 'xterm', columns: 80, rows: 24, modes: Buffer.of(53, 0, 0, 0, 1, 0) };
  const wish: ChannelWish = {
    ...{ form: 'exec', command: 'deploy', wantReply: true, records: [], early: Buffer.alloc(0) },
    ...{ environment: ['LC_A=b'], terminal },
  };
  const others: ChannelWish[] = [
    { ...wish, command: 'deploy x' },
    { ...wish, environment: [] },
    { ...wish, terminal: { ...terminal, type: 'vt100' } },
    { ...wish, terminal: { ...terminal, modes: Buffer.of(53, 0, 0, 0, 0, 0) } },
    { ...wish, terminal: undefined },
  ];
  expect(new Set([wish, ...others].map(commandDigest)).size).toBe(6);
  // Its size says nothing about what runs, and may change at any time.
  expect(commandDigest({ ...wish, terminal: { ...terminal, columns: 90 } })).toBe(commandDigest(wish));
});
