// Two ends and a relay in memory that loses connections; the real relay is tried in edge/objects/tunnel-relay.test.ts.

import { createHash } from 'node:crypto';
import { Duplex } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { err, ok } from '../result.ts';
import { writeEnd } from './channel-messages.ts';
import { CLOSE_ABANDONED, CLOSE_DONE, CLOSE_OVER, CLOSE_TUNNEL_REFUSED } from './relay.ts';
import { type RelaySocket, type SocketEvents, TunnelEnd } from './tunnel-end.ts';

const [ACK, PING] = [3, 5];

/** As edge/objects/tunnel/tunnel-relay.ts, but messages take a turn, and what is under way is lost with its connection. */
class MemoryRelay {
  readonly #ends = new Map<string, { events: SocketEvents; alive: boolean }>();
  refuse: { final: boolean; message: string } | undefined;
  dials = 0;
  /** Delivers nothing, and says nothing. */
  dead = false;
  bytes = 0;
  delivered = 0;
  /** Bytes that no connection takes off the sender's hands. */
  held = 0;
  pings = 0;
  /** Sees each message before it is under way. */
  onSend: (from: string, message: Uint8Array) => void = () => {};
  /** How it ended, for whoever was not there to hear it. */
  #verdict: { code: number } | undefined;
  #taken = () => {};
  /** The last message left. */
  tell = () => this.#taken();

  connect = (name: string, other: string) => async (events: SocketEvents) => {
    this.dials++;
    if (this.refuse) return err(this.refuse);
    this.lose(name);
    const mine = { events, alive: true };
    const verdict = this.#verdict;
    if (verdict) {
      setImmediate(() => events.closed(verdict.code, 'the other end left'));
      return ok({ send: () => {}, bufferedAmount: 0, close: () => {} });
    }
    this.#ends.set(name, mine);
    const later = (deliver: () => void) => setImmediate(() => mine.alive && !this.dead && deliver());
    const theirs = this.#ends.get(other);
    if (theirs?.alive)
      for (const end of [mine, theirs])
        setImmediate(() => end.alive && end.events.message(JSON.stringify({ kind: 'attached' })));
    const relay = this;
    const socket: RelaySocket = {
      get bufferedAmount() {
        return relay.held;
      },
      send: (message, taken) => {
        if (taken) this.#taken = taken;
        if (message[0] === PING) this.pings++;
        this.onSend(name, message);
        this.bytes += message.length;
        const copy = Uint8Array.from(message);
        later(() => {
          const to = this.#ends.get(other);
          if (!to?.alive) return;
          this.delivered += copy.length;
          to.events.message(copy);
        });
      },
      close: (code) => {
        if (!mine.alive) return;
        mine.alive = false;
        setImmediate(() => events.closed(code, ''));
        if (code !== 1000 && code !== CLOSE_ABANDONED) return;
        const told = code === 1000 ? CLOSE_DONE : CLOSE_OVER;
        this.#verdict = { code: told };
        setImmediate(() =>
          setImmediate(() => {
            const theirs = this.#ends.get(other);
            if (theirs?.alive) theirs.events.closed(told, 'the other end left');
          }),
        );
      },
    };
    return ok(socket);
  };

  /** Of one end; the other is told. */
  lose(name: string): void {
    const end = this.#ends.get(name);
    if (!end?.alive) return;
    end.alive = false;
    end.events.closed(1006, '');
    for (const [key, it] of this.#ends)
      if (key !== name && it.alive) it.events.message(JSON.stringify({ kind: 'detached' }));
  }
}

const QUICK = { resumeWithinMs: 2_000, pingMs: 20, silentMs: 200, backOffMs: { first: 1, longest: 10 } };

function pair(relay = new MemoryRelay(), timing = QUICK, window?: number) {
  const more = window === undefined ? {} : { window };
  const a = new TunnelEnd({ connect: relay.connect('a', 'b'), timing, ...more });
  const b = new TunnelEnd({ connect: relay.connect('b', 'a'), timing, ...more });
  return { relay, a, b };
}

const duplex = (end: TunnelEnd): Duplex => {
  const made = Duplex.fromWeb({ readable: end.readable, writable: end.writable }, { allowHalfOpen: true });
  made.on('error', () => {});
  return made;
};

const digestOf = async (from: Duplex): Promise<string> => {
  const hash = createHash('sha256');
  // The other direction goes on.
  for await (const chunk of from.iterator({ destroyOnReturn: false })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
};

/** Of a size and content that its seed tells. */
function* bytes(total: number, seed: number): Generator<Buffer> {
  for (let sent = 0, n = seed; sent < total; n++) {
    const chunk = Buffer.alloc(Math.min(total - sent, 1 + ((n * 7919) % 60_000)), n & 0xff);
    sent += chunk.length;
    yield chunk;
  }
}

const digest = (total: number, seed: number): string => {
  const hash = createHash('sha256');
  for (const chunk of bytes(total, seed)) hash.update(chunk);
  return hash.digest('hex');
};

describe('two ends', () => {
  it('take what still comes after they were given up for nothing', async () => {
    let events: SocketEvents | undefined;
    const a = new TunnelEnd({
      connect: async (given) => {
        events = given;
        return ok({ send: () => {}, bufferedAmount: 0, close: () => {} });
      },
    });
    await vi.waitFor(() => expect(events).toBeDefined());
    events?.message(JSON.stringify({ kind: 'attached' }));
    await a.readable.cancel();
    expect(await a.closed).toMatchObject({ kind: 'abandoned' });
    expect(() => events?.message(writeEnd(0))).not.toThrow();
  });

  it('carry both directions at once while either connection is lost over and over', async () => {
    const { relay, a, b } = pair(new MemoryRelay(), QUICK, 256 * 1024);
    const [x, y] = [duplex(a), duplex(b)];
    const total = 24 * 1024 * 1024;
    const read = Promise.all([digestOf(x), digestOf(y)]);
    Duplex.from(bytes(total, 1)).pipe(x);
    Duplex.from(bytes(total, 2)).pipe(y);
    let lost = 0;
    // By what arrived, so that a slow machine gets on between two losses.
    let next = 0;
    const killer = setInterval(() => {
      if (relay.delivered < next) return;
      next = relay.delivered + 512 * 1024;
      relay.lose(lost++ % 3 === 0 ? 'a' : 'b');
    }, 1);
    expect(await read).toEqual([digest(total, 2), digest(total, 1)]);
    clearInterval(killer);
    expect(lost).toBeGreaterThan(20);
    expect((await Promise.all([a.closed, b.closed])).map(({ kind }) => kind)).toEqual(['ended', 'ended']);
  });

  it('one that has everything, and whose everything arrived, is not lost because the other is gone', async () => {
    const { relay, a, b } = pair();
    const [x, y] = [duplex(a), duplex(b)];
    const [atX, atY] = [digestOf(x), digestOf(y)];
    x.end('question');
    await atY;
    relay.onSend = (from, message) => {
      if (from !== 'a' || message[0] !== ACK || message[8] !== 7) return;
      relay.refuse = { final: true, message: 'the tunnel is no more' };
      relay.lose('a');
    };
    y.end('answer');
    await atX;
    expect((await a.closed).kind).toBe('ended');
    b.abandon('enough');
  });

  it.each(['a', 'b'])(
    'are both done though the connection of %s is lost with the last acknowledgement',
    async (lost) => {
      const { relay, a, b } = pair();
      const [x, y] = [duplex(a), duplex(b)];
      const [atX, atY] = [digestOf(x), digestOf(y)];
      x.end('question');
      await atY;
      let losses = 0;
      relay.onSend = (from, message) => {
        // Of an answer of six bytes, and its end.
        if (from !== 'a' || message[0] !== ACK || message[8] !== 7 || losses++ > 0) return;
        relay.lose(lost);
      };
      y.end('answer');
      await atX;
      expect(await Promise.all([a.closed, b.closed])).toMatchObject([{ kind: 'ended' }, { kind: 'ended' }]);
      expect(losses).toBe(1);
    },
  );

  it('one may end long before the other', async () => {
    const { relay, a, b } = pair();
    const [x, y] = [duplex(a), duplex(b)];
    x.end('GET /');
    expect(await digestOf(y)).toBe(createHash('sha256').update('GET /').digest('hex'));
    relay.lose('a');
    const answer = digestOf(x);
    y.end(Buffer.alloc(16 * 1024 * 1024 + 1, 7));
    expect(await answer).toBe(
      createHash('sha256')
        .update(Buffer.alloc(16 * 1024 * 1024 + 1, 7))
        .digest('hex'),
    );
  });

  it('stop a writer whose reader does not read, with memory bounded', async () => {
    const { relay, a, b } = pair();
    const x = duplex(a);
    let taken = 0;
    const big = Buffer.alloc(64 * 1024, 1);
    while (x.write(big)) taken += big.length;
    const writing = (async () => {
      for (;;) {
        await new Promise((resolve) => x.once('drain', resolve));
        while (x.write(big)) taken += big.length;
      }
    })();
    writing.catch(() => {});
    // Many turns, in which everything that may go on does.
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThan(12 * 1024 * 1024);
    expect(relay.bytes).toBeLessThan(6 * 1024 * 1024);
    b.abandon('enough');
    expect((await a.closed).kind).toBe('lost');
  });
});

it('a reader that does not read for longer than a dead connection is given is no dead connection', async () => {
  const timing = { ...QUICK, silentMs: 700 };
  const { relay, a, b } = pair(new MemoryRelay(), timing, 256 * 1024);
  const [x, y] = [duplex(a), duplex(b)];
  const total = 4 * 1024 * 1024;
  Duplex.from(bytes(total, 3)).pipe(x);
  await vi.waitFor(() => expect(relay.delivered).toBeGreaterThan(256 * 1024));
  // Of two ends.
  const pinged = relay.pings + (4 * timing.silentMs) / timing.pingMs;
  await vi.waitFor(() => expect(relay.pings).toBeGreaterThan(pinged), 10_000);
  expect(relay.dials).toBe(2);
  const read = digestOf(y);
  y.end();
  x.resume();
  expect(await read).toBe(digest(total, 3));
  expect((await a.closed).kind).toBe('ended');
});

it('what leaves this process slowly waits in the writer, and goes on when it left', async () => {
  const { relay, a, b } = pair();
  const [x, y] = [duplex(a), duplex(b)];
  const read = digestOf(y);
  await new Promise((resolve) => x.write('first', resolve));
  await vi.waitFor(() => expect(relay.delivered).toBeGreaterThan(0));
  relay.held = 1024 * 1024;
  const before = relay.bytes;
  x.end(Buffer.alloc(1024 * 1024, 1));
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(relay.bytes - before).toBeLessThan(1_000);
  relay.held = 0;
  relay.tell();
  expect(await read).toBe(
    createHash('sha256')
      .update('first')
      .update(Buffer.alloc(1024 * 1024, 1))
      .digest('hex'),
  );
});

describe('an end says why it is over', () => {
  it('when the other does not come in time', async () => {
    const relay = new MemoryRelay();
    const alone = new TunnelEnd({ connect: relay.connect('a', 'b'), timing: { ...QUICK, resumeWithinMs: 50 } });
    duplex(alone);
    expect(await alone.closed).toEqual({ kind: 'lost', message: 'the other end did not come' });
  });

  it('when the relay does not answer: after many tries, by its words', async () => {
    const relay = new MemoryRelay();
    relay.refuse = { final: false, message: 'ECONNREFUSED' };
    const alone = new TunnelEnd({ connect: relay.connect('a', 'b'), timing: { ...QUICK, resumeWithinMs: 100 } });
    duplex(alone);
    expect(await alone.closed).toEqual({ kind: 'lost', message: 'ECONNREFUSED' });
    expect(relay.dials).toBeGreaterThan(3);
  });

  it('when it is refused for good: at once', async () => {
    const relay = new MemoryRelay();
    relay.refuse = { final: true, message: 'the tunnel is no more' };
    const alone = new TunnelEnd({ connect: relay.connect('a', 'b') });
    duplex(alone);
    expect(await alone.closed).toEqual({ kind: 'lost', message: 'the tunnel is no more' });
    expect(relay.dials).toBe(1);
  });

  it('when the other refuses: at once, by its words', async () => {
    const alone = new TunnelEnd({
      connect: async (events) => {
        setImmediate(() => events.closed(CLOSE_TUNNEL_REFUSED, 'the connector has its 2000 tunnels open'));
        return ok({ send: () => {}, bufferedAmount: 0, close: () => {} });
      },
    });
    duplex(alone);
    expect(await alone.closed).toEqual({ kind: 'lost', message: 'the connector has its 2000 tunnels open' });
  });

  it('when the relay says again and again that the other is there, and nothing ever comes from it', async () => {
    let dials = 0;
    const alone = new TunnelEnd({
      timing: { ...QUICK, resumeWithinMs: 400, silentMs: 60 },
      connect: async (events) => {
        dials++;
        setImmediate(() => events.message(JSON.stringify({ kind: 'attached' })));
        return ok({ send: () => {}, bufferedAmount: 0, close: () => {} });
      },
    });
    duplex(alone);
    expect(await alone.closed).toEqual({ kind: 'lost', message: 'the other end does not answer' });
    expect(dials).toBeGreaterThan(1);
  });

  it('when the other leaves: at once, and what was not written fails', async () => {
    const { a, b } = pair();
    const x = duplex(a);
    duplex(b);
    await new Promise((resolve) => x.write('hello', resolve));
    b.abandon('the connector is stopping');
    expect(await a.closed).toEqual({ kind: 'lost', message: 'the other end left' });
    expect(await b.closed).toEqual({ kind: 'abandoned', message: 'the connector is stopping' });
    await vi.waitFor(() => expect(x.destroyed).toBe(true));
  });
});

it('a connection by which nothing comes any more is given up, and another one is made', async () => {
  const { relay, a, b } = pair();
  const [x, y] = [duplex(a), duplex(b)];
  const read = digestOf(y);
  await new Promise((resolve) => x.write('before ', resolve));
  relay.dead = true;
  const dials = relay.dials;
  await vi.waitFor(() => expect(relay.dials).toBeGreaterThan(dials));
  relay.dead = false;
  x.end('after');
  expect(await read).toBe(createHash('sha256').update('before after').digest('hex'));
});
