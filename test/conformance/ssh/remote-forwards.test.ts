// Ports where the target listens for the client (-R), with OpenSSH as the client and a real sshd behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { until } from '../../harness/run.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { rawSshClient, rawSshTarget } from '../../harness/ssh/raw-ssh.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

describe.skipIf(!hasSshd)('SSH: remote forwards', () => {
  let sshd: Sshd;
  /** Beside the client: says the same again when it has heard all. */
  let echoPort: number;
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('end', () => socket.end(Buffer.concat(parts)));
    socket.on('error', () => {});
  });
  const open: SshGateway[] = [];
  const clients: ChildProcess[] = [];

  beforeAll(async () => {
    sshd = await startSshd();
    echoPort = await listening(echo);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) {
      client.kill();
      if (client.exitCode === null && client.signalCode === null)
        await new Promise((resolve) => client.once('close', resolve));
    }
    for (const gateway of open.splice(0)) {
      expect(gateway.bugs).toEqual([]);
      await gateway.close();
    }
  });
  afterAll(() => {
    echo.close();
    sshd.close();
  });

  async function under(forwards: SessionRules['forwards']): Promise<SshGateway> {
    const gateway = await startSshGateway(sshd.upstream, { rules: { ...(forwards && { forwards }) } });
    open.push(gateway);
    return gateway;
  }

  /** What ssh says meanwhile. */
  function forward(gateway: SshGateway, at: string, more: readonly string[] = []) {
    const args = ['-N', '-R', `${at}:127.0.0.1:${echoPort}`, ...more, '-o', 'LogLevel=INFO', ...gateway.options];
    const client = spawn('ssh', [...args, '-p', String(gateway.port), `${sshd.login}@web@127.0.0.1`], {
      env: { ...process.env, ...gateway.environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    clients.push(client);
    let said = '';
    client.stderr.on('data', (part: Buffer) => {
      said += part.toString();
    });
    const allocated = async (): Promise<number> => {
      await until('the port is told', () => /Allocated port (\d+)/.test(said));
      return Number(/Allocated port (\d+)/.exec(said)?.[1]);
    };
    return { client, said: () => said, allocated };
  }

  const ask = (port: number, content: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      const parts: Buffer[] = [];
      socket.on('data', (part) => parts.push(part));
      socket.once('end', () => resolve(Buffer.concat(parts))).once('error', reject);
      socket.end(content);
    });
  /** Of lane 0: what the gateway says for the recording. */
  const words = (gateway: SshGateway) => gateway.log.last.wire('gateway', 0).toString();

  it.each<[string, SessionRules['forwards']]>([
    ['without forwards', undefined],
    ['that names others only', [{ allow: ['*:*'] }]],
    ['that blocks it', [{ allow: ['remote *:*'] }, { block: ['remote localhost:*'], hint: 'Ask for a port.' }]],
  ])('a rule %s opens none: the client hears a failure, and the recording says why', async (_, forwards) => {
    const gateway = await under(forwards);
    const { client, said } = forward(gateway, '0', ['-o', 'ExitOnForwardFailure=yes']);
    await new Promise((resolve) => client.once('close', resolve));
    expect(said()).toContain('remote port forwarding failed');
    expect(words(gateway)).toContain('Remote port forwarding (-R) is refused: Blocked by rule test');
    if (forwards?.length === 2) expect(words(gateway)).toContain('Ask for a port.');
    const { last } = gateway.log;
    expect(last.facts('lane.opened')).toMatchObject([
      { lane: 1, of: 'tcpip-forward', label: 'remote localhost:0 (-R)' },
    ]);
    expect(last.facts('action.refused')).toMatchObject([{ reason: 'blocked' }]);
    expect(last.facts('lane.closed')).toMatchObject([{ lane: 1, note: expect.stringContaining('Blocked') }]);
    expect(sshd.log()).not.toContain('tcpip-forward');
  });

  it('what a rule names is carried to the last byte both ways, each connection on a lane of its own', async () => {
    const gateway = await under([{ allow: ['remote localhost:*'] }]);
    const { allocated, client } = forward(gateway, '0');
    const port = await allocated();
    const sent = randomBytes(2_000_000);
    expect(sha256(await ask(port, sent))).toBe(sha256(sent));
    const texts = Array.from({ length: 20 }, (_, index) => Buffer.from(`number ${index} `.repeat(500)));
    expect((await Promise.all(texts.map((text) => ask(port, text)))).map(String)).toEqual(texts.map(String));
    const { last } = gateway.log;
    const lanes = last.facts('lane.opened').filter(({ of }) => of === 'forwarded-tcpip');
    expect(lanes).toHaveLength(21);
    expect(lanes[0]?.label).toMatch(new RegExp(`^remote localhost:${port}, from 127\\.0\\.0\\.1:\\d+$`));
    for (const from of ['client', 'target'] as const)
      expect(sha256(last.wire(from, lanes[0]?.lane)), from).toBe(sha256(sent));
    expect(lanes.map(({ lane }) => last.wire('target', lane).toString()).toSorted()).toEqual(
      [sent, ...texts].map(String).toSorted(),
    );
    client.kill();
    await until('the session is over', () => last.ended !== undefined);
    await until('nobody listens', () =>
      ask(port, Buffer.from('x')).then(
        (said) => said.length === 0,
        () => true,
      ),
    );
  });

  it('a port that is cancelled is closed, and may be asked for again (ControlMaster)', async () => {
    const gateway = await under([{ allow: ['remote localhost:*'] }]);
    const control = `${gateway.environment.HOME}/control`;
    const { client } = forward(gateway, '0', ['-M', '-S', control]);
    const run = (verb: string, at: string) =>
      gateway.run('ssh', ['-F', 'none', '-S', control, '-O', verb, '-R', `${at}:127.0.0.1:${echoPort}`, 'any']);
    await until('the client is in', async () => (await run('check', '0')).code === 0);
    const free = createServer();
    const port = await listening(free);
    await new Promise((resolve) => free.close(resolve));
    const { last } = gateway.log;
    for (let round = 0; round < 2; round++) {
      expect((await run('forward', String(port))).code).toBe(0);
      expect(String(await ask(port, Buffer.from('hello')))).toBe('hello');
      // What is asked for twice is told so, by either.
      expect((await run('cancel', String(port))).code).toBe(0);
      await until('it is closed', () => last.facts('lane.closed').some(({ lane }) => isOf(`localhost:${port}`, lane)));
      await until('nobody listens', () =>
        ask(port, Buffer.from('x')).then(
          () => false,
          () => true,
        ),
      );
    }
    function isOf(place: string, lane: number): boolean {
      return last.facts('lane.opened').some((one) => one.lane === lane && one.label === `remote ${place} (-R)`);
    }
    expect(client.exitCode).toBeNull();
  });

  it('what the target refuses is said to be refused by it', async () => {
    const strict = await startSshd(['AllowTcpForwarding local']);
    const gateway = await startSshGateway(strict.upstream, { rules: { forwards: [{ allow: ['remote *:*'] }] } });
    open.push(gateway);
    const { client, said } = forward(gateway, '*:0', ['-o', 'ExitOnForwardFailure=yes']);
    await new Promise((resolve) => client.once('close', resolve));
    expect(said()).toContain('remote port forwarding failed');
    expect(words(gateway)).toContain(
      'Remote port forwarding (-R) is refused: the target does not listen on remote *:0.',
    );
    expect(gateway.log.last.facts('lane.opened')).toMatchObject([{ label: 'remote *:0 (-R)' }]);
    strict.close();
  });

  it('a held one waits for people, and answers behind it wait with it', async () => {
    const gateway = await under([
      { hold: ['remote localhost:*'], approval: { from: ['dba'], count: 1, within: 300_000 } },
    ]);
    const { allocated } = forward(gateway, '0', ['-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=60']);
    await until('it is held', () => gateway.edge.held.length === 1);
    expect(gateway.edge.held[0]?.asked).toMatchObject({ action: { kind: 'forward', text: 'remote localhost:0' } });
    gateway.edge.held[0]?.decide({ kind: 'approved', by: ['bob@example.com'], comment: '' });
    expect(String(await ask(await allocated(), Buffer.from('held')))).toBe('held');
    // Of a client that does not wait for an answer it is withdrawn.
    const { client } = forward(gateway, '0');
    await until('it is held', () => gateway.edge.held.length === 2);
    client.kill();
    await until('it is withdrawn', () =>
      gateway.log.last.facts('hold.resolved').some(({ outcome }) => outcome === 'withdrawn'),
    );
  });

  it('SSH within it is carried, and its lane says that it is encrypted', async () => {
    const gateway = await under([{ allow: ['remote localhost:*'] }]);
    const { allocated } = forward(gateway, '0');
    await ask(await allocated(), Buffer.from('SSH-2.0-inner\r\n'));
    const { last } = gateway.log;
    await until('its lane is closed', () => last.facts('lane.closed').length === 1);
    expect(last.facts('lane.closed')).toMatchObject([{ note: expect.stringContaining('encrypted') }]);
  });
});

describe('SSH: remote forwards, message by message', () => {
  const [GLOBAL_REQUEST, SUCCESS, FAILURE, OPEN, CONFIRMED, REFUSED] = [80, 81, 82, 90, 91, 92];
  let target: Awaited<ReturnType<typeof rawSshTarget>>;
  beforeAll(async () => {
    target = await rawSshTarget();
  });
  afterAll(() => target.close());

  async function both(forwards: NonNullable<SessionRules['forwards']>) {
    const gateway = await startSshGateway(target.upstream, { rules: { forwards } });
    const known = target.connections.length;
    const client = await rawSshClient(gateway.port, gateway.edge.issue({ resource: 'web' }).secret);
    await until('the target is reached', () => target.connections.length > known);
    const there = target.connections[known];
    if (!there) throw new Error('nobody came');
    const close = async () => {
      client.hangUp();
      expect(gateway.bugs).toEqual([]);
      await gateway.close();
    };
    return { gateway, client, there, close };
  }
  const arriving = (id: number, host: string, port: number) =>
    [OPEN, 'forwarded-tcpip', id, 100_000, 32_768, host, port, '10.9.9.9', 4000] as const;

  it('answers go out in the order of the requests, whatever is decided first', async () => {
    const { gateway, client, there, close } = await both([
      { hold: ['remote localhost:1'], approval: { from: ['dba'], count: 1, within: 300_000 } },
      { allow: ['remote localhost:2', 'remote localhost:1'] },
    ]);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'localhost', 1);
    client.send(GLOBAL_REQUEST, 'keepalive@openssh.com', true);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'localhost', 2);
    const second = await there.answered(GLOBAL_REQUEST);
    expect(second.subarray(-4).readUInt32BE()).toBe(2);
    there.send(SUCCESS);
    await until('it is held', () => gateway.edge.held.length === 1);
    gateway.edge.held[0]?.decide({ kind: 'approved', by: ['bob@example.com'], comment: '' });
    await there.answered(GLOBAL_REQUEST, 2);
    const types = () => client.messages.map((one) => one[0]).filter((type) => type === SUCCESS || type === FAILURE);
    expect(types()).toEqual([]);
    there.send(SUCCESS);
    await client.answered(SUCCESS, 2);
    expect(types()).toEqual([SUCCESS, FAILURE, SUCCESS]);
    await close();
  });

  it('a connection to a port that nobody asked for, or that the rule has no more, does not reach the client', async () => {
    const { gateway, client, there, close } = await both([{ allow: ['remote localhost:*'] }]);
    there.send(...arriving(0, 'localhost', 7000));
    await there.answered(REFUSED);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'localhost', 0);
    await there.answered(GLOBAL_REQUEST);
    // Before the target says that it listens, it does not.
    there.send(...arriving(1, 'localhost', 7000));
    await there.answered(REFUSED, 2);
    there.send(SUCCESS, 7000);
    expect((await client.answered(SUCCESS)).readUInt32BE(1)).toBe(7000);
    there.send(...arriving(2, 'localhost', 7001));
    await there.answered(REFUSED, 3);
    there.send(...arriving(3, '127.0.0.1', 7000));
    const opened = await client.answered(OPEN);
    expect(opened.toString('latin1')).toContain('forwarded-tcpip');
    client.send(CONFIRMED, opened.readUInt32BE(20), 5, 100_000, 32_768);
    await there.answered(CONFIRMED);
    gateway.edge.applyRules({ ...gateway.edge.rules, policyVersion: 2, forwards: [{ allow: ['localhost:*'] }] });
    there.send(...arriving(4, 'localhost', 7000));
    await there.answered(REFUSED, 4);
    expect(client.messages.filter((one) => one[0] === OPEN)).toHaveLength(1);
    const lanes = gateway.log.last.facts('lane.opened').map(({ of }) => of);
    expect(lanes).toEqual(['tcpip-forward', 'forwarded-tcpip']);
    await close();
  });

  it('a connection that the client does not take is refused to the target by its words', async () => {
    const { gateway, client, there, close } = await both([{ allow: ['remote *:*'] }]);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, '', 7000);
    await there.answered(GLOBAL_REQUEST);
    there.send(SUCCESS);
    await client.answered(SUCCESS);
    there.send(...arriving(0, '', 7000));
    const opened = await client.answered(OPEN);
    client.send(REFUSED, opened.readUInt32BE(20), 2, 'nobody is there', '');
    expect((await there.answered(REFUSED)).toString()).toContain('nobody is there');
    await until('its lane is closed', () => gateway.log.last.facts('lane.closed').length === 1);
    expect(gateway.log.last.facts('lane.closed')).toMatchObject([{ note: 'the client: nobody is there' }]);
    await close();
  });

  it('what is no place, asked for twice, one too many, or cancelled and never asked for, is a failure', async () => {
    const { gateway, client, there, close } = await both([{ allow: ['remote *:*'] }]);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'a b', 1);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'cut');
    client.send(GLOBAL_REQUEST, 'cancel-tcpip-forward', true, 'localhost', 1);
    await client.answered(FAILURE, 3);
    for (let port = 1; port <= 51; port++) client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'localhost', port);
    client.send(GLOBAL_REQUEST, 'tcpip-forward', true, 'localhost', 1);
    await there.answered(GLOBAL_REQUEST, 50);
    for (let port = 1; port <= 50; port++) there.send(SUCCESS);
    await client.answered(FAILURE, 5);
    expect(there.messages.filter((one) => one[0] === GLOBAL_REQUEST)).toHaveLength(50);
    expect(gateway.log.last.wire('gateway', 0).toString()).toContain('no more than 50 ports at a time');
    await close();
  });
});
