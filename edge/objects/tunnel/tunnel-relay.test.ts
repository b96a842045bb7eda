// The relay between two ends, and who may open a tunnel or join one.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

const people = {} as Record<'alice' | 'bob', Caller>;
let connector: TestConnector;
let link: TestLink;
beforeAll(async () => {
  for (const name of ['alice', 'bob'] as const) people[name] = await callerAs(name);
  connector = await TestConnector.join('faraway');
  link = await connector.link([resource('demo'), resource('other')]);
  await grantFor(people.alice, 'demo');
});

class TestEnd {
  readonly got: (string | number[])[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.accept();
    const wake = () => {
      for (const it of this.#waiting) it();
    };
    socket.addEventListener('message', ({ data }) => {
      this.got.push(typeof data === 'string' ? data : [...new Uint8Array(data as ArrayBuffer)]);
      wake();
    });
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed = { code, reason };
      wake();
    });
  }

  send(message: string | Uint8Array): void {
    this.#socket.send(message);
  }

  close(code: number, reason = 'of the test'): void {
    this.#socket.close(code, reason);
  }

  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** The next message. */
  next = () => this.until(() => this.got.shift());
  whenClosed = () => this.until(() => this.closed);
}

const ATTACHED = '{"kind":"attached"}';
const objectOf = (tunnel: string) => env.TUNNEL.get(env.TUNNEL.idFromName(tunnel));
const open = (who: Caller, name = 'demo') => who.send('POST', '/tunnels', { resource: name });
const person = (who: Caller, tunnel: string) =>
  SELF.fetch(`${EDGE}/api/v1/tunnels/${tunnel}`, {
    headers: { upgrade: 'websocket', authorization: `Bearer ${who.token}`, 'cf-connecting-ip': '192.0.2.7' },
  });
const ofConnector = async (of: TestConnector, tunnel: string) =>
  SELF.fetch(`${EDGE}/connectors/tunnels/${tunnel}`, {
    headers: { upgrade: 'websocket', authorization: `Bearer ${await of.jwt()}` },
  });

async function endOf(joining: Promise<Response>): Promise<TestEnd> {
  const response = await joining;
  if (!response.webSocket) throw new Error(`joining answered ${response.status}`);
  return new TestEnd(response.webSocket);
}

async function opened(): Promise<string> {
  const answer = await open(people.alice);
  expect(answer.status).toBe(200);
  const { tunnel } = await answer.json<{ tunnel: string }>();
  return tunnel;
}

async function bothEnds() {
  const tunnel = await opened();
  const one = await endOf(person(people.alice, tunnel));
  const other = await endOf(ofConnector(connector, tunnel));
  expect(await one.next()).toBe(ATTACHED);
  expect(await other.next()).toBe('{"kind":"attached","address":"192.0.2.7"}');
  return { tunnel, one, other };
}

describe('a tunnel', () => {
  test('is written down, and the connector is told', async () => {
    const answer = await open(people.alice);
    const said = await answer.json<{ tunnel: string }>();
    expect(said).toMatchObject({ resource: 'demo', protocol: 'postgres', host: 'db.example.com' });
    expect(await link.next('tunnel.open', ({ tunnel }) => tunnel === said.tunnel)).toMatchObject({
      email: 'alice@example.com',
    });
    expect(await newest('tunnel.opened')).toMatchObject({
      actor: 'alice@example.com',
      object: 'demo',
      details: { tunnel: said.tunnel, connector: connector.id },
    });
  });

  test('is for the holder of a live grant; others learn nothing of what there is', async () => {
    const [none, unknown] = await Promise.all([open(people.bob), open(people.bob, 'nowhere')]);
    expect([none.status, unknown.status]).toEqual([403, 403]);
    const words = (text: string) => text.replaceAll(/demo|nowhere/g, 'X');
    expect(words(await none.text())).toBe(words(await unknown.text()));
    expect(link.pending('tunnel.open')).toBe(0);
  });

  test('is none where the connector is of an earlier release, or away', async () => {
    const old = await TestConnector.join('old');
    const its = await old.link([resource('aged')], [], ['session.end']);
    await grantFor(people.alice, 'aged');
    const answer = await open(people.alice, 'aged');
    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain('earlier release');
    expect(await newest('tunnel.opened')).toMatchObject({ details: { undelivered: 'too_old' } });
    its.close();
    await expect.poll(async () => (await open(people.alice, 'aged')).status).toBe(503);
  });
});

describe('joining', () => {
  test.each(['of another person', 'of another connector', 'that is none', 'without an upgrade', 'by a cookie'])(
    '%s is refused',
    async (what) => {
      const tunnel = await opened();
      if (what === 'of another person') expect((await person(people.bob, tunnel)).status).toBe(404);
      else if (what === 'that is none') {
        expect((await person(people.alice, newId('tun'))).status).toBe(404);
        expect((await person(people.alice, 'tun_nonsense')).status).toBe(404);
      } else if (what === 'of another connector') {
        const stranger = await TestConnector.join('stranger');
        expect((await ofConnector(stranger, tunnel)).status).toBe(404);
      } else if (what === 'without an upgrade')
        expect((await people.alice.send('GET', `/tunnels/${tunnel}`)).status).toBe(426);
      else {
        const answer = await SELF.fetch(`${EDGE}/api/v1/tunnels/${tunnel}`, { headers: { upgrade: 'websocket' } });
        expect(answer.status).toBe(401);
      }
    },
  );
});

test('a connector whose tunnels all come back at once is not kept from its own link', async () => {
  const answers = await Promise.all(Array.from({ length: 320 }, () => ofConnector(connector, newId('tun'))));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
  const again = await connector.link([resource('demo'), resource('other')]);
  expect((await open(people.alice)).status).toBe(200);
  again.close();
  link = await connector.link([resource('demo'), resource('other')]);
});

describe('the relay', () => {
  test('gives each end what the other sends, in order', async () => {
    const { one, other } = await bothEnds();
    for (let n = 0; n < 50; n++) {
      one.send(Uint8Array.of(1, n));
      other.send(Uint8Array.of(2, n));
    }
    for (let n = 0; n < 50; n++) {
      expect(await other.next()).toEqual([1, n]);
      expect(await one.next()).toEqual([2, n]);
    }
  });

  test('may be evicted between any two frames: both ends notice nothing', async () => {
    const { tunnel, one, other } = await bothEnds();
    for (let n = 0; n < 8; n++) {
      one.send(Uint8Array.of(1, n));
      expect(await other.next()).toEqual([1, n]);
      await evictDurableObject(objectOf(tunnel));
      other.send(Uint8Array.of(2, n));
      expect(await one.next()).toEqual([2, n]);
      await evictDurableObject(objectOf(tunnel));
    }
    expect([one.closed, other.closed]).toEqual([undefined, undefined]);
  });

  test('evicted before an end is lost, comes again or leaves, it does what it would have done', async () => {
    const { tunnel, one, other } = await bothEnds();
    const evicted = () => evictDurableObject(objectOf(tunnel));
    await evicted();
    one.close(4000);
    expect(await other.next()).toBe('{"kind":"detached"}');
    await evicted();
    const again = await endOf(person(people.alice, tunnel));
    expect([await again.next(), await other.next()]).toEqual([ATTACHED, expect.stringContaining('attached')]);
    await evicted();
    again.send(Uint8Array.of(7));
    expect(await other.next()).toEqual([7]);
    await evicted();
    again.close(1000);
    expect((await other.whenClosed()).code).toBe(4411);
  });

  test('has nothing in memory, and no alarm while both ends are there: it sleeps for as long as they say nothing', async () => {
    const { tunnel, one, other } = await bothEnds();
    one.send(Uint8Array.of(1));
    expect(await other.next()).toEqual([1]);
    const look = () =>
      runInDurableObject(objectOf(tunnel), async (object, { storage }) => ({
        own: Object.keys(object).filter((name) => name !== 'ctx' && name !== 'env'),
        alarm: await storage.getAlarm(),
        stored: [...(await storage.list()).keys()],
      }));
    expect(await look()).toEqual({ own: [], alarm: null, stored: ['terms'] });
    one.close(4000);
    expect(await other.next()).toBe('{"kind":"detached"}');
    await expect.poll(async () => (await look()).alarm).toBeGreaterThan(Date.now());
    await endOf(person(people.alice, tunnel));
    expect(await look()).toMatchObject({ alarm: null });
  });

  test('tells the other end when one is lost, and both when it is there again', async () => {
    const { tunnel, one, other } = await bothEnds();
    one.close(4000);
    expect(await other.next()).toBe('{"kind":"detached"}');
    other.send(Uint8Array.of(9));
    const again = await endOf(person(people.alice, tunnel));
    expect(await again.next()).toBe(ATTACHED);
    expect(await other.next()).toBe('{"kind":"attached","address":"192.0.2.7"}');
    again.send(Uint8Array.of(1));
    expect(await other.next()).toEqual([1]);
    // What was sent meanwhile is lost: its end sends it again.
    other.send(Uint8Array.of(2));
    expect(await again.next()).toEqual([2]);
  });

  test('a newer connection of an end takes the place of the older', async () => {
    const { tunnel, one, other } = await bothEnds();
    const newer = await endOf(person(people.alice, tunnel));
    expect((await one.whenClosed()).code).toBe(4409);
    expect(await newer.next()).toBe(ATTACHED);
    expect(await other.next()).toContain('attached');
    newer.send(Uint8Array.of(5));
    expect(await other.next()).toEqual([5]);
  });

  test.each([
    [1000, 4411],
    [4499, 4410],
  ])('an end that leaves with %i ends the tunnel, and the other reads %i', async (code, told) => {
    const { tunnel, one, other } = await bothEnds();
    one.close(code);
    expect((await other.whenClosed()).code).toBe(told);
    // Whoever comes too late hears the same, for a while.
    expect((await (await endOf(ofConnector(connector, tunnel))).whenClosed()).code).toBe(told);
    expect(await runDurableObjectAlarm(objectOf(tunnel))).toBe(true);
    expect((await person(people.alice, tunnel)).status).toBe(404);
  });

  test.each(['before', 'after'])('a connector that refuses says why, %s the person came', async (when) => {
    const reason = 'the connector has its 2000 tunnels open: try again later';
    const tunnel = await opened();
    const early = when === 'after' ? await endOf(person(people.alice, tunnel)) : undefined;
    const other = await endOf(ofConnector(connector, tunnel));
    other.close(4412, reason);
    await other.whenClosed();
    // A stranger is told nothing.
    expect((await person(people.bob, tunnel)).status).toBe(404);
    const one = early ?? (await endOf(person(people.alice, tunnel)));
    expect(await one.whenClosed()).toEqual({ code: 4412, reason });
  });

  test('a person cannot refuse in the name of the connector', async () => {
    const { one, other } = await bothEnds();
    one.close(4412, 'no');
    expect(await other.next()).toBe('{"kind":"detached"}');
    expect(other.closed).toBeUndefined();
  });

  test('an end that was away when the other was done hears it when it comes', async () => {
    const { tunnel, one, other } = await bothEnds();
    one.close(4000);
    expect(await other.next()).toBe('{"kind":"detached"}');
    other.close(1000);
    await other.whenClosed();
    const again = await endOf(person(people.alice, tunnel));
    expect(await again.whenClosed()).toEqual({ code: 4411, reason: 'the other end is done' });
  });

  test.each([
    ['text', 'hello'],
    ['a message that is too big', new Uint8Array(64 * 1024 + 10)],
  ])('refuses %s, and is over', async (_, message) => {
    const { tunnel, one, other } = await bothEnds();
    one.send(message);
    expect((await one.whenClosed()).code).toBe(4400);
    expect((await other.whenClosed()).code).toBe(4410);
    expect((await (await endOf(person(people.alice, tunnel))).whenClosed()).code).toBe(4410);
  });

  test('is over when an end does not come, or not again', async () => {
    const tunnel = await opened();
    const one = await endOf(person(people.alice, tunnel));
    expect(await runDurableObjectAlarm(objectOf(tunnel))).toBe(true);
    expect(await one.whenClosed()).toMatchObject({ code: 4410, reason: 'the other end did not come in time' });
    expect((await person(people.alice, tunnel)).status).toBe(404);
  });

  test('while both are there the alarm ends nothing', async () => {
    const { tunnel, one, other } = await bothEnds();
    // One that was on its way already.
    await runInDurableObject(objectOf(tunnel), (_, { storage }) => storage.setAlarm(Date.now() + 60_000));
    expect(await runDurableObjectAlarm(objectOf(tunnel))).toBe(true);
    one.send(Uint8Array.of(1));
    expect(await other.next()).toEqual([1]);
  });
});
