// Streams that nobody would send: random splits, rows at every size that matters, lying lengths, and
// servers and clients that say anything at all. A short run; GATEHOUSE_FUZZ_MS makes it as long as wanted,
// and GATEHOUSE_FUZZ_SEED repeats one.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ResultMasker } from '../../../connector/protocols/postgres/results/result-masker.ts';
import { mask } from '../../../core/masking/masked.ts';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../../harness/gateway.ts';
import { type PostgresServer, startPostgres } from '../../harness/postgres/postgres.ts';
import {
  dialRaw,
  type FakeTarget,
  logInRaw,
  type RawPeer,
  startFakeTarget,
} from '../../harness/postgres/raw-postgres.ts';
import { until } from '../../harness/run.ts';
import { copyText } from './copy-plans.ts';
import { type CurrentStatement, planResult, SimpleGuide } from './simple-guide.ts';
import { masksOf } from '../masks-of.ts';
import { dataRow, int16, int32, message, readMessages, rowDescription } from './wire.ts';

const FOR_MS = Number(process.env.GATEHOUSE_FUZZ_MS ?? 1_500);
const SEED = Number(process.env.GATEHOUSE_FUZZ_SEED ?? 20_261_121);
const SECRET = 'secretsecret';

/** xorshift32: the same numbers for the same seed. */
function numbers(seed: number) {
  let state = seed | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const below = (most: number) => Math.floor(next() * most);
  return {
    next,
    below,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
    bytes: (count: number) => Buffer.from(Array.from({ length: count }, () => below(256))),
  };
}
type Numbers = ReturnType<typeof numbers>;

/** Until the time is over, and at least once; says which seed failed. */
async function fuzz(work: (random: Numbers) => Promise<void> | void): Promise<void> {
  const end = performance.now() + FOR_MS;
  for (let seed = SEED; seed === SEED || performance.now() < end; seed++) {
    try {
      await work(numbers(seed * 7919));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

const MIB = 1024 * 1024;
const masks = () =>
  masksOf([
    { columns: ['people.email'], with: 'placeholder' },
    { detect: ['credit-card'], with: 'placeholder' },
  ]).masks;
const resolve = (_: number, attribute: number) => ({
  schema: 'public',
  table: 'people',
  column: attribute % 3 === 2 ? 'email' : `c${attribute}`,
});

function maskAll(stream: Buffer, cuts: readonly number[], current?: CurrentStatement) {
  const rules = masks();
  const guide = new SimpleGuide(rules, resolve);
  guide.current = current;
  const masker = new ResultMasker(rules, guide);
  const out: Buffer[] = [];
  let from = 0;
  for (const cut of [...new Set(cuts), stream.length].sort((a, b) => a - b)) {
    // What was given out is not to change with what comes later.
    out.push(...mask(masker, Buffer.from(stream.subarray(from, cut))).map((part) => Buffer.from(part)));
    while (masker.more) out.push(...mask(masker, Buffer.alloc(0)).map((part) => Buffer.from(part)));
    from = cut;
  }
  return { bytes: Buffer.concat(out), fault: masker.fault };
}

const CARD = '4111111111111111';
const cell = (random: Numbers, column: number, size: number): string | null => {
  if (random.below(9) === 0) return null;
  if (column % 3 === 1) return `${SECRET}@${SECRET}.example`.padEnd(size, SECRET);
  return random.below(4) === 0 ? `${' '.repeat(size)} ${CARD} ` : 'x'.repeat(size);
};
const between = (random: Numbers): Buffer =>
  random.pick([
    message('N', Buffer.from('SNOTICE\0VNOTICE\0C00000\0Mhello\0\0')),
    message('S', Buffer.from('TimeZone\0UTC\0')),
    message('A', Buffer.concat([int32(1), Buffer.from('channel\0payload\0')])),
    Buffer.alloc(0),
    Buffer.alloc(0),
  ]);

function validStream(random: Numbers): Buffer {
  const columns = random.pick([1, 2, 3, 8, 100, 1_664]);
  const described = rowDescription(
    Array.from({ length: columns }, (_, index) => ({ name: `c${index}`, table: 1, attribute: index + 1, type: 25 })),
  );
  const parts = [described, between(random)];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const large = random.below(columns);
    const size =
      columns < 100 ? random.pick([0, 1, 300, 70_000, MIB - 40, MIB - 6 - random.below(30), MIB + 1, MIB * 1.3]) : 3;
    parts.push(
      dataRow(
        Array.from({ length: columns }, (_, index) => cell(random, index, index === large ? Math.floor(size) : 5)),
      ),
      between(random),
    );
  }
  parts.push(message('C', Buffer.from('SELECT 1\0')), message('Z', Buffer.from('I')));
  return Buffer.concat(parts);
}

/** Where splits hurt: at and around each border of a message, and anywhere. */
function cutsOf(random: Numbers, stream: Buffer): number[] {
  const cuts: number[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = stream.readInt32BE(at + 1);
    for (let near = -3; near <= 12; near++) if (random.below(3) === 0) cuts.push(at + near);
    at += 1 + length;
  }
  for (let more = random.below(12); more > 0; more--) cuts.push(random.below(stream.length));
  return cuts.filter((cut) => cut > 0 && cut < stream.length);
}

const copyStream = (random: Numbers, binary: boolean): Buffer => {
  const rows = Array.from({ length: 1 + random.below(5) }, () => {
    const cells = [0, 1, 2].map((column) => cell(random, column, random.pick([0, 5, 300, 65_000, 66_000])));
    if (!binary) return Buffer.from(`${cells.map((one) => one ?? '\\N').join('\t')}\n`);
    const parts = cells.flatMap((one) => (one === null ? [int32(-1)] : [int32(one.length), Buffer.from(one)]));
    return Buffer.concat([int16(3), ...parts]);
  });
  const head = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0)]);
  const data = binary ? Buffer.concat([head, ...rows, int16(-1)]) : Buffer.concat(rows);
  const parts = [
    message(
      'H',
      Buffer.concat([Buffer.from([binary ? 1 : 0]), int16(3), ...[0, 1, 2].map(() => int16(binary ? 1 : 0))]),
    ),
  ];
  // Servers give a row in a message; nothing says that they must.
  for (let at = 0; at < data.length; ) {
    const size = random.pick([1, 2, 7, 100, 70_000]);
    parts.push(message('d', data.subarray(at, at + size)), random.below(5) === 0 ? between(random) : Buffer.alloc(0));
    at += size;
  }
  return Buffer.concat([
    ...parts,
    message('c', Buffer.alloc(0)),
    message('C', Buffer.from('COPY 1\0')),
    message('Z', Buffer.from('I')),
  ]);
};
const plansOf = (binary: boolean) => {
  const three = [0, 1, 2].map((index) => ({ name: `c${index}`, table: 1, attribute: index + 1, type: 25, binary }));
  return planResult(masks(), rowDescription(three).subarray(5), {}, resolve)?.columns ?? [];
};
const copied = (bytes: Buffer): Buffer =>
  Buffer.concat(
    readMessages(bytes)
      .filter(({ type }) => type === 'd')
      .map(({ body }) => body),
  );

describe('streams of an honest server', () => {
  test('any split gives the same messages, and nothing that a rule hides', async () => {
    await fuzz((random) => {
      const stream = validStream(random);
      // As sockets give it: a row above the cap is never in one piece.
      const whole = maskAll(stream, chunksOf(stream.length));
      expect(whole.fault).toBeUndefined();
      expect(readMessages(whole.bytes).map(({ type }) => type)).toEqual(readMessages(stream).map(({ type }) => type));
      expect(whole.bytes.includes(SECRET)).toBe(false);
      expect(whole.bytes.includes(CARD)).toBe(false);
      const cut = maskAll(stream, [...chunksOf(stream.length), ...cutsOf(random, stream)]);
      expect(cut.fault).toBeUndefined();
      expect(Buffer.compare(cut.bytes, whole.bytes)).toBe(0);
    });
  });

  test.each([
    ['text', false],
    ['binary', true],
  ] as const)('COPY in %s: data in messages of any size, split anywhere, comes to the same', async (_, binary) => {
    const columns = plansOf(binary);
    const current = { text: '', copy: binary ? { kind: 'binary' as const, columns } : copyText(columns) };
    await fuzz((random) => {
      const stream = copyStream(random, binary);
      const whole = maskAll(stream, [], current);
      expect(whole.fault).toBeUndefined();
      expect(whole.bytes.includes(SECRET)).toBe(false);
      expect(whole.bytes.includes(CARD)).toBe(false);
      const cut = maskAll(stream, cutsOf(random, stream), current);
      expect(cut.fault).toBeUndefined();
      expect(Buffer.compare(copied(cut.bytes), copied(whole.bytes))).toBe(0);
    });
  });

  test('random changes of it never throw, and what is given are whole messages up to the fault', async () => {
    await fuzz((random) => {
      const stream = Buffer.from(validStream(random));
      for (let changes = 1 + random.below(4); changes > 0; changes--) {
        const at = random.below(stream.length);
        const kind = random.below(3);
        if (kind === 0) stream[at] = random.below(256);
        else if (kind === 1 && at + 4 <= stream.length)
          stream.writeInt32BE(random.pick([0, -1, 3, 4, 5, 2 ** 30, 2 ** 31 - 1, -(2 ** 31), MIB]), at);
        else random.bytes(random.below(40)).copy(stream, at);
      }
      const given = maskAll(stream.subarray(0, 1 + random.below(stream.length)), cutsOf2(random, stream.length));
      // Whole, or cut within the last one, which goes on as it came.
      for (let at = 0; at + 5 <= given.bytes.length; ) {
        const length = given.bytes.readInt32BE(at + 1);
        expect(length).toBeGreaterThanOrEqual(4);
        at += 1 + length;
      }
    });
  });
});

const chunksOf = (size: number): number[] =>
  Array.from({ length: Math.ceil(size / 65_536) - 1 }, (_, index) => (index + 1) * 65_536);
const cutsOf2 = (random: Numbers, size: number): number[] =>
  Array.from({ length: random.below(9) }, () => 1 + random.below(size));

const RULES = {
  policyVersion: 1,
  rule: 'fuzzed',
  limits: {},
  mask: [
    { columns: ['people.email'], with: 'placeholder' },
    { detect: ['credit-card'], with: 'placeholder' },
  ],
  statements: [{ block: ['drop'] }, { warn: ['update'] }],
} as const;

function anyMessage(random: Numbers, types: string): Buffer {
  const body = random.pick([
    () => random.bytes(random.below(60)),
    () => Buffer.alloc(random.below(60)),
    () => Buffer.from(`${random.pick(['s', '', 'x'])}\0select ${SECRET}\0\0\0`),
    () => Buffer.from('S\0select 1\0\0\0\0\0\0\0\0'),
    () => Buffer.concat([int16(random.below(5)), random.bytes(random.below(40))]),
  ])();
  const one = message(random.pick([...types, String.fromCharCode(random.below(256))]), body);
  if (random.below(12) === 0)
    one.writeInt32BE(random.pick([0, 3, -1, 2 ** 31 - 1, body.length + 3, body.length + 9]), 1);
  return one;
}

describe('whoever says anything at all', () => {
  let server: PostgresServer;
  let liar: FakeTarget;
  let gateway: Gateway;
  let secret: string;
  let says: Numbers = numbers(1);
  const lying = new Set<RawPeer>();

  beforeAll(async () => {
    server = await startPostgres();
    liar = await startFakeTarget(async (peer) => {
      lying.add(peer);
      peer.socket.once('close', () => lying.delete(peer));
      for (let left = 30; left > 0; left--) {
        if (!(await peer.take(1))) return;
        peer.received = Buffer.alloc(0);
        const count = 1 + says.below(12);
        for (let more = 0; more < count; more++) peer.send(anyMessage(says, 'TDDDCZIENSA123nstHdcVG'));
        if (says.below(4) === 0) peer.send(message('Z', Buffer.from('I')));
        if (says.below(15) === 0) return void peer.socket.destroy();
      }
    });
    gateway = await startGateway({
      targets: { demo: trusted(server.port), liar: trusted(liar.port) },
    });
    gateway.edge.rules = SessionRules.parse(RULES);
    secret = gateway.edge.issue({ resource: 'liar' }).secret;
  });
  afterAll(async () => {
    await gateway?.close();
    await liar?.close();
    await server?.stop();
  });

  const talk = async (random: Numbers, password: string, database: string) => {
    const peer = await dialRaw(gateway.port);
    await logInRaw(peer, password, { database });
    for (let left = 1 + random.below(8); left > 0 && !peer.closed; left--) {
      const bytes = Buffer.concat([
        random.below(3) > 0 ? message('Q', Buffer.from(`select ${random.below(9)}\0`)) : Buffer.alloc(0),
        ...Array.from({ length: random.below(6) }, () => anyMessage(random, 'QPPBBEEDCSSHFdcf')),
      ]);
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.below(random.pick([3, 50, 5_000]));
        peer.send(bytes.subarray(at, at + size));
        at += size;
        if (random.below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, random.below(4)));
    }
    peer.socket.destroy();
  };

  test('a server: sessions end or go on, and nothing else happens', async () => {
    await fuzz(async (random) => {
      says = random;
      gateway.log.sessions.length = 0;
      await talk(random, secret, 'liar');
      const isOver = () => gateway.log.sessions.every(({ ended }) => ended);
      // What it does not answer may be waited for as long as it is there, like a long query.
      await until('it is over', isOver, 200).catch(() => {
        for (const { socket } of lying) socket.destroy();
      });
      await until('it is over', isOver);
      expect(gateway.bugs).toEqual([]);
    });
  });

  test('a client: sessions end or go on, and nothing else happens', async () => {
    const own = gateway.edge.issue({ resource: 'demo' }).secret;
    await fuzz(async (random) => {
      gateway.log.sessions.length = 0;
      await talk(random, own, 'demo');
      await until('it is over', () => gateway.log.sessions.every(({ ended }) => ended));
      expect(gateway.bugs).toEqual([]);
    });
  });
});
