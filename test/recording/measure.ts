// How fast the recording is by itself: `node test/recording/measure.ts`. Not a test; prints a table.
//
//   small   16 sessions as pgbench makes them: a turn brings each a 60 byte request and a 300 byte
//           answer with their two facts
//   bulk    one session, 300 MB in chunks of 64 KiB, as COPY makes them
//   idle    1,000 sessions that were opened and do nothing

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog, RecordedClient, testConnector } from '../harness/recording.ts';
import type { Delivery } from '../../connector/door.ts';
import type { SessionRecorder } from '../../connector/session/session-log.ts';

const ROUNDS = 3;
const connector = testConnector();
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Row {
  readonly what: string;
  readonly [column: string]: string | number;
}

async function withLog(work: (log: Awaited<ReturnType<typeof openLog>>['log']) => Promise<Row>): Promise<Row> {
  const place = mkdtempSync(join(tmpdir(), 'gatehouse-measure-'));
  const { log } = await openLog(connector, join(place, 'connector'), {
    store: { kind: 'directory', root: join(place, 'objects') },
  });
  try {
    return await work(log);
  } finally {
    await log.drain(120_000);
    await log.close();
    rmSync(place, { recursive: true, force: true });
  }
}

function cpu() {
  const all = process.cpuUsage();
  const main = process.threadCpuUsage();
  return { allUs: all.user + all.system, mainUs: main.user + main.system };
}

/** Counts what is handed on, as a socket's write would. */
class Sink implements Delivery {
  turns = 0;
  deliver(): void {
    this.turns++;
  }
}

function query(recorder: SessionRecorder, sink: Sink, number: number): void {
  recorder.bytes('client', 0, REQUEST);
  recorder.fact(0, {
    kind: 'statement.started',
    action: number,
    form: 'extended',
    text: 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;',
    parameters: [{ type: 23, format: 'text', value: '123456' }],
    prepared: 'P_0',
    at: { direction: 'client', lane: 0, offset: number * 60, length: 60 },
  });
  recorder.bytes('target', 0, ANSWER);
  recorder.fact(0, {
    kind: 'statement.finished',
    action: number,
    tags: ['SELECT 1'],
    rows: 1,
    bytes: 300,
    durationUs: 400,
    at: { direction: 'target', lane: 0, offset: number * 300, length: 300 },
  });
  recorder.afterCommit(sink);
}

const REQUEST = Buffer.alloc(60, 'request ');
const ANSWER = Buffer.alloc(300, 'the answer to a query ');

async function small(queries: number): Promise<Row> {
  return withLog(async (log) => {
    const clients = Array.from({ length: 16 }, () => new RecordedClient(connector, log));
    const sinks = clients.map(() => new Sink());
    await turn();
    const before = cpu();
    const started = performance.now();
    for (let number = 1; number <= queries / 16; number++) {
      for (const [i, client] of clients.entries()) query(client.recorder, sinks[i] as Sink, number);
      await turn();
    }
    const written = performance.now() - started;
    const main = cpu();
    for (const client of clients) client.end();
    await log.drain(120_000);
    const stored = performance.now() - started;
    const after = cpu();
    return {
      what: `small, ${queries} queries`,
      'queries/s': Math.round((queries / written) * 1000),
      'main µs/query': ((main.mainUs - before.mainUs) / queries).toFixed(2),
      'all µs/query': ((after.allUs - before.allUs) / queries).toFixed(2),
      'stored after s': (stored / 1000).toFixed(1),
    };
  });
}

async function bulk(mebibytes: number): Promise<Row> {
  return withLog(async (log) => {
    const client = new RecordedClient(connector, log);
    const sink = new Sink();
    // Rows as pgbench_accounts has them, and not the same in every chunk.
    const chunks = Array.from({ length: 64 }, (_, chunk) =>
      Buffer.from(
        Array.from(
          { length: 700 },
          (_, row) => `${chunk * 700 + row}\t1\t${(row * 7919 * chunk) % 99991}\t${' '.repeat(80)}`,
        )
          .join('\n')
          .padEnd(65536, '.')
          .slice(0, 65536),
      ),
    );
    await turn();
    const before = cpu();
    const started = performance.now();
    for (let i = 0; i < mebibytes * 16; i++) {
      client.recorder.bytes('target', 0, chunks[i % 64] as Buffer);
      client.recorder.afterCommit(sink);
      await turn();
    }
    const written = performance.now() - started;
    const main = cpu();
    client.end();
    await log.drain(120_000);
    const stored = performance.now() - started;
    const after = cpu();
    return {
      what: `bulk, ${mebibytes} MiB`,
      'MB/s': Math.round((mebibytes * 1.048576 * 1000) / written),
      'main ms': Math.round((main.mainUs - before.mainUs) / 1000),
      'all ms': Math.round((after.allUs - before.allUs) / 1000),
      'stored after s': (stored / 1000).toFixed(1),
    };
  });
}

async function idle(sessions: number): Promise<Row> {
  return withLog(async (log) => {
    await turn();
    global.gc?.();
    const rss = process.memoryUsage().rss;
    const clients = Array.from({ length: sessions }, () => new RecordedClient(connector, log));
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    global.gc?.();
    const before = cpu();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const after = cpu();
    const row = {
      what: `idle, ${sessions} sessions`,
      'KiB/session': ((process.memoryUsage().rss - rss) / 1024 / sessions).toFixed(1),
      'CPU ms/s': ((after.allUs - before.allUs) / 5_000).toFixed(1),
    };
    for (const client of clients) client.end();
    return row;
  });
}

for (let round = 1; round <= ROUNDS; round++) console.table([await small(160_000), await bulk(300)]);
console.table([await idle(1_000)]);
