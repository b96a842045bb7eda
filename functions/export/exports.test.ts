import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { type ReplayEvent, ReplayEvent as ReplayEvents, type SessionEntry } from '../../core/catalogue.ts';
import { newId } from '../../core/ids.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { openingOf } from '../../core/session-evidence.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { replaySession } from '../replay/registry.ts';
import { readRecording } from '../store/read-recording.ts';
import { exportAsciicast } from './asciicast.ts';
import { escapeHtml } from '../../core/text/escape-html.ts';
import { exportHtml } from './html.ts';
import { exportNdjson } from './ndjson.ts';

/** Moves a cursor, retitles a window, reverses text, closes markup, ends a line. */
const HOSTILE =
  '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egnp.exe\u2028</pre><script>alert(1)</script>"\'&\r\n\u0000';

/** No text of PostgreSQL holds a NUL: with one it would be shown as bytes. */
const HOSTILE_CELL = HOSTILE.slice(0, -1);

const hostile = () =>
  new RecordingBuilder({ reason: HOSTILE })
    .query(
      `select '${HOSTILE}'`,
      answer(
        [HOSTILE_CELL, 'b'],
        [
          [HOSTILE_CELL, null],
          ['plain', 'x'],
        ],
      ),
      {
        rows: 2,
        tags: ['SELECT 2'],
      },
    )
    .fact({ kind: 'notice.received', severity: 'NOTICE', code: '00000', message: HOSTILE })
    .query('select broken', new Uint8Array(), { error: { code: '42703', severity: 'ERROR', message: HOSTILE } })
    .end();

function entryOf(builder: RecordingBuilder): SessionEntry {
  const counts = {
    frames: 0,
    actions: 2,
    statements: 2,
    errors: 1,
    rows: 2,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  return { ...openingOf(builder.opened), state: 'sealed', segments: 1, counts };
}
const recordingOf = (builder: RecordingBuilder) =>
  readRecording(
    { connector: builder.connector.id, session: builder.session },
    memoryReader(builder.objects),
    nodeRecordingPlatform,
  );
const replay = (builder: RecordingBuilder) => replaySession(entryOf(builder), recordingOf(builder));

async function all(text: AsyncIterable<string>): Promise<string> {
  let whole = '';
  for await (const part of text) whole += part;
  return whole;
}
const json = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('text of strangers', () => {
  it('is shown with its controls named', () => {
    expect(escapeHtml('<a href="x">\u0007')).toBe('&lt;a href=&quot;x&quot;&gt;\\x07');
    expect(escapeHtml('Zoë 漢字 👩‍🚀')).toBe('Zoë 漢字 👩‍🚀');
  });

  it('holds no control, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(escapeHtml(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(escapeHtml(text)).not.toMatch(/[<>"']/);
      }),
    );
  });
});

describe('the HTML export', () => {
  it('holds no markup and no control of the recording', async () => {
    const html = await all(exportHtml(replay(hostile())));
    expect(html).not.toMatch(/<script|onerror|javascript:/i);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e\u2028]/);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).toContain('<td class="null">NULL</td>');
  });

  it('forbids itself to load and to run anything', async () => {
    const html = await all(exportHtml(replay(hostile())));
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html) ?? [];
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]+='; base-uri 'none'; form-action 'none'$/,
    );
    expect(html).not.toMatch(/\s(?:src|href|style)=/);
    const { createHash } = await import('node:crypto');
    const [, style] = /<style>([^<]*)<\/style>/.exec(html) ?? [];
    expect(policy).toContain(
      createHash('sha256')
        .update(style ?? '')
        .digest('base64'),
    );
  });
});

describe('what the policy did', () => {
  const request = newId('req');
  const digest = 'ab'.repeat(32);
  const judged = () =>
    new RecordingBuilder({ exempt: 'a payroll run' })
      .fact({
        kind: 'action.refused',
        action: 1,
        reason: 'blocked',
        message: 'Blocked by rule orders.',
        rule: 'orders',
      })
      .fact({ kind: 'action.warned', message: 'Rule orders warns.', rule: 'orders', policyVersion: 1 })
      .fact({ kind: 'action.held', action: 2, request, digest, rule: 'orders', pattern: 'drop', policyVersion: 1 })
      .fact({ kind: 'hold.resolved', request, outcome: 'denied', by: ['bob@example.com'], comment: 'no' })
      .fact({ kind: 'mask.applied', masked: [{ rule: 'orders#1', count: 3 }] })
      .fact({ kind: 'mask.withheld', reason: 'lineage_unknown', column: 2, count: 1 })
      .fact({ kind: 'rules.changed', policyVersion: 2, rule: 'others' })
      .fact({
        ...{ kind: 'connection.joined', connection: 2, details: {} },
        client: { address: '10.0.0.7', tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256', application: 'kubectl' },
      })
      .fact({ kind: 'connection.left', connection: 1 })
      .end();
  const WORDS: readonly (readonly [string, string])[] = [
    ['REFUSED', 'Blocked by rule orders.'],
    ['WARNED', 'Rule orders warns.'],
    ['HELD', `Held for an approval by rule orders for "drop" (${request}).`],
    ['DENIED', `The request ${request} was denied by bob@example.com: no`],
    ['MASKED', 'Masked: 3 values by orders#1.'],
    ['WITHHELD', 'Withheld: 1 value of column 2, since it is not known which columns they are made of.'],
    ['POLICY', 'Policy version 2 is in force from here on, rule others.'],
    ['JOINED', 'Connection 2 joined the session from 10.0.0.7 (kubectl), TLSv1.3 TLS_AES_128_GCM_SHA256.'],
    ['LEFT', 'Connection 1 left the session.'],
  ];

  it('is told in the replay in plain words, with its statement and rule', async () => {
    const events: ReplayEvent[] = [];
    for await (const event of replay(judged())) events.push(event);
    const notices = events.flatMap((event) => (event.kind === 'notice' ? [event] : []));
    expect(notices.map(({ severity, message }) => [severity, message])).toEqual(WORDS);
    expect(notices[0]).toMatchObject({ statement: 1, rule: 'orders' });
    for (const event of events) expect(() => ReplayEvents.parse(event)).not.toThrow();
  });

  it('is in every export, and so is an exemption', async () => {
    const html = await all(exportHtml(replay(judged())));
    expect(html).toContain('nothing of what went over the wire: a payroll run');
    const cast = await all(exportAsciicast(replay(judged())));
    for (const [severity, message] of WORDS) {
      expect(html).toContain(escapeHtml(`${severity}: ${message}`));
      expect(cast).toContain(JSON.stringify(`${severity}:  ${message}\r\n`).slice(1, -1));
    }
    const lines = json(await all(exportNdjson(judged().opened.startedAt, recordingOf(judged()))));
    expect(lines).toEqual(
      expect.arrayContaining([expect.objectContaining({ fact: expect.objectContaining({ kind: 'mask.applied' }) })]),
    );
  });
});

describe('the asciicast export', () => {
  it('is asciicast v2, in the order of time, and says what was typed and answered', async () => {
    const [header, ...events] = json(await all(exportAsciicast(replay(hostile()))));
    expect(header).toMatchObject({ version: 2, width: 120, height: 32, timestamp: expect.any(Number) });
    let last = 0;
    for (const event of events) {
      const [time, code, data] = event as [number, string, string];
      expect(time).toBeGreaterThanOrEqual(last);
      expect(['o', 'm']).toContain(code);
      expect(typeof data).toBe('string');
      last = time;
    }
    const output = events.flatMap((event) => ((event as string[])[1] === 'o' ? [(event as string[])[2]] : [])).join('');
    expect(output).toContain('demo=> ');
    expect(output).toContain('SELECT 2');
    expect(output).toContain('ERROR:  ');
  });

  it('writes no control of its own but colours and line ends, and none of the recording', async () => {
    const events = json(await all(exportAsciicast(replay(hostile())))).slice(1) as [number, string, string][];
    for (const [, , data] of events) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      const rest = data.replace(/\u001b\[(?:0|1|2|31)m/g, '').replaceAll('\r\n', '');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(rest).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202e\u2028]/);
    }
  });
});

describe('the NDJSON export', () => {
  it('holds every frame in order, facts as JSON and bytes in base64', async () => {
    const builder = hostile();
    const frames = json(await all(exportNdjson(builder.opened.startedAt, recordingOf(builder)))) as {
      sequence: number;
      time: string;
      kind: string;
      fact?: { kind: string };
      base64?: string;
    }[];
    expect(frames[0]).toMatchObject({ sequence: 0, timeUs: 0, time: '2026-11-20T12:00:00.000Z', kind: 'fact' });
    expect(frames[0]?.fact?.kind).toBe('session.opened');
    expect(frames.at(-1)?.fact?.kind).toBe('session.ended');
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, i) => i));
    expect(frames.filter(({ kind }) => kind === 'bytes').every(({ base64 }) => base64 !== undefined)).toBe(true);
  });

  it('ends with the damage where there is one', async () => {
    const builder = new RecordingBuilder().query('select 1', answer(['n'], [['1']])).cut();
    builder.query('select 2', answer(['n'], [['2']])).end();
    const [, second] = [...builder.objects.keys()];
    builder.objects.delete(second ?? '');
    const frames = json(await all(exportNdjson(builder.opened.startedAt, recordingOf(builder)))) as object[];
    expect(frames.at(-1)).toMatchObject({ fact: { kind: 'recording.damaged', message: 'segment 1 is missing' } });
  });
});

describe('a replay', () => {
  const collect = async (builder: RecordingBuilder) => {
    const events: ReplayEvent[] = [];
    for await (const event of replay(builder)) events.push(event);
    return events;
  };
  const twoSegments = () =>
    new RecordingBuilder()
      .query('select 1', answer(['n'], [['1']]))
      .cut()
      .query('select 2', answer(['n'], [['2']]));

  it('of a live session ends where it has come', async () => {
    const events = await collect(twoSegments().cut());
    expect(events.at(-1)).toMatchObject({ kind: 'result', statement: 2 });
  });

  it('ends with damage where the catalogue knew of more, though nothing behind is left', async () => {
    const builder = twoSegments().end();
    const [first, second, ...others] = [...builder.objects.keys()];
    const count = builder.objects.size - 1;
    for (const key of [second, ...others]) builder.objects.delete(key ?? '');
    const last = async () => {
      const place = { connector: builder.connector.id, session: builder.session, segments: count };
      const events: ReplayEvent[] = [];
      const parts = readRecording(place, memoryReader(builder.objects), nodeRecordingPlatform);
      for await (const event of replaySession(entryOf(builder), parts)) events.push(event);
      return events.at(-1);
    };
    expect(await last()).toMatchObject({ kind: 'damaged', message: 'segment 1 is missing' });
    builder.objects.delete(first ?? '');
    expect(await last()).toMatchObject({ kind: 'damaged', message: 'segment 0 is missing' });
  });

  it.each<[string, (builder: RecordingBuilder, key: string) => void, RegExp]>([
    ['a flipped byte', (builder, key) => void builder.objects.get(key)?.set([255], 60), /SHA-256/],
    ['a missing segment', (builder, key) => void builder.objects.delete(key), /segment 1 is missing/],
    [
      'a segment of another session',
      (builder, key) => void builder.objects.set(key, [...twoSegments().end().objects.values()][1] ?? new Uint8Array()),
      /another place/,
    ],
  ])('stops at %s, and shows what came before', async (_, damage, message) => {
    const builder = twoSegments().end();
    damage(builder, [...builder.objects.keys()][1] ?? '');
    const events = await collect(builder);
    expect(events.map(({ kind }) => kind)).toEqual(['opened', 'statement', 'rows', 'result', 'damaged']);
    expect(events.at(-1)).toMatchObject({ message: expect.stringMatching(message) });
  });
});
