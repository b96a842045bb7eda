// A MySQL client that says exactly what a test wants, right or wrong, and a server that says what it is told to.

import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CAPABILITIES, OFFERED } from '../../../connector/protocols/mysql/wire/capabilities.ts';
import { greeting, handshakeResponse, readGreeting } from '../../../connector/protocols/mysql/wire/handshake.ts';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { okPacket } from '../../../connector/protocols/mysql/wire/replies.ts';
import { lengthBytes, littleEndian } from '../../../connector/protocols/mysql/wire/values.ts';

export interface RawPacket {
  readonly sequence: number;
  readonly payload: Buffer;
}

export class RawMysql {
  readonly stream: Duplex;
  closed = false;
  received = Buffer.alloc(0);
  receivedBytes = 0;
  #wake: () => void = () => {};

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.receivedBytes += chunk.length;
      this.#wake();
    });
    stream.on('error', () => {});
    const onClose = () => {
      this.closed = true;
      this.#wake();
    };
    stream.on('close', onClose);
    stream.on('end', () => {
      onClose();
      stream.end();
    });
  }

  send(...parts: readonly Uint8Array[]): void {
    this.stream.write(Buffer.concat(parts));
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

  async next(): Promise<RawPacket | undefined> {
    const header = await this.take(4);
    const payload = header && (await this.take(header.readUIntLE(0, 3)));
    return header && payload && { sequence: header[3] as number, payload };
  }

  async untilClosed(): Promise<RawPacket[]> {
    const seen: RawPacket[] = [];
    for (let one = await this.next(); one; one = await this.next()) seen.push(one);
    return seen;
  }
}

export async function dialMysql(port: number): Promise<RawMysql> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return new RawMysql(socket);
}

/** What a client of today asks for, without connection attributes. */
export const USUAL =
  OFFERED & ~CAPABILITIES.CONNECT_ATTRS & ~CAPABILITIES.CONNECT_WITH_DB & ~CAPABILITIES.SESSION_TRACK;

/** Logs in by mysql_clear_password; gives the packet that ended the login. Undefined: closed without a word. */
export async function logInRawMysql(
  peer: RawMysql,
  user: string,
  password: string,
  capabilities: number = USUAL,
): Promise<RawPacket | undefined> {
  const first = await peer.next();
  if (!first || !readGreeting(first.payload)) return first;
  peer.send(
    packet(
      first.sequence + 1,
      handshakeResponse({
        capabilities,
        maxPacketBytes: 1 << 24,
        collation: 45,
        user: Buffer.from(user),
        answer: Buffer.from(`${password}\0`),
        database: undefined,
        plugin: 'mysql_clear_password',
        attributes: undefined,
      }),
    ),
  );
  return peer.next();
}

export const query = (text: string): Buffer => packet(0, 3, text);

const lenenc = (text: string): Buffer => lengthBytes(Buffer.from(text));
/** `type`: 0xfd, VAR_STRING. */
export const definition = (sequence: number, name: string, type = 0xfd): Buffer =>
  packet(
    sequence,
    lenenc('def'),
    lenenc(''),
    lenenc(''),
    lenenc(''),
    lenenc(name),
    lenenc(''),
    0x0c,
    littleEndian(45, 2),
    littleEndian(1024, 4),
    type,
    littleEndian(0, 2),
    0,
    littleEndian(0, 2),
  );

/** OK at the end of rows. */
export const rowsEnd = (sequence: number, status = 2): Buffer =>
  packet(sequence, 0xfe, 0, 0, littleEndian(status, 2), littleEndian(0, 2));

/** A result of text rows, with DEPRECATE_EOF. */
export function textResult(columns: readonly string[], rows: readonly (readonly string[])[]): Buffer {
  let sequence = 1;
  return Buffer.concat([
    packet(sequence++, columns.length),
    ...columns.map((name) => definition(sequence++, name)),
    ...rows.map((row) => packet(sequence++, ...row.map(lenenc))),
    rowsEnd(sequence),
  ]);
}

export interface FakeMysql {
  readonly port: number;
  /** Connections that were ever opened to it. */
  readonly connections: RawMysql[];
  /** What each login agreed to. */
  readonly agreed: number[];
  close(): Promise<void>;
}

interface FakeOptions {
  readonly capabilities?: number;
  readonly version?: string;
  /** False: it answers no login. */
  readonly logsIn?: () => boolean;
}

/** A target that lets everybody in and then leaves the talking to `serve`. Asked for its settings, it answers by itself. */
export async function startFakeMysql(
  serve: (peer: RawMysql) => Promise<void>,
  { capabilities = OFFERED, version = '8.0.36', logsIn = () => true }: FakeOptions = {},
): Promise<FakeMysql> {
  const connections: RawMysql[] = [];
  const agreed: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const peer = new RawMysql(socket);
    connections.push(peer);
    const nonce = createHash('sha1').update(String(connections.length)).digest().subarray(0, 20);
    const readable = Buffer.from(nonce.map((byte) => (byte % 127) + 1));
    const plugin = 'mysql_native_password';
    peer.send(packet(0, greeting({ version, threadId: connections.length, nonce: readable, capabilities, plugin })));
    void (async () => {
      const response = await peer.next();
      if (!response || !logsIn()) return;
      agreed.push(response.payload.readUInt32LE(0));
      peer.send(okPacket(response.sequence + 1));
      await serve(peer);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    connections,
    agreed,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The gateway's question about its session; undefined: it is another command. */
export const settingsAnswer = (payload: Buffer, sqlMode = '', characterSet = 'utf8mb4'): Buffer | undefined =>
  payload.toString('latin1', 1).startsWith('SELECT @@version')
    ? textResult(['@@version', '@@sql_mode', '@@character_set_client'], [['8.0.36', sqlMode, characterSet]])
    : undefined;
