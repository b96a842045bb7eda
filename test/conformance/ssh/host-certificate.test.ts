// The gateway's host certificate, for clients that know its authority and not its key.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestAuthority, type TestAuthority } from '../../harness/ssh/authority.ts';
import { runBytes, type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const HOST = ['-h', '-n', '127.0.0.1,gw.example.com', '-V', '-1m:+5m'];

describe.skipIf(!hasSshd)('SSH: the host certificate', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let authority: TestAuthority;
  let directory: string;

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    authority = makeTestAuthority();
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-known-'));
    expect(gateway.hostKey.present(certificate())).toBeGreaterThan(Date.now());
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
    authority.remove();
    await rm(directory, { recursive: true });
  });

  const certificate = (options: readonly string[] = HOST, line = gateway.hostKey.line) =>
    authority.certifyLine(line, 'gateway', options);
  const lineOf = (key: string) => readFileSync(`${key}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  const at = () => `[127.0.0.1]:${gateway.port}`;
  const trusted = () => `@cert-authority ${at()} ${lineOf(authority.keyFile)}`;

  /** By what stands in known_hosts alone. */
  function knowing(lines: readonly string[], more: readonly string[] = [], input = '', command = 'echo in') {
    const file = join(directory, 'known_hosts');
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    const options = ['-o', `UserKnownHostsFile=${file}`, ...more, ...gateway.options, '-p', String(gateway.port)];
    return runBytes('ssh', [...options, 'web@127.0.0.1', command], gateway.environment, input);
  }
  const told = async (ran: ReturnType<typeof knowing>) => {
    const { code, stdout, stderr } = await ran;
    return [code, stdout.toString(), stderr];
  };

  it('is enough for a client that knows the authority', async () => {
    const ran = await knowing([trusted()], ['-v']);
    expect([ran.code, ran.stdout.toString()]).toEqual([0, 'in\n']);
    expect(ran.stderr).toContain('Server host certificate: ssh-ed25519-cert-v01@openssh.com');
  });

  it('holds through exchanges of keys within the session', async () => {
    const content = randomBytes(2_000_000).toString('hex');
    const ran = await knowing([trusted()], ['-o', 'RekeyLimit=500K'], content, 'sha256sum');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout.toString()).toContain(createHash('sha256').update(content).digest('hex'));
  });

  it('does not stand in the way of clients that know the key, or no certificates', async () => {
    expect(await told(knowing([`${at()} ${gateway.hostKey.line}`]))).toEqual([0, 'in\n', '']);
    // An old key of the same name beside the authority is no reason to stop.
    expect(await told(knowing([trusted(), `${at()} ${lineOf(authority.newKey())}`]))).toEqual([0, 'in\n', '']);
    const plain = ['-o', 'HostKeyAlgorithms=ssh-ed25519'];
    expect(await told(knowing([`${at()} ${gateway.hostKey.line}`], plain))).toEqual([0, 'in\n', '']);
    const client = new ssh2.Client();
    const ready = new Promise<void>((resolve, reject) => client.on('ready', resolve).on('error', reject));
    const { GATEHOUSE_GRANT: password = '' } = gateway.environment;
    client.connect({ host: '127.0.0.1', port: gateway.port, username: 'web', password });
    await ready;
    client.end();
  });

  it('lets a client meet another replica behind the same name, whose key is another', async () => {
    const replica = await startSshGateway(sshd.upstream);
    const name = 'gw.example.com';
    const both = [gateway, replica];
    const knownTo = (lines: readonly string[], more: readonly string[] = []) =>
      Promise.all(
        both.map(async (one, index) => {
          const file = join(directory, `known_hosts.${index}`);
          writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
          const strict = ['-o', `UserKnownHostsFile=${file}`, '-o', `HostKeyAlias=${name}`, ...more, ...one.options];
          const { code, stderr } = await runBytes(
            'ssh',
            [...strict, '-p', String(one.port), 'web@127.0.0.1', 'true'],
            one.environment,
            '',
          );
          return code === 0 ? stderr : /REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr);
        }),
      );
    const authorityLine = `@cert-authority ${name} ${lineOf(authority.keyFile)}`;
    const keys = both.map(({ hostKey }) => `${name} ${hostKey.line}`);
    // A replica that has no certificate yet, to somebody who met the other one before.
    expect(await knownTo([authorityLine, keys[0] ?? ''])).toEqual(['', true]);
    expect(replica.hostKey.present(certificate(HOST, replica.hostKey.line))).toBeGreaterThan(Date.now());
    expect(await knownTo([authorityLine, keys[0] ?? ''])).toEqual(['', '']);
    // Clients without certificates, by the lines that the portal gives: the keys of all.
    expect(await knownTo(keys, ['-o', 'HostKeyAlgorithms=ssh-ed25519'])).toEqual(['', '']);
    await replica.close();
  });

  it('convinces nobody who trusts another authority, or asks for another host', async () => {
    expect(await told(knowing([`@cert-authority ${at()} ${lineOf(authority.newKey())}`]))).toEqual([
      255,
      '',
      expect.stringContaining('Host key verification failed'),
    ]);
    const [name, other] = ['gw.example.com', 'bank.example.com'].map((alias) => ['-o', `HostKeyAlias=${alias}`]);
    const everywhere = `@cert-authority *.example.com ${lineOf(authority.keyFile)}`;
    expect(await told(knowing([everywhere], name))).toEqual([0, 'in\n', '']);
    expect((await told(knowing([everywhere], other))).slice(0, 2)).toEqual([255, '']);
  });

  it('is shown only where it is of this key, of a host, and holds now; what was shown before stays', async () => {
    for (const wrong of [
      certificate(HOST, lineOf(authority.newKey())),
      certificate(['-n', 'web', '-V', '-1m:+5m']),
      certificate(['-h', '-n', '127.0.0.1', '-V', '20200101000000Z:20200102000000Z']),
      certificate(['-h', '-n', '127.0.0.1', '-V', '21000101000000Z:21000102000000Z']),
      gateway.hostKey.line,
      '',
      'ssh-ed25519-cert-v01@openssh.com AAAA',
    ])
      expect(gateway.hostKey.present(wrong)).toBeUndefined();
    expect(await told(knowing([trusted()]))).toEqual([0, 'in\n', '']);
  });
});
