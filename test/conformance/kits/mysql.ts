// MySQL's kit: a client that says its commands one by one, and a target that knows two statements.

import { connect } from 'node:net';
import { PROTOCOL_MODULES } from '../../../connector/registry.ts';
import type { UpstreamTarget } from '../../../connector/net/dial.ts';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { errorPacket, okPacket, readError } from '../../../connector/protocols/mysql/wire/replies.ts';
import { pourUntilStuck } from '../../harness/flood.ts';
import { password, trusted } from '../../harness/gateway.ts';
import {
  definition,
  logInRawMysql,
  query,
  RawMysql,
  settingsAnswer,
  startFakeMysql,
} from '../../harness/mysql/raw-mysql.ts';
import type { KitClient, KitTarget, ProtocolKit } from '../suite.ts';

const WIRE = { allowed: query('select 1'), blocked: query('drop table t'), held: query('delete from t') };
const ENDLESS = 'select endless';
const ROW = packet(7, Buffer.from([0xfc, 0, 0x20]), Buffer.alloc(8192, 'x'));

export const mysqlKit: ProtocolKit<UpstreamTarget> = {
  name: 'mysql',
  protocol: () => PROTOCOL_MODULES.mysql.create({}),
  lanes: 1,
  silentWhileHeld: true,
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
  let endless: (peer: RawMysql) => void = () => {};
  const isAsked = new Promise<RawMysql>((resolve) => {
    endless = resolve;
  });
  const target = await startFakeMysql(
    async (peer) => {
      for (let one = await peer.next(); one; one = await peer.next()) {
        const settings = settingsAnswer(one.payload);
        if (settings) {
          peer.send(settings);
          continue;
        }
        const text = one.payload.toString('latin1', 1);
        if (text === ENDLESS) {
          endless(peer);
          continue;
        }
        asked.push(packet(0, one.payload));
        while (!answers) await new Promise((resolve) => setTimeout(resolve, 2));
        if (text.startsWith('select 1') || text.startsWith('delete')) peer.send(okPacket(1));
        else peer.send(errorPacket(1, { code: 1064, sqlstate: '42000', message: 'syntax error' }));
      }
      peer.stream.end();
    },
    { logsIn: () => logsIn },
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
    upstream: trusted(target.port, {
      user: 'app',
      password: password('app'),
      database: undefined,
      connectTimeoutMs: 60_000,
    }),
    get connections() {
      return target.connections.length;
    },
    get open() {
      return target.connections.filter(({ closed }) => !closed).length;
    },
    received: () => Buffer.concat(asked),
    async flood() {
      const peer = await isAsked;
      peer.send(packet(1, 1), definition(2, 'x'));
      await pourUntilStuck(peer.stream, Buffer.concat(Array.from({ length: 16 }, () => ROW)));
    },
    close: () => target.close(),
  };
}

async function logIn(
  stream: Parameters<ProtocolKit<UpstreamTarget>['logIn']>[0],
  claim: { email: string; resource: string; secret: string },
): Promise<KitClient | string> {
  const peer = new RawMysql(stream);
  const last = await logInRawMysql(peer, `${claim.email}#${claim.resource}`, claim.secret);
  if (last?.payload[0] !== 0) return last ? readError(last.payload).message : 'closed without a word';
  const before = peer.receivedBytes;
  let told = '';
  const listen = (payload: Buffer) => {
    if (payload[0] === 0xff) told += readError(payload).message;
  };
  return {
    act: (what) => peer.send(WIRE[what]),
    async answer() {
      const one = await peer.next();
      if (!one) throw new Error('closed before an answer');
      if (one.sequence !== 1) throw new Error(`an answer has the number ${one.sequence}`);
      listen(one.payload);
      return one.payload[0] === 0xff ? 'refused' : 'done';
    },
    told: () => told + peer.received.toString(),
    receivedBytes: () => peer.receivedBytes - before,
    sendGarbage: () => peer.send(packet(0, 0x7f)),
    pause: () => {
      // Nothing comes that nobody asked for.
      peer.send(query(ENDLESS));
      stream.pause();
    },
    async closed() {
      for (const { payload } of await peer.untilClosed()) listen(payload);
    },
    hangUp: () => stream.destroy(),
  };
}
