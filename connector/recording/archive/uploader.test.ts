import { describe, expect, test } from 'vitest';
import { newId, type SessionId } from '../../../core/ids.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { ObjectStore, Stored, StoreFault } from '../store/object-store.ts';
import { Uploader, type UploadItem } from './uploader.ts';

/** A store in memory that a test makes fail, by key. */
class FakeStore implements ObjectStore {
  readonly held: string[] = [];
  readonly tried: string[] = [];
  underWay = 0;
  most = 0;
  answer: (key: string) => Result<Stored, StoreFault> = () => ok({ stored: 'created' });

  async put(key: string): Promise<Result<Stored, StoreFault>> {
    this.most = Math.max(this.most, ++this.underWay);
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.underWay--;
    this.tried.push(key);
    const answer = this.answer(key);
    if (answer.ok && answer.value.stored === 'created') this.held.push(key);
    return answer;
  }

  readonly announced = true;

  async close(): Promise<void> {}
}

const away = err<StoreFault>({ reason: 'store_unreachable', message: 'away' });

function start(concurrency = 4) {
  const store = new FakeStore();
  const events: string[] = [];
  const confirmed: string[] = [];
  const waits: number[] = [];
  const uploader = new Uploader({
    store,
    concurrency,
    backOff: { firstMs: 4, longestMs: 32 },
    now: () => 0,
    random: () => {
      waits.push(0);
      return 0.5;
    },
    onFailing: (_session, message) => events.push(`failing: ${message}`),
    onRecovered: () => events.push('recovered'),
    onStuck: (_session, reason) => events.push(reason),
  });
  const item = (session: SessionId, name: string, more: Partial<UploadItem> = {}): UploadItem => ({
    session,
    key: name,
    retainDays: 1,
    attempted: false,
    read: async () => Buffer.from(name),
    confirmed: async () => void confirmed.push(name),
    ...more,
  });
  return { store, events, confirmed, uploader, item, waits };
}

describe('the uploader', () => {
  test('sends a session’s objects in order, and several sessions at a time', async () => {
    const { store, confirmed, uploader, item } = start(3);
    const sessions = Array.from({ length: 6 }, () => newId('ses'));
    for (let number = 0; number < 5; number++)
      for (const [i, session] of sessions.entries()) uploader.add(item(session, `${i}/${number}`));
    await expect.poll(() => confirmed.length, { timeout: 15_000 }).toBe(30);
    for (const i of sessions.keys())
      expect(store.held.filter((key) => key.startsWith(`${i}/`))).toEqual([0, 1, 2, 3, 4].map((n) => `${i}/${n}`));
    expect(store.most).toBe(3);
    expect(uploader.backlog).toEqual({ sessions: 0, objects: 0, failing: 0, stuck: 0 });
  });

  test('tries for as long as it takes, reports the episode once, and its end once', async () => {
    const { store, events, confirmed, uploader, item } = start();
    store.answer = () => (store.tried.length < 25 ? away : ok({ stored: 'created' }));
    for (let i = 0; i < 3; i++) uploader.add(item(newId('ses'), `s${i}`));
    await expect.poll(() => confirmed.length, { timeout: 15_000 }).toBe(3);
    expect(events).toEqual(['failing: away', 'recovered']);
  });

  test('confirms nothing before the store has', async () => {
    const { store, confirmed, uploader, item } = start();
    store.answer = () => away;
    uploader.add(item(newId('ses'), 'a'));
    await expect.poll(() => store.tried.length, { timeout: 15_000 }).toBeGreaterThan(3);
    expect(confirmed).toEqual([]);
    uploader.close();
  });

  test('lets no session wait for another that fails', async () => {
    const { store, confirmed, uploader, item } = start(1);
    store.answer = (key) => (key === 'bad' ? away : ok({ stored: 'created' }));
    uploader.add(item(newId('ses'), 'bad'));
    for (let i = 0; i < 10; i++) uploader.add(item(newId('ses'), `good ${i}`));
    await expect.poll(() => confirmed.length, { timeout: 15_000 }).toBe(10);
    expect(uploader.backlog).toMatchObject({ failing: 1, objects: 1 });
    uploader.close();
  });

  test('takes nothing for its own that holds other bytes, also after an earlier try', async () => {
    const { store, events, confirmed, uploader, item } = start();
    store.answer = () => (store.tried.length === 1 ? away : ok({ stored: 'differs' }));
    const session = newId('ses');
    uploader.add(item(session, 'planted'));
    await expect.poll(() => uploader.isStuck(session), { timeout: 15_000 }).toBe(true);
    expect([events, confirmed]).toEqual([['failing: away', 'object_existed'], []]);
    uploader.close();
  });

  test('takes "existed" for its own earlier try, and for nothing else', async () => {
    const { store, events, confirmed, uploader, item } = start();
    const existed = ok<Stored>({ stored: 'existed' });
    // The answer to the first try was lost on the way.
    store.answer = (key) => (key === 'lost' && store.tried.filter((k) => k === key).length === 1 ? away : existed);
    uploader.add(item(newId('ses'), 'lost'));
    uploader.add(item(newId('ses'), 'of an earlier process', { attempted: true }));
    const foreign = newId('ses');
    uploader.add(item(foreign, 'never sent'));
    await expect.poll(() => confirmed.length, { timeout: 15_000 }).toBe(2);
    expect(confirmed.sort()).toEqual(['lost', 'of an earlier process']);
    await expect.poll(() => uploader.isStuck(foreign), { timeout: 15_000 }).toBe(true);
    expect(events).toContain('object_existed');
    uploader.close();
  });

  test('counts an object as sent when only its confirmation could not be written down', async () => {
    const { store, confirmed, uploader, item } = start();
    store.answer = (key) => ok({ stored: store.held.includes(key) ? 'existed' : 'created' });
    let tries = 0;
    const confirm = async (): Promise<void> => {
      if (++tries < 3) throw new Error('ENOSPC');
      confirmed.push('a');
    };
    uploader.add(item(newId('ses'), 'a', { confirmed: confirm }));
    await expect.poll(() => confirmed, { timeout: 15_000 }).toEqual(['a']);
    expect(store.held).toEqual(['a']);
  });

  test('reports a local copy that is damaged, and does not send it', async () => {
    const { store, events, uploader, item } = start();
    const read = () => Promise.reject(new Error('not what was written'));
    uploader.add(item(newId('ses'), 'a', { read }));
    await expect.poll(() => events, { timeout: 15_000 }).toEqual(['spool_damaged']);
    expect(store.tried).toEqual([]);
    uploader.close();
  });
});
