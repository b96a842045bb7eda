// Forwarded connections (-L, -D, -J, -W), with OpenSSH as the client and a real sshd behind.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { until } from '../../harness/run.ts';
import { rawSshClient, rawSshTarget } from '../../harness/ssh/raw-ssh.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

type Forwards = SessionRules['forwards'];

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

describe.skipIf(!hasSshd)('SSH: forwarded connections', () => {
  let sshd: Sshd;
  /** Answers when the client has said all: with how much that was, its digest, and the same again. */
  let echoPort: number;
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('end', () => socket.end(Buffer.concat(parts)));
    socket.on('error', () => {});
  });
  const open: SshGateway[] = [];

  beforeAll(async () => {
    sshd = await startSshd();
    echoPort = await listening(echo);
  });
  afterEach(async () => {
    for (const gateway of open.splice(0)) {
      expect(gateway.bugs).toEqual([]);
      await gateway.close();
    }
  });
  afterAll(() => {
    echo.close();
    sshd.close();
  });

  async function under(forwards: Forwards): Promise<SshGateway> {
    const gateway = await startSshGateway(sshd.upstream, { rules: { ...(forwards && { forwards }) } });
    open.push(gateway);
    return gateway;
  }
  /** `ssh -W`: its own input and output over a forwarded connection. */
  const over = (gateway: SshGateway, to: string, input: string | Buffer = '') =>
    gateway.ssh([], { input, options: ['-o', 'LogLevel=INFO', '-W', to] });

  it('a rule without forwards opens none, says so, and the target is not asked', async () => {
    const gateway = await under(undefined);
    const ran = await over(gateway, `127.0.0.1:${echoPort}`, 'hello');
    expect([ran.code, ran.stdout.toString()]).toEqual([255, '']);
    expect(ran.stderr).toContain('Gatehouse: Blocked by rule test: a rule without forwards opens none');
    expect(gateway.log.last.facts('lane.opened')).toMatchObject([
      { lane: 1, of: 'direct-tcpip', label: `forward to 127.0.0.1:${echoPort}` },
    ]);
    expect(gateway.log.last.facts('action.refused')).toMatchObject([{ reason: 'blocked' }]);
    expect(sshd.log()).not.toContain('direct-tcpip');
  });

  it('what a rule allows is carried to the last byte both ways, behind half a close, and recorded on its lane', async () => {
    const gateway = await under([{ allow: ['localhost:*'] }]);
    const sent = randomBytes(3_000_000);
    const ran = await over(gateway, `localhost:${echoPort}`, sent);
    expect([ran.code, ran.stdout.length, sha256(ran.stdout)]).toEqual([0, sent.length, sha256(sent)]);
    const { last } = gateway.log;
    for (const from of ['client', 'target'] as const) expect(sha256(last.wire(from, 1))).toBe(sha256(sent));
    await until('its lane is closed', () => last.facts('lane.closed').length === 1);
    expect(last.facts('lane.closed')).toMatchObject([{ lane: 1, recorded: 'full' }]);
    const other = await over(gateway, `10.9.9.9:${echoPort}`);
    expect(other.stderr).toContain(`10.9.9.9:${echoPort} is not in the allow list`);
  });

  it('many at once over one session, each on its lane (-L)', async () => {
    const gateway = await under([{ allow: [`localhost:${echoPort}`] }]);
    const probe = createServer();
    const port = await listening(probe);
    await new Promise((resolve) => probe.close(resolve));
    const args = ['-N', '-L', `127.0.0.1:${port}:localhost:${echoPort}`, '-o', 'ExitOnForwardFailure=yes'];
    const at = [...gateway.options, '-p', String(gateway.port), `${sshd.login}@web@127.0.0.1`];
    const client = spawn('ssh', [...args, ...at], { env: { ...process.env, ...gateway.environment }, stdio: 'ignore' });
    const ask = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
        let got = '';
        socket.on('data', (part) => {
          got += part.toString();
        });
        socket.once('end', () => resolve(got)).once('error', reject);
        socket.end(text);
      });
    try {
      await until('ssh listens', () =>
        ask('first').then(
          (got) => got === 'first',
          () => false,
        ),
      );
      const texts = Array.from({ length: 50 }, (_, index) => `number ${index} `.repeat(1_000));
      expect(await Promise.all(texts.map(ask))).toEqual(texts);
      const { last } = gateway.log;
      const lanes = last.facts('lane.opened').map(({ lane }) => last.wire('client', lane).toString());
      expect(lanes.toSorted()).toEqual(['first', ...texts].toSorted());
    } finally {
      client.kill();
      await new Promise((resolve) => client.once('close', resolve));
    }
  });

  it('SSH to the target itself is not carried, wherever its sshd listens, since nothing of it could be read', async () => {
    const gateway = await under([{ allow: ['*:*'] }]);
    const ran = await over(gateway, `127.0.0.1:${sshd.port}`, 'SSH-2.0-inner\r\n');
    expect(ran.stdout.toString()).toBe('');
    const { last } = gateway.log;
    await until('its lane is closed', () => last.facts('lane.closed').length === 1);
    expect(last.facts('lane.closed')).toMatchObject([
      { note: 'SSH to the target itself is not carried within a session with it' },
    ]);
    // The session goes on.
    expect(last.facts('session.ended')).toEqual([]);
  });

  it('a block names hosts in all their spellings; what no entry names goes on', async () => {
    const gateway = await under([{ block: [`localhost:${echoPort}`], hint: 'Use the socket.' }]);
    for (const host of ['127.0.0.1', 'LOCALHOST', '[::ffff:127.0.0.1]', '0.0.0.0'])
      expect((await over(gateway, `${host}:${echoPort}`)).stderr, host).toContain('Use the socket.');
    const closed = await over(gateway, 'localhost:1');
    expect(closed.stderr).toMatch(/Gatehouse: the target: .*[Rr]efused/);
  });

  it('a held one waits for people: opened when they agree, told when they do not, withdrawn when the client leaves', async () => {
    const gateway = await under([{ hold: [`*:${echoPort}`], approval: { from: ['dba'], count: 1, within: 300_000 } }]);
    const asked = () => gateway.edge.held;
    const approved = over(gateway, `localhost:${echoPort}`, 'held');
    await until('it is held', () => asked().length === 1);
    expect(asked()[0]?.asked).toMatchObject({
      action: { kind: 'forward', text: `localhost:${echoPort}`, touches: ['localhost'] },
    });
    asked()[0]?.decide({ kind: 'approved', by: ['bob@example.com'], comment: '' });
    expect((await approved).stdout.toString()).toBe('held');
    const denied = over(gateway, `localhost:${echoPort}`, 'held');
    await until('it is held', () => asked().length === 2);
    asked()[1]?.decide({ kind: 'denied', by: ['bob@example.com'], comment: 'not on Fridays' });
    expect((await denied).stderr).toContain('not on Fridays');
  });

  it('the target hears nothing of one before it stands in the recording', async () => {
    const target = await rawSshTarget();
    const gateway = await startSshGateway(target.upstream, { rules: { forwards: [{ allow: ['*:*'] }] } });
    open.push(gateway);
    const client = await rawSshClient(gateway.port, gateway.edge.issue({ resource: 'web' }).secret);
    gateway.log.stalled = true;
    client.send(90, 'direct-tcpip', 0, 100_000, 30_000, 'inner', 80, '127.0.0.1', 1);
    await until('it is on its lane', () => gateway.log.last.facts('lane.opened').length === 1);
    // Behind it in the same connection: answered once all before it was looked at.
    client.send(80, 'keepalive@openssh.com', true);
    await client.answered(82);
    const channelOpen = () => target.connections[0]?.messages.filter(([type]) => type === 90) ?? [];
    expect(channelOpen()).toEqual([]);
    gateway.log.resume();
    await until('the target is asked', () => channelOpen().length === 1);
    client.hangUp();
    target.close();
  });

  it('one that the rules in force do not have any more ends, and what they have goes on', async () => {
    const gateway = await under([{ allow: ['localhost:*'] }]);
    const at = [...gateway.options, '-p', String(gateway.port), `${sshd.login}@web@127.0.0.1`];
    const env = { ...process.env, ...gateway.environment };
    const client = spawn('ssh', ['-W', `localhost:${echoPort}`, ...at], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const over = new Promise((resolve) => client.once('close', resolve));
    client.stdin.on('error', () => {});
    client.stdin.write('first');
    const { log, edge } = gateway;
    await until('it is carried', () => log.sessions.length === 1 && log.last.wire('client', 1).length === 5);
    edge.applyRules({ ...edge.rules, policyVersion: 2, forwards: [{ allow: [`localhost:${echoPort}`] }] });
    client.stdin.write('second');
    await until('it goes on', () => log.last.wire('client', 1).length === 11);
    edge.applyRules({ ...edge.rules, policyVersion: 3, forwards: [{ allow: ['localhost:1'] }] });
    await over;
    await until('its lane is closed', () => log.last.facts('lane.closed').length === 1);
    expect(log.last.facts('lane.closed')).toMatchObject([
      { lane: 1, note: expect.stringMatching(/^the rule has this forward no more: .*not in the allow list/) },
    ]);
  });

  it('a second session with the target inside a command is carried, and its lane says that nothing of it is read', async () => {
    const gateway = await under(undefined);
    const pipe = `exec 3<>/dev/tcp/127.0.0.1/${sshd.port}; cat <&3 & cat >&3; kill \\$!`;
    const outer = ['ssh', ...gateway.options, '-p', gateway.port, `${sshd.login}@web@127.0.0.1`, `"bash -c '${pipe}'"`];
    const proxied = ['-o', `ProxyCommand=${outer.join(' ')}`, '-i', sshd.keyFile, '-o', 'IdentitiesOnly=yes'];
    const trusting = ['-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
    const ran = await gateway.run('ssh', [...trusting, ...proxied, `${sshd.login}@inner`, 'echo unseen']);
    expect([ran.code, ran.stdout]).toEqual([0, 'unseen\n']);
    const { last } = gateway.log;
    await until('its lane is closed', () => last.facts('lane.closed').some(({ lane }) => lane === 1));
    expect(last.facts('lane.closed').find(({ lane }) => lane === 1)?.note).toBe(
      'SSH was spoken within, so what was said is encrypted',
    );
  });
});
