// A listener that strangers hammer, and who logs in meanwhile: the gateway, the strangers and the honest
// clients in a process each, over loopback, where 127.0.0.x counts as many addresses.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { logInRaw, RawPeer, startFakeTarget } from '../harness/postgres/raw-postgres.ts';

const CONNECTIONS_A_SECOND = 2_000;
const LOGINS = 200;
const BETWEEN_LOGINS_MS = 20;
/** Until every cap of the listener is reached. */
const AHEAD_MS = 1_000;
const IN_TIME_MS = 2_000;

export async function benchHostile({ rounds }: { readonly rounds: number }): Promise<void> {
  const target = await startFakeTarget(async (peer) => {
    while (await peer.next());
    peer.socket.end();
  });
  const gateway = start('../harness/gateway-process.ts', String(target.port));
  const { port, secret } = JSON.parse(await lineOf(gateway.stdout)) as { port: number; secret: string };
  for (let round = 0; round < rounds; round++)
    for (const from of ['one', 'many']) {
      const strangers = start('./strangers.ts', String(port), String(CONNECTIONS_A_SECOND), from);
      await sleep(AHEAD_MS);
      const logins: Promise<Login>[] = [];
      for (let count = 0; count < LOGINS; count++) {
        logins.push(logIn(port, secret));
        await sleep(BETWEEN_LOGINS_MS);
      }
      const all = await Promise.all(logins);
      strangers.stdin.end();
      print(from, await lineOf(strangers.stdout), all);
    }
  gateway.kill();
  await target.close();
}

interface Login {
  readonly tookMs: number;
  /** Why not, in the gateway's words. */
  readonly refused?: string;
}

/** From the same address as the strangers where they have but one. */
async function logIn(port: number, secret: string): Promise<Login> {
  const from = performance.now();
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const peer = new RawPeer(socket);
  const last = (await logInRaw(peer, secret)).at(-1);
  const tookMs = performance.now() - from;
  socket.destroy();
  return last?.type === 'Z' ? { tookMs } : { tookMs, refused: last?.body.toString() ?? 'closed without a word' };
}

function print(from: string, rate: string, all: readonly Login[]): void {
  const good = all.filter(({ refused }) => refused === undefined).map(({ tookMs }) => tookMs);
  good.sort((a, b) => a - b);
  const at = (share: number) => (good[Math.floor((good.length - 1) * share)] ?? Number.NaN).toFixed(0);
  const inTime = good.filter((tookMs) => tookMs < IN_TIME_MS).length;
  console.log(
    `${rate} connections/s of strangers from ${from === 'one' ? "the clients' own address" : '10,000 addresses'}: ` +
      `${inTime} of ${all.length} logins in within ${IN_TIME_MS / 1000} s, ${all.length - good.length} refused; ` +
      `median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms`,
  );
  for (const words of new Set(all.flatMap(({ refused }) => refused ?? []))) console.log(`  ${JSON.stringify(words)}`);
}

function start(file: string, ...args: string[]): ChildProcessByStdio<Writable, Readable, null> {
  return spawn(process.execPath, [new URL(file, import.meta.url).pathname, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function lineOf(output: Readable): Promise<string> {
  const [line] = (await once(output, 'data')) as [Buffer];
  return line.toString().trim();
}
