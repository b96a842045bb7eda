// A PostgreSQL client that says exactly what a test wants, right or wrong, and a server that says what
// it is told to. For what no real client or server would do.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import {
  CANCEL_REQUEST,
  message,
  PROTOCOL_3_0,
  startupMessage,
} from '../../../connector/protocols/postgres/wire/messages.ts';

export interface RawMessage {
  readonly type: string;
  readonly body: Buffer;
}

/** Reads typed messages from a socket, one at a time. */
export class RawPeer {
  readonly socket: Socket;
  closed = false;
  received = Buffer.alloc(0);
  receivedBytes = 0;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.receivedBytes += chunk.length;
      this.#wake();
    });
    socket.on('error', () => {});
    const onClose = () => {
      this.closed = true;
      this.#wake();
    };
    socket.on('close', onClose);
    socket.on('end', () => {
      onClose();
      socket.end();
    });
  }

  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Undefined when the other side closed before it came. */
  async take(count: number): Promise<Buffer | undefined> {
    while (this.received.length < count) {
      if (this.closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.received.subarray(0, count);
    this.received = this.received.subarray(count);
    return taken;
  }

  async next(): Promise<RawMessage | undefined> {
    const header = await this.take(5);
    const body = header && (await this.take(header.readInt32BE(1) - 4));
    return header && body && { type: header.toString('latin1', 0, 1), body };
  }

  /** Everything up to and with the next message of `type`; throws when it is not to come. */
  async upTo(type: string): Promise<RawMessage[]> {
    const seen: RawMessage[] = [];
    for (;;) {
      const one = await this.next();
      if (!one) throw new Error(`closed before '${type}', behind ${seen.map((m) => m.type).join('')}`);
      seen.push(one);
      if (one.type === type) return seen;
    }
  }

  async untilClosed(): Promise<RawMessage[]> {
    const seen: RawMessage[] = [];
    for (let one = await this.next(); one; one = await this.next()) seen.push(one);
    while (!this.closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return seen;
  }
}

export async function dialRaw(port: number): Promise<RawPeer> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new RawPeer(socket);
}

/** Sends a start-up packet and answers SCRAM-SHA-256; gives what came up to ReadyForQuery, or up to the end. */
export async function logInRaw(
  peer: RawPeer,
  password: string,
  parameters: Record<string, string> = {},
  version = PROTOCOL_3_0,
): Promise<RawMessage[]> {
  const all = { user: 'alice@example.com', database: 'demo', ...parameters };
  peer.send(startupMessage(version, new Map(Object.entries(all))));
  const seen: RawMessage[] = [];
  const nonce = randomBytes(12).toString('base64');
  let authMessage = '';
  for (;;) {
    const one = await peer.next();
    if (!one) return seen;
    seen.push(one);
    if (one.type === 'Z' || one.type === 'E') return seen;
    if (one.type !== 'R') continue;
    const kind = one.body.readInt32BE(0);
    if (kind === 10) {
      const first = Buffer.from(`n,,n=,r=${nonce}`);
      peer.send(message('p', 'SCRAM-SHA-256\0', first.length, first));
    }
    if (kind === 11) {
      const serverFirst = one.body.toString('utf8', 4);
      const [, r = '', s = '', i = ''] = /^r=(.*),s=(.*),i=(.*)$/.exec(serverFirst) ?? [];
      const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), 32, 'sha256');
      const key = createHmac('sha256', salted).update('Client Key').digest();
      authMessage = `n=,r=${nonce},${serverFirst},c=biws,r=${r}`;
      const signature = createHmac('sha256', createHash('sha256').update(key).digest()).update(authMessage).digest();
      const proof = key.map((byte, at) => byte ^ (signature[at] ?? 0));
      peer.send(message('p', `c=biws,r=${r},p=${Buffer.from(proof).toString('base64')}`));
    }
  }
}

export interface FakeTarget {
  readonly port: number;
  /** Connections that were ever opened to it. */
  readonly connections: RawPeer[];
  close(): Promise<void>;
}

/**
 * A target that lets everybody in, unless `logsIn` says that it does not answer, and then leaves the talking to `serve`.
 * Without `serve` it only counts.
 */
export async function startFakeTarget(
  serve?: (peer: RawPeer) => Promise<void>,
  logsIn: () => boolean = () => true,
): Promise<FakeTarget> {
  const connections: RawPeer[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket);
    connections.push(peer);
    if (!serve) return;
    void (async () => {
      const length = await peer.take(4);
      const packet = length && (await peer.take(length.readInt32BE(0) - 4));
      if (!packet) return;
      // As PostgreSQL does behind a CancelRequest.
      if (packet.readInt32BE(0) === CANCEL_REQUEST) return void socket.end();
      if (!logsIn()) return;
      peer.send(message('R', 0), message('S', 'server_version\x0018.0\0'), message('K', 7, 7), message('Z', 'I'));
      await serve(peer);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    connections,
    async close() {
      for (const { socket } of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
