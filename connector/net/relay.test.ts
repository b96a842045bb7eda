// Sockets of the kernel on both sides, and a log that the test can stall.

import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryLog } from '../../test/harness/memory-log.ts';
import { openedFact, testConnector } from '../../test/harness/recording.ts';
import { newId } from '../../core/ids.ts';
import { passUntouched } from '../../core/masking/masked.ts';
import { Lanes } from '../session/lanes.ts';
import { poisonWhatIsGivenBack } from './kept-buffer.ts';
import { type Interpreter, Relay } from './relay.ts';

const CHUNK = Buffer.alloc(256 * 1024, 'row');
let server: Server;
let log: MemoryLog;

beforeEach(async () => {
  log = new MemoryLog();
  log.keepBytes = false;
  server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.close();
});

/** Both ends of a connection: the far one, and ours. */
async function pair(): Promise<{ far: Socket; ours: Socket }> {
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  far.on('error', () => {});
  const [ours] = (await accepted) as [Socket];
  ours.on('error', () => {});
  return { far, ours };
}

async function relayed(instead?: Duplex) {
  const [client, target] = [await pair(), await pair()];
  const opened = log.open(openedFact(testConnector().id, newId('ses')));
  if (!opened.ok) throw new Error('the log takes no session');
  const recorder = opened.value;
  const lane = new Lanes(recorder, false).first;
  const relay = new Relay(instead ?? client.ours, target.ours, lane);
  const interpreter: Interpreter = {
    fromClient(chunk) {
      relay.toTarget(chunk, lane.record('client', chunk));
    },
    fromTarget(chunk) {
      relay.toClient(passUntouched(chunk), lane.record('target', chunk));
    },
    clientEnded: () => {},
    clientWaits: false,
    targetWaits: false,
    clientFull: false,
    farewell: () => undefined,
    midMessage: false,
    clientLeft: false,
    working: false,
    closed: () => {},
  };
  relay.begin(interpreter, Buffer.alloc(0));
  return { client: client.far, target: target.far, relay, recorder };
}

/** Sends as long as the other side takes it; resolves when that is no longer. */
async function pourUntilStuck(socket: Socket): Promise<void> {
  for (let stuck = 0; stuck < 10; ) {
    if (socket.writableLength < CHUNK.length) {
      socket.write(CHUNK);
      stuck = 0;
    } else stuck++;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test.each([
  ['client', 'target'],
  ['target', 'client'],
] as const)('while the log stalls no more is read, also of the one whose peer is gone: the %s', async (gone, left) => {
  const ends = await relayed();
  // It reads nothing, so that bytes wait for it and its reset is noticed.
  ends[gone].pause();
  await pourUntilStuck(ends[left]);
  const before = ends.recorder.counts[left];
  log.stalled = true;
  ends[gone].resetAndDestroy();
  // What the log takes without a commit, and no more.
  await expect.poll(() => ends.recorder.pendingBytes).toBeGreaterThan(1024 * 1024);
  await pourUntilStuck(ends[left]);
  expect(ends.recorder.counts[left] - before).toBeLessThan(2 * 1024 * 1024);
  ends[left].destroy();
  log.resume();
  await ends.relay.ended;
});

test('a stream that takes a chunk at once and looks at it later gets what was sent', async () => {
  poisonWhatIsGivenBack();
  const taken: Buffer[] = [];
  const client = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk);
      done();
    },
  });
  const { target } = await relayed(client);
  target.write(CHUNK);
  await expect.poll(() => taken.reduce((sum, { length }) => sum + length, 0)).toBe(CHUNK.length);
  expect(Buffer.concat(taken).equals(CHUNK)).toBe(true);
  client.destroy();
});

test('what the target sends to a client that is gone is read, and recorded, as fast as the log takes it', async () => {
  const { client, target, relay, recorder } = await relayed();
  // It reads nothing, so the target is paused for its sake.
  client.pause();
  await pourUntilStuck(target);
  const before = recorder.counts.target;
  client.resetAndDestroy();
  await expect.poll(() => recorder.counts.target).toBeGreaterThan(before + 256 * 1024);
  target.end();
  await relay.ended;
  expect(recorder.counts.target).toBe(target.bytesWritten);
});
