// The toy protocol's kit.

import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { secret } from '../../core/secret.ts';
import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import type { KitClient, KitTarget, ProtocolKit } from '../conformance/suite.ts';
import { pourUntilStuck } from '../harness/flood.ts';
import type { EchoTarget } from './echo/channel.ts';
import type { echo } from './echo/index.ts';

const LINES = { allowed: 'ls', blocked: 'rm -rf /', held: 'deploy shop' };
const bytesOf = (line: string) => Buffer.from(`${line}\n`);

export const echoKit: ProtocolKit<EchoTarget> = {
  name: 'echo' as never,
  // As the connector finds it.
  protocol: () => (PROTOCOL_MODULES as unknown as { echo: typeof echo }).echo.create({}),
  lanes: 2,
  rules: {
    commands: [{ block: ['rm *'] }, { hold: ['deploy *'], approval: { from: ['dba'], count: 1, within: 300_000 } }],
  },
  wire: { allowed: bytesOf(LINES.allowed), blocked: bytesOf(LINES.blocked), held: bytesOf(LINES.held) },
  startTarget,
  logIn,
  async dial(port) {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  },
};

export async function startTarget(): Promise<KitTarget<EchoTarget>> {
  const sockets = new Set<Socket>();
  const lines: string[] = [];
  const owed: (() => void)[] = [];
  let answers = true;
  let logsIn = true;
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++;
    sockets.add(socket);
    let authenticated = false;
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('end', () => socket.end());
    readLines(socket, (line) => {
      if (!authenticated) {
        authenticated = true;
        if (logsIn) socket.write('OK\n');
      } else {
        lines.push(line);
        if (answers) socket.write(`echo ${line}\n`);
        else owed.push(() => socket.write(`echo ${line}\n`));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  const port = typeof at === 'object' && at ? at.port : 0;
  return {
    get answers() {
      return answers;
    },
    set answers(now) {
      answers = now;
      if (now) for (const pay of owed.splice(0)) pay();
    },
    get logsIn() {
      return logsIn;
    },
    set logsIn(now) {
      logsIn = now;
    },
    upstream: { host: '127.0.0.1', port, password: secret('sesame') },
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    received: () => Buffer.concat(lines.map(bytesOf)),
    async flood() {
      const [socket] = sockets;
      if (socket) await pourUntilStuck(socket, Buffer.from(`${'x'.repeat(1023)}\n`.repeat(64)));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function logIn(
  stream: Duplex,
  claim: { email: string; resource: string; secret: string },
): Promise<KitClient | string> {
  const answers: ('done' | 'refused')[][] = [[], []];
  let first: ((line: string) => void) | undefined;
  let told = '';
  let received = 0;
  let wake = () => {};
  let gone = false;
  stream.on('error', () => {});
  for (const event of ['end', 'close'])
    stream.on(event, () => {
      gone = true;
      first?.('closed without a word');
      wake();
      if (event === 'end') stream.end();
    });
  readLines(stream, (line) => {
    if (first) return first(line);
    received += line.length + 1;
    const lane = line[0] === 'a' ? 0 : 1;
    const text = line.slice(2);
    if (text.startsWith('! ')) told += `${text}\n`;
    // A link to where it waits is no answer.
    if (text.startsWith('echo ')) answers[lane]?.push('done');
    else if (text.startsWith('! ') && !/waits|approval: |requests\//.test(text)) answers[lane]?.push('refused');
    wake();
  });
  const welcome = new Promise<string>((resolve) => {
    first = resolve;
  });
  stream.write(`HELLO ${claim.email} ${claim.resource} ${claim.secret}\n`);
  const said = await welcome;
  first = undefined;
  if (said !== 'WELCOME') return said;
  return {
    act: (what, lane = 0) => void stream.write(`${'ab'[lane]} ${LINES[what]}\n`),
    async answer(lane = 0) {
      for (;;) {
        const one = answers[lane]?.shift();
        if (one) return one;
        if (gone) throw new Error('closed before an answer');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    told: () => told,
    receivedBytes: () => received,
    sendGarbage: () => void stream.write('z what is this\n'),
    pause: () => void stream.pause(),
    async closed() {
      while (!gone)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    hangUp: () => void stream.destroy(),
  };
}

function readLines(stream: Duplex, take: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
