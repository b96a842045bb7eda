// Which key exchange both legs agree on, with OpenSSH, the library ssh2 and our own on the other side.

import { type Algorithms, Client } from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../harness/run.ts';
import { rawSshClient, rawSshTarget } from '../../harness/ssh/raw-ssh.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

describe.skipIf(!hasSshd)('SSH: key exchange', () => {
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

  /** In with the library, which has no mlkem768x25519-sha256; else why not. */
  const withLibrary = (kex: readonly string[]): Promise<string> =>
    new Promise((resolve) => {
      const client = new Client();
      client.on('ready', () => {
        client.end();
        resolve('in');
      });
      client.on('error', (error) => resolve(error.message));
      client.connect({
        host: '127.0.0.1',
        port: gateway.port,
        username: `${sshd.login}@web`,
        password: gateway.environment.GATEHOUSE_GRANT ?? '',
        algorithms: { kex: kex as NonNullable<Algorithms['kex']> },
      });
    });

  it('is mlkem768x25519-sha256 on both legs where the other side has it', async () => {
    const target = await rawSshTarget();
    const own = await startSshGateway(target.upstream);
    const client = await rawSshClient(own.port, own.edge.issue({ resource: 'web' }).secret);
    await until('the target is reached', () => target.connections.length > 0);
    expect(client.algorithms).toMatch(/^mlkem768x25519-sha256 /);
    expect(target.connections[0]?.algorithms).toMatch(/^mlkem768x25519-sha256 /);
    expect(own.log.last.opened.client.tls).toMatch(/^SSH mlkem768x25519-sha256 /);
    client.hangUp();
    expect(own.bugs).toEqual([]);
    await own.close();
    target.close();
  });

  it('is what both have where one has not: each that OpenSSH knows works', async () => {
    const known = (await gateway.run('ssh', ['-Q', 'kex'])).stdout.split('\n');
    const offered = [
      'curve25519-sha256',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group16-sha512',
      'mlkem768x25519-sha256',
    ];
    for (const kex of offered.filter((one) => known.includes(one))) {
      const ran = await gateway.ssh(['true'], { options: ['-o', `KexAlgorithms=${kex}`] });
      expect([kex, ran.code, ran.stderr]).toEqual([kex, 0, '']);
      expect(gateway.log.last.opened.client.tls).toContain(`SSH ${kex} `);
    }
  });

  it('the name that stands in for it within the library is taken from nobody who means it', async () => {
    const standIn = 'diffie-hellman-group15-sha512';
    expect(await withLibrary([standIn, 'curve25519-sha256'])).toBe('in');
    expect(gateway.log.last.opened.client.tls).toContain('SSH curve25519-sha256 ');
    expect(await withLibrary([standIn])).toContain('no matching key exchange algorithm');
  });
});
