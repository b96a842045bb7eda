// Both ends of SSH message by message: a client that keeps to no convention, and a target that nobody would run.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { PinnedKeys } from '../../../connector/protocols/ssh/login/pinned-keys.ts';
import type { SshTarget } from '../../../connector/protocols/ssh/login/target-login.ts';
import { publicLine } from '../../../connector/protocols/ssh/wire/host-key.ts';
import { sshMessage } from '../../../connector/protocols/ssh/wire/messages.ts';
import { newEd25519Key, parsePrivateKey } from '../../../connector/protocols/ssh/wire/ssh2.ts';
import { SshTransport } from '../../../connector/protocols/ssh/wire/transport.ts';
import { until } from '../run.ts';

export interface RawSsh {
  /** What both agreed on. */
  readonly algorithms: string;
  /** In the order in which they came. */
  readonly messages: Buffer[];
  send(...message: Parameters<typeof sshMessage>): void;
  /** Waits for the `count`th message of a number. */
  answered(type: number, count?: number): Promise<Buffer>;
  hangUp(): void;
}

function rawOf(transport: SshTransport, socket: Socket, messages: Buffer[]): RawSsh {
  return {
    get algorithms() {
      return transport.algorithms;
    },
    messages,
    send: (...message) => transport.send(sshMessage(...message)),
    async answered(type, count = 1) {
      const those = () => messages.filter((one) => one[0] === type);
      await until(`message ${type}`, () => those().length >= count);
      return those()[count - 1] ?? Buffer.alloc(0);
    },
    hangUp: () => socket.destroy(),
  };
}

/** Before it has shown who it is. */
export async function rawSshLogin(port: number): Promise<RawSsh> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  const messages: Buffer[] = [];
  const transport = new SshTransport(socket, { of: 'client', preferred: [], verify: () => true });
  transport.handle({ message: (payload) => void messages.push(payload), resume() {}, closed() {} });
  await transport.ready();
  const raw = rawOf(transport, socket, messages);
  raw.send(5, 'ssh-userauth');
  return raw;
}

/** Logged in with a grant. */
export async function rawSshClient(port: number, secret: string): Promise<RawSsh> {
  const raw = await rawSshLogin(port);
  raw.send(50, 'web', 'ssh-connection', 'password', false, secret);
  await raw.answered(52);
  return raw;
}

/** Lets the gateway in, and does nothing by itself from then on. */
export async function rawSshTarget(): Promise<{ upstream: SshTarget; connections: RawSsh[]; close(): void }> {
  const key = parsePrivateKey(newEd25519Key());
  if (!key) throw new Error('no key');
  const connections: RawSsh[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    const messages: Buffer[] = [];
    const transport = new SshTransport(socket, { of: 'server', hostKey: key });
    transport.handle({
      message(payload) {
        if (payload[0] === 5) transport.send(sshMessage(6, 'ssh-userauth'));
        else if (payload[0] === 50) {
          transport.send(sshMessage(52));
          connections.push(rawOf(transport, socket, messages));
        } else messages.push(payload);
      },
      resume() {},
      closed() {},
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    upstream: {
      host: '127.0.0.1',
      port,
      login: 'anybody',
      credential: { kind: 'key', key },
      hostKeys: new PinnedKeys([publicLine(key).split(' ').slice(0, 2).join(' ')]),
      connectTimeoutMs: 60_000,
    },
    connections,
    close: () => void server.close(),
  };
}
