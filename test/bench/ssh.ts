// What an SSH session through the gateway costs, beside a jump host, which carries bytes that it cannot read, and no
// host between at all: `npm run bench -- ssh`. Rounds are interleaved; figures are medians. A copy has 256 MiB for each
// of `--seconds`, so 1 GiB where nothing is said.

import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sshMessage } from '../../connector/protocols/ssh/wire/messages.ts';
import { SshTransport } from '../../connector/protocols/ssh/wire/transport.ts';
import { run, until } from '../harness/run.ts';
import { table } from './pgbench.ts';
import { comeToRest, cpuMicroseconds, median, residentBytes } from './process-cost.ts';
import { type SshWays, sshWays } from './ssh-ways.ts';

const MIB = 1024 * 1024;
const COMMANDS = 100;
const KEYSTROKES = 300;
const IDLE_SESSIONS = 200;

interface Row {
  readonly cat: number[];
  readonly down: number[];
  readonly up: number[];
  readonly cpu: number[];
  readonly command: number[];
  readonly echo: number[];
}

export async function benchSsh({ rounds, seconds }: { rounds: number; seconds: number }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const ways = await sshWays(directory);
  try {
    const content = join(directory, 'content');
    writeRandom(content, seconds * 256);
    const rows = new Map<string, Row>(
      ways.names.map((name) => [name, { cat: [], down: [], up: [], cpu: [], command: [], echo: [] }]),
    );
    for (const name of ways.names) await took(ways, 'ssh', [name, 'true']);
    for (let round = 1; round <= rounds; round++) {
      for (const [name, row] of rows) await measure(ways, name, row, { content, copy: join(directory, 'copy') });
      console.error(`round ${round} of ${rounds}`);
    }
    print(rows, seconds * 256);
    await printIdle(ways);
  } finally {
    await ways.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(
  ways: SshWays,
  name: string,
  row: Row,
  { content, copy }: { readonly content: string; readonly copy: string },
): Promise<void> {
  const { pid } = ways.gateway;
  const own = name === 'gatehouse';
  await comeToRest(pid, 15_000);
  const before = cpuMicroseconds(pid);
  row.cat.push(await took(ways, 'ssh', [name, `cat ${content}`]));
  if (own) {
    await comeToRest(pid, 30_000);
    row.cpu.push((cpuMicroseconds(pid) - before) / 1e6);
  }
  row.down.push(await took(ways, 'scp', [`${name}:${content}`, copy]));
  await comeToRest(pid, 30_000);
  row.up.push(await took(ways, 'scp', [content, `${name}:${copy}`]));
  await comeToRest(pid, 30_000);
  const began = performance.now();
  for (let i = 0; i < COMMANDS; i++) await took(ways, 'ssh', [name, 'true']);
  row.command.push((performance.now() - began) / COMMANDS);
  row.echo.push(...(await echoes(ways, name)));
}

/** In seconds. */
async function took(ways: SshWays, program: string, args: readonly string[]): Promise<number> {
  const began = performance.now();
  const ran = await run(program, [...ways.options, ...args], {
    env: ways.env,
    stdout: 'ignore',
    timeoutMs: 600_000,
  });
  if (ran.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.stderr}`);
  return (performance.now() - began) / 1000;
}

function writeRandom(file: string, mebibytes: number): void {
  const block = Buffer.alloc(MIB);
  const open = openSync(file, 'w');
  for (let i = 0; i < mebibytes; i++) writeSync(open, randomFillSync(block));
  closeSync(open);
}

/** How long each key takes until it is on the screen, in milliseconds: the target's terminal echoes it. */
async function echoes(ways: SshWays, name: string): Promise<number[]> {
  const client = spawn('ssh', [...ways.options, '-tt', name, 'stty -icanon; echo ready; exec cat > /dev/null'], {
    env: { ...process.env, ...ways.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let onShown: () => void = () => {};
  client.stdout.on('data', (part: Buffer) => {
    shown += part.toString();
    onShown();
  });
  await until('the terminal is ready', () => shown.includes('ready'));
  const times: number[] = [];
  for (let i = 0; i < KEYSTROKES; i++) {
    shown = '';
    const began = performance.now();
    const echoed = new Promise<void>((resolve) => {
      onShown = resolve;
    });
    client.stdin.write('x');
    await echoed;
    times.push(performance.now() - began);
    // As somebody types, and so that no key goes with the one before.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const gone = new Promise((resolve) => client.once('close', resolve));
  client.kill();
  await gone;
  return times;
}

function print(rows: ReadonlyMap<string, Row>, mebibytes: number): void {
  const of = (values: readonly number[], base: readonly number[] | undefined) => [
    median(values).toFixed(2),
    base ? (median(values) / median(base)).toFixed(2) : '-',
  ];
  const jump = rows.get('jump');
  const size = mebibytes >= 1024 ? `${mebibytes / 1024} GiB` : `${mebibytes} MiB`;
  table([
    [
      ...['through', `cat ${size}, s`, 'of jump', 'scp down, s', 'of jump', 'scp up, s', 'of jump'],
      ...['CPU of cat, s', 'ssh true, ms', 'echo p50, ms', 'p99'],
    ],
    ...[...rows].map(([name, row]) => [
      name,
      ...of(row.cat, jump?.cat),
      ...of(row.down, jump?.down),
      ...of(row.up, jump?.up),
      row.cpu.length > 0 ? median(row.cpu).toFixed(2) : '-',
      median(row.command).toFixed(0),
      quantile(row.echo, 0.5).toFixed(2),
      quantile(row.echo, 0.99).toFixed(2),
    ]),
  ]);
}

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? 0;

/** Memory of sessions that are logged in and run a command that says nothing. */
async function printIdle(ways: SshWays): Promise<void> {
  // What earlier work left free would hide it.
  const { pid, port, secret, stop } = await ways.another();
  const open = async (count: number) => {
    const opened: { destroy(): void }[] = [];
    for (let i = 0; i < count; i++) opened.push(await enter(port, secret));
    return opened;
  };
  for (const one of await open(20)) one.destroy();
  await comeToRest(pid, 15_000);
  const before = residentBytes(pid);
  const sessions = await open(IDLE_SESSIONS);
  await comeToRest(pid, 15_000);
  const each = (residentBytes(pid) - before) / IDLE_SESSIONS / 1024;
  console.log(
    `memory per idle session, of ${IDLE_SESSIONS}: ${each.toFixed(0)} KiB (resident before: ${(before / MIB).toFixed(0)} MiB)`,
  );
  for (const one of sessions) one.destroy();
  await stop();
}

/** A client of few bytes: two hundred of OpenSSH's would take the memory that is to be measured. */
async function enter(port: number, secret: string): Promise<{ destroy(): void }> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  const seen = new Set<number>();
  const transport = new SshTransport(socket, { of: 'client', preferred: [], verify: () => true });
  transport.handle({
    message: (payload) => void seen.add(payload[0] ?? 0),
    resume() {},
    closed: () => void seen.add(0),
  });
  const answered = (type: number) => until(`message ${type}`, () => seen.has(type) || seen.has(0));
  await transport.ready();
  transport.send(sshMessage(5, 'ssh-userauth'));
  transport.send(sshMessage(50, 'web', 'ssh-connection', 'password', false, secret));
  await answered(52);
  transport.send(sshMessage(90, 'session', 0, 2 * MIB, 32_768));
  await answered(91);
  transport.send(sshMessage(98, 0, 'exec', true, 'cat'));
  await answered(99);
  if (seen.has(0)) throw new Error('an idle session was not let in');
  return socket;
}
