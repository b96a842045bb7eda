import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { CancelKeys, CancelSender, SessionCancel } from './cancel.ts';
import { PROTOCOL_3_0, PROTOCOL_3_2 } from '../wire/messages.ts';

describe('cancel keys', () => {
  it("carry the target's process id and a secret that nobody else has, with two targets of the same", async () => {
    const keys = new CancelKeys();
    const cancelled: string[] = [];
    const first = keys.issue(PROTOCOL_3_0, 77, async () => void cancelled.push('first'));
    const second = keys.issue(PROTOCOL_3_2, 77, async () => void cancelled.push('second'));
    expect([first.pid, second.pid, first.secret.length, second.secret.length]).toEqual([77, 77, 4, 32]);
    await keys.request(77, second.secret);
    await keys.request(77, first.secret);
    await keys.request(78, first.secret);
    await keys.request(77, Buffer.from(first.secret.map((byte) => byte ^ 1)));
    await keys.request(77, second.secret.subarray(0, 4));
    expect(cancelled).toEqual(['second', 'first']);
    keys.drop(first);
    await keys.request(77, first.secret);
    await keys.request(77, second.secret);
    expect(cancelled).toEqual(['second', 'first', 'second']);
  });

  it('never give two sessions of one process id the same secret', () => {
    const given = [1, 1, 2];
    const keys = new CancelKeys((count) => Buffer.alloc(count, given.shift()));
    const secrets = [0, 1].map(() => keys.issue(PROTOCOL_3_0, 77, async () => {}).secret.toString('hex'));
    expect(secrets).toEqual(['01010101', '02020202']);
  });
});

it('requests of a session wait for the one under way, all together', async () => {
  const sent: (() => void)[] = [];
  const session = new SessionCancel(() => new Promise<void>((resolve) => void sent.push(resolve)));
  const first = session.request();
  const later = [session.request(), session.request()];
  expect(sent.length).toBe(1);
  sent[0]?.();
  await first;
  await new Promise(setImmediate);
  expect(sent.length).toBe(2);
  sent[1]?.();
  await Promise.all(later);
  void session.request();
  expect(sent.length).toBe(3);
});

describe('towards a target', () => {
  let server: Server | undefined;
  const open: Socket[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
    server?.close();
  });

  /** Gets every request whole, with what its sender did up to then. */
  async function listen(
    onRequest: (socket: Socket, bytes: Buffer, hungUp: () => boolean) => void,
  ): Promise<UpstreamTarget> {
    const listening = createServer({ allowHalfOpen: true }, (socket) => {
      open.push(socket);
      let ended = false;
      socket.on('error', () => {});
      socket.on('end', () => {
        ended = true;
      });
      socket.on('data', (bytes) => onRequest(socket, bytes, () => ended));
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const address = listening.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    return {
      ...{ host: '127.0.0.1', port, user: 'u', password: undefined, database: undefined },
      ...{ tls: { mode: 'off' }, connectTimeoutMs: 5000 },
    };
  }

  it('the sender waits, as libpq does, until the target closes', async () => {
    let closedByTarget = false;
    const seen: string[] = [];
    const target = await listen((socket, bytes, hungUp) => {
      seen.push(bytes.toString('hex'));
      // Whatever the sender would still do stands in front of this.
      setTimeout(() => {
        seen.push(hungUp() ? 'hung up' : 'waits');
        closedByTarget = true;
        socket.end();
      }, 50);
    });
    await new CancelSender().send(target, { pid: 77, secret: Buffer.from([1, 2, 3, 4]) });
    expect(closedByTarget).toBe(true);
    expect(seen).toEqual(['0000001004d2162e0000004d01020304', 'waits']);
  });

  it('many at a time wait for one another, and all go', async () => {
    let most = 0;
    const waiting: Socket[] = [];
    let count = 0;
    const target = await listen((socket) => {
      count++;
      waiting.push(socket);
      most = Math.max(most, waiting.length);
      if (waiting.length === 64 || count > 150 - 64) for (const one of waiting.splice(0)) one.end();
    });
    const sender = new CancelSender();
    const key = { pid: 1, secret: Buffer.alloc(4) };
    await Promise.all(Array.from({ length: 150 }, () => sender.send(target, key)));
    expect([count, most]).toEqual([150, 64]);
  });
});
