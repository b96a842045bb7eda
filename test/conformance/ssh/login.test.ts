// Who is let in over SSH, and how whoever is not is told.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secret } from '../../../core/secret.ts';
import { PinnedKeys } from '../../../connector/protocols/ssh/login/pinned-keys.ts';
import { newEd25519Key, type ParsedKey, parsePrivateKey } from '../../../connector/protocols/ssh/wire/ssh2.ts';
import { PROTOCOL_MODULES } from '../../../connector/registry.ts';
import { until } from '../../harness/run.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const OTHER_KEY = `SHA256:${'A'.repeat(43)}`;

describe.skipIf(!hasSshd)('SSH: signing in', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  const attempt = (user: string, shown?: string, options: readonly string[] = []) =>
    gateway.run(
      'ssh',
      [
        ...gateway.options,
        '-o',
        'LogLevel=INFO',
        ...options,
        '-p',
        String(gateway.port),
        `${user}@127.0.0.1`,
        'echo in',
      ],
      shown === undefined ? {} : { GATEHOUSE_GRANT: shown },
    );

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
  });

  it.each(['LOGIN@web', 'LOGIN=web', 'web', 'LOGIN@web,alice@example.com', 'LOGIN=web,alice=example.com'])(
    '%s names where to go',
    async (form) => {
      const ran = await attempt(form.replace('LOGIN', sshd.login));
      expect([ran.stdout, ran.code]).toEqual(['in\n', 0]);
      expect(gateway.log.last.opened.identity.email).toBe('alice@example.com');
    },
  );

  it.each(['password', 'keyboard-interactive'])('the grant is shown by %s', async (method) => {
    const ran = await attempt('web', undefined, ['-o', `PreferredAuthentications=${method}`]);
    expect([ran.stdout, ran.code]).toEqual(['in\n', 0]);
  });

  it('a wrong secret, an unknown resource and another person are told alike', async () => {
    const { secret: other } = gateway.edge.issue({ resource: 'other' });
    const { secret: mine } = gateway.edge.issue({ resource: 'web' });
    const told = [
      await attempt('web', 'ght_wrong'),
      await attempt('nowhere', mine),
      await attempt('web', other),
      await attempt('web,bob@example.com', mine),
    ].map(({ code, stderr }) => [code, stderr.replace(/^\S+/, 'WHO')]);
    expect(told).toEqual(told.map(() => [255, 'WHO Permission denied (publickey,keyboard-interactive,password).\r\n']));
    const reported = gateway.edge.reported('attempt.refused').slice(-4);
    expect(reported.map(({ reason }) => reason)).toEqual(Array.from({ length: 4 }, () => 'credentials_wrong'));
  });

  it('wrong, then right, is right', async () => {
    const client = new ssh2.Client();
    const tried: string[] = [];
    const { secret: right } = gateway.edge.issue({ resource: 'web' });
    const ready = new Promise<void>((resolve, reject) => client.on('ready', resolve).on('error', reject));
    client.connect({
      host: '127.0.0.1',
      port: gateway.port,
      username: 'web',
      authHandler: (_left, _partial, next) => {
        tried.push('one');
        next({ type: 'password', username: 'web', password: tried.length < 3 ? 'ght_wrong' : right });
      },
    });
    await ready;
    expect(tried).toHaveLength(3);
    client.end();
  });

  it('nobody tries for ever', async () => {
    const client = new ssh2.Client();
    let tries = 0;
    const refused = new Promise<string>((resolve) => client.on('error', (error) => resolve(error.message)));
    client.connect({
      host: '127.0.0.1',
      port: gateway.port,
      username: 'web',
      authHandler: (_left, _partial, next) => {
        tries++;
        next({ type: 'password', username: 'web', password: 'ght_wrong' });
      },
    });
    expect(await refused).toContain('This is not a grant of yours');
    expect(tries).toBe(6);
  });

  it('a plain public key authenticates nobody: not offered, not signed; nor does asking for nothing', async () => {
    const sessions = gateway.log.sessions.length;
    const keyed = await attempt('web', 'ght_wrong', ['-i', sshd.keyFile, '-o', 'PreferredAuthentications=publickey']);
    expect(keyed.stderr).toContain('Permission denied (publickey,keyboard-interactive,password)');
    const client = new ssh2.Client();
    const methods: (string[] | null)[] = [];
    const refused = new Promise<void>((resolve) => client.on('error', () => resolve()));
    const ownKey = newEd25519Key();
    client.connect({
      host: '127.0.0.1',
      port: gateway.port,
      username: 'web',
      authHandler: (left, _partial, next) => {
        methods.push(left as string[] | null);
        // Offers first, and signs whatever the answer.
        if (methods.length === 1) next({ type: 'none', username: 'web' });
        else if (methods.length === 2) next({ type: 'publickey', username: 'web', key: ownKey });
        else next(false as never);
      },
    });
    await refused;
    expect(methods.slice(1)).toEqual([
      ['publickey', 'keyboard-interactive', 'password'],
      ['publickey', 'keyboard-interactive', 'password'],
    ]);
    expect(gateway.log.sessions).toHaveLength(sessions);
  });

  it('a grant that ended is told to whoever proves it', async () => {
    const { secret: old } = gateway.edge.issue({ resource: 'web', until: new Date(0) });
    expect((await attempt('web', old)).stderr).toContain('This grant has ended');
  });

  it('another login than the resource has is refused with the right one', async () => {
    const ran = await attempt('nobody@web');
    expect(ran.stderr).toContain(`This resource is reached as ${sshd.login}`);
  });

  it('a rule that begins to mask ends the sessions under it', async () => {
    const other = await startSshGateway(sshd.upstream);
    const running = other.ssh(['echo in; sleep 60']);
    await until('it runs', () => other.log.sessions.some((one) => one.counts.target > 0));
    other.edge.applyRules({
      policyVersion: 2,
      rule: 'test',
      limits: {},
      mask: [{ detect: ['email'], with: 'placeholder' }],
    });
    expect((await running).stderr).toContain('what began without masks ends. Connect again.');
    expect(other.log.last.ended?.reason).toBe('policy_denied');
    await other.close();
  });

  it('what a connection sends before it is in is bounded, and a silent one is left', async () => {
    const hasty = await startSshGateway(sshd.upstream, { limits: { loginDeadlineMs: 300 } });
    const socket = connect({ host: '127.0.0.1', port: hasty.port });
    let said = '';
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
    });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(said).toMatch(/^SSH-2\.0-Gatehouse\r\n/);
    await until('it was reported', () => hasty.edge.reported('attempt.refused').length === 1);
    expect(hasty.edge.reported('attempt.refused')).toMatchObject([{ reason: 'deadline_exceeded' }]);
    const garbage = connect({ host: '127.0.0.1', port: hasty.port });
    garbage.resume();
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => garbage.once('close', resolve));
    await hasty.close();
  });

  describe('to the target', () => {
    it('a host key that is not pinned is refused, and both fingerprints are told', async () => {
      const strict = await startSshGateway({ ...sshd.upstream, hostKeys: new PinnedKeys([OTHER_KEY]) });
      const ran = await strict.ssh(['echo in']);
      const seen = spawnSync('ssh-keygen', ['-lf', '-'], { input: sshd.hostKey }).stdout.toString().split(' ')[1];
      expect(ran.stdout.toString()).toBe('');
      expect(ran.stderr).toContain(seen);
      expect(ran.stderr).toContain(OTHER_KEY);
      // Nothing was said to it but the key exchange.
      expect(sshd.log()).not.toContain('Failed publickey');
      await strict.close();
    });

    it('a login that it refuses is told as such, once, and not to its detail', async () => {
      const key = parsePrivateKey(newEd25519Key()) as ParsedKey;
      const wrong = { ...sshd.upstream, credential: { kind: 'key' as const, key } };
      const strict = await startSshGateway(wrong);
      const before = sshd.log().split('Failed publickey').length;
      expect((await strict.ssh(['echo in'])).stderr).toContain('The target refused the login that the gateway has');
      expect(sshd.log().split('Failed publickey').length - before).toBeLessThanOrEqual(1);
      await strict.close();
      const tried = await PROTOCOL_MODULES.ssh.create({}).tryTarget(wrong);
      expect(tried).toMatchObject({ ok: false, error: { detail: expect.stringContaining('refused the key of') } });
      expect(await PROTOCOL_MODULES.ssh.create({}).tryTarget(sshd.upstream)).toMatchObject({ ok: true });
    });

    it('a login that began is brought to its end when its client leaves, so that the target has nothing to punish', async () => {
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const dialled: Socket[] = [];
      const slow = createServer((socket) => {
        const target = connect({ host: '127.0.0.1', port: sshd.port });
        for (const one of [socket, target]) one.on('error', () => {});
        socket.pipe(target);
        dialled.push(socket);
        void released.then(() => target.pipe(socket));
      });
      await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
      const through = await startSshGateway({ ...sshd.upstream, port: (slow.address() as AddressInfo).port });
      const before = sshd.log().length;
      const args = [...through.options, '-p', String(through.port), 'web@127.0.0.1', 'echo in'];
      const client = spawn('ssh', args, { env: { ...process.env, ...through.environment }, stdio: 'ignore' });
      await until('the target is dialled', () => dialled.length === 1);
      client.kill();
      await until('it is over', () => through.edge.reported('session.ended').length === 1);
      release();
      await until('it is let in', () => sshd.log().slice(before).includes('Accepted publickey'));
      await until('it leaves', () => /Disconnected from user|Received disconnect/.test(sshd.log().slice(before)));
      expect(sshd.log().slice(before)).not.toContain('[preauth]');
      await through.close();
      slow.close();
    });

    it('one that is not there is told as such', async () => {
      const nowhere = await startSshGateway({ ...sshd.upstream, port: 1 });
      expect((await nowhere.ssh(['echo in'])).stderr).toContain('cannot reach the target');
      await nowhere.close();
    });

    it('a password is answered where it is asked by keyboard-interactive only', async () => {
      const hostKey = newEd25519Key();
      const target = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
        client.on('error', () => {});
        client.on('authentication', (context) => {
          if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
          context.prompt([{ prompt: 'Password: ', echo: false }], (answers) =>
            answers[0] === 'sesame' ? context.accept() : context.reject(),
          );
        });
      });
      await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
      const key = parsePrivateKey(hostKey) as ParsedKey;
      const upstream = {
        ...sshd.upstream,
        port: (target.address() as { port: number }).port,
        hostKeys: new PinnedKeys([`ssh-ed25519 ${key.getPublicSSH().toString('base64')}`]),
      };
      const protocol = PROTOCOL_MODULES.ssh.create({});
      const withPassword = (password: string) =>
        protocol.tryTarget({ ...upstream, credential: { kind: 'password', password: secret(password) } });
      expect(await withPassword('sesame')).toMatchObject({ ok: true });
      expect(await withPassword('wrong')).toMatchObject({ ok: false });
      await new Promise<void>((resolve) => target.close(() => resolve()));
    });
  });

  it('the host key is made once and kept', () => {
    const directory = mkdtempSync(join(tmpdir(), 'gatehouse-key-'));
    const kept = new Map<string, string>();
    const files = {
      keep(name: string, make: () => string) {
        kept.set(name, kept.get(name) ?? make());
        return { ok: true as const, value: kept.get(name) ?? '' };
      },
    };
    const first = PROTOCOL_MODULES.ssh.create({}, files).hostKey;
    const second = PROTOCOL_MODULES.ssh.create({}, files).hostKey;
    expect(second?.ok && second.value.line).toBe(first?.ok && first.value.line);
    expect(first).toMatchObject({ ok: true, value: { line: expect.stringMatching(/^ssh-ed25519 AAAA/) } });
    kept.set('ssh-host-key', 'damaged');
    expect(PROTOCOL_MODULES.ssh.create({}, files).hostKey).toMatchObject({ ok: false });
    rmSync(directory, { recursive: true });
  });
});
