import { expect, it } from 'vitest';
import { parsecAnswer } from './mariadb-parsec.ts';

const NONCE = Buffer.alloc(32, 7);
const SALT = Buffer.alloc(18, 9);

it('answers a salt of its kind, with a nonce of its own each time', async () => {
  const asked = Buffer.concat([Buffer.of(0x50, 0), SALT]);
  const [one, two] = await Promise.all([parsecAnswer('secret', asked, NONCE), parsecAnswer('secret', asked, NONCE)]);
  expect([one?.length, two?.length]).toEqual([96, 96]);
  expect(one?.equals(two as Buffer)).toBe(false);
});

it.each([
  ['another derivation', Buffer.concat([Buffer.of(0x51, 0), SALT]), NONCE],
  ['rounds that keep a thread busy for long', Buffer.concat([Buffer.of(0x50, 9), SALT]), NONCE],
  ['rounds beyond any', Buffer.concat([Buffer.of(0x50, 255), SALT]), NONCE],
  ['no salt', Buffer.of(0x50, 0), NONCE],
  ['nothing', Buffer.alloc(0), NONCE],
  ['a salt without end', Buffer.concat([Buffer.of(0x50, 0), Buffer.alloc(129)]), NONCE],
  ['a short nonce', Buffer.concat([Buffer.of(0x50, 0), SALT]), Buffer.alloc(20, 7)],
])('signs nothing for %s', async (_name, asked, nonce) => {
  expect(await parsecAnswer('secret', asked, nonce)).toBeUndefined();
});
