// Unmodified OpenSSH, scp, sftp, rsync and git through the gateway to a real sshd.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../harness/run.ts';
import { runBytes, type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const CONTENT = randomBytes(3_000_000);

describe.skipIf(!hasSshd)('SSH: unmodified clients', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let directory: string;
  let at: string;
  let rsh: string;
  const file = (name: string) => join(directory, name);
  const commands = () => gateway.log.sessions.flatMap((one) => one.facts('command.started').map((it) => it.command));

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-files-'));
    writeFileSync(file('content'), CONTENT);
    at = `${sshd.login}@web@127.0.0.1`;
    rsh = ['ssh', ...gateway.options, '-p', String(gateway.port)].join(' ');
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('a command gives its output, its errors and its exit status, each recorded as what it is', async () => {
    const ran = await gateway.ssh(['echo out; echo err >&2; exit 7']);
    expect([ran.code, ran.stdout.toString(), ran.stderr]).toEqual([7, 'out\n', 'err\n']);
    const { last } = gateway.log;
    await until('it is over', () => last.ended !== undefined);
    expect(last.facts('lane.opened')).toMatchObject([
      { lane: 1, of: 'exec', label: 'exec: echo out; echo err >&2; exit 7' },
      { lane: 2, of: 'stderr', label: 'stderr of lane 1' },
    ]);
    expect(last.facts('command.started', 1)).toMatchObject([
      { action: 1, form: 'exec', command: 'echo out; echo err >&2; exit 7' },
    ]);
    expect(last.facts('command.finished', 1)).toMatchObject([{ action: 1, exit: 7 }]);
    expect([last.wire('target', 1).toString(), last.wire('target', 2).toString()]).toEqual(['out\n', 'err\n']);
    expect(last.facts('lane.closed').map(({ recorded }) => recorded)).toEqual(['full', 'full']);
    expect(last.ended?.reason).toBe('client_closed');
  });

  it('a command that a signal ends is told and recorded as such', async () => {
    expect((await gateway.ssh(['kill -9 $$'])).code).toBe(255);
    expect(gateway.log.last.facts('command.finished')).toMatchObject([{ signal: 'KILL' }]);
  });

  it.each([
    ['scp with the old protocol', ['-O']],
    ['scp over SFTP', []],
  ])('%s carries a file both ways', async (_, form) => {
    const port = ['-P', String(gateway.port)];
    const up = await gateway.run('scp', [...form, ...gateway.options, ...port, file('content'), `${at}:${file('up')}`]);
    expect([up.code, up.stderr]).toEqual([0, '']);
    expect(sha256(readFileSync(file('up')))).toBe(sha256(CONTENT));
    const down = await gateway.run('scp', [...form, ...gateway.options, ...port, `${at}:${file('up')}`, file('down')]);
    expect([down.code, down.stderr]).toEqual([0, '']);
    expect(sha256(readFileSync(file('down')))).toBe(sha256(CONTENT));
    rmSync(file('up'));
    // What went over is in the recording, byte for byte.
    expect(gateway.log.last.wire('target', 1).includes(CONTENT.subarray(1000, 2000))).toBe(true);
  });

  it('sftp works by commands', async () => {
    const batch = `put ${file('content')} ${file('put')}\nls -l ${file('put')}\nrm ${file('put')}\n`;
    const options = [...gateway.options, '-o', 'BatchMode=no', '-P', String(gateway.port), '-b', '-'];
    const ran = await runBytes('sftp', [...options, at], gateway.environment, batch);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(gateway.log.last.facts('command.started')).toMatchObject([{ form: 'subsystem', command: 'sftp' }]);
  });

  it('rsync carries a file', async () => {
    const ran = await gateway.run('rsync', ['-a', '-e', rsh, file('content'), `${at}:${file('synced')}`]);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(sha256(readFileSync(file('synced')))).toBe(sha256(CONTENT));
  });

  it('git clones by a URL, with = for the first @', async () => {
    const git = (...args: string[]) =>
      gateway.run('git', args, {
        GIT_SSH_COMMAND: ['ssh', ...gateway.options].join(' '),
        GIT_CONFIG_GLOBAL: '/dev/null',
      });
    await git('init', '-q', file('repository'));
    const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
    await git('-C', file('repository'), ...author, 'commit', '-q', '--allow-empty', '-m', 'one');
    const url = `ssh://${sshd.login}=web@127.0.0.1:${gateway.port}${file('repository')}`;
    const ran = await git('clone', '-q', url, file('clone'));
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(commands().at(-1)).toContain('git-upload-pack');
  });

  it('a channel that begins with a megabyte of input gets all of it', async () => {
    const input = CONTENT.subarray(0, 1 << 20);
    const ran = await gateway.ssh(['sha256sum'], { input });
    expect(ran.stdout.toString()).toContain(sha256(input));
    expect(sha256(gateway.log.last.wire('client', 1))).toBe(sha256(input));
  });

  it('no input at all ends a command that reads', async () => {
    expect(await gateway.ssh(['cat'], { options: ['-n'] })).toMatchObject({ code: 0, stderr: '' });
  });

  it('lines as Ansible sends them run as they are', async () => {
    const line = `/bin/sh -c 'echo BECOME-"SUCCESS" ; /usr/bin/env python3 && sleep 0'`;
    const ran = await gateway.ssh([line], { input: 'print("é", 6 * 7)\n' });
    expect([ran.code, ran.stdout.toString()]).toEqual([0, 'BECOME-SUCCESS\né 42\n']);
    expect(commands().at(-1)).toBe(line);
  });

  it('keys are exchanged anew in the middle of a transfer, by either side of either leg', async () => {
    const ran = await gateway.ssh(['cat'], { input: CONTENT, options: ['-o', 'RekeyLimit=500K'] });
    expect([ran.code, sha256(ran.stdout), ran.stderr]).toEqual([0, sha256(CONTENT), '']);
    const eager = await startSshd(['RekeyLimit 500K']);
    const other = await startSshGateway(eager.upstream);
    const through = await other.ssh(['cat'], { input: CONTENT });
    expect([through.code, sha256(through.stdout), through.stderr]).toEqual([0, sha256(CONTENT), '']);
    expect(other.bugs).toEqual([]);
    await other.close();
    eager.close();
  });

  it('channels of one connection run side by side, and none waits for another', async () => {
    const control = ['-S', file('control')];
    const base = [...gateway.options, '-p', String(gateway.port)];
    const master = await gateway.run('ssh', [...base, ...control, '-M', '-f', '-N', at]);
    expect([master.code, master.stderr]).toEqual([0, '']);
    const session = gateway.log.last;
    const slow = gateway.run('ssh', [...base, ...control, at, 'read line; echo "got $line"'], {});
    const many = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        gateway.run('ssh', [...base, ...control, at, `echo ${index}; exit ${index}`]),
      ),
    );
    expect(many.map(({ code, stdout }) => [code, stdout])).toEqual(many.map((_, index) => [index, `${index}\n`]));
    expect((await slow).stdout).toBe('got \n');
    const copy = await runBytes('ssh', [...base, ...control, at, 'cat'], gateway.environment, CONTENT);
    expect(sha256(copy.stdout)).toBe(sha256(CONTENT));
    await gateway.run('ssh', [...base, ...control, '-O', 'exit', at]);
    await until('the session is over', () => session.ended !== undefined);
    expect(gateway.log.last).toBe(session);
    expect(session.facts('command.finished')).toHaveLength(10);
  });

  it('what a command may see of the client is its language, and nothing that changes what runs', async () => {
    const options = ['-o', 'SetEnv=LC_PAPER=a4 SECRET_PATH=/tmp'];
    const ran = await gateway.ssh(['echo "$LC_PAPER,$SECRET_PATH"'], { options });
    expect(ran.stdout.toString()).toBe('a4,\n');
    const [plain] = gateway.log.last.facts('command.started');
    expect(plain).toMatchObject({ environment: ['LC_PAPER=a4'] });
    // Each is shown whole to who decides, and fits into a frame.
    const odd = [`LC_LONG=${'x'.repeat(1_001)}`, 'LC_ODD=a\x01b'];
    await gateway.ssh(['true'], { options: ['-o', `SetEnv=${odd.join(' ')} LC_LAST=z`] });
    expect(gateway.log.last.facts('command.started')).toMatchObject([{ environment: ['LC_LAST=z'] }]);
    expect(plain).not.toHaveProperty('terminal');
    // What goes over beside the command can be run by it, so it stands in the recording.
    const { stdout } = await gateway.ssh(['echo "$TERM"'], {
      options: ['-tt', '-o', 'SetEnv=LC_PAPER=a3 TERM=vt220'],
    });
    expect(stdout.toString()).toContain('vt220');
    const [onTerminal] = gateway.log.last.facts('command.started');
    expect(onTerminal).toMatchObject({ environment: ['LC_PAPER=a3'], terminal: { type: 'vt220' } });
    // Of an input that is no terminal: the end of the list alone.
    expect(onTerminal?.terminal?.modes).toBe('AA==');
  });

  it('a client that is killed takes its session with it', async () => {
    const running = runBytes(
      'timeout',
      ['-s', 'KILL', '1', 'ssh', ...gateway.options, '-p', String(gateway.port), at, 'sleep 60'],
      gateway.environment,
    );
    const ran = await running;
    expect(ran.code).not.toBe(0);
    await until('the session is over', () => gateway.log.last.ended !== undefined, 15_000);
    expect(gateway.log.last.ended?.reason).toBe('client_closed');
  });

  it('a target that goes away ends the session with words', async () => {
    const other = await startSshGateway(sshd.upstream);
    // What runs the command is the target's end of the connection.
    const ran = await other.ssh(['echo here; sleep 0.2; kill -9 $PPID; sleep 5'], { options: ['-o', 'LogLevel=INFO'] });
    expect([ran.code, ran.stdout.toString()]).toEqual([255, 'here\n']);
    expect(ran.stderr).toContain('The target closed the connection');
    expect(other.log.last.ended?.reason).toBe('target_closed');
    await other.close();
  });
});
