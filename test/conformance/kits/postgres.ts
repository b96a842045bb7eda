// PostgreSQL's kit: a client that says its messages one by one, and a target that knows two statements.

import { connect, type Socket } from 'node:net';
import { PROTOCOL_MODULES } from '../../../connector/registry.ts';
import type { UpstreamTarget } from '../../../connector/net/dial.ts';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { pourUntilStuck } from '../../harness/flood.ts';
import { trusted } from '../../harness/gateway.ts';
import { query } from '../../harness/postgres/client-messages.ts';
import { logInRaw, RawPeer, startFakeTarget } from '../../harness/postgres/raw-postgres.ts';
import type { KitClient, KitTarget, ProtocolKit } from '../suite.ts';

const WIRE = { allowed: query('select 1'), blocked: query('drop table t'), held: query('delete from t') };
const READY = message('Z', 'I');
const error = (text: string) => message('E', `SERROR\0VERROR\0C42601\0M${text}\0`, '\0');
const ROW = message('D', Buffer.from([0, 1]), 8192, Buffer.alloc(8192, 'x'));

export const postgresKit: ProtocolKit<UpstreamTarget> = {
  name: 'postgres',
  protocol: () => PROTOCOL_MODULES.postgres.create({}),
  lanes: 1,
  rules: {
    statements: [{ block: ['drop'] }, { hold: ['delete'], approval: { from: ['dba'], count: 1, within: 300_000 } }],
  },
  wire: WIRE,
  startTarget,
  logIn,
  async dial(port) {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  },
};

async function startTarget(): Promise<KitTarget<UpstreamTarget>> {
  const asked: Buffer[] = [];
  let answers = true;
  let logsIn = true;
  const target = await startFakeTarget(
    async (peer) => {
      for (let one = await peer.next(); one; one = await peer.next()) {
        asked.push(message(one.type, one.body));
        const text = one.body.toString();
        if (one.type !== 'Q') continue;
        while (!answers) await new Promise((resolve) => setTimeout(resolve, 2));
        if (text.startsWith('select 1')) peer.send(message('C', 'SELECT 1\0'), READY);
        else if (text.startsWith('delete')) peer.send(message('C', 'DELETE 1\0'), READY);
        else peer.send(error('syntax error'), READY);
      }
      peer.socket.end();
    },
    () => logsIn,
  );
  return {
    get answers() {
      return answers;
    },
    set answers(now) {
      answers = now;
    },
    get logsIn() {
      return logsIn;
    },
    set logsIn(now) {
      logsIn = now;
    },
    upstream: trusted(target.port, { connectTimeoutMs: 60_000 }),
    get connections() {
      return target.connections.length;
    },
    get open() {
      return target.connections.filter(({ closed }) => !closed).length;
    },
    received: () => Buffer.concat(asked),
    async flood() {
      const [peer] = target.connections;
      if (!peer) throw new Error('nobody is there');
      peer.send(
        message(
          'T',
          Buffer.from([0, 1]),
          'x\0',
          0,
          Buffer.from([0, 0]),
          25,
          Buffer.from([255, 255]),
          -1,
          Buffer.from([0, 0]),
        ),
      );
      await pourUntilStuck(peer.socket, Buffer.concat(Array.from({ length: 16 }, () => ROW)));
    },
    close: () => target.close(),
  };
}

async function logIn(
  stream: Parameters<ProtocolKit<UpstreamTarget>['logIn']>[0],
  claim: { email: string; resource: string; secret: string },
): Promise<KitClient | string> {
  const peer = new RawPeer(stream as Socket);
  const seen = await logInRaw(peer, claim.secret, { user: claim.email, database: claim.resource });
  const last = seen.at(-1);
  if (last?.type !== 'Z') return last?.body.toString() ?? 'closed without a word';
  const before = peer.receivedBytes;
  let told = '';
  const listen = (body: Buffer) => {
    told += body.toString();
  };
  return {
    act: (what) => peer.send(WIRE[what]),
    async answer() {
      let refused = false;
      for (;;) {
        const one = await peer.next();
        if (!one) throw new Error('closed before an answer');
        if (one.type === 'N' || one.type === 'E') listen(one.body);
        if (one.type === 'E') refused = true;
        if (one.type === 'Z') return refused ? 'refused' : 'done';
      }
    },
    told: () => told + peer.received.toString(),
    receivedBytes: () => peer.receivedBytes - before,
    sendGarbage: () => peer.send(Buffer.from('~\0\0\0\x04', 'latin1')),
    pause: () => stream.pause(),
    async closed() {
      for (const { body } of await peer.untilClosed()) listen(body);
    },
    hangUp: () => stream.destroy(),
  };
}
