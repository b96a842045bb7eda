// A person with neither certificate nor secret: OpenSSH shows a link and a code, and waits for the browser.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../harness/run.ts';
import { rawSshLogin } from '../../harness/ssh/raw-ssh.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

describe.skipIf(!hasSshd)('SSH: signing in by the browser', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let directory: string;

  beforeAll(async () => {
    sshd = await startSshd();
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-browser-'));
    // Answers nothing, as somebody who presses Enter, and keeps what was asked.
    writeFileSync(join(directory, 'enter'), `#!/bin/sh\nprintf '%s\\n' "$1" >> ${directory}/asked\necho\n`);
    chmodSync(join(directory, 'enter'), 0o700);
  });
  beforeEach(async () => {
    writeFileSync(join(directory, 'asked'), '');
    gateway = await startSshGateway(sshd.upstream);
    return async () => {
      expect(gateway.bugs).toEqual([]);
      await gateway.close();
    };
  });
  afterAll(() => {
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function connect(user = 'web') {
    const args = ['-o', 'LogLevel=INFO', '-o', 'PreferredAuthentications=keyboard-interactive', ...gateway.options];
    const child: ChildProcess = spawn('ssh', [...args, '-p', String(gateway.port), `${user}@127.0.0.1`, 'echo in'], {
      env: { ...process.env, ...gateway.environment, SSH_ASKPASS: join(directory, 'enter') },
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (part: Buffer) => {
      stdout += part.toString();
    });
    child.stderr?.on('data', (part: Buffer) => {
      stderr += part.toString();
    });
    const over = new Promise<string>((resolve) => child.once('close', () => resolve(stdout)));
    return { child, over, said: () => stderr };
  }
  const waiting = async (count = 1) => {
    await until('the edge is asked', () => gateway.edge.signIns.length === count);
    const [one] = gateway.edge.signIns.slice(-1);
    if (!one) throw new Error('nobody waits');
    return one;
  };

  it('lets in who confirmed it, as themselves, once they hold a grant', async () => {
    const { over, said } = connect();
    const signIn = await waiting();
    expect(signIn).toMatchObject({ resource: 'web', address: expect.stringContaining('127.0.0.1') });
    const asked = readFileSync(join(directory, 'asked'), 'utf8');
    expect(asked).toContain('just Enter, to sign in with your browser');
    expect(asked).toContain('Open https://gatehouse.test/device, type BCDF-GHJK, then press Enter here');
    expect(said()).toContain('whoever confirms it lets this terminal in as themselves');
    signIn.told('bob@example.com holds no grant for web.');
    await until('it is told', () => said().includes('Gatehouse: bob@example.com holds no grant for web.'));
    // Nobody is let in by words alone.
    expect(gateway.log.sessions).toEqual([]);
    gateway.edge.issue({ email: 'bob@example.com', resource: 'web' });
    signIn.confirm('bob@example.com');
    expect(await over).toBe('in\n');
    expect(gateway.log.last.opened.identity.email).toBe('bob@example.com');
  });

  it('tells who is turned away, and who is not whom the user name says', async () => {
    const denied = connect();
    (await waiting()).refuse({ reason: 'credentials_wrong', message: 'Somebody turned this sign-in away.' });
    await denied.over;
    expect(denied.said()).toContain('Somebody turned this sign-in away.');
    const other = connect('web,alice@example.com');
    gateway.edge.issue({ email: 'bob@example.com', resource: 'web' });
    (await waiting(2)).confirm('bob@example.com');
    await other.over;
    expect(other.said()).toContain('Somebody else than the user name says');
    expect(gateway.log.sessions).toEqual([]);
  });

  it('is over when the client leaves, and says so while the edge is away', async () => {
    const { child, over } = connect();
    const signIn = await waiting();
    child.kill();
    await Promise.all([over, signIn.gone]);
    gateway.edge.away = { reason: 'edge_unreachable', message: 'the gateway cannot check your grant now' };
    const away = connect();
    await away.over;
    expect(away.said()).toContain('the gateway cannot check your grant now');
  });

  it('leaves who goes on with something else the usual time to log in', async () => {
    const hasty = await startSshGateway(sshd.upstream, { limits: { loginDeadlineMs: 1_000 } });
    const client = await rawSshLogin(hasty.port);
    client.send(50, 'web', 'ssh-connection', 'keyboard-interactive', '', '');
    for (const question of [1, 2]) {
      await client.answered(60, question);
      client.send(61, 1, '');
    }
    await until('the edge is asked', () => hasty.edge.signIns.length === 1);
    client.send(50, 'web', 'ssh-connection', 'none');
    await hasty.edge.signIns[0]?.gone;
    const reasons = () => hasty.edge.reported('attempt.refused').map(({ reason }) => reason);
    await until('it was left', () => reasons().includes('deadline_exceeded'));
    await hasty.close();
  });

  it('no more than twenty of an address wait at a time', async () => {
    const clients = Array.from({ length: 20 }, () => connect());
    await waiting(20);
    const one = connect();
    await one.over;
    expect(one.said()).toContain('Too many clients wait to be signed in');
    for (const { child } of clients) child.kill();
    await Promise.all(gateway.edge.signIns.map(({ gone }) => gone));
    const again = connect();
    (await waiting(21)).refuse({ reason: 'credentials_wrong', message: 'No.' });
    await again.over;
  });
});
