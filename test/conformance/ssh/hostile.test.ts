// A client that keeps to no convention, message by message; and much more than fits in memory.

import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sshMessage as message } from '../../../connector/protocols/ssh/wire/messages.ts';
import { SshTransport, type TransportEnd } from '../../../connector/protocols/ssh/wire/transport.ts';
import { until } from '../../harness/run.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const [CHANNEL_OPEN, CHANNEL_DATA, CHANNEL_REQUEST, GLOBAL_REQUEST] = [90, 94, 98, 80];

describe.skipIf(!hasSshd)('SSH: hostile clients', () => {
  let sshd: Sshd;
  let gateway: SshGateway;

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
  });

  /** In, with whatever it is answered from then on. */
  async function enter() {
    const socket = connect({ host: '127.0.0.1', port: gateway.port });
    socket.on('error', () => {});
    const transport = new SshTransport(socket, { of: 'client', preferred: [], verify: () => true });
    const answers: Buffer[] = [];
    let end: TransportEnd | undefined;
    transport.handle({
      message: (payload) => void answers.push(payload),
      resume() {},
      closed(how) {
        end = how;
      },
    });
    await transport.ready();
    transport.send(message(5, 'ssh-userauth'));
    const { secret } = gateway.edge.issue({ resource: 'web' });
    transport.send(message(50, 'web', 'ssh-connection', 'password', false, secret));
    const answered = (type: number) => until(`message ${type}`, () => answers.some((one) => one[0] === type));
    await answered(52);
    return {
      answers,
      answered,
      send: (...parts: Parameters<typeof message>) => transport.send(message(...parts)),
      ended: async () => {
        await until('it is left', () => end !== undefined);
        return end?.words;
      },
      hangUp: () => socket.destroy(),
      /** Its number at the gateway. */
      async channel(): Promise<number> {
        transport.send(message(CHANNEL_OPEN, 'session', 0, 1_000_000, 32_768));
        await answered(91);
        return answers.findLast((one) => one[0] === 91)?.readUInt32BE(5) ?? -1;
      },
      said: () => Buffer.concat(answers.filter((one) => one[0] === 95)).toString(),
    };
  }

  it('a command that is no UTF-8 is refused as it is, and so is one with a NUL', async () => {
    for (const command of [Buffer.from('echo \xff', 'latin1'), Buffer.from('true\0rm -rf /')]) {
      const client = await enter();
      await client.channel();
      client.send(CHANNEL_REQUEST, 0, 'exec', true, command);
      await client.answered(97);
      expect(client.said()).toContain('no UTF-8 text');
      client.hangUp();
    }
    expect(sshd.log()).not.toContain('Starting session');
  });

  it('more than the window has room for ends the session, with words', async () => {
    const client = await enter();
    await client.channel();
    client.send(CHANNEL_REQUEST, 0, 'exec', false, 'sleep 60');
    for (let sent = 0; sent < 8 * 1024 * 1024; sent += 32_000) client.send(CHANNEL_DATA, 0, Buffer.alloc(32_000));
    expect(await client.ended()).toContain('more than the window has room for');
    await until('it is recorded', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.ended).toMatchObject({ reason: 'protocol_fault' });
  });

  it.each([
    ['data on a channel that is not open', [CHANNEL_DATA, 7, 'x'], 'not open'],
    ['a message cut short', [CHANNEL_DATA, 0], 'cut short'],
    ['an answer to nothing', [91, 0, 0, 0, 0], 'nobody asked for'],
    ['a login within the session', [50, 'web', 'ssh-connection', 'none'], 'not understood'],
  ] as const)('%s ends the session, with words', async (_, sent, words) => {
    const client = await enter();
    await client.channel();
    client.send(...(sent as unknown as Parameters<typeof message>));
    expect(await client.ended()).toContain(words);
  });

  it('a signal and a break are told in the recording, and a signal that there is not goes nowhere', async () => {
    const client = await enter();
    await client.channel();
    client.send(CHANNEL_REQUEST, 0, 'exec', true, 'cat');
    await client.answered(99);
    client.send(CHANNEL_REQUEST, 0, 'signal', false, 'a b');
    client.send(CHANNEL_REQUEST, 0, 'break', false, 700);
    client.send(CHANNEL_REQUEST, 0, 'signal', false, 'TERM');
    await until('it is told', () => gateway.log.last.facts('command.signalled').length === 2);
    client.hangUp();
    await until('it is over', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.facts('command.signalled')).toMatchObject([
      { action: 1, breakMs: 700 },
      { action: 1, signal: 'TERM' },
    ]);
  });

  it('data before a command ends its channel alone', async () => {
    const client = await enter();
    await client.channel();
    client.send(CHANNEL_DATA, 0, 'x');
    await client.answered(97);
    client.send(GLOBAL_REQUEST, 'keepalive@openssh.com', true);
    await client.answered(82);
    client.hangUp();
  });

  it('channels and requests of unknown kinds are refused, and the session goes on', async () => {
    const client = await enter();
    client.send(CHANNEL_OPEN, 'made-up@example.com', 5, 1000, 1000);
    await client.answered(92);
    client.send(GLOBAL_REQUEST, 'made-up@example.com', true, { raw: Buffer.from('and more') });
    await client.answered(82);
    const channel = await client.channel();
    client.send(CHANNEL_REQUEST, channel, 'made-up@example.com', true);
    await client.answered(100);
    client.send(CHANNEL_REQUEST, channel, 'exec', true, 'echo done; sleep 2');
    await client.answered(CHANNEL_DATA);
    client.send(CHANNEL_REQUEST, channel, 'exec', true, 'echo again');
    await until('it is refused', () => client.answers.filter((one) => one[0] === 100).length === 2);
    expect(gateway.log.last.facts('command.started')).toHaveLength(1);
    client.hangUp();
  });

  it('what does not fit in memory passes at the pace of its reader', async () => {
    gateway.log.keepBytes = false;
    const bytes = 200_000_000;
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 20);
    const where = ['-p', String(gateway.port), `${sshd.login}@web@127.0.0.1`, `head -c ${bytes} /dev/zero`];
    const client = spawn('ssh', [...gateway.options, ...where], { env: { ...process.env, ...gateway.environment } });
    let read = 0;
    // A reader that looks away.
    client.stdout.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read % 7 !== 0) return;
      client.stdout.pause();
      setTimeout(() => client.stdout.resume(), 5);
    });
    const code = await new Promise((resolve) => client.once('close', resolve));
    clearInterval(watch);
    gateway.log.keepBytes = true;
    expect([code, read]).toEqual([0, bytes]);
    expect(most - before).toBeLessThan(120 * 1024 * 1024);
  });
});
