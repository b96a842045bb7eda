import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameScanner, frameTable, MAX_HEAD_BYTES, MAX_MESSAGE_BYTES } from './framing.ts';
import { message } from './messages.ts';

const CLIENT = frameTable('HXdcf', 'QPBEDCSF');
const TARGET = frameTable('DdcITn123sHGV', 'CENAZSt');

interface Seen {
  readonly type: string;
  readonly body: string;
  readonly length: number;
  readonly offset: number;
}

/** What the scanner shows and lets pass of `chunks`. */
function scanAll(
  table: Uint8Array,
  chunks: readonly Buffer[],
): { seen: Seen[]; passed: Buffer; fault: string | undefined } {
  const seen: Seen[] = [];
  const scanner = new FrameScanner(table, {
    frame(type, bytes, start, end, length, offset) {
      seen.push({ type: String.fromCharCode(type), body: bytes.toString('hex', start, end), length, offset });
      return undefined;
    },
  });
  const passed: Buffer[] = [];
  for (const chunk of chunks) {
    passed.push(scanner.scan(chunk));
    if (scanner.fault !== undefined) break;
  }
  return { seen, passed: Buffer.concat(passed), fault: scanner.fault };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const borders = [0, ...[...at].sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
}

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../../test/fixtures/postgres/${name}.bin`, import.meta.url));

describe.each([
  ['psql.client', CLIENT],
  ['psql.target', TARGET],
  ['node-postgres.client', CLIENT],
  ['node-postgres.target', TARGET],
] as const)('frames of %s', (name, table) => {
  const bytes = fixture(name);
  const whole = scanAll(table, [bytes]);

  it('pass unchanged, without a gap', () => {
    expect(whole.fault).toBeUndefined();
    expect(whole.passed.equals(bytes)).toBe(true);
    let offset = 0;
    for (const frame of whole.seen) {
      expect(frame.offset).toBe(offset);
      offset += 5 + frame.length;
    }
    expect(offset).toBe(bytes.length);
  });

  it('are the same byte by byte', () => {
    const byByte = scanAll(
      table,
      [...bytes].map((byte) => Buffer.of(byte)),
    );
    expect(byByte.seen).toEqual(whole.seen);
    expect(byByte.passed.equals(bytes)).toBe(true);
  });

  it('are the same at every two-way split', () => {
    const expected = JSON.stringify(whole.seen);
    for (let at = 1; at < bytes.length; at++) {
      const split = scanAll(table, cut(bytes, [at]));
      if (JSON.stringify(split.seen) !== expected || !split.passed.equals(bytes))
        expect.fail(`differs when cut at ${at}`);
    }
  });

  it('are the same at random splits', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 40 }), (at) => {
        const split = scanAll(table, cut(bytes, at));
        expect(split.seen).toEqual(whole.seen);
        expect(split.passed.equals(bytes)).toBe(true);
      }),
      { numRuns: 60, seed: 20261120 },
    );
  });
});

describe('declared lengths', () => {
  const header = (type: string, length: number): Buffer => {
    const bytes = Buffer.alloc(5);
    bytes.write(type, 'latin1');
    bytes.writeUInt32BE(length >>> 0, 1);
    return bytes;
  };
  const good = message('S');

  it.each([0, 3, -1, -2147483648, 2 ** 31, 2 ** 32 - 1, MAX_MESSAGE_BYTES + 1])(
    'of %s end the scan, and nothing of it passes',
    (length) => {
      const result = scanAll(CLIENT, [Buffer.concat([good, header('Q', length), Buffer.alloc(50)])]);
      expect(result.fault).toContain('declares a length');
      expect(result.passed.equals(good)).toBe(true);
    },
  );

  it.each([4, MAX_MESSAGE_BYTES])('of %s are taken, and allocate nothing', (length) => {
    const before = process.memoryUsage().arrayBuffers;
    const result = scanAll(CLIENT, [header('Q', length)]);
    expect(result.fault).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  it('show the beginning of a message that is longer than what is kept', () => {
    const text = 'x'.repeat(MAX_HEAD_BYTES + 1000);
    const bytes = message('Q', text, '\0');
    const { seen, passed } = scanAll(CLIENT, cut(bytes, [1000, 70_000]));
    expect(seen).toHaveLength(1);
    expect(seen[0]?.length).toBe(text.length + 1);
    expect(seen[0]?.body.length).toBe(MAX_HEAD_BYTES * 2);
    expect(passed.equals(bytes)).toBe(true);
  });
});

describe('a message that is not understood', () => {
  it.each(['p', 'W', 'R', '\0', '\xff'])('(%j from a client) ends the scan at its first byte', (type) => {
    const result = scanAll(CLIENT, [message('H'), Buffer.from(type, 'latin1')]);
    expect(result.fault).toContain('not understood');
    expect(result.passed.equals(message('H'))).toBe(true);
  });

  it.each(['W', 'R', 'K', 'v', 'Q'])('(%j from a target) ends the scan', (type) => {
    expect(scanAll(TARGET, [message(type, 'abc')]).fault).toContain('not understood');
  });

  it('does not let the beginning of a header pass before it is whole', () => {
    const bytes = message('Q', 'select 1\0');
    const scanner = new FrameScanner(CLIENT, { frame: () => undefined });
    expect(scanner.scan(bytes.subarray(0, 3)).length).toBe(0);
    expect(scanner.scan(bytes.subarray(3)).equals(bytes)).toBe(true);
  });
});
