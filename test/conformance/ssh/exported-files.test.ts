// Files out of recordings, byte for byte as they went over: SFTP by two families, scp in both forms, parts of files; and refused where
// the recording has not got them.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportRecorded } from '../../harness/session/exported.ts';
import type { MemoryRecording } from '../../harness/memory-log.ts';
import { until } from '../../harness/run.ts';
import { runBytes, type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const CONTENT = Buffer.concat([randomBytes(1_500_000), Buffer.from('\nC0644 3000001 name\n'), randomBytes(1_499_981)]);
const hasParamiko = existsSync('/usr/lib/python3/dist-packages/paramiko');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!hasSshd)('a file that went over', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let directory: string;
  let at: string;
  const file = (name: string) => join(directory, name);

  beforeAll(async () => {
    expect(CONTENT).toHaveLength(3_000_001);
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-files-'));
    writeFileSync(file('content'), CONTENT);
    writeFileSync(file('other'), CONTENT.toReversed());
    writeFileSync(file('empty'), '');
    at = `${sshd.login}@web@127.0.0.1`;
  });
  afterAll(async () => {
    await gateway.close();
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function recorded(of = gateway): Promise<MemoryRecording> {
    const { last } = of.log;
    await until('the session is over', () => last.ended !== undefined);
    return last;
  }
  const options = (of = gateway) => [...of.options, '-P', String(of.port)];
  const scp = async (from: string, to: string, more: readonly string[] = [], of = gateway) => {
    const ran = await of.run('scp', [...more, ...options(of), from, to]);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    return recorded(of);
  };
  const sftp = async (batch: string) => {
    const ran = await runBytes('sftp', [...options(), '-o', 'BatchMode=no', '-b', '-', at], gateway.environment, batch);
    expect(ran.code).toBe(0);
    return recorded();
  };
  const exported = async (recording: MemoryRecording, of: string | number, cutBytes?: number) =>
    exportRecorded(recording, { format: 'file', file: String(of) }, cutBytes);

  it.each([
    ['by SFTP', []],
    ['by scp in its old form', ['-O']],
  ])('%s, either way', async (_how, form) => {
    const up = await scp(file('content'), `${at}:${file('up')}`, form);
    const path = form.length === 0 ? file('up') : 'content';
    expect((await exported(up, path)).equals(CONTENT)).toBe(true);
    expect((await exported(up, 2, 100_000)).equals(CONTENT)).toBe(true);
    const down = await scp(`${at}:${file('up')}`, file('down'), form);
    expect((await exported(down, form.length === 0 ? path : 'up', 333)).equals(CONTENT)).toBe(true);
  });

  it('beside others on the same lane, also with nothing in it', async () => {
    const recording = await sftp(
      ['content', 'other', 'empty'].map((name) => `get ${file(name)} ${file(`${name}-got`)}\n`).join(''),
    );
    for (const name of ['content', 'other', 'empty'])
      expect((await exported(recording, file(name))).equals(readFileSync(file(name))), name).toBe(true);
    const old = await scp(`${at}:${file('content')} ${file('other')}`, directory, ['-O', '-T']);
    for (const name of ['content', 'other'])
      expect((await exported(old, name)).equals(readFileSync(file(name))), name).toBe(true);
  });

  it('more than once is asked for by its number', async () => {
    const recording = await sftp(`get ${file('other')} ${file('1')}\nput ${file('content')} ${file('other')}\n`);
    await expect(exported(recording, file('other'))).rejects.toThrow(
      /^it went over more than once: ask for one by its number: (\d+) \(download\), (\d+) \(upload\)$/,
    );
    const [down, up] = recording.facts('file.transferred');
    expect((await exported(recording, down?.action ?? 0)).equals(CONTENT.toReversed())).toBe(true);
    expect((await exported(recording, up?.action ?? 0)).equals(CONTENT)).toBe(true);
  });

  it('in part is that part', async () => {
    writeFileSync(file('half'), CONTENT.subarray(0, 1_000_000));
    const recording = await sftp(`reget ${file('content')} ${file('half')}\n`);
    expect((await exported(recording, file('content'))).equals(CONTENT.subarray(1_000_000))).toBe(true);
  });

  it.skipIf(!hasParamiko)('with all requests out at once; and not where they came out of order', async () => {
    const script = `
import os, paramiko
t = paramiko.Transport(("127.0.0.1", ${gateway.port}))
t.connect(username="${sshd.login}@web", password=os.environ["GATEHOUSE_GRANT"])
s = paramiko.SFTPClient.from_transport(t)
s.get("${file('content')}", "${file('fetched')}")
f = s.open("${file('up')}", "rb"); f.seek(500000); f.read(1000); f.seek(100); f.read(1000); f.close()
t.close()`;
    expect((await runBytes('/usr/bin/python3', ['-c', script], gateway.environment)).code).toBe(0);
    const recording = await recorded();
    expect((await exported(recording, file('content'))).equals(CONTENT)).toBe(true);
    await expect(exported(recording, file('up'))).rejects.toThrow('not one content');
  });

  it('is refused where its rule keeps digests alone, and where it is not known', async () => {
    const digests = await startSshGateway(sshd.upstream, { rules: { files: 'digests' } });
    try {
      for (const form of [[], ['-O']]) {
        const recording = await scp(file('content'), `${at}:${file('up')}`, form, digests);
        const [fact] = recording.facts('file.transferred');
        expect(fact?.sha256).toBe(sha256(CONTENT));
        await expect(exported(recording, fact?.action ?? 0)).rejects.toThrow('its content is not in the recording');
        await expect(exported(recording, '/nowhere')).rejects.toThrow('no such file went over');
      }
    } finally {
      await digests.close();
    }
  });
});
