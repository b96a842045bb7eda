// Signing in by a public key that its person registered, while they hold a grant.

import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeTestAuthority, type TestAuthority } from '../../harness/ssh/authority.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

describe.skipIf(!hasSshd)('SSH: registered keys', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let keys: TestAuthority;

  beforeAll(async () => {
    sshd = await startSshd();
    keys = makeTestAuthority();
  });
  beforeEach(async () => {
    gateway = await startSshGateway(sshd.upstream);
    return async () => {
      expect(gateway.bugs).toEqual([]);
      await gateway.close();
    };
  });
  afterAll(() => {
    sshd.close();
    keys.remove();
  });

  /** As `ssh-keygen -l` shows it. */
  const fingerprint = (key: string) =>
    spawnSync('ssh-keygen', ['-lf', `${key}.pub`])
      .stdout.toString()
      .split(' ')[1] ?? '';
  const register = (email = 'alice@example.com', key = keys.newKey()) => {
    gateway.edge.keys.set(fingerprint(key), email);
    return key;
  };
  const withKey = (key: string, user = 'web', more: readonly string[] = []) =>
    gateway.run('ssh', [
      ...more,
      ...['-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes'],
      ...['-o', 'LogLevel=INFO', ...gateway.options, '-p', String(gateway.port), `${user}@127.0.0.1`, 'echo in'],
    ]);

  it.each(['ed25519', 'ecdsa', 'rsa'] as const)('one of type %s lets its person in', async (type) => {
    const key = register('alice@example.com', keys.newKey(type));
    expect(await withKey(key, `${sshd.login}@web`)).toMatchObject({ code: 0, stdout: 'in\n', stderr: '' });
    expect(gateway.log.last.opened).toMatchObject({
      identity: { email: 'alice@example.com' },
      details: { login: sshd.login, key: fingerprint(key) },
    });
  });

  const nobody = async (key: string, user = 'web') => {
    const sessions = gateway.log.sessions.length;
    const ran = await withKey(key, user);
    expect([ran.code, ran.stdout]).toEqual([255, '']);
    expect(ran.stderr).toContain('Permission denied (publickey,keyboard-interactive,password)');
    expect(gateway.log.sessions).toHaveLength(sessions);
  };

  it('lets nobody in without a grant for that resource, nor for another person', async () => {
    await nobody(register('bob@example.com'));
    await nobody(register(), 'nowhere');
    await nobody(register(), 'web,bob@example.com');
    gateway.edge.issue({ email: 'bob@example.com', resource: 'other' });
    await nobody(register('bob@example.com'));
    const removed = register();
    gateway.edge.keys.clear();
    await nobody(removed);
  });

  it('says so where the grant is revoked or has ended', async () => {
    const key = register('bob@example.com');
    const { id } = gateway.edge.issue({ email: 'bob@example.com', resource: 'web' });
    expect((await withKey(key)).stdout).toBe('in\n');
    gateway.edge.revoke(id);
    expect((await withKey(key)).stderr).toContain('was revoked');
    gateway.edge.issue({ email: 'bob@example.com', resource: 'web', until: new Date(0) });
    expect((await withKey(key)).stderr).toContain('This grant has ended');
  });

  it('lets nobody in while the edge is away, and says so', async () => {
    const key = register();
    gateway.edge.away = { reason: 'edge_unreachable', message: 'the gateway cannot check your grant now' };
    expect((await withKey(key)).stderr).toContain('cannot check your grant now');
  });

  it('the edge is asked about so many keys of a connection, and the grant is still a password', async () => {
    const many = Array.from({ length: 20 }, () => ['-i', keys.newKey()]).flat();
    const more = ['-o', 'PreferredAuthentications=publickey,password', '-o', 'BatchMode=no'];
    expect((await withKey(keys.newKey(), 'web', [...many, ...more])).stdout).toBe('in\n');
    expect(gateway.edge.askedOfKeys).toBe(12);
  });
});
