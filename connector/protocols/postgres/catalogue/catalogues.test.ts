// Loads of a catalogue that sessions share: what happens when sessions come and go while one is under way.

import { afterEach, expect, test, vi } from 'vitest';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { parse } from '../rules/parser.ts';
import type { CatalogueConnection } from './catalogue-connection.ts';
import { Catalogues } from './catalogues.ts';

const TARGET = { host: 'db', port: 5432, user: 'app', database: 'app', connectTimeoutMs: 1_000 } as UpstreamTarget;

type Answer = Result<undefined, string>;

/** A target whose connections answer when the test says so. */
function target() {
  const asked: ((answer: Answer) => void)[] = [];
  let opened = 0;
  let closed = 0;
  const open = async (): Promise<Result<CatalogueConnection, string>> => {
    opened++;
    let usable = true;
    let pending: ((answer: Answer) => void) | undefined;
    return ok({
      get usable() {
        return usable && !pending;
      },
      refused: undefined,
      query: () =>
        new Promise<Answer>((resolve) => {
          pending = (answer) => {
            pending = undefined;
            if (!answer.ok) usable = false;
            resolve(answer);
          };
          asked.push((answer) => pending?.(answer));
        }),
      close() {
        closed++;
        usable = false;
        pending?.(err('the database closed the connection'));
      },
    });
  };
  return {
    asked,
    open,
    get opened() {
      return opened;
    },
    get closed() {
      return closed;
    },
  };
}

afterEach(() => {
  vi.useRealTimers();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Answers whatever is asked from now on, until `done`. */
async function answering(db: ReturnType<typeof target>, done: Promise<void>): Promise<void> {
  let over = false;
  void done.then(() => {
    over = true;
  });
  while (!over) {
    for (const answer of db.asked.splice(0)) answer(ok(undefined));
    await turn();
  }
}

test('a load that the last session left behind is no failure for the next one', async () => {
  const db = target();
  const catalogues = new Catalogues({ parse, open: db.open });
  const first = catalogues.lease(TARGET, undefined);
  void first.refresh(first.now());
  await turn();
  expect(db.asked).toHaveLength(1);
  first.release();
  const second = catalogues.lease(TARGET, undefined);
  await answering(db, second.refresh(second.now()));
  expect(second.fault).toBeUndefined();
  expect(second.current).toBeDefined();
  second.release();
});

test('who came while an abandoned load was under way gets one of his own', async () => {
  const db = target();
  const catalogues = new Catalogues({ parse, open: db.open });
  for (let round = 0; round < 20; round++) {
    const first = catalogues.lease(TARGET, undefined);
    const since = first.now();
    const abandoned = first.refresh(since);
    if (round % 2 === 0) await turn();
    first.release();
    const second = catalogues.lease(TARGET, undefined);
    await answering(db, second.refresh(since));
    await abandoned;
    expect(second.fault).toBeUndefined();
    expect(second.current?.asOf ?? 0).toBeGreaterThanOrEqual(since);
    second.release();
  }
});

test('a kept connection that the target closed is opened again', async () => {
  const db = target();
  const catalogues = new Catalogues({ parse, open: db.open });
  const lease = catalogues.lease(TARGET, undefined);
  await answering(db, lease.refresh(lease.now()));
  const since = lease.now();
  const again = lease.refresh(since);
  await turn();
  db.asked.splice(0)[0]?.(err('the database closed the connection'));
  await answering(db, again);
  expect(db.opened).toBe(2);
  expect(lease.fault).toBeUndefined();
  expect(lease.current?.asOf ?? 0).toBeGreaterThanOrEqual(since);
  lease.release();
});

test('short sessions that follow each other ask over one connection, and each asks', async () => {
  const db = target();
  const catalogues = new Catalogues({ parse, open: db.open });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  for (let session = 0; session < 3; session++) {
    const lease = catalogues.lease(TARGET, undefined);
    const since = lease.now();
    const refreshed = lease.refresh(since);
    await turn();
    expect(db.asked.length).toBeGreaterThan(0);
    await answering(db, refreshed);
    expect(lease.current?.asOf ?? 0).toBeGreaterThanOrEqual(since);
    lease.release();
    vi.advanceTimersByTime(1_900);
    expect([db.opened, db.closed]).toEqual([1, 0]);
  }
});

test('the connection is closed before a DROP DATABASE gives up waiting, unless a session came meanwhile', async () => {
  const db = target();
  const catalogues = new Catalogues({ parse, open: db.open });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const first = catalogues.lease(TARGET, undefined);
  await answering(db, first.refresh(first.now()));
  first.release();
  const second = catalogues.lease(TARGET, undefined);
  vi.advanceTimersByTime(30_000);
  expect(db.closed).toBe(0);
  second.release();
  vi.advanceTimersByTime(2_000);
  expect(db.closed).toBe(1);
  const third = catalogues.lease(TARGET, undefined);
  await answering(db, third.refresh(third.now()));
  expect(db.opened).toBe(2);
  third.release();
});

test('a load that nobody waits for any more ends at once, and its connection', async () => {
  const db = target();
  const catalogues = new Catalogues({ parse, open: db.open });
  const lease = catalogues.lease(TARGET, undefined);
  void lease.refresh(lease.now());
  await turn();
  lease.release();
  expect(db.closed).toBe(1);
});

test('a target that refuses is a fault, and is not asked again at once', async () => {
  const db = target();
  let now = 0;
  const catalogues = new Catalogues({ parse, open: async () => err('permission denied'), now: () => now });
  const lease = catalogues.lease(TARGET, undefined);
  await lease.refresh(now);
  expect(lease.fault).toBe('permission denied');
  expect(db.opened).toBe(0);
  now += 10;
  await lease.refresh(now);
  expect(lease.current).toBeUndefined();
  lease.release();
});
