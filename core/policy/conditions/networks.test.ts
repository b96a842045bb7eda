import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cidr, isWithin, parseAddress } from './networks.ts';

describe('an address', () => {
  test.each<[string, string[], boolean]>([
    ['10.20.3.4', ['10.20.0.0/16'], true],
    ['10.21.0.0', ['10.20.0.0/16'], false],
    ['10.20.255.255', ['10.20.0.0/16'], true],
    ['192.0.2.1', ['10.0.0.0/8', '192.0.2.0/24'], true],
    ['192.0.2.1', ['192.0.2.1/32'], true],
    ['192.0.2.2', ['192.0.2.1/32'], false],
    ['203.0.113.9', ['0.0.0.0/0'], true],
    ['2001:db8::1', ['2001:db8::/32'], true],
    ['2001:DB8:0:0::1', ['2001:db8::/32'], true],
    ['2001:db9::1', ['2001:db8::/32'], false],
    ['::1', ['::1/128'], true],
    ['fe80::1', ['fe80::/10'], true],
    ['2001:db8::1', ['0.0.0.0/0'], false],
    ['10.20.3.4', ['::/0'], false],
    // What a dual-stack listener shows of an IPv4 client.
    ['::ffff:10.20.3.4', ['10.20.0.0/16'], true],
    ['::FFFF:0a14:0304', ['10.20.0.0/16'], true],
    ['::ffff:10.21.3.4', ['10.20.0.0/16'], false],
    ['10.20.3.4', ['::ffff:10.20.0.0/112'], true],
    ['', ['0.0.0.0/0', '::/0'], false],
    ['unknown', ['0.0.0.0/0', '::/0'], false],
    ['010.20.3.4', ['0.0.0.0/0'], false],
    ['10.20.3.4.5', ['0.0.0.0/0'], false],
    ['10.20.3.256', ['0.0.0.0/0'], false],
    ['fe80::1%eth0', ['::/0'], false],
    ['1::2::3', ['::/0'], false],
    ['1:2:3:4:5:6:7:8:9', ['::/0'], false],
    ['1:2:3:4:5:6:7::8', ['::/0'], false],
    ['10.20.3.4', [], false],
  ])('%s in %j: %s', (address, networks, expected) => {
    expect(isWithin(networks, address)).toBe(expected);
  });

  test('is in the networks of its own prefixes and in no neighbour of theirs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 1, max: 32 }), (value, prefix) => {
        const dotted = (four: number) => [24, 16, 8, 0].map((shift) => (four >>> shift) & 255).join('.');
        const mask = (0xffff_ffff << (32 - prefix)) >>> 0;
        const neighbour = ((value & mask) ^ (1 << (32 - prefix))) >>> 0;
        expect(isWithin([`${dotted((value & mask) >>> 0)}/${prefix}`], dotted(value))).toBe(true);
        expect(isWithin([`${dotted(neighbour)}/${prefix}`], dotted(value))).toBe(false);
      }),
    );
  });

  test('of any text is read or not, never thrown at', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
    fc.assert(fc.property(fc.ipV4(), (text) => parseAddress(text)?.bits === 32));
    fc.assert(fc.property(fc.ipV6(), (text) => parseAddress(text) !== undefined));
  });
});

describe('a network that is none is refused with what to write', () => {
  test.each<[string, RegExp]>([
    ['10.20.0.0', /for this one address write 10\.20\.0\.0\/32/],
    ['2001:db8::1', /write 2001:db8::1\/128/],
    ['10.20.0.1/16', /bits set beyond \/16/],
    ['2001:db8::1/32', /bits set beyond \/32/],
    ['10.20.0.0/33', /expected a network/],
    ['10.20.0.0/-1', /expected a network/],
    ['10.20.0.0/08', /expected a network/],
    ['10.20.0.0/', /expected a network/],
    ['10.20.0.0/16/1', /expected a network/],
    ['office', /expected a network/],
    ['::ffff:10.0.0.0/95', /expected a network/],
  ])('%s', (text, expected) => {
    const parsed = Cidr.safeParse(text);
    expect(parsed.success ? 'taken' : parsed.error.issues[0]?.message).toMatch(expected);
  });
});
