import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AskedForward,
  compileForwardRules,
  ForwardEntry,
  forwardWords,
  isSameHost,
  judgeForward,
  parseAskedForward,
  parseForwardPattern,
} from './forwards.ts';

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
  ['10.*:22', 'names no address'],
  ['*0.1:22', 'names no address'],
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
  ['localhost:*', '127.0.0.1:80', true],
  ['localhost:*', '::1:80', true],
])('%s, asked for %s', (pattern, asked, fits) => {
  test(`block: ${fits}`, () =>
    expect(judgeForward(blocking(pattern), forward(asked)).verdict).toBe(fits ? 'block' : 'allow'));
  test(`allow: ${fits}`, () =>
    expect(judgeForward(allowing(pattern), forward(asked)).verdict).toBe(fits ? 'allow' : 'block'));
});

test.each([
  '0x7f000001',
  '2130706433',
  '127.1',
  '0177.0.0.1',
  'a b',
  '',
  '*',
  'localhost..',
  '0',
  '::1::',
  '[db',
  '\uff4cocalhost',
  '\u212aube.internal',
  'a\u3002b',
])('the host %j, which programs read in ways of their own, is stopped and never let pass', (host) => {
  expect(judgeForward(blocking('db:22'), { host, port: 22 }).verdict).toBe('block');
  expect(judgeForward(blocking('db:22'), { host, port: 23 }).verdict).toBe('allow');
  expect(judgeForward(allowing('*:*'), { host, port: 22 }).verdict).toBe('block');
});

test('any host and port has a verdict, and one that is not named never passes an allow list', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 70_000 }), (host, port) => {
      judgeForward(blocking('*.x:*', '10.0.0.0/8:*'), { host, port });
      expect(judgeForward(allowing('db.internal:5432'), { host: `${host}x`, port }).verdict).toBe('block');
    }),
  );
});

describe('other spellings', () => {
  const OWN = [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '::',
    '::1',
    '[::1]',
    '0:0::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ].concat(
    [
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b::127.0.0.1',
      '64:ff9b:1::127.0.0.1',
      '2002:7f00:1::',
      '::ffff:0:127.0.0.1',
      'fe80::5efe:127.0.0.1',
      '127.0.0.1.',
      '::1%lo',
    ],
    ['localhost', 'localhost.', 'LOCALHOST', 'db.localhost', 'localhost.localdomain', 'ip6-localhost', ''],
    ['127.1', '0x7f.1', '2130706433', '0177.0.0.1', '0x7F000001'],
  );
  test.each(['localhost:22', '127.0.0.1:22', '[::1]:22', '127.0.0.0/8:22', '0.0.0.0:*', '*.localhost:20-30'])(
    'of the host itself are all stopped by %s',
    (pattern) =>
      expect(OWN.filter((host) => judgeForward(blocking(pattern), { host, port: 22 }).verdict !== 'block')).toEqual([]),
  );

  test.each([
    '127.0.0.2',
    '0.0.0.0',
    '::',
    '',
    '127.1',
    '0x7f.1',
    '::127.0.0.1',
    '::1%lo',
    '[::1]',
    'db.localhost',
    '10.0.0.1',
  ])('%j is not what an allow of localhost means', (host) =>
    expect(judgeForward(allowing('localhost:*'), { host, port: 22 }).verdict).toBe('block'),
  );

  test.each([
    '10.0.0.1.',
    '[10.0.0.1]',
    '::ffff:10.0.0.1',
    '::10.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b::10.0.0.1',
    '[64:FF9B:0::A00:1]',
    '::ffff:0:10.0.0.1',
    '::ffff:0:a00:1',
    '0:0:0:0:ffff:0:a00:1',
    '64:ff9b:1::a00:1',
    '64:ff9b:1:a00:0:100::',
    '64:ff9b:1:a:0:1::',
    '64:ff9b:1:0:a:0:100::',
    '64:ff9b:1:abcd::10.0.0.1',
    '2002:a00:1::',
    '2002:a00:1:2::3',
    '2001:0:4136:e378:8000:63bf:f5ff:fffe',
    'fe80::5efe:10.0.0.1',
    '2001:db8::200:5efe:a00:1',
    '10.1',
    '012.0.0.1',
    '167772161',
  ])('of an address are stopped: %s', (host) =>
    expect(judgeForward(blocking('10.0.0.0/8:22'), { host, port: 22 }).verdict).toBe('block'),
  );

  test.each([
    '::ffff:0:11.0.0.1',
    '64:ff9b::b00:1',
    '2002:b00:1::',
    '2001:db8::a00:1',
    'fe80::5eff:10.0.0.1',
    'a00:1::',
  ])('are not made of another address: %s', (host) =>
    expect(judgeForward(blocking('10.0.0.0/8:22'), { host, port: 22 }).verdict).toBe('allow'),
  );

  test.each(['::ffff:0:a00:1', '64:ff9b::a00:1', '64:ff9b:1::a00:1', '2002:a00:1::', '::10.0.0.1', '::5efe:a00:1'])(
    'of an address that is allowed lead elsewhere, for all that is certain: %s',
    (host) => {
      expect(judgeForward(allowing('10.0.0.0/8:22'), { host, port: 22 }).verdict).toBe('block');
      expect(judgeForward(allowing('10.0.0.0/8:22'), { host: 'x', port: 22, addresses: [host] }).verdict).toBe('block');
      expect(judgeForward(allowing(`[${host}]:22`), { host, port: 22 }).verdict).toBe('allow');
    },
  );

  test.each(['fe80::1%eth0', 'FE80:0::1', '[fe80::1]', '[fe80::1%1]'])(
    'of a link-local address are stopped: %s',
    (host) => {
      expect(judgeForward(blocking('[fe80::1]:22'), { host, port: 22 }).verdict).toBe('block');
      expect(judgeForward(blocking('[fe80::2]:22'), { host, port: 22 }).verdict).toBe('allow');
    },
  );

  test.each(['10.0.0.1.', '[10.0.0.1]', '10.1', '10.0.0.1%0'])('pass no allow list: %s', (host) =>
    expect(judgeForward(allowing('10.0.0.0/8:22'), { host, port: 22 }).verdict).toBe('block'),
  );

  test.each([0, -1, 65_558, 22.5, Number.NaN])('a port that is none is stopped: %s', (port) => {
    expect(judgeForward(blocking('db:22'), { host: 'db', port }).verdict).toBe('block');
    expect(judgeForward(allowing('*:*'), { host: 'db', port }).verdict).toBe('block');
  });

  test('do not make a stop of what is elsewhere', () => {
    for (const host of ['10.0.0.1', 'db.internal', '2001:db8::1', 'mylocalhost'])
      expect(judgeForward(blocking('localhost:*', '127.0.0.1:*', '[::1]:*'), { host, port: 22 }).verdict).toBe('allow');
  });
});

describe('a name that was resolved', () => {
  const db = (...addresses: string[]) => ({ host: 'db.internal', port: 22, addresses });
  test('is stopped when it leads where a stop is', () => {
    expect(judgeForward(blocking('10.0.0.0/8:22'), db('192.0.2.1', '10.0.0.1')).verdict).toBe('block');
    expect(judgeForward(blocking('localhost:22'), db('::ffff:127.0.0.1')).verdict).toBe('block');
    expect(judgeForward(blocking('10.0.0.0/8:22'), db('192.0.2.1')).verdict).toBe('allow');
  });
  test('passes by its name, or when all that it leads to may be reached', () => {
    expect(judgeForward(allowing('db.internal:22'), db('10.0.0.1')).verdict).toBe('allow');
    expect(judgeForward(allowing('10.0.0.0/8:22'), db('10.0.0.1', '10.0.0.2')).verdict).toBe('allow');
    expect(judgeForward(allowing('10.0.0.0/8:22'), db('10.0.0.1', '192.0.2.1')).verdict).toBe('block');
    expect(judgeForward(allowing('10.0.0.0/8:22'), db()).verdict).toBe('block');
  });
});

describe('a host that is written as no name is', () => {
  test.each(['db1%x.example.com', 'db1%1'])('passes no allow list: %s', (host) =>
    expect(judgeForward(compileForwardRules([{ allow: ['db1:*', '*:*'] }]), { host, port: 22 }).verdict).toBe('block'),
  );
});

test.each([
  ['db.internal', 'DB.internal.', true],
  ['10.0.0.5', '::ffff:10.0.0.5', true],
  ['10.0.0.5', '::ffff:a00:5', true],
  ['10.0.0.5', '::ffff:0:10.0.0.5', true],
  ['10.0.0.5', '64:ff9b::a00:5', true],
  ['2001:db8::1', '2001:DB8:0::1', true],
  ['db.internal', 'db2.internal', false],
  ['10.0.0.5', '10.0.0.6', false],
  ['', '', false],
])('%j and %j name one machine: %j', (one, other, same) => expect(isSameHost(one, other)).toBe(same));

describe('remote forwards are judged apart from others', () => {
  const remote = (text: string): AskedForward => ({ ...forward(text), remote: true });
  const verdict = (rules: ReturnType<typeof blocking>, asked: AskedForward) => judgeForward(rules, asked).verdict;

  test('neither kind opens the other, and a rule that names none opens none', () => {
    const local = allowing('*:*');
    expect(judgeForward(local, remote('localhost:80'))).toMatchObject({
      verdict: 'block',
      why: expect.stringContaining('remote HOST:PORT'),
    });
    expect(judgeForward(undefined, remote('localhost:80')).verdict).toBe('block');
    const other = allowing('remote *:*');
    expect(verdict(other, forward('localhost:80'))).toBe('block');
    expect(verdict(other, remote('localhost:80'))).toBe('allow');
    const both = compileForwardRules([
      ForwardEntry.parse({ block: ['10.0.0.0/8:*'] }),
      ForwardEntry.parse({ allow: ['remote localhost:8000-8999'] }),
    ]);
    expect(
      [forward('db:1'), forward('10.1.1.1:1'), remote('localhost:8080'), remote('localhost:80')].map((one) =>
        verdict(both, one),
      ),
    ).toEqual(['allow', 'block', 'allow', 'block']);
    expect(judgeForward(both, remote('localhost:80')).why).toBe('remote localhost:80 is not in the allow list');
  });

  test('all addresses are more than those of the machine itself', () => {
    expect(verdict(allowing('remote localhost:*'), remote(':80'))).toBe('block');
    expect(verdict(allowing('remote *:*'), remote(':80'))).toBe('allow');
    for (const host of ['', '0.0.0.0', '::', '127.0.0.1', 'LOCALHOST'])
      expect(verdict(blocking('remote localhost:80'), remote(`${host}:80`)), host).toBe('block');
  });

  test('a port that the target chooses may be any', () => {
    expect(verdict(allowing('remote localhost:*'), remote('localhost:0'))).toBe('allow');
    expect(verdict(allowing('remote localhost:8000-8999'), remote('localhost:0'))).toBe('block');
    expect(verdict(blocking('remote localhost:22'), remote('localhost:0'))).toBe('block');
    expect(verdict(blocking('remote localhost:22'), remote('10.0.0.1:0'))).toBe('allow');
    expect(verdict(allowing('remote localhost:*'), remote('localhost:70000'))).toBe('block');
    expect(verdict(allowing('localhost:*'), forward('localhost:0'))).toBe('block');
  });

  test('they are asked for in the same words', () => {
    const words = ['remote localhost:8080', 'remote *:0', 'remote [::1]:22', 'db:1'];
    for (const text of words) {
      const parsed = parseAskedForward(text);
      expect(parsed.ok && forwardWords(parsed.value)).toBe(text);
    }
    expect(parseAskedForward('db:0').ok).toBe(false);
  });
});
