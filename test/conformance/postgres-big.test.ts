// Messages and results far larger than memory should grow: streamed through a gateway in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';
import { dialRaw, logInRaw, startFakeTarget } from '../harness/postgres/raw-postgres.ts';
import { run } from '../harness/run.ts';
import { SOAK } from '../harness/soak.ts';

const MAX_GROWTH_BYTES = 150 * 1024 * 1024;
/** Of each transfer: more than memory may grow by. */
const MEGABYTES = SOAK ? 500 : 250;

interface Measured {
  readonly rss: number;
  readonly counts: { client: number; target: number }[];
}

class GatewayProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  port = 0;
  secret = '';
  /** The highest that was seen. */
  peak = 0;
  #sampling: NodeJS.Timeout | undefined;
  readonly #pending: Promise<unknown>[] = [];

  constructor(targetPort: number) {
    const path = fileURLToPath(new URL('../harness/gateway-process.ts', import.meta.url));
    this.#child = spawn(process.execPath, [path, String(targetPort)], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!this.#child.stdout) throw new Error('no output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    const { port, secret } = JSON.parse((await this.#lines.next()).value) as { port: number; secret: string };
    this.port = port;
    this.secret = secret;
    return this;
  }

  async measure(): Promise<Measured> {
    this.#child.stdin?.write('\n');
    const measured = JSON.parse((await this.#lines.next()).value) as Measured;
    this.peak = Math.max(this.peak, measured.rss);
    return measured;
  }

  /** Samples while `work` runs; gives how far memory grew above where it was, and the last measure. */
  async growth(work: () => Promise<void>): Promise<{ grown: number; last: Measured }> {
    const { rss } = await this.measure();
    this.peak = 0;
    this.#sampling = setInterval(() => this.#pending.push(this.measure()), 100);
    await work();
    clearInterval(this.#sampling);
    await Promise.all(this.#pending.splice(0));
    return { last: await this.measure(), grown: this.peak - rss };
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await gone;
  }
}

let server: PostgresServer;
let gateway: GatewayProcess;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startPostgres({ settings: ['max_wal_size=4GB', 'full_page_writes=off'] });
  gateway = await new GatewayProcess(server.port).ready();
  env = {
    PGHOST: '127.0.0.1',
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: gateway.secret,
  };
});

afterAll(async () => {
  await gateway?.stop();
  await server?.stop();
});

const MEGABYTE = 1024 * 1024;
const psqlRun = (args: string[], input?: string) =>
  run(findClient('psql') ?? 'psql', ['-X', '-q', ...args], {
    env,
    stdout: 'ignore',
    timeoutMs: 100_000,
    ...(input && { input }),
  });

describe('memory stays flat', () => {
  it(`through a COPY of ${MEGABYTES} MB to the client`, async () => {
    const { grown, last } = await gateway.growth(async () => {
      const copy = `copy (select repeat('x', 1000) from generate_series(1, ${MEGABYTES}000)) to stdout`;
      expect(await psqlRun(['-c', copy])).toMatchObject({ code: 0, stderr: '' });
    });
    expect(last.counts.at(-1)?.target).toBeGreaterThan(MEGABYTES * 1000 * 1000);
    expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
  });

  it(`through a COPY of ${MEGABYTES} MB from the client`, async () => {
    const script = `create unlogged table big(t text); \\copy big from program 'yes ${'x'.repeat(999)} | head -c ${MEGABYTES}000000'\n`;
    const { grown, last } = await gateway.growth(async () => {
      expect(await psqlRun([], script)).toMatchObject({ code: 0, stderr: '' });
    });
    expect(last.counts.at(-1)?.client).toBeGreaterThan(MEGABYTES * 1_000_000);
    expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
  });

  it('through a single row of 250 MB', async () => {
    const { grown, last } = await gateway.growth(async () => {
      expect(await psqlRun(['-A', '-t', '-c', `select repeat('x', 250000000)`])).toMatchObject({ code: 0, stderr: '' });
    });
    expect(last.counts.at(-1)?.target).toBeGreaterThan(250_000_000);
    expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
  });

  it(`through a Query and a bind parameter of ${MEGABYTES} MB each`, async () => {
    const chunk = Buffer.alloc(MEGABYTE, 'x');
    const target = await startFakeTarget(async ({ socket }) => {
      // Takes everything, keeps nothing.
      socket.removeAllListeners('data');
      socket.resume();
    });
    const other = await new GatewayProcess(target.port).ready();
    const peer = await dialRaw(other.port);
    await logInRaw(peer, other.secret);
    const { grown, last } = await other.growth(async () => {
      for (const head of [Buffer.from('Q\0\0\0\0'), Buffer.from('B\0\0\0\0\0\0\0\0\0\x01\0\0\0\0')]) {
        const rest = MEGABYTES * MEGABYTE;
        head.writeInt32BE(head.length - 1 + rest, 1);
        if (head[0] === 0x42) head.writeInt32BE(rest - 2, 11);
        peer.socket.write(head);
        for (let i = 0; i < MEGABYTES; i++) {
          const last = i === MEGABYTES - 1 ? Buffer.concat([chunk.subarray(2), Buffer.alloc(2)]) : chunk;
          if (!peer.socket.write(last)) await new Promise((resolve) => peer.socket.once('drain', resolve));
        }
      }
    });
    expect(last.counts.at(-1)?.client).toBeGreaterThan(1.8 * MEGABYTES * MEGABYTE);
    expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
    peer.socket.destroy();
    await other.stop();
    await target.close();
  });
});
