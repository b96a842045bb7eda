// What a policy decides over SSH, with OpenSSH as the client.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { until } from '../../harness/run.ts';
import { runBytes, type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

type Commands = SessionRules['commands'];
const HOLD = { hold: ['deploy *'], approval: { from: ['dba'], count: 1, within: 300_000 } };
const APPROVED = { kind: 'approved', by: ['bob@example.com'], comment: '' } as const;

/** One that holds nothing: without any, ssh forwards none. */
async function startAgent(): Promise<{ socket: string; end(): void }> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-agent-'));
  const socket = join(directory, 'socket');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  await until('the agent listens', () => existsSync(socket));
  return {
    socket,
    end() {
      agent.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

describe.skipIf(!hasSshd)('SSH: what a policy decides', () => {
  let sshd: Sshd;
  let directory: string;
  const open: SshGateway[] = [];
  const under = async (commands: Commands): Promise<SshGateway> => {
    const gateway = await startSshGateway(sshd.upstream, { rules: { ...(commands && { commands }) } });
    open.push(gateway);
    return gateway;
  };

  beforeAll(async () => {
    sshd = await startSshd();
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-rules-'));
  });
  afterAll(async () => {
    for (const gateway of open) {
      expect(gateway.bugs).toEqual([]);
      await gateway.close();
    }
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('a blocked command never reaches the target, and is told on stderr alone', async () => {
    const gateway = await under([{ block: ['touch *'], hint: 'Use the runbook.' }]);
    const victim = join(directory, 'touched');
    const ran = await gateway.ssh([`touch ${victim}`]);
    expect([ran.code, ran.stdout.toString()]).toEqual([126, '']);
    expect(ran.stderr).toMatch(/^Gatehouse: Blocked by rule test: .*touch.* Use the runbook\.\n$/);
    expect(existsSync(victim)).toBe(false);
    expect(sshd.log()).not.toContain('Starting session');
    expect(gateway.log.last.facts('action.refused')).toMatchObject([{ action: 1, reason: 'blocked' }]);
    expect(gateway.log.last.facts('command.started')).toMatchObject([{ command: `touch ${victim}` }]);
  });

  it('a warning goes to stderr, and the command runs', async () => {
    const gateway = await under([{ warn: ['echo *'] }]);
    const ran = await gateway.ssh(['echo out']);
    expect([ran.code, ran.stdout.toString()]).toEqual([0, 'out\n']);
    expect(ran.stderr).toContain('Gatehouse: Rule test warns');
  });

  it('what no rule stops has no word of ours in it', async () => {
    const gateway = await under([{ block: ['rm *'] }]);
    expect((await gateway.ssh(['echo out'])).stderr).toBe('');
  });

  it('a held command waits with its input, says where, and runs when it is approved', async () => {
    const gateway = await under([{ ...HOLD, hold: ['tee *'] }]);
    const target = join(directory, 'held');
    const input = 'x'.repeat(3_000_000);
    const running = gateway.ssh([`tee ${target}`], { input });
    await until('it is held', () => gateway.edge.held.length === 1);
    expect(gateway.edge.held[0]?.asked.action).toMatchObject({ kind: 'command', text: `tee ${target}` });
    expect(existsSync(target)).toBe(false);
    gateway.edge.held[0]?.decide(APPROVED);
    const ran = await running;
    expect([ran.code, ran.stdout.length]).toEqual([0, input.length]);
    expect(ran.stderr).toContain('https://gatehouse.test/requests/');
  });

  it('who decides is shown what the client sets for a command, and approves that alone', async () => {
    const gateway = await under([HOLD]);
    const digests: unknown[] = [];
    for (const options of [[], ['-o', 'SetEnv=LC_WHERE=/etc'], ['-o', 'SetEnv=LC_WHERE=/tmp']]) {
      const running = gateway.ssh(['deploy "$LC_WHERE"'], { options });
      await until('it is held', () => gateway.edge.held.length === 1);
      const [{ asked, decide } = { asked: undefined, decide: undefined }] = gateway.edge.held.splice(0);
      expect(asked?.action.parameters).toEqual(options.length === 0 ? [] : [options[1]?.replace('SetEnv=', '')]);
      digests.push(asked?.action.digest);
      decide?.({ kind: 'denied', by: ['bob@example.com'], comment: 'no' });
      await running;
    }
    expect(new Set(digests).size).toBe(3);
    expect(digests[0]).toBe(createHash('sha256').update('exec\0deploy "$LC_WHERE"').digest('hex'));
  });

  it('what is held and denied does not run', async () => {
    const gateway = await under([HOLD]);
    const running = gateway.ssh(['deploy shop']);
    await until('it is held', () => gateway.edge.held.length === 1);
    gateway.edge.held[0]?.decide({ kind: 'denied', by: ['bob@example.com'], comment: 'not on Fridays' });
    const ran = await running;
    expect(ran.code).toBe(126);
    expect(ran.stderr).toContain('not on Fridays');
  });

  it('a hold on one channel holds no other, and a closed channel withdraws it', async () => {
    const gateway = await under([HOLD]);
    const base = [...gateway.options, '-p', String(gateway.port), '-S', join(directory, 'control')];
    const at = `${sshd.login}@web@127.0.0.1`;
    await gateway.run('ssh', [...base, '-M', '-f', '-N', at]);
    const held = runBytes('timeout', ['1', 'ssh', ...base, at, 'deploy shop'], gateway.environment);
    await until('it is held', () => gateway.edge.held.length === 1);
    expect((await gateway.run('ssh', [...base, at, 'echo beside'])).stdout).toBe('beside\n');
    await held;
    await until('it is withdrawn', () => gateway.log.last.facts('hold.resolved').length === 1);
    expect(gateway.log.last.facts('hold.resolved')).toMatchObject([{ outcome: 'withdrawn' }]);
    expect((await gateway.run('ssh', [...base, at, 'echo after'])).stdout).toBe('after\n');
    await gateway.run('ssh', [...base, '-O', 'exit', at]);
  });

  it('where commands are blocked a shell is not opened, since what is typed there is not judged', async () => {
    const gateway = await under([{ block: ['rm *'] }]);
    const ran = await gateway.ssh([], { input: 'echo in the shell\n' });
    expect([ran.code, ran.stdout.toString()]).toEqual([126, '']);
    expect(ran.stderr).toContain('interactive shell');
    const allowed = await under([{ block: ['rm *'] }, { allow: ['interactive shell', 'ls *'] }]);
    const inside = await allowed.ssh([], { input: 'echo in the shell\n' });
    expect(inside.stdout.toString()).toContain('in the shell\n');
    expect(allowed.log.last.facts('command.started')).toMatchObject([{ form: 'shell', command: '' }]);
  });

  it('an allow list without them has neither shells nor sftp', async () => {
    const gateway = await under([{ allow: ['ls *'] }]);
    const where = ['-P', String(gateway.port), '-b', '-', `${sshd.login}@web@127.0.0.1`];
    const options = [...gateway.options, '-o', 'BatchMode=no', ...where];
    const sftp = await runBytes('sftp', options, gateway.environment, 'ls\n');
    expect(sftp.code).not.toBe(0);
    expect(sftp.stderr).toContain('Blocked by rule test');
    expect((await gateway.ssh([])).code).toBe(126);
    expect((await gateway.ssh(['ls /'])).code).toBe(0);
    expect((await gateway.ssh(['echo'])).code).toBe(126);
  });

  it('remote forwards, agents and displays are refused with words, and recorded', async () => {
    const gateway = await under(undefined);
    const remote = await gateway.ssh(['true'], { options: ['-R', '0:x:1', '-o', 'ExitOnForwardFailure=yes'] });
    expect(remote.stderr).toContain('remote port forwarding failed');
    const agent = await startAgent();
    const asked = await gateway.run(
      'ssh',
      ['-A', ...gateway.options, '-p', String(gateway.port), `${sshd.login}@web@127.0.0.1`, 'echo "$SSH_AUTH_SOCK"'],
      { SSH_AUTH_SOCK: agent.socket },
    );
    agent.end();
    expect([asked.code, asked.stdout]).toEqual([0, '\n']);
    const said = gateway.log.sessions.map((one) => one.wire('gateway', 0).toString()).join('');
    expect(said).toContain('Remote port forwarding (-R) is refused: Blocked by rule test');
    expect(said).toContain('agent forwarding is not carried');
    expect(sshd.log()).not.toContain('tcpip-forward');
  });
});
