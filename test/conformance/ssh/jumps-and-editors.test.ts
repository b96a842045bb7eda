// What people do with forwards beside a shell: hosts behind the target (`ssh -J`), and editors with a remote part, under
// the rule that docs/policy.md gives for them.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { run, until } from '../../harness/run.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const BEHIND = 'behind.internal';

async function freePort(): Promise<number> {
  const probe = createServer();
  const port = await new Promise<number>((resolve) =>
    probe.listen(0, '127.0.0.1', () => resolve((probe.address() as { port: number }).port)),
  );
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

describe.skipIf(!hasSshd)('SSH: jumps and editors', () => {
  let target: Sshd;
  let behind: Sshd;
  let gateway: SshGateway;

  beforeAll(async () => {
    [target, behind] = await Promise.all([startSshd([], [BEHIND]), startSshd()]);
  });
  afterEach(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
  });
  afterAll(() => {
    target?.close();
    behind?.close();
  });

  async function under(forwards: SessionRules['forwards']): Promise<void> {
    gateway = await startSshGateway(target.upstream, { rules: { ...(forwards && { forwards }) } });
  }

  /** `ssh -J GATEWAY behind true`, with the key of the host behind. */
  function jump(): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const over = [
      'ssh',
      ...['-o', 'LogLevel=INFO'],
      ...gateway.options,
      '-p',
      String(gateway.port),
      `${target.login}@web@127.0.0.1`,
      '-W',
      '%h:%p',
    ];
    const options = [
      ['-F', 'none', '-i', behind.keyFile, '-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=ERROR'],
      // What -J stands for (ssh_config(5), ProxyJump), with options of the first hop beside it.
      ['-o', `ProxyCommand=${over.join(' ')}`],
      ['-o', `KnownHostsCommand=/bin/echo [${BEHIND}]:${behind.port} ${behind.hostKey}`],
      ['-o', 'StrictHostKeyChecking=yes', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'GlobalKnownHostsFile=/dev/null'],
    ].flat();
    const args = [...options, '-p', String(behind.port), `${userInfo().username}@${BEHIND}`, 'echo', 'arrived'];
    return gateway.run('ssh', args);
  }

  it('a host behind the target is reached where a rule names it, and its lane says that it is encrypted', async () => {
    await under([{ allow: [`${BEHIND}:*`] }]);
    const ran = await jump();
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, 'arrived\n', '']);
    const { last } = gateway.log;
    await until('its lane is closed', () => last.facts('lane.closed').length === 1);
    expect(last.facts('lane.opened')).toMatchObject([{ label: `forward to ${BEHIND}:${behind.port}` }]);
    expect(last.facts('lane.closed')).toMatchObject([{ note: expect.stringContaining('encrypted') }]);
  });

  it('and not where none does', async () => {
    await under([{ allow: ['localhost:*'] }]);
    // What it says of an earlier one's end may come late.
    const connections = () => behind.log().split('Connection from ').length;
    const before = connections();
    const ran = await jump();
    expect([ran.code, ran.stdout]).toEqual([255, '']);
    expect(ran.stderr).toContain(`${BEHIND}:${behind.port} is not in the allow list`);
    expect(connections()).toBe(before);
  });

  it('an editor starts its server through a shell that reads a script, and reaches it and nothing else over -D', async () => {
    await under([{ allow: ['localhost:*'] }]);
    const socks = await freePort();
    const at = [...gateway.options, '-p', String(gateway.port), `${target.login}@web@127.0.0.1`];
    const editor = spawn('ssh', ['-T', '-D', `127.0.0.1:${socks}`, '-o', 'ConnectTimeout=15', ...at, 'bash'], {
      env: { ...process.env, ...gateway.environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    editor.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    // As VS Code's does: what the machine is, a server on a free port of 127.0.0.1, and the port told between marks.
    editor.stdin.write(`
echo "4f2e: running"
echo "platform==$(uname -s)=="
cd "$(mktemp -d)" && echo served > page
python3 -u -c '
import http.server
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print("listeningOn==%d==" % server.server_port, flush=True)
server.serve_forever()' 2> /dev/null
`);
    try {
      await until('the server listens', () => /listeningOn==\d+==/.test(said));
      expect(said).toContain('platform==Linux==');
      const port = /listeningOn==(\d+)==/.exec(said)?.[1];
      const curl = (host: string) =>
        run('curl', ['-sS', '-m', '20', '--socks5-hostname', `127.0.0.1:${socks}`, `http://${host}:${port}/page`], {});
      expect(await curl('127.0.0.1')).toMatchObject({ code: 0, stdout: 'served\n' });
      expect(await curl('localhost')).toMatchObject({ code: 0, stdout: 'served\n' });
      expect((await curl(BEHIND)).code).not.toBe(0);
      const { last } = gateway.log;
      expect(last.wire('client', 2).toString()).toContain('GET /page');
      expect(last.facts('command.started')).toMatchObject([{ command: 'bash' }]);
      expect(last.wire('client', 1).toString()).toContain('4f2e: running');
    } finally {
      editor.kill();
      await new Promise((resolve) => editor.once('close', resolve));
    }
  });
});
