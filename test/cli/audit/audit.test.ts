// `gatehouse audit verify`, against a stand-in that serves a log and pieces as a test left them, and
// against a copied folder.

import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auditPieceName, encodeAuditPiece } from '../../../core/audit/audit-archive.ts';
import { AUDIT_GENESIS, type AuditEntry, chainAuditEntry } from '../../../core/audit/audit.ts';
import { auditKeyOf, monthClosed, monthRoot, signMonth } from '../../../core/audit/audit-months.ts';
import { noteKey, type SignNote, showNoteKey } from '../../../core/tlog/note.ts';
import { gatehouse } from '../run-cli.ts';

const AT = '2026-11-20T10:00:00.000Z';
const log: AuditEntry[] = [];
let pieces: Map<string, Uint8Array>;
const NAMES = [auditPieceName(1, 500), auditPieceName(501, 1000), auditPieceName(1001, 1100)];
const [first = '', second = '', third = ''] = NAMES;

beforeAll(async () => {
  for (let i = 0; i < 1200; i++) {
    const event = { kind: 'grant.issued', actor: 'alice@example.com', object: `${i}`, details: {} } as const;
    log.push(await chainAuditEntry(log.at(-1), event, AT));
  }
});
beforeEach(() => {
  pieces = new Map();
  for (const [from, to] of [
    [0, 500],
    [500, 1000],
    [1000, 1100],
  ]) {
    const { name, bytes } = encodeAuditPiece(log.slice(from, to));
    pieces.set(name, bytes);
  }
});
const flip = (name: string) => {
  const bytes = Uint8Array.from(pieces.get(name) ?? []);
  bytes[2000] = (bytes[2000] ?? 0) ^ 1;
  pieces.set(name, bytes);
};

describe('audit verify', () => {
  let server: Server;
  let origin: string;
  let served: readonly AuditEntry[];
  let standing: object;
  let forbidden = false;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://x');
      const path = url.pathname.replace('/api/v1/audit', '');
      const json = (body: unknown, status = 200) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (forbidden) return json({ error: { reason: 'forbidden', message: 'only auditors' } }, 403);
      if (path === '/export') return json(standing);
      if (path === '/pieces') {
        const after = url.searchParams.get('after') ?? '';
        const rest = [...pieces].filter(([name]) => name > after);
        const page = rest.slice(0, 2);
        return json({
          pieces: page.map(([name, { length: bytes }]) => ({ name, bytes })),
          ...(page.length < rest.length && { after: page.at(-1)?.[0] }),
        });
      }
      const piece = pieces.get(path.replace('/pieces/', ''));
      if (piece) return response.end(piece);
      const before = Number(url.searchParams.get('cursor') ?? Number.MAX_SAFE_INTEGER);
      const older = served.filter(({ sequence }) => sequence < before).toReversed();
      const page = older.slice(0, Number(url.searchParams.get('limit')));
      return json({ entries: page, ...(page.length < older.length && { cursor: String(page.at(-1)?.sequence) }) });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    served = log;
    forbidden = false;
    standing = { exportedThrough: 1100, waiting: 100, waitingSince: AT };
  });
  const run = async () => {
    const env = { GATEHOUSE_URL: origin, GATEHOUSE_TOKEN: 'gat_test' };
    const { code, stdout, stderr } = await gatehouse(['audit', 'verify', '--json'], env);
    return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) };
  };

  it('proves the chain from the entries themselves, and each piece against it', async () => {
    expect(await run()).toMatchObject({
      code: 0,
      report: {
        whole: true,
        proven: true,
        entries: 1200,
        head: log.at(-1)?.digest,
        export: { exportedThrough: 1100, waiting: 100, pieces: 3, last: 1100, faults: [] },
      },
    });
  });

  it.each<[string, (entries: readonly AuditEntry[]) => AuditEntry[], number]>([
    ['was changed', (entries) => entries.map((each, at) => (at === 699 ? { ...each, actor: 'x' } : each)), 700],
    ['is missing', (entries) => entries.filter((_, at) => at !== 699), 700],
    ['is missing at the beginning', (entries) => entries.slice(3), 1],
  ])('exits 1 and names the entry that %s', async (_what, change, brokenAt) => {
    served = change(log);
    expect(await run()).toMatchObject({ code: 1, report: { whole: false, brokenAt } });
  });

  it.each<[string, () => void, object]>([
    ['holds a flipped bit', () => flip(second), { object: second, reason: 'piece_damaged' }],
    ['is gone', () => pieces.delete(second), { object: 'log', message: 'entries 501 to 1000 are missing' }],
    ['is gone at the end', () => pieces.delete(third), { object: 'log', message: 'entries 1001 to 1100 are missing' }],
    [
      'is cut',
      () => pieces.set(third, (pieces.get(third) ?? new Uint8Array()).subarray(0, 5000)),
      { object: third, reason: 'piece_damaged' },
    ],
    [
      'stands under another name',
      () => pieces.set(first, pieces.get(second) ?? new Uint8Array()),
      { object: first, message: 'it holds entries 501 to 1000, and is named after 1 to 500' },
    ],
  ])('exits 1 when an exported piece %s', async (_what, change, fault) => {
    change();
    const { code, report } = await run();
    expect([code, report]).toMatchObject([1, { whole: true, proven: false }]);
    expect(report.export.faults).toContainEqual(expect.objectContaining(fault));
  });

  it('exits 1 when the log in the edge was cut below what was exported', async () => {
    served = log.slice(0, 900);
    standing = { exportedThrough: 900, waiting: 0 };
    const { code, report } = await run();
    expect(code).toBe(1);
    expect(report.whole).toBe(true);
    expect(report.export.faults[0]).toMatchObject({ object: second, message: 'entry 901 is not in the log' });
  });

  it('proves what the edge freed by the pieces alone, to the digest that the edge still has', async () => {
    const freed = { through: 1000, head: log[999]?.digest ?? '' };
    standing = { exportedThrough: 1100, waiting: 100, waitingSince: AT, freed };
    // As after the piece was taken away: nothing below is asked for.
    served = log.slice(1000);
    expect(await run()).toMatchObject({ code: 0, report: { whole: true, proven: true, entries: 1200 } });
    served = log.slice(1001);
    expect(await run()).toMatchObject({ code: 1, report: { whole: false, brokenAt: 1001 } });
    served = log.slice(1000);
    standing = { ...standing, freed: { through: 1000, head: 'f'.repeat(64) } };
    const other = await run();
    expect(other).toMatchObject({ code: 1, report: { whole: false, brokenAt: 1001 } });
    expect(other.report.export.faults).toMatchObject([{ object: second, reason: 'differs_from_log' }]);
  });

  it('exits 2 when it may not look, and 3 when nobody answers', async () => {
    forbidden = true;
    expect((await run()).code).toBe(2);
    const env = { GATEHOUSE_URL: 'http://127.0.0.1:9', GATEHOUSE_TOKEN: 'gat_test' };
    expect((await gatehouse(['audit', 'verify'], env)).code).toBe(3);
  });
});

describe('audit verify --dir', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'gatehouse-audit-copy-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const verify = async (...args: string[]) => {
    await mkdir(join(dir, 'copy/audit'), { recursive: true });
    for (const [name, bytes] of pieces) await writeFile(join(dir, 'copy/audit', name), bytes);
    return gatehouse(['audit', 'verify', '--dir', join(dir, 'copy'), ...args]);
  };

  it('proves a copy with no server and no login, and says what it cannot prove', async () => {
    const { code, stdout } = await verify('--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      { proven: true, copies: [{ pieces: 3, entries: 1100, head: log[1099]?.digest }] },
    ]);
    const words = await verify();
    expect(words.stdout).toContain('3 pieces, entries 1 to 1100');
    expect(words.stdout).toContain('That nothing was cut off at the end');
  });

  it.each<[string, () => void, string]>([
    ['a flipped bit', () => flip(first), `${first}: `],
    ['a piece taken out', () => pieces.delete(second), 'log: entries 501 to 1000 are missing'],
    [
      'two that changed places',
      () => {
        const [a, b] = [pieces.get(first) ?? new Uint8Array(), pieces.get(second) ?? new Uint8Array()];
        pieces.set(first, b).set(second, a);
      },
      `${first}: it holds entries 501 to 1000`,
    ],
    [
      'a cut piece',
      () => pieces.set(third, (pieces.get(third) ?? new Uint8Array()).subarray(0, 700)),
      `${third}: it is cut`,
    ],
    ['an empty piece', () => pieces.set(first, new Uint8Array()), `${first}: it is cut`],
  ])('exits 1 and says where: %s', async (_what, change, words) => {
    change();
    const { code, stdout } = await verify();
    expect([code, stdout]).toEqual([1, expect.stringContaining(words)]);
  });

  it('shows a cut at the end against a head that was noted before', async () => {
    const noted = log[1050]?.digest ?? '';
    expect((await verify('--head', noted)).code).toBe(0);
    pieces.delete(third);
    await rm(join(dir, 'copy/audit', third));
    const { code, stdout } = await verify('--head', noted);
    expect([code, stdout]).toEqual([1, expect.stringContaining('the copy is cut, or of another log')]);
  });

  it('says to which closed month a copy is whole, by the key of the edge’s log', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
    const signing: SignNote = async (data) => new Uint8Array(sign(null, data, privateKey));
    const logKey = await noteKey('gatehouse.example.com/sessions', 'log', raw);
    const line = {
      ...{ name: '2026-11', first: 1, last: 1100, previous: AUDIT_GENESIS, before: AUDIT_GENESIS },
      head: log[1099]?.digest ?? '',
    };
    const month = { ...line, root: await monthRoot(line) };
    const closed = monthClosed(month, await signMonth(month, await auditKeyOf(logKey), signing));
    const { name, bytes } = encodeAuditPiece([await chainAuditEntry(log[1099], closed, AT)]);
    pieces.set(name, bytes);
    await writeFile(join(dir, 'keys'), `log ${showNoteKey(logKey)}\n`);
    const { code, stdout } = await verify('--keys', join(dir, 'keys'));
    expect([code, stdout]).toEqual([0, expect.stringContaining('signed months to 2026-11, entries 1 to 1100')]);
    expect((await verify('--json')).stdout).toContain('"signed": false');
    const stranger = await noteKey('gatehouse.example.com/sessions', 'log', new Uint8Array(32).fill(7));
    await writeFile(join(dir, 'keys'), `log ${showNoteKey(stranger)}\n`);
    const wrong = await verify('--keys', join(dir, 'keys'));
    expect([wrong.code, wrong.stdout]).toEqual([1, expect.stringContaining('month_differs')]);
    await writeFile(join(dir, 'keys'), '\n');
    expect((await verify('--keys', join(dir, 'keys'))).code).toBe(2);
  });

  it('exits 2 when there is nothing to prove', async () => {
    const none = await gatehouse(['audit', 'verify', '--dir', join(dir, 'nowhere')]);
    expect(none.code).toBe(2);
    await mkdir(join(dir, 'empty'));
    expect((await gatehouse(['audit', 'verify', '--dir', join(dir, 'empty')])).code).toBe(2);
    expect((await gatehouse(['audit', 'verify', '--head', 'f'.repeat(64)])).code).toBe(2);
    expect((await verify('--head', 'xyz')).code).toBe(2);
  });
});
