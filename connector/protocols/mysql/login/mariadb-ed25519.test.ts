import { createPrivateKey, sign } from 'node:crypto';
import { expect, it } from 'vitest';
import { ed25519Answer } from './mariadb-ed25519.ts';
import { cachingSha2Answer, nativeAnswer } from './scrambles.ts';

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

it.each(
  ['a password of 32 bytes, as a seed', 'exactly the thirty-two bytes! ok', '~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~'].filter(
    (text) => Buffer.byteLength(text) === 32,
  ),
)('signs as Ed25519 does with a key of 32 bytes: %s', (password) => {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(password)]), format: 'der', type: 'pkcs8' });
  for (const nonce of [Buffer.alloc(32, 7), Buffer.from('0123456789abcdef0123456789abcdef')])
    expect(ed25519Answer(password, nonce).toString('hex')).toBe(sign(null, nonce, key).toString('hex'));
});

it('an empty password is answered by nothing', () => {
  expect(nativeAnswer('', Buffer.alloc(20, 1))).toHaveLength(0);
  expect(cachingSha2Answer('', Buffer.alloc(20, 1))).toHaveLength(0);
});
