// SSH's kit: the library ssh2 as a foreign client and a foreign target. Each thing that the client asks for is a command in
// a channel of its own, which stays open.

import { createRequire } from 'node:module';
import { connect, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import ssh2, { type ServerChannel } from 'ssh2';
import { secret } from '../../../core/secret.ts';
import { PinnedKeys } from '../../../connector/protocols/ssh/login/pinned-keys.ts';
import { newEd25519Key, type ParsedKey, parsePrivateKey } from '../../../connector/protocols/ssh/wire/ssh2.ts';
import type { SshTarget } from '../../../connector/protocols/ssh/login/target-login.ts';
import { PROTOCOL_MODULES } from '../../../connector/registry.ts';
import { pourUntilStuck } from '../../harness/flood.ts';
import type { KitClient, KitTarget, ProtocolKit } from '../suite.ts';

const COMMANDS = { allowed: 'ls /srv', blocked: 'rm -rf /', held: 'deploy shop' };
const PASSWORD = 'sesame';
const EXIT_REFUSED = 126;

export const sshKit: ProtocolKit<SshTarget> = {
  name: 'ssh',
  protocol: () => PROTOCOL_MODULES.ssh.create({}),
  lanes: 2,
  rules: {
    commands: [{ block: ['rm *'] }, { hold: ['deploy *'], approval: { from: ['dba'], count: 1, within: 300_000 } }],
  },
  wire: {
    allowed: Buffer.from(COMMANDS.allowed),
    blocked: Buffer.from(COMMANDS.blocked),
    held: Buffer.from(COMMANDS.held),
  },
  asked: (recording, what, lane) =>
    recording.facts('command.started', lane).some(({ command }) => command === COMMANDS[what]),
  startTarget,
  logIn,
  async dial(port) {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  },
};

async function startTarget(): Promise<KitTarget<SshTarget>> {
  const hostKey = newEd25519Key();
  const sockets = new Set<Socket>();
  const channels: ServerChannel[] = [];
  const commands: string[] = [];
  const owed: (() => void)[] = [];
  let answers = true;
  let logsIn = true;
  let connections = 0;
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => {
      if (!logsIn) return;
      if (context.method === 'password' && context.password === PASSWORD) context.accept();
      else context.reject(['password']);
    });
    client.on('session', (acceptSession) => {
      acceptSession().on('exec', (accept, _reject, { command }) => {
        const channel = accept();
        channels.push(channel);
        commands.push(command);
        channel.on('error', () => {});
        channel.on('end', () => channel.end());
        channel.resume();
        const answer = () => void channel.write('done\n');
        if (answers) answer();
        else owed.push(answer);
      });
    });
  });
  // The library hides its connections' sockets.
  const listening = (
    server as unknown as { _srv: { on(event: 'connection', listener: (socket: Socket) => void): void } }
  )._srv;
  listening.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const key = parsePrivateKey(hostKey) as ParsedKey;
  return {
    get logsIn() {
      return logsIn;
    },
    set logsIn(now) {
      logsIn = now;
    },
    get answers() {
      return answers;
    },
    set answers(now) {
      answers = now;
      if (now) for (const pay of owed.splice(0)) pay();
    },
    upstream: {
      host: '127.0.0.1',
      port: (server.address() as { port: number }).port,
      login: 'deploy',
      credential: { kind: 'password', password: secret(PASSWORD) },
      hostKeys: new PinnedKeys([`ssh-ed25519 ${key.getPublicSSH().toString('base64')}`]),
      connectTimeoutMs: 5_000,
    },
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    received: () => Buffer.from(commands.join('')),
    async flood() {
      const [channel] = channels;
      if (channel) await pourUntilStuck(channel, Buffer.alloc(32 * 1024, 'x'));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** What the library keeps to itself. */
interface Insides {
  readonly _protocol: {
    readonly _handlers: Record<string, (...given: unknown[]) => void>;
    readonly _packetRW: { readonly write: { readonly allocStart: number; alloc(n: number): Buffer } };
  };
}
const { sendPacket } = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js') as {
  sendPacket(protocol: unknown, packet: Buffer): void;
};

async function logIn(
  stream: Duplex,
  claim: { email: string; resource: string; secret: string },
): Promise<KitClient | string> {
  const client = new ssh2.Client();
  let told = '';
  let received = 0;
  let gone = false;
  const wakes = new Set<() => void>();
  const end = () => {
    gone = true;
    for (const wake of wakes) wake();
  };
  stream.on('close', end).on('end', end);
  const entered = new Promise<string | undefined>((resolve) => {
    client.on('ready', () => resolve(undefined));
    client.on('error', (error) => resolve(`${told} ${error.message}`));
    client.on('close', () => resolve(`${told} closed`));
  });
  client.connect({
    sock: stream instanceof Socket ? stream : (inTurns(stream) as Socket),
    username: `deploy@${claim.resource},${claim.email}`,
    password: claim.secret,
    authHandler: ['password'],
  });
  const insides = (client as unknown as Insides)._protocol;
  const disconnect = insides._handlers.DISCONNECT;
  insides._handlers.DISCONNECT = (...given) => {
    told += String(given[2]);
    disconnect?.(...given);
  };
  const refused = await entered;
  if (refused !== undefined) {
    client.destroy();
    return refused;
  }
  const answers: Promise<'done' | 'refused'>[][] = [[], []];
  return {
    act(what, lane = 0) {
      answers[lane]?.push(
        new Promise((resolve, reject) => {
          wakes.add(() => reject(new Error('closed before an answer')));
          client.exec(COMMANDS[what], (error, channel) => {
            if (error) return reject(error);
            channel.on('data', (bytes: Buffer) => {
              received += bytes.length;
              resolve('done');
            });
            channel.stderr.on('data', (bytes: Buffer) => {
              received += bytes.length;
              told += bytes.toString();
            });
            channel.on('exit', (code: number | null) => {
              if (code === EXIT_REFUSED) resolve('refused');
            });
          });
        }),
      );
      // Who asks for no answer minds none.
      answers[lane]?.at(-1)?.catch(() => {});
    },
    async answer(lane = 0) {
      const one = answers[lane]?.shift();
      if (!one) throw new Error('nothing was asked for');
      return one;
    },
    told: () => told,
    receivedBytes: () => received,
    sendGarbage() {
      const { write } = insides._packetRW;
      const packet = write.alloc(1);
      packet[write.allocStart] = 200;
      sendPacket(insides, packet);
    },
    pause: () => void stream.pause(),
    async closed() {
      while (!gone)
        await new Promise<void>((resolve) => {
          wakes.add(resolve);
        });
    },
    hangUp: () => void stream.destroy(),
  };
}

/** The library takes no answer within a write of its own, as a socket never gives one. */
function inTurns(stream: Duplex): Duplex {
  const turns = new Duplex({
    read: () => stream.resume(),
    write: (chunk, _encoding, done) => void stream.write(chunk, done),
    final: (done) => {
      stream.end();
      done();
    },
  });
  stream.on('data', (chunk: Buffer) => {
    setImmediate(() => {
      if (!turns.destroyed && !turns.push(chunk)) stream.pause();
    });
  });
  stream.on('close', () => turns.destroy());
  return turns;
}
