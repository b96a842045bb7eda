import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExportQuery } from '../../core/replay/exports.ts';
import { entryOf, exportedBytes, openerOf } from '../../test/harness/session/exported.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { RetriableFault } from '../faults.ts';
import { type DirectoryRenderedStore, directoryRenderedStore } from './directory-rendered-store.ts';
import { exportInParts, mayBeTooLarge } from './in-parts.ts';
import { type RenderJob, renderJob } from './job.ts';
import { LEASE_MS, readProgress } from './progress.ts';
import { RENDERED_DAYS } from '../../core/retention/rendered.ts';
import { derivedInRendered, sweepRendered } from './removal.ts';
import { render, type RenderDeps } from './render.ts';
import type { RenderedStore } from './rendered-store.ts';

let root: string;
let store: DirectoryRenderedStore;
let nowMs: number;
let purged: boolean;
const table = { get: async () => (purged ? { purged: 'then' } : { connector: 'x' }) };
const now = () => nowMs;
/** Whoever asks has a turn: turns have tests of their own. */
const atOnce = async () => 'begin' as const;
const FIRST = { from: 0, asker: undefined };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gatehouse-rendered-'));
  store = directoryRenderedStore(root, () => 'http://functions.test');
  nowMs = Date.parse('2026-11-20T12:00:00Z');
  purged = false;
});
afterEach(() => rm(root, { recursive: true }));

function story(): RecordingBuilder {
  const builder = new RecordingBuilder({ startedAt: '2026-11-20T11:00:00.000Z' });
  for (let i = 0; i < 40; i++) {
    builder.query(`select ${i}`, answer(['a'], [[`row ${i} é`]]));
    if (i % 10 === 9) builder.cut();
  }
  return builder.end();
}

function jobOf(builder: RecordingBuilder, query: ExportQuery = { format: 'ndjson' }): RenderJob {
  const digest = createHash('sha256').update('a segment').digest('hex');
  const segments = [...Array(5).keys()].map((number) => ({ number, digest, bytes: 1, frames: 1 }));
  const { state: _, segments: __, counts, ...opening } = entryOf(builder.opened);
  const row = { ...opening, state: 'sealed' as const, segments: 5, counts };
  const job = renderJob({ connector: builder.connector.id, stored: { row, opening, segments } }, query);
  if (!job) throw new Error('no job');
  return job;
}

const PART = 4096;
const deps = (builder: RecordingBuilder, more: Partial<RenderDeps> = {}): RenderDeps => ({
  ...{ store, table, now, partBytes: PART, untilMs: () => Number.POSITIVE_INFINITY },
  open: () => openerOf(builder),
  ...more,
});

async function joined(job: RenderJob): Promise<Buffer> {
  const progress = await readProgress(job.place, store);
  const parts = await Promise.all((progress?.parts ?? []).map((_, number) => store.get(job.place, number)));
  for (const [number, { bytes, sha256 }] of (progress?.parts ?? []).entries()) {
    const part = parts[number] ?? new Uint8Array(0);
    expect([part.length, createHash('sha256').update(part).digest('hex')]).toEqual([bytes, sha256]);
  }
  return Buffer.concat(parts.map((part) => part ?? Buffer.from('missing')));
}

/** A store that does something when an object was written. */
const behind = (putting: RenderedStore['put'], written: (count: number) => Promise<void>): RenderedStore => {
  let count = 0;
  return {
    ...store,
    async put(...args) {
      await putting(...args);
      await written(++count);
    },
  };
};
const left = async () => (await readdir(root, { recursive: true })).filter((name) => !/^rendered$/.test(name));

describe('a rendered export', () => {
  it('is the export itself, in parts of one length', async () => {
    const builder = story();
    const job = jobOf(builder);
    expect(await render(job, deps(builder))).toBe('ready');
    const whole = await exportedBytes(builder, { format: 'ndjson' });
    expect(whole.length).toBeGreaterThan(5 * PART);
    expect((await joined(job)).equals(whole)).toBe(true);
    const parts = (await readProgress(job.place, store))?.parts ?? [];
    expect(new Set(parts.slice(0, -1).map(({ bytes }) => bytes))).toEqual(new Set([PART]));
    expect(await render(job, deps(builder))).toBe('ready');
  });

  it('is the same when runs are killed at each of their writes', async () => {
    const builder = story();
    const job = jobOf(builder);
    const whole = await exportedBytes(builder, { format: 'ndjson' });
    for (let kill = 1; kill < 12; kill++) {
      await store.remove(job.place.session);
      const killed = behind(store.put, async (count) => {
        if (count === kill) throw new RetriableFault('killed');
      });
      await expect(render(job, deps(builder, { store: killed }))).rejects.toThrow('killed');
      expect(await render(job, deps(builder))).toBe('busy');
      nowMs += LEASE_MS + 1;
      expect(await render(job, deps(builder))).toBe('ready');
      expect((await joined(job)).equals(whole), `killed at ${kill}`).toBe(true);
    }
  });

  it('goes on where its time was over, and writes no part twice', async () => {
    const builder = story();
    const job = jobOf(builder);
    const written: unknown[] = [];
    let runs = 0;
    for (let ran = 'to_go_on'; ran === 'to_go_on'; runs++) {
      const putting: RenderedStore = {
        ...store,
        put: (place, name, bytes) => {
          if (typeof name === 'number') written.push(name);
          // Its time is over with the second part of each run.
          if (typeof name === 'number' && name % 2 === 1) nowMs = runs * 10_000_000 + 5_000_000;
          return store.put(place, name, bytes);
        },
      };
      nowMs = runs * 10_000_000;
      const untilMs = nowMs + 1_000_000;
      ran = await render(job, deps(builder, { store: putting, untilMs: () => untilMs }));
    }
    expect(runs).toBeGreaterThan(3);
    expect(written).toEqual([...written.keys()]);
    expect((await joined(job)).equals(await exportedBytes(builder, { format: 'ndjson' }))).toBe(true);
  });

  it('is given up when runs come no further, and tried again later', async () => {
    const builder = story();
    const job = jobOf(builder);
    for (let run = 0; run < 3; run++) expect(await render(job, deps(builder, { untilMs: () => 0 }))).toBe('to_go_on');
    expect(await render(job, deps(builder))).toBe('failed');
    expect(await render(job, deps(builder))).toBe('failed');
    let begun = 0;
    const rendering = { store, now, turn: atOnce, isLarge: () => true, start: async () => void begun++ };
    expect(await exportInParts(job, FIRST, rendering)).toMatchObject({ value: { state: 'failed' } });
    nowMs += 600_001;
    expect(await exportInParts(job, FIRST, rendering)).toMatchObject({ value: { state: 'rendering' } });
    expect(begun).toBe(1);
    expect(await render(job, deps(builder))).toBe('ready');
  });

  it('is whole when two runs write it at the same time', async () => {
    const builder = story();
    const job = jobOf(builder);
    const outcomes = await Promise.all([render(job, deps(builder)), render(job, deps(builder))]);
    expect(outcomes).toContain('ready');
    expect((await joined(job)).equals(await exportedBytes(builder, { format: 'ndjson' }))).toBe(true);
  });

  it('of a live session ends where it had come to when it was asked for', async () => {
    const builder = story();
    const job = { ...jobOf(builder), segments: 2 };
    expect(await render(job, deps(builder))).toBe('ready');
    const lines = (await joined(job)).toString().trimEnd().split('\n');
    const { sequence } = JSON.parse(lines.at(-1) ?? '') as { sequence: number };
    expect(sequence).toBe(lines.length - 1);
    expect(lines.join()).toContain('select 19');
    expect(lines.join()).not.toContain('select 20');
  });

  it('says why there is no such file', async () => {
    const builder = story();
    const job = jobOf(builder, { format: 'csv', statement: 99 });
    expect(await render(job, deps(builder))).toBe('refused');
    const rendering = { store, now, turn: atOnce, isLarge: () => true, start: async () => {} };
    expect(await exportInParts(job, FIRST, rendering)).toMatchObject({ ok: false, error: /statement 99/ });
  });
});

describe('a purge', () => {
  it.each(['before', 'after'])('leaves nothing, whenever it comes: %s the deletion of what is there', async (order) => {
    const builder = story();
    const job = jobOf(builder);
    const { session } = job.place;
    for (let at = 1; at < 12; at++) {
      purged = false;
      const meanwhile = behind(store.put, async (count) => {
        if (count !== at) return;
        purged = true;
        // The deletion looked before the object was there, or after.
        if (order === 'before') await store.remove(session);
      });
      if (order === 'after') await store.remove(session);
      expect(await render(job, deps(builder, { store: meanwhile })), `at ${at}`).toBe('purged');
      expect(await left(), `at ${at}`).toEqual([]);
    }
    expect(await render(job, deps(builder))).toBe('purged');
    expect(await left()).toEqual([]);
  });

  it('takes a rendered export with its session, and no other', async () => {
    const [one, other] = [story(), story()];
    for (const builder of [one, other]) await render(jobOf(builder), deps(builder));
    await derivedInRendered(store).remove([one.session]);
    expect(await readProgress(jobOf(one).place, store)).toBeUndefined();
    expect((await readProgress(jobOf(other).place, store))?.end).toBe('ready');
    await derivedInRendered(store).remove([one.session, other.session]);
    expect(await left()).toEqual([]);
  });

  it('finds later what a run that was killed left behind it', async () => {
    const builder = story();
    const killed = behind(store.put, async (count) => {
      if (count < 3) return;
      purged = true;
      throw new RetriableFault('killed');
    });
    await expect(render(jobOf(builder), deps(builder, { store: killed }))).rejects.toThrow('killed');
    expect(await left()).not.toEqual([]);
    await sweepRendered({ store, table, now: Date.now });
    expect(await left()).toEqual([]);
  });

  it('is not waited for by what is some days old', async () => {
    const builder = story();
    await render(jobOf(builder), deps(builder));
    await sweepRendered({ store, table, now: () => Date.now() + RENDERED_DAYS * 86_400_000 - 60_000 });
    expect(await left()).not.toEqual([]);
    await sweepRendered({ store, table, now: () => Date.now() + RENDERED_DAYS * 86_400_000 + 60_000 });
    expect(await left()).toEqual([]);
  });
});

describe('the key of a rendered export', () => {
  const keyOf = (found: Parameters<typeof renderJob>[0], query: ExportQuery) => renderJob(found, query)?.place.key;

  it('is another for everything that changes its bytes, and the same for what does not', () => {
    const builder = story();
    const { state: _, segments: __, counts, ...opening } = entryOf(builder.opened);
    const digest = (of: string) => createHash('sha256').update(of).digest('hex');
    const found = (last: string, count = 1) => ({
      connector: builder.connector.id,
      stored: {
        row: { ...opening, state: 'live' as const, segments: count, counts },
        opening,
        segments: [...Array(count).keys()].map((number) => ({ number, digest: digest(last), bytes: 1, frames: 1 })),
      },
    });
    const keys = [
      keyOf(found('a'), { format: 'ndjson' }),
      keyOf(found('b'), { format: 'ndjson' }),
      keyOf(found('a', 2), { format: 'ndjson' }),
      keyOf(found('a'), { format: 'text' }),
      keyOf(found('a'), { format: 'csv', statement: 1 }),
      keyOf(found('a'), { format: 'csv', statement: 2 }),
      keyOf(found('a'), { format: 'csv', statement: 2, exact: 'true' }),
      keyOf(found('a'), { format: 'text', statement: 1 }),
      keyOf(found('a'), { format: 'text', all: 'true' }),
      keyOf(found('a'), { format: 'markdown' }),
      keyOf(found('a'), { format: 'markdown', statement: 1 }),
      keyOf(found('a'), { format: 'asciicast' }),
      keyOf(found('a'), { format: 'asciicast', asciicast: 2 }),
      keyOf(found('a'), { format: 'asciicast', lane: 1 }),
      keyOf(found('a'), { format: 'file', file: '1' }),
      keyOf(found('a'), { format: 'file', file: '/etc/passwd' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    const others = { asciicast: 2, lane: 1, statement: 1, exact: 'true', all: 'true', file: '1' } as const;
    expect(keyOf(found('a'), { format: 'ndjson', ...others })).toBe(keys[0]);
    expect(keyOf(found('a'), { format: 'asciicast', statement: 1, all: 'true' })).toBe(keys[11]);
    expect(keyOf(found('a'), { format: 'ndjson', part: 7 })).toBe(keys[0]);
  });
});

describe('a link', () => {
  it('opens its part alone, for five minutes', async () => {
    const builder = story();
    const job = jobOf(builder);
    const rendering = {
      ...{ store, now, turn: atOnce, isLarge: () => true },
      start: async () => void (await render(job, deps(builder))),
    };
    expect(await exportInParts(job, FIRST, rendering)).toMatchObject({
      ok: true,
      value: { state: 'rendering', parts: [] },
    });
    const ready = await exportInParts(job, { from: 2, asker: undefined }, rendering);
    const part = ready.ok ? ready.value.parts[0] : undefined;
    expect(part).toMatchObject({ number: 2, bytes: PART });
    const url = new URL(part?.url ?? '');
    const opened = await store.open(url, nowMs + 299_000);
    expect(opened).toMatchObject({ bytes: PART, fileName: `${builder.session}.ndjson.003` });
    await opened?.body.cancel();
    expect(await store.open(url, nowMs + 301_000)).toBeUndefined();
    for (const [name, value] of [
      ['until', String(nowMs + 10_000_000)],
      ['name', 'x'],
      ['signature', 'AAAA'],
    ] as const) {
      const forged = new URL(url);
      forged.searchParams.set(name, value);
      expect(await store.open(forged, nowMs), name).toBeUndefined();
    }
    // A right to the recording that ends sooner ends the link with it, and in its last moment there is none.
    const lent = await exportInParts(job, { ...FIRST, rightUntil: nowMs + 20_000 }, rendering);
    const sooner = new URL((lent.ok && lent.value.parts[0]?.url) || '');
    expect(lent).toMatchObject({ value: { until: new Date(nowMs + 20_000).toISOString() } });
    await (await store.open(sooner, nowMs + 19_999))?.body.cancel();
    expect(await store.open(sooner, nowMs + 20_001)).toBeUndefined();
    expect(await exportInParts(job, { ...FIRST, rightUntil: nowMs + 999 }, rendering)).toMatchObject({ ok: false });
    const longer = await exportInParts(job, { ...FIRST, rightUntil: nowMs + 3_600_000 }, rendering);
    expect(longer).toMatchObject({ value: { until: new Date(nowMs + 300_000).toISOString() } });
    const other = new URL(url);
    other.pathname = other.pathname.replace(/2$/, '3');
    expect(await store.open(other, nowMs)).toBeUndefined();
  });
});

it('is asked for where one answer may not carry the export', () => {
  const entry = entryOf(story().opened);
  const sized = (client: number, frames = 0) => ({
    ...entry,
    counts: { ...entry.counts, frames, bytes: { client, target: 0, gateway: 0 } },
  });
  expect(mayBeTooLarge(sized(1000), { format: 'ndjson' })).toBe(false);
  expect(mayBeTooLarge(sized(150_000_000), { format: 'ndjson' })).toBe(true);
  expect(mayBeTooLarge(sized(0, 1_000_000), { format: 'ndjson' })).toBe(true);
  expect(mayBeTooLarge(sized(20_000_000), { format: 'text' })).toBe(true);
  expect(mayBeTooLarge(sized(150_000_000), { format: 'file' })).toBe(false);
});
