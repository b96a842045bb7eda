import { expect, it } from 'vitest';
import { ClientPackets, MAX_WHOLE_BYTES } from './client-packets.ts';
import { FULL_PACKET_BYTES, packet } from './packets.ts';

interface Seen {
  readonly shown: { readonly bytes: string; readonly cut: boolean; readonly offset: number }[];
  readonly forwarded: Buffer;
  readonly lasts: number;
  readonly fault: string | undefined;
}

function feed(chunks: readonly Buffer[], again = false): Seen {
  const shown: Seen['shown'] = [];
  const forwarded: Buffer[] = [];
  let lasts = 0;
  let asked = 0;
  const packets = new ClientPackets({
    packet({ bytes, cut, offset }) {
      if (again && asked++ % 2 === 0) return 'again';
      shown.push({ bytes: bytes.toString('hex', 0, 40), cut, offset });
      forwarded.push(Buffer.from(bytes));
      return 'taken';
    },
    rest(part, last) {
      forwarded.push(Buffer.from(part));
      if (last) lasts++;
    },
  });
  let waiting: Buffer[] = [...chunks];
  for (;;) {
    const [chunk, ...others] = waiting;
    if (!chunk) break;
    const taken = packets.take(chunk);
    waiting = taken < chunk.length && packets.fault === undefined ? [chunk.subarray(taken), ...others] : others;
  }
  // What was to be shown again may be all that is left.
  while (!packets.between && again && asked % 2 === 1) packets.take(Buffer.alloc(0));
  return { shown, forwarded: Buffer.concat(forwarded), lasts, fault: packets.fault };
}

const SMALL = Buffer.concat([packet(0, 3, 'select 1'), packet(0, 0x0e), packet(0, 3, 'x'.repeat(300)), packet(0, 1)]);

it.each([false, true])('gives the same packets at every two-way split, and byte by byte (shown again: %s)', (again) => {
  const whole = feed([SMALL], again);
  expect(whole.forwarded.equals(SMALL)).toBe(true);
  expect(whole.shown.map(({ offset }) => offset)).toEqual([0, 13, 18, 323]);
  for (let at = 1; at < SMALL.length; at++)
    expect(feed([SMALL.subarray(0, at), SMALL.subarray(at)], again)).toEqual(whole);
  expect(
    feed(
      [...SMALL].map((byte) => Buffer.of(byte)),
      again,
    ),
  ).toEqual(whole);
});

it.each([
  MAX_WHOLE_BYTES - 1,
  MAX_WHOLE_BYTES,
  MAX_WHOLE_BYTES + 1,
  FULL_PACKET_BYTES - 1,
  FULL_PACKET_BYTES,
  FULL_PACKET_BYTES + 1,
  2 * FULL_PACKET_BYTES,
])('a payload of %i bytes goes on as it came, and is cut when it is long', (size) => {
  const long = packet(0, 3, Buffer.alloc(size - 1, 'q'));
  const all = Buffer.concat([long, packet(0, 0x0e)]);
  for (const splits of [
    [],
    [4],
    [all.length - 8, all.length - 6],
    [FULL_PACKET_BYTES + 5],
    [FULL_PACKET_BYTES + 2, FULL_PACKET_BYTES + 7],
  ]) {
    const places = [0, ...splits.filter((at) => at < all.length), all.length];
    const seen = feed(places.slice(1).map((to, index) => all.subarray(places[index], to)));
    expect(seen.fault).toBeUndefined();
    expect(seen.forwarded.equals(all)).toBe(true);
    const cut = size > MAX_WHOLE_BYTES;
    expect(seen.shown.map(({ cut, offset }) => [cut, offset])).toEqual([
      [cut, 0],
      [false, long.length],
    ]);
    expect(seen.lasts).toBe(cut ? 1 : 0);
  }
});

it('a declared length allocates nothing, and packets out of order are a fault', () => {
  const before = process.memoryUsage().arrayBuffers;
  const waiting = Array.from({ length: 200 }, () => feed([Buffer.from([0xff, 0xff, 0xff, 0, 3])]));
  expect(waiting.every(({ shown }) => shown.length === 0)).toBe(true);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 1024 * 1024);
  const long = packet(0, 3, Buffer.alloc(FULL_PACKET_BYTES, 'q'));
  const wrong = Buffer.from(long);
  wrong[FULL_PACKET_BYTES + 4 + 3] = 7;
  expect(feed([wrong]).fault).toBe('packets of the client came out of order');
});
