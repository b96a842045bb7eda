// Two ends of a channel and a relay that loses whatever is under way when a connection is lost.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { INSTANCE_BYTES, MAX_DATA_BYTES, writeAck, writeData, writeEnd, writeHello } from './channel-messages.ts';
import { FIRST_FLIGHT_BYTES, ResumableChannel } from './resumable-channel.ts';

class End {
  readonly channel: ResumableChannel;
  /** On their way to the other end. */
  readonly outbox: Uint8Array[] = [];
  readonly taken: Uint8Array[] = [];
  ended = 0;
  drained = 0;
  /** Given by onData and not reported as used yet. */
  unused = 0;
  use: 'at once' | 'later' = 'at once';
  readonly faults: string[] = [];
  busy = false;

  constructor(id: number, window: number) {
    this.channel = new ResumableChannel({
      instance: new Uint8Array(INSTANCE_BYTES).fill(id),
      window,
      send: (message) => this.outbox.push(message),
      isBusy: () => this.busy,
      onData: (bytes) => {
        this.taken.push(Uint8Array.from(bytes));
        this.unused += bytes.length;
        if (this.use === 'at once') this.useAll();
      },
      onEnd: () => this.ended++,
      onDrain: () => this.drained++,
    });
  }

  useAll(): void {
    const count = this.unused;
    this.unused = 0;
    if (count > 0) this.channel.consumed(count);
  }

  receive(message: Uint8Array): void {
    const result = this.channel.receive(message);
    if (!result.ok) this.faults.push(result.error);
  }

  get text(): Buffer {
    return Buffer.concat(this.taken);
  }
}

class Relay {
  readonly a: End;
  readonly b: End;
  constructor(window = 1000) {
    this.a = new End(1, window);
    this.b = new End(2, window);
  }

  attach(): void {
    this.a.channel.attached();
    this.b.channel.attached();
  }

  lose(): void {
    this.a.outbox.length = 0;
    this.b.outbox.length = 0;
    this.a.channel.detached();
    this.b.channel.detached();
  }

  /** Delivers one message of `from`. */
  step(from: 'a' | 'b'): boolean {
    const [sender, receiver] = from === 'a' ? [this.a, this.b] : [this.b, this.a];
    const message = sender.outbox.shift();
    if (message) receiver.receive(message);
    return message !== undefined;
  }

  settle(): void {
    while (this.step('a') || this.step('b'));
  }
}

const bytes = (length: number, seed: number): Buffer => {
  const out = Buffer.alloc(length);
  for (let at = 0; at < length; at++) out[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff;
  return out;
};

type Step =
  | { readonly do: 'write'; readonly who: 'a' | 'b'; readonly length: number }
  | { readonly do: 'deliver'; readonly who: 'a' | 'b'; readonly count: number }
  | { readonly do: 'use' | 'drop' | 'ping'; readonly who: 'a' | 'b' }
  | { readonly do: 'end'; readonly who: 'a' | 'b' }
  | { readonly do: 'lose' }
  | { readonly do: 'attach' };

const who = fc.constantFrom('a' as const, 'b' as const);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('write' as const), who, length: fc.nat(3000) }),
    fc.record({ do: fc.constant('deliver' as const), who, count: fc.nat(6) }),
    fc.record({ do: fc.constantFrom('use' as const, 'drop' as const, 'ping' as const), who }),
    fc.record({ do: fc.constant('end' as const), who }),
    fc.record({ do: fc.constant('lose' as const) }),
    fc.record({ do: fc.constant('attach' as const) }),
  ),
  { maxLength: 60 },
);

test('whatever is lost and whenever, each end gets what the other wrote, once, in order, and its end', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 2000 }), (list: readonly Step[], window) => {
      const relay = new Relay(window);
      relay.a.use = relay.b.use = 'later';
      const written = { a: [] as Buffer[], b: [] as Buffer[] };
      const ended = { a: false, b: false };
      let attached = false;
      for (const step of list) {
        if (step.do === 'attach') {
          // As it is where a connection is replaced: what was under way is lost.
          relay.lose();
          relay.attach();
          attached = true;
        } else if (step.do === 'lose') {
          relay.lose();
          attached = false;
        } else if (step.do === 'write') {
          if (ended[step.who]) continue;
          const more = bytes(step.length, written[step.who].length);
          written[step.who].push(more);
          relay[step.who].channel.write(more);
        } else if (step.do === 'deliver') for (let i = 0; i < step.count; i++) relay.step(step.who);
        else if (step.do === 'use') relay[step.who].useAll();
        else if (step.do === 'ping') relay[step.who].channel.ping();
        else if (step.do === 'drop') {
          // A message vanishes on the way, and nobody says so. Greetings of a connection are told again by the relay.
          if (attached && relay[step.who].outbox[0]?.[0] !== 4) relay[step.who].outbox.shift();
        } else {
          ended[step.who] = true;
          relay[step.who].channel.end();
        }
        for (const end of [relay.a, relay.b]) expect(end.unused).toBeLessThanOrEqual(window);
      }
      if (!attached) relay.attach();
      relay.a.channel.end();
      relay.b.channel.end();
      relay.a.use = relay.b.use = 'at once';
      for (let round = 0; round < 10_000 && !(relay.a.channel.over && relay.b.channel.over); round++) {
        relay.a.useAll();
        relay.b.useAll();
        relay.settle();
        if (round % 2 === 1) relay.a.channel.ping();
        if (round % 2 === 1) relay.b.channel.ping();
      }
      expect([...relay.a.faults, ...relay.b.faults]).toEqual([]);
      expect(relay.b.text.equals(Buffer.concat(written.a))).toBe(true);
      expect(relay.a.text.equals(Buffer.concat(written.b))).toBe(true);
      expect([relay.a.ended, relay.b.ended]).toEqual([1, 1]);
      expect([relay.a.channel.over, relay.b.channel.over]).toEqual([true, true]);
    }),
    { numRuns: 500 },
  );
});

it('takes of a message what it does not have yet', () => {
  const relay = new Relay();
  relay.attach();
  relay.settle();
  const text = bytes(30, 1);
  relay.b.receive(writeData(0, [text.subarray(0, 20)], 20));
  relay.b.receive(writeData(5, [text.subarray(5, 15)], 10));
  relay.b.receive(writeData(10, [text.subarray(10)], 20));
  expect(relay.b.text.equals(text)).toBe(true);
  expect(relay.b.faults).toEqual([]);
});

it('is over as soon as what stood before the end was used, without a ping', () => {
  const relay = new Relay();
  relay.b.use = 'later';
  relay.attach();
  relay.a.channel.write(bytes(10, 1));
  relay.a.channel.end();
  relay.b.channel.end();
  relay.settle();
  expect(relay.a.channel.over).toBe(false);
  relay.b.useAll();
  relay.settle();
  expect([relay.a.channel.over, relay.b.channel.over]).toEqual([true, true]);
});

it('asks for what is missing, once, though no connection was lost', () => {
  const relay = new Relay();
  relay.attach();
  relay.settle();
  relay.a.channel.write(bytes(10, 1));
  relay.a.outbox.length = 0;
  relay.a.channel.write(bytes(10, 2));
  relay.a.channel.write(bytes(10, 3));
  relay.step('a');
  relay.step('a');
  expect(relay.b.outbox).toHaveLength(1);
  relay.settle();
  expect(relay.b.text.equals(Buffer.concat([bytes(10, 1), bytes(10, 2), bytes(10, 3)]))).toBe(true);
});

it('asks again with the next ping where the answer was lost as well', () => {
  const relay = new Relay();
  relay.attach();
  relay.settle();
  const text = bytes(10, 1);
  relay.a.channel.write(text);
  relay.a.outbox.length = 0;
  relay.a.channel.end();
  relay.step('a');
  relay.step('b');
  expect(relay.a.outbox).toHaveLength(2);
  relay.a.outbox.shift();
  relay.settle();
  expect(relay.b.text.length).toBe(0);
  relay.b.channel.ping();
  relay.a.channel.ping();
  relay.settle();
  expect(relay.b.text.equals(text)).toBe(true);
  expect(relay.b.ended).toBe(1);
});

it('asks for an end that vanished, with nothing behind it', () => {
  const relay = new Relay();
  relay.attach();
  relay.settle();
  relay.a.channel.end();
  relay.a.outbox.length = 0;
  relay.a.channel.ping();
  relay.settle();
  expect(relay.b.ended).toBe(1);
});

describe('a full window', () => {
  it('is back-pressure, however long the other end is away, and the writer is told once there is room', () => {
    const relay = new Relay(1000);
    expect(relay.a.channel.write(bytes(999, 1))).toBe(true);
    expect(relay.a.channel.write(bytes(5000, 2))).toBe(false);
    expect(relay.a.outbox).toEqual([]);
    relay.b.use = 'later';
    relay.attach();
    relay.settle();
    expect(relay.b.unused).toBe(1000);
    expect(relay.a.drained).toBe(0);
    relay.b.use = 'at once';
    relay.b.useAll();
    relay.settle();
    expect(relay.b.text.length).toBe(5999);
    // The last is acknowledged by the next ping.
    relay.b.channel.ping();
    relay.settle();
    expect(relay.a.channel.unacknowledged).toBe(0);
    expect(relay.a.drained).toBe(1);
  });

  it('on both sides at once holds up neither', () => {
    const relay = new Relay(64 * 1024);
    const long = bytes(8 * 1024 * 1024, 3);
    relay.a.channel.write(long);
    relay.b.channel.write(long);
    for (let reset = 0; reset < 20; reset++) {
      relay.attach();
      for (let i = 0; i < 7 + reset; i++) {
        relay.step('a');
        relay.step('b');
      }
      relay.lose();
    }
    relay.attach();
    relay.settle();
    const digest = (of: Buffer) => createHash('sha256').update(of).digest('hex');
    expect(digest(relay.a.text)).toBe(digest(long));
    expect(digest(relay.b.text)).toBe(digest(long));
  });
});

describe('on a connection that was just made', () => {
  const MIB = 1024 * 1024;

  it('sends little before anything is acknowledged, and a whole window once that much was', () => {
    const relay = new Relay(4 * MIB);
    relay.attach();
    relay.settle();
    relay.b.use = 'later';
    relay.a.channel.write(bytes(12 * MIB, 1));
    expect(relay.a.outbox).toHaveLength(FIRST_FLIGHT_BYTES / MAX_DATA_BYTES);
    relay.settle();
    let most = 0;
    while (relay.b.unused > 0) {
      relay.b.useAll();
      most = Math.max(most, relay.a.channel.unacknowledged);
      relay.settle();
      most = Math.max(most, relay.b.unused);
    }
    expect(relay.b.text.length).toBe(12 * MIB);
    expect(most).toBeGreaterThan(2 * MIB);
  });

  it('gets on though the other end is lost more often than a window takes to arrive, with the queue bounded', () => {
    const relay = new Relay(4 * MIB);
    const long = bytes(24 * MIB, 5);
    relay.attach();
    relay.settle();
    relay.a.channel.write(long);
    let longest = 0;
    let losses = 0;
    for (; relay.b.text.length < long.length && losses < 400; losses++) {
      // What one end queued for its own connection is not lost with the other's.
      relay.b.outbox.length = 0;
      relay.a.channel.detached();
      relay.b.channel.detached();
      relay.attach();
      for (let i = 0; i < 12; i++) {
        relay.step('a');
        while (relay.step('b'));
      }
      longest = Math.max(longest, relay.a.outbox.length);
    }
    expect(relay.b.text.equals(long)).toBe(true);
    expect(longest).toBeLessThan((8 * MIB) / MAX_DATA_BYTES);
    expect([...relay.a.faults, ...relay.b.faults]).toEqual([]);
  });

  it('adds nothing to a connection that is busy, has its writer wait, and goes on when it is free', () => {
    const relay = new Relay(4 * MIB);
    relay.attach();
    relay.settle();
    relay.a.busy = true;
    expect(relay.a.channel.write(bytes(1000, 1))).toBe(true);
    expect(relay.a.channel.write(bytes(MAX_DATA_BYTES, 1))).toBe(false);
    expect(relay.a.outbox).toEqual([]);
    // What is said in between is short, and goes.
    relay.a.channel.ping();
    expect(relay.a.outbox).toHaveLength(1);
    relay.a.busy = false;
    relay.a.channel.resume();
    expect(relay.a.drained).toBe(1);
    relay.settle();
    expect(relay.b.text.length).toBe(1000 + MAX_DATA_BYTES);
  });

  it('tells a writer of room once the other end is there again', () => {
    const relay = new Relay(4 * MIB);
    expect(relay.a.channel.write(bytes(100_000, 1))).toBe(false);
    relay.attach();
    relay.step('b');
    expect(relay.a.drained).toBe(1);
  });
});

it('one direction ends and the other goes on', () => {
  const relay = new Relay(100_000);
  relay.attach();
  relay.a.channel.write(bytes(10, 1));
  relay.a.channel.end();
  relay.settle();
  expect(relay.b.ended).toBe(1);
  relay.lose();
  relay.attach();
  const answer = bytes(1_000_001, 9);
  relay.b.channel.write(answer);
  relay.settle();
  expect(relay.a.text.equals(answer)).toBe(true);
  expect(relay.a.ended).toBe(0);
  expect(relay.a.channel.over).toBe(false);
});

describe('what the other end may not say', () => {
  const greeted = () => {
    const relay = new Relay();
    relay.attach();
    relay.settle();
    return relay;
  };
  const hello = {
    version: 1,
    instance: new Uint8Array(INSTANCE_BYTES).fill(2),
    window: 1000,
    received: 0,
    consumed: 0,
  };

  it.each<readonly [string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /too short/],
    ['of an unknown kind', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0), /unknown kind, 9/],
    ['data without any', writeData(0, [], 0), /0 bytes of data/],
    ['more data than a message has', writeData(0, [new Uint8Array(65_537)], 65_537), /65537 bytes/],
    ['more than the window', writeData(0, [new Uint8Array(1001)], 1001), /more than the window/],
    ['an offset beyond numbers', Uint8Array.of(1, 255, 255, 255, 255, 255, 255, 255, 255, 0), /too large/],
    ['an acknowledgement of what was not sent', writeAck(1), /not sent/],
    ['a hello of another version', writeHello({ ...hello, version: 2 }), /version 2 .* version 1/],
    ['a hello of another instance', writeHello({ ...hello, instance: new Uint8Array(16) }), /begun anew/],
    ['a hello that claims more', writeHello({ ...hello, received: 5 }), /not sent/],
    ['a hello that used what it did not receive', writeHello({ ...hello, consumed: 5 }), /wrong offsets/],
    ['a hello without a window', writeHello({ ...hello, window: 0 }), /no window/],
    ['a ping without what was sent', Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 0), /not of its length/],
    ['an end with more behind it', writeEnd(0).subarray(0, 5), /too short/],
  ])('%s', (_, message, expected) => {
    const { a } = greeted();
    a.receive(message);
    expect(a.faults).toHaveLength(1);
    expect(a.faults[0]).toMatch(expected);
    expect(a.taken).toEqual([]);
  });

  it('bytes behind its end, or an end before them', () => {
    const { a } = greeted();
    a.receive(writeData(0, [new Uint8Array(4)], 4));
    a.receive(writeEnd(3));
    expect(a.faults).toEqual(['the other end ends before what it sent']);
    a.receive(writeEnd(4));
    a.receive(writeEnd(4));
    a.receive(writeData(4, [new Uint8Array(1)], 1));
    expect(a.faults.at(-1)).toBe('the other end sends behind its end');
    expect(a.ended).toBe(1);
  });
});
