import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AskedForward, compileForwardRules, ForwardEntry, judgeForward, parseForwardPattern } from './forwards.ts';

const blocking = (...block: string[]) => compileForwardRules([ForwardEntry.parse({ block })]);
const allowing = (...allow: string[]) => compileForwardRules([ForwardEntry.parse({ allow })]);
const forward = (text: string): AskedForward => {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};

test.each([
  ['db', 'expected HOST:PORT'],
  ['db:http', 'expected HOST:PORT'],
  ['::1:22', 'expected HOST:PORT'],
  ['db:0', 'has no port that there is'],
  ['db:70000', 'has no port that there is'],
  ['db:90-80', 'has no port that there is'],
  ['[db]:80', '[db] is no IPv6 address'],
  ['10.0.0.1/8:22', '10.0.0.1 has bits set beyond /8'],
  ['0x7f.1:22', 'neither a host'],
  ['2130706433:22', 'neither a host'],
  ['a_b!c:22', 'neither a host'],
])('%j is no pattern: %s', (text, message) => {
  const parsed = parseForwardPattern(text);
  expect(parsed.ok ? 'fits' : parsed.error).toContain(message);
});

describe.each([
  ['db.internal:5432', 'db.internal:5432', true],
  ['db.internal:5432', 'DB.internal.:5432', true],
  ['db.internal:5432', 'db.internal:5433', false],
  ['*.internal:*', 'a.b.internal:1', true],
  ['*.internal:*', 'internal:1', false],
  ['*:22', '10.0.0.1:22', true],
  ['*:22', '::1:22', true],
  ['10.0.0.0/8:22', '10.9.8.7:22', true],
  ['10.0.0.0/8:22', '11.0.0.1:22', false],
  ['10.0.0.0/8:22', 'ten.internal:22', false],
  ['10.0.0.0/8:22', '::ffff:10.0.0.1:22', true],
  ['127.0.0.1:*', '127.0.0.1:80', true],
  ['[::1]:8000-8999', '0:0:0:0:0:0:0:1:8500', true],
  ['[::1]:8000-8999', '::1:9000', false],
  ['*0.1:22', '10.0.0.1:22', false],
])('%s, asked for %s', (pattern, asked, fits) => {
  test(`block: ${fits}`, () =>
    expect(judgeForward(blocking(pattern), forward(asked)).verdict).toBe(fits ? 'block' : 'allow'));
  test(`allow: ${fits}`, () =>
    expect(judgeForward(allowing(pattern), forward(asked)).verdict).toBe(fits ? 'allow' : 'block'));
});

test.each(['0x7f000001', '2130706433', '127.1', '0177.0.0.1', 'a b', '', '127.0.0.1%00', '*'])(
  'the host %j, which programs read in ways of their own, is stopped and never let pass',
  (host) => {
    expect(judgeForward(blocking('db:22'), { host, port: 22 }).verdict).toBe('block');
    expect(judgeForward(blocking('db:22'), { host, port: 23 }).verdict).toBe('allow');
    expect(judgeForward(allowing('*:*'), { host, port: 22 }).verdict).toBe('block');
  },
);

test('any host and port has a verdict, and one that is not named never passes an allow list', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 70_000 }), (host, port) => {
      judgeForward(blocking('*.x:*', '10.0.0.0/8:*'), { host, port });
      expect(judgeForward(allowing('db.internal:5432'), { host: `${host}x`, port }).verdict).toBe('block');
    }),
  );
});
