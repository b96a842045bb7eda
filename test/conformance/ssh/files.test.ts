// What is done to files over SFTP stands in the recording as facts: clients of three families, and sshd's own server.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../harness/run.ts';
import { runBytes, type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const CONTENT = randomBytes(3_000_001);
const DIGEST = sha256(CONTENT);
const INIT = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
const SFTP_SERVER = '/usr/lib/openssh/sftp-server';
const hasParamiko = existsSync('/usr/lib/python3/dist-packages/paramiko');

describe.skipIf(!hasSshd)('SFTP: files', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let directory: string;
  let at: string;
  const file = (name: string) => join(directory, name);

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-sftp-'));
    writeFileSync(file('content'), CONTENT);
    at = `${sshd.login}@web@127.0.0.1`;
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What the session that was opened last tells of files, once it is over. */
  async function told(other = gateway) {
    const { last } = other.log;
    await until('the session is over', () => last.ended !== undefined);
    return { accessed: last.facts('file.accessed'), transferred: last.facts('file.transferred'), last };
  }
  const options = () => [...gateway.options, '-P', String(gateway.port)];
  const sftp = (batch: string) =>
    runBytes('sftp', [...options(), '-o', 'BatchMode=no', '-b', '-', at], gateway.environment, batch);

  /** The subsystem, by hand. */
  const speak = () =>
    spawn('ssh', [...gateway.options, '-p', String(gateway.port), '-s', at, 'sftp'], {
      env: { ...process.env, ...gateway.environment },
      stdio: ['pipe', 'pipe', 'ignore'],
    });

  it('scp: each file with its size and digest, either way', async () => {
    const up = await gateway.run('scp', ['-p', ...options(), file('content'), `${at}:${file('up')}`]);
    expect([up.code, up.stderr]).toEqual([0, '']);
    const { accessed, transferred, last } = await told();
    expect(transferred).toEqual([
      {
        ...{ kind: 'file.transferred', action: 2, path: file('up'), direction: 'upload', size: CONTENT.length },
        ...{ sha256: DIGEST, durationUs: expect.any(Number) },
      },
    ]);
    expect(accessed).toMatchObject([
      // It is written in place, and cut to what was written.
      { operation: 'open', path: file('up'), flags: ['write', 'create'] },
      { operation: 'set_attributes', path: file('up'), attributes: { size: CONTENT.length } },
      { operation: 'set_attributes', path: file('up'), attributes: { modified: expect.any(Number) } },
    ]);
    // Beside the bytes, which are all there.
    expect(last.wire('client', 1).length).toBeGreaterThan(CONTENT.length);
    const down = await gateway.run('scp', [...options(), `${at}:${file('up')}`, file('down')]);
    expect([down.code, down.stderr]).toEqual([0, '']);
    const [fact, ...others] = (await told()).transferred;
    expect(others).toEqual([]);
    expect(fact).toMatchObject({ direction: 'download', path: file('up'), size: CONTENT.length, sha256: DIGEST });
    expect(fact).not.toHaveProperty('partial');
  });

  it('sftp: everything that it does by name, and what the target refuses', async () => {
    const [from, to] = [file('content'), file('put')];
    const batch = [
      `put ${from} ${to}`,
      `chmod 600 ${to}`,
      `rename ${to} ${to}2`,
      `ln ${to}2 ${to}3`,
      `ln -s ${to}2 ${to}4`,
      `mkdir ${file('made')}`,
      `ls ${file('made')}`,
      `-rm ${file('nothing')}`,
      `-get ${file('missing')} ${file('got')}`,
      `rmdir ${file('made')}`,
      ...[2, 3, 4].map((number) => `rm ${to}${number}`),
    ];
    const ran = await sftp(`${batch.join('\n')}\n`);
    expect(ran.code).toBe(0);
    const { accessed, transferred } = await told();
    expect(transferred).toMatchObject([{ path: to, size: CONTENT.length, sha256: DIGEST }]);
    expect(accessed).toMatchObject([
      { operation: 'open', path: to },
      { operation: 'set_attributes', path: to, attributes: { permissions: 0o600 } },
      { operation: 'rename', path: to, to: `${to}2` },
      { operation: 'link', path: `${to}3`, to: `${to}2` },
      { operation: 'symlink', path: `${to}4`, to: `${to}2` },
      { operation: 'make_directory', path: file('made') },
      { operation: 'list', path: `${file('made')}/` },
      { operation: 'remove', path: file('nothing'), error: { code: 2, message: 'No such file' } },
      { operation: 'remove_directory', path: file('made') },
      ...[2, 3, 4].map((number) => ({ operation: 'remove', path: `${to}${number}` })),
    ]);
    for (const fact of accessed.filter(({ path }) => path !== file('nothing')))
      expect(fact).not.toHaveProperty('error');
  });

  it('a transfer that goes on where another stopped is told as a part', async () => {
    writeFileSync(file('half'), CONTENT.subarray(0, 1_000_000));
    expect((await sftp(`reget ${file('content')} ${file('half')}\n`)).code).toBe(0);
    expect(sha256(readFileSync(file('half')))).toBe(DIGEST);
    expect((await told()).transferred).toMatchObject([
      {
        size: 2_000_001,
        offset: 1_000_000,
        partial: ['beginning_missing'],
        sha256: sha256(CONTENT.subarray(1_000_000)),
      },
    ]);
  });

  it('curl, of another family, is followed too', async () => {
    const known = `${gateway.options.find((one) => one.startsWith('UserKnownHostsFile='))?.slice(19)}`;
    const url = `sftp://127.0.0.1:${gateway.port}${file('content')}`;
    const secret = gateway.environment.GATEHOUSE_GRANT;
    const hostKey = readFileSync(known, 'utf8').trim().split(' ').at(-1) ?? '';
    const fingerprint = createHash('sha256').update(Buffer.from(hostKey, 'base64')).digest('base64').replace(/=+$/, '');
    const ran = await runBytes(
      'curl',
      ['-s', '-S', '-K', '-', '--hostpubsha256', fingerprint, '-o', file('curled'), url],
      {},
      `user = "${sshd.login}@web:${secret}"\n`,
    );
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect((await told()).transferred).toMatchObject([{ path: file('content'), size: CONTENT.length, sha256: DIGEST }]);
  });

  it.skipIf(!hasParamiko)('paramiko asks for all of a file at once, seeks, and names files in bytes', async () => {
    const script = `
import os, sys, paramiko
t = paramiko.Transport(("127.0.0.1", ${gateway.port}))
t.connect(username="${sshd.login}@web", password=os.environ["GATEHOUSE_GRANT"])
s = paramiko.SFTPClient.from_transport(t)
s.get("${file('content')}", "${file('fetched')}")
s.put("${file('content')}", "${file('sent')}")
f = s.open("${file('content')}", "rb"); f.seek(500000); f.read(1000); f.seek(100); f.read(1000); f.close()
s.open(b"${file('na')}\\xff", "wb").close()
f = s.open("${file('sent')}", "ab"); f.write(b"more"); f.close()
s.truncate("${file('sent')}", 5)
t.close()`;
    const ran = await runBytes('/usr/bin/python3', ['-c', script], gateway.environment);
    expect([ran.code, ran.stderr.replace(/^.*Warning.*\n.*\n/gm, '')]).toEqual([0, '']);
    const { accessed, transferred } = await told();
    expect(transferred).toMatchObject([
      { path: file('content'), direction: 'download', size: CONTENT.length, sha256: DIGEST },
      { path: file('sent'), direction: 'upload', size: CONTENT.length, sha256: DIGEST },
      { path: file('content'), direction: 'download', offset: 100, partial: ['out_of_order', 'beginning_missing'] },
      {
        path: `${file('na')}\ufffd`,
        size: 0,
        pathBase64: Buffer.from(`${file('na')}\xff`, 'latin1').toString('base64'),
      },
      {
        path: file('sent'),
        direction: 'upload',
        size: 4,
        sha256: sha256(Buffer.from('more')),
        partial: ['appended', 'not_truncated'],
      },
    ]);
    expect(accessed.at(-1)).toMatchObject({ operation: 'set_attributes', path: file('sent'), attributes: { size: 5 } });
  });

  it('a packet that nobody understands ends the channel with words, and nothing of it goes on', async () => {
    const removal = (path: string) => {
      const name = Buffer.from(path);
      const packet = Buffer.alloc(13 + name.length);
      packet.writeUInt32BE(9 + name.length, 0);
      packet[4] = 13;
      packet.writeUInt32BE(name.length, 9);
      name.copy(packet, 13);
      return packet;
    };
    writeFileSync(file('kept'), 'x');
    for (const [input, words] of [
      [Buffer.concat([INIT, Buffer.from([0, 16, 0, 0, 6]), removal(file('kept'))]), 'a packet of 1048576 bytes'],
      [Buffer.concat([INIT, Buffer.from([0, 0, 0, 5, 21, 0, 0, 0, 1]), removal(file('kept'))]), 'packet type 21'],
      [Buffer.from('rm -rf /\n'), 'the client sends something else than SFTP'],
    ] as const) {
      const ran = await gateway.ssh(['sftp'], { options: ['-s'], input });
      expect(ran.stderr).toContain(`Gatehouse: The channel ends: `);
      expect(ran.stderr).toContain(words);
      expect((await told()).accessed).toEqual([]);
      expect(existsSync(file('kept'))).toBe(true);
    }
  });

  it('a client that waits for no answer gets all of them, and has so many outstanding at most', async () => {
    const COUNT = 60_000;
    const looks = Buffer.alloc(COUNT * 14);
    for (let id = 0; id < COUNT; id++) {
      const at = id * 14;
      looks.writeUInt32BE(10, at);
      looks[at + 4] = 7;
      looks.writeUInt32BE(id, at + 5);
      looks.writeUInt32BE(1, at + 9);
      looks[at + 13] = 0x2f;
    }
    const client = speak();
    const out: Buffer[] = [];
    let got = 0;
    client.stdout?.on('data', (part: Buffer) => {
      out.push(part);
      got += part.length;
    });
    client.stdin?.write(Buffer.concat([INIT, looks]));
    let each = 0;
    await until('all of it is answered', () => {
      if (got < 1024) return false;
      const all = Buffer.concat(out.slice(0, 4));
      const version = 4 + all.readUInt32BE(0);
      each = 4 + all.readUInt32BE(version);
      return got === version + COUNT * each;
    });
    client.stdin?.end();
    const { last } = await told();
    let asked = 0;
    let answered = 0;
    let most = 0;
    for (const { direction, bytes, lane } of last.frames) {
      if (lane !== 1 || !bytes) continue;
      if (direction === 'client') asked += bytes.length;
      if (direction === 'target') answered += bytes.length;
      most = Math.max(most, asked / 14 - answered / each);
    }
    expect(most).toBeLessThan(8192 + (2 * 65_536) / 14);
  });

  it.skipIf(!existsSync(SFTP_SERVER))('a server that a command starts is followed as well', async () => {
    const args = [...options(), '-o', 'BatchMode=no', '-s', SFTP_SERVER, '-b', '-', at];
    const ran = await runBytes('sftp', args, gateway.environment, `get ${file('content')} ${file('got')}\n`);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const { transferred, last } = await told();
    expect(last.facts('command.started')).toMatchObject([{ form: 'exec', command: SFTP_SERVER }]);
    expect(transferred).toMatchObject([{ path: file('content'), size: CONTENT.length, sha256: DIGEST }]);
  });

  it('a command that only begins as SFTP does goes on, and its lane says that no more is told', async () => {
    const input = Buffer.concat([INIT, Buffer.from('and then something else')]);
    const ran = await gateway.ssh(['cat'], { input });
    expect([ran.code, ran.stdout.equals(input), ran.stderr]).toEqual([0, true, '']);
    const { last } = await told();
    expect(last.facts('lane.closed')).toMatchObject([
      { recorded: 'full', note: expect.stringContaining('SFTP was begun') },
    ]);
    const other = await gateway.ssh(['cat'], { input: INIT.subarray(0, 8) });
    expect(other.stdout.equals(INIT.subarray(0, 8))).toBe(true);
    expect((await told()).last.facts('lane.closed')[0]).not.toHaveProperty('note');
  });

  it('a login that prints words where SFTP should be is told so', async () => {
    const noisy = await startSshd(['ForceCommand echo Welcome to this machine']);
    const other = await startSshGateway(noisy.upstream);
    const args = [...other.options, '-P', String(other.port), '-o', 'BatchMode=no', '-b', '-', at];
    const ran = await runBytes('sftp', args, other.environment, 'ls\n');
    expect(ran.stderr).toContain('words that start-up files of its login print');
    expect(other.bugs).toEqual([]);
    await other.close();
    noisy.close();
  });

  it('of a client that goes away in the middle what was not finished is told as that', async () => {
    const name = Buffer.from(file('begun'));
    const open = Buffer.alloc(21 + name.length);
    open.writeUInt32BE(open.length - 4, 0);
    open[4] = 3;
    open.writeUInt32BE(name.length, 9);
    name.copy(open, 13);
    open.writeUInt32BE(0x1a, 13 + name.length);
    const client = speak();
    const before = gateway.log.sessions.length;
    client.stdin?.write(Buffer.concat([INIT, open]));
    await until('it is open', () => (gateway.log.sessions[before]?.facts('file.accessed').length ?? 0) > 0);
    client.kill('SIGKILL');
    const { accessed, transferred } = await told();
    expect(accessed).toMatchObject([{ operation: 'open', path: file('begun') }]);
    expect(transferred).toMatchObject([{ path: file('begun'), size: 0, partial: ['not_closed'] }]);
  });
});
