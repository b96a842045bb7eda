// What the way through the portal costs, beside a connection to the same service on loopback: `npm run bench -- tunnel`. The relay
// is the real edge in workerd; the connector's end and the person's are processes of their own. Rounds are interleaved; figures are
// medians. A transfer has 64 MiB for each of `--seconds`.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startTunnelEdge } from '../../tunnel/kit/edge.ts';
import { heard } from '../../tunnel/kit/person.ts';
import { digestOfPattern, pattern } from '../../tunnel/kit/services.ts';
import { table } from '../pgbench.ts';
import { comeToRest, cpuMicroseconds, median, residentBytes } from '../process-cost.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const KEYSTROKES = 300;
const IDLE_TUNNELS = 500;

type Ports = Readonly<Record<string, number>>;

interface Row {
  readonly down: number[];
  readonly up: number[];
  readonly trips: number[];
  readonly echo: number[];
  readonly beside: number[];
}

interface EndProcess {
  readonly pid: number;
  readonly ports: Ports;
  ask(line: string): Promise<number>;
  stop(): Promise<void>;
}

export async function benchTunnel({ rounds, seconds }: { rounds: number; seconds: number }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const edge = await startTunnelEdge(directory);
  const stops: (() => Promise<void>)[] = [() => edge.stop()];
  const begin = async (role: string, env: Record<string, string>) => {
    const made = await beginEnd(role, directory, { GATEHOUSE_URL: edge.url, ...env });
    stops.push(() => made.stop());
    return made;
  };
  try {
    const connector = await begin('connector', { GATEHOUSE_JOIN_TOKEN: edge.joinToken });
    const alice = await begin('person', { GATEHOUSE_TOKEN: (await edge.clientOf('alice')).token });
    const ways = new Map([
      ['direct', connector.ports],
      ['tunnel', alice.ports],
    ]);
    const rows = new Map<string, Row>();
    for (const name of ways.keys()) rows.set(name, { down: [], up: [], trips: [], echo: [], beside: [] });
    for (let round = 1; round <= rounds; round++) {
      for (const [name, ports] of ways) await measure(ports, rows.get(name) as Row, seconds);
      console.error(`round ${round} of ${rounds}`);
    }
    print(rows);
    await gigabyte(alice.ports, connector.pid);
    const bob = await begin('person', { GATEHOUSE_TOKEN: (await edge.clientOf('bob')).token });
    await idleTunnels({ relay: workerd(), connector: connector.pid }, [alice, bob], () => edge.restart());
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(ports: Ports, row: Row, seconds: number): Promise<void> {
  const bytes = seconds * 64 * MIB;
  let began = performance.now();
  const perSecond = () => bytes / MIB / ((performance.now() - began) / 1000);
  await drain(await download(ports, bytes), bytes);
  row.down.push(perSecond());
  began = performance.now();
  await upload(ports, bytes);
  row.up.push(perSecond());
  const echo = await dial(ports, 'echo');
  began = performance.now();
  let trips = 0;
  for (; performance.now() - began < seconds * 500; trips++) await roundTrip(echo);
  row.trips.push(trips / ((performance.now() - began) / 1000));
  row.echo.push(...(await keystrokes(echo)));
  // While much comes down beside it.
  const beside = await download(ports, 64 * GIB);
  beside.resume();
  row.beside.push(...(await keystrokes(echo)));
  beside.destroy();
  echo.destroy();
}

async function dial(ports: Ports, service: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: ports[service] ?? 0, noDelay: true, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function download(ports: Ports, bytes: number): Promise<Socket> {
  const socket = await dial(ports, 'source');
  socket.write(`${bytes}\n`);
  return socket;
}

async function drain(socket: Socket, expected: number): Promise<void> {
  let got = 0;
  socket.on('data', (part: Buffer) => {
    got += part.length;
  });
  await once(socket, 'end');
  socket.end();
  if (got !== expected) throw new Error(`${got} of ${expected} bytes came`);
}

async function upload(ports: Ports, bytes: number): Promise<void> {
  const socket = await dial(ports, 'count');
  const counted = heard(socket);
  const block = Buffer.alloc(64 * 1024, 1);
  for (let sent = 0; sent < bytes; sent += block.length) if (!socket.write(block)) await once(socket, 'drain');
  socket.end();
  if ((await counted) !== String(bytes)) throw new Error('not all of it arrived');
}

async function roundTrip(socket: Socket): Promise<void> {
  socket.write('x');
  await once(socket, 'data');
}

/** As somebody types: milliseconds until each key is back. */
async function keystrokes(socket: Socket): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < KEYSTROKES; i++) {
    const began = performance.now();
    await roundTrip(socket);
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return times;
}

async function gigabyte(ports: Ports, connector: number): Promise<void> {
  const before = cpuMicroseconds(connector);
  const began = performance.now();
  const socket = await download(ports, GIB);
  const hash = createHash('sha256');
  for await (const part of socket) hash.update(part as Buffer);
  const took = (performance.now() - began) / 1000;
  const whole = hash.digest('hex') === digestOfPattern(GIB, 7);
  await comeToRest(connector, 10_000);
  const up = await dial(ports, 'sink');
  const answered = heard(up);
  const upBegan = performance.now();
  for (const part of pattern(GIB, 3)) if (!up.write(part)) await once(up, 'drain');
  up.end();
  const upWhole = (await answered) === digestOfPattern(GIB, 3);
  const upTook = (performance.now() - upBegan) / 1000;
  console.log(
    `1 GiB down: ${took.toFixed(1)} s, digests ${whole ? 'equal' : 'DIFFER'}; up: ${upTook.toFixed(1)} s, digests ${upWhole ? 'equal' : 'DIFFER'}; CPU of the connector for both: ${((cpuMicroseconds(connector) - before) / 1e6).toFixed(1)} s`,
  );
}

async function idleTunnels(
  pids: { readonly relay: number; readonly connector: number },
  people: readonly EndProcess[],
  restart: () => Promise<void>,
): Promise<void> {
  const processes = { ...pids, person: people[0]?.pid ?? 0 };
  const rest = async () => {
    for (const pid of Object.values(processes)) await comeToRest(pid, 15_000);
  };
  await rest();
  const before = Object.entries(processes).map(([name, pid]) => ({ name, pid, bytes: residentBytes(pid) }));
  await Promise.all(people.map((one) => one.ask(`open ${IDLE_TUNNELS / people.length}`)));
  await rest();
  table([
    ['process', 'before, MiB', 'after, MiB', 'tunnels', 'KiB each'],
    ...before.map(({ name, pid, bytes }) => {
      const tunnels = name === 'person' ? IDLE_TUNNELS / people.length : IDLE_TUNNELS;
      const now = residentBytes(pid);
      const each = (now - bytes) / tunnels / 1024;
      return [name, (bytes / MIB).toFixed(0), (now / MIB).toFixed(0), String(tunnels), each.toFixed(0)];
    }),
  ]);
  const began = performance.now();
  await restart();
  const up = (performance.now() - began) / 1000;
  const answered = await Promise.all(people.map((one) => one.ask('echo')));
  const all = answered.reduce((sum, count) => sum + count, 0);
  console.log(
    `after a restart of the edge (${up.toFixed(1)} s): ${all} of ${IDLE_TUNNELS} answer, ${((performance.now() - began) / 1000).toFixed(1)} s after it began`,
  );
}

async function beginEnd(role: string, directory: string, env: Record<string, string>): Promise<EndProcess> {
  const script = fileURLToPath(new URL('./end-process.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, role, join(directory, role)], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (!child.stdout) throw new Error('no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value ?? '{}') as { ports?: Ports; open?: number };
  const { ports } = await next();
  if (!ports || child.pid === undefined) throw new Error(`${role} did not begin`);
  return {
    ports,
    pid: child.pid,
    async ask(line) {
      child.stdin?.write(`${line}\n`);
      return (await next()).open ?? 0;
    },
    async stop() {
      const gone = once(child, 'close');
      child.stdin?.end();
      await gone;
    },
  };
}

/** The process that Miniflare runs the edge in. */
function workerd(): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, comm, rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? [];
      if (comm === 'workerd' && Number(rest.split(' ')[1]) === process.pid) return Number(name);
    } catch {
      // Gone meanwhile.
    }
  }
  throw new Error('workerd was not found');
}

function print(rows: ReadonlyMap<string, Row>): void {
  const direct = rows.get('direct');
  const times = (values: readonly number[]) => [quantile(values, 0.5).toFixed(2), quantile(values, 0.99).toFixed(2)];
  table([
    [
      ...['through', 'down, MiB/s', 'up, MiB/s', 'round trips/s', 'echo p50, ms', 'p99'],
      ...['beside a download p50, ms', 'p99', 'of direct, down', 'up'],
    ],
    ...[...rows].map(([name, row]) => [
      ...[name, median(row.down).toFixed(0), median(row.up).toFixed(0), median(row.trips).toFixed(0)],
      ...[...times(row.echo), ...times(row.beside)],
      (median(row.down) / median(direct?.down ?? row.down)).toFixed(2),
      (median(row.up) / median(direct?.up ?? row.up)).toFixed(2),
    ]),
  ]);
}

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? 0;
