// Files that go over where no subsystem says so: sftp-server within a terminal or behind other bytes, and the old scp.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../harness/run.ts';
import { close, handle, INIT, NEW, open, packet, status, write } from '../../harness/ssh/sftp-packets.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const CONTENT = randomBytes(300_001);
const DIGEST = sha256(CONTENT);
const SFTP_SERVER = '/usr/lib/openssh/sftp-server';

describe.skipIf(!hasSshd || !existsSync(SFTP_SERVER))('files where no subsystem says so', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let masked: SshGateway;
  let directory: string;
  let at: string;
  const file = (name: string) => join(directory, name);

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    const mask = [{ detect: ['credit-card' as const], with: 'placeholder' as const }];
    masked = await startSshGateway(sshd.upstream, { rules: { mask } });
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-spoken-'));
    writeFileSync(file('content'), CONTENT);
    at = `${sshd.login}@web@127.0.0.1`;
  });
  afterAll(async () => {
    for (const one of [gateway, masked]) {
      expect(one.bugs).toEqual([]);
      await one.close();
    }
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function told(other = gateway) {
    const { last } = other.log;
    await until('the session is over', () => last.ended !== undefined);
    const [closed] = last.facts('lane.closed').filter(({ lane }) => lane === 1);
    return { accessed: last.facts('file.accessed'), transferred: last.facts('file.transferred'), closed, last };
  }

  /** A program that answers to what the target says, as a script would. */
  function talk(
    args: readonly string[],
    turns: readonly { readonly after: Buffer | string; readonly say: Buffer | string }[],
    by = gateway,
  ) {
    const child = spawn('ssh', [...by.options, '-p', String(by.port), ...args], {
      env: { ...process.env, ...by.environment },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let heard = Buffer.alloc(0);
    let from = 0;
    const left = [...turns];
    const go = () => {
      for (let found = 0; left[0] && found >= 0; ) {
        found = heard.indexOf(left[0].after, from);
        if (found < 0) break;
        from = found + left[0].after.length;
        const say = left.shift()?.say ?? '';
        if (say === '') child.stdin.end();
        else child.stdin.write(say);
      }
    };
    child.stdout.on('data', (part: Buffer) => {
      heard = Buffer.concat([heard, part]);
      go();
    });
    child.stdin.on('error', () => {});
    go();
    return new Promise<Buffer>((resolve) => child.once('close', () => resolve(heard)));
  }
  const VERSION_HEAD = Buffer.from([2, 0, 0, 0, 3]);
  const HANDLE = Buffer.from([0, 0, 0, 0]).toString('latin1');
  const blocks = (content: Buffer, size = 30_000) =>
    Buffer.concat(
      Array.from({ length: Math.ceil(content.length / size) }, (_, index) =>
        write(100 + index, HANDLE, index * size, content.subarray(index * size, (index + 1) * size)),
      ),
    );
  const lastBlock = (content: Buffer, size = 30_000) =>
    status(99 + Math.ceil(content.length / size), 0).subarray(4, 13);
  const DONE = status(2, 0).subarray(4, 13);
  const upload = (name: string) => [
    { after: VERSION_HEAD, say: open(1, name, NEW) },
    { after: handle(1, HANDLE), say: blocks(CONTENT) },
    { after: lastBlock(CONTENT), say: close(2, HANDLE) },
  ];

  it('SFTP at a terminal is told as anywhere, and its content is in the recording', async () => {
    const start = `stty raw -echo; printf RE; printf ADY; exec ${SFTP_SERVER}\n`;
    await talk(
      ['-e', 'none', '-tt', at],
      [
        { after: '', say: start },
        { after: 'READY', say: INIT },
        ...upload(file('by-terminal')),
        // What no server takes ends it, where a terminal has no end of its input.
        { after: DONE, say: Buffer.from([0, 16, 0, 0, 99]) },
      ],
    );
    expect(sha256(readFileSync(file('by-terminal')))).toBe(DIGEST);
    const { accessed, transferred, last, closed } = await told();
    expect(accessed).toMatchObject([{ operation: 'open', path: file('by-terminal') }]);
    expect(transferred).toMatchObject([{ path: file('by-terminal'), size: CONTENT.length, sha256: DIGEST }]);
    expect(transferred[0]).not.toHaveProperty('partial');
    const wire = last.wire('client', 1);
    expect(wire.includes(CONTENT.subarray(0, 30_000))).toBe(true);
    expect(wire.includes('exec')).toBe(false);
    // Its end was no packet of SFTP, and the commands are hidden.
    expect(closed?.note).toContain('a packet of 1048576 bytes');
  });

  it('a file that is typed at a terminal without echo, as whatever, is counted by its lane', async () => {
    const text = Buffer.from(CONTENT.toString('base64'));
    const size = Math.ceil(text.length / 2);
    await talk(
      ['-e', 'none', '-tt', at, `stty raw -echo; printf READY; head -c ${size} > ${file('typed')}`],
      [{ after: 'READY', say: text.subarray(0, size) }],
    );
    const { closed } = await told();
    expect(closed).toMatchObject({
      recorded: 'partial',
      note: expect.stringContaining(`input of ${size} bytes is recorded by its length`),
    });
    await gateway.ssh(['read x; echo $x'], { options: ['-tt'], input: 'a password\n' });
    const other = (await told()).closed;
    expect(other).toMatchObject({ recorded: 'full' });
    expect(other).not.toHaveProperty('note');
  });

  it('SFTP behind an odd byte is told', async () => {
    await talk(
      [at, `printf x; exec ${SFTP_SERVER}`],
      [{ after: 'x', say: INIT }, ...upload(file('odd')), { after: DONE, say: '' }],
    );
    const { transferred, closed } = await told();
    expect(transferred).toMatchObject([{ path: file('odd'), size: CONTENT.length, sha256: DIGEST }]);
    expect(closed).toMatchObject({ recorded: 'full' });
    expect(closed).not.toHaveProperty('note');
  });

  it('what a server does whose answers go nowhere may have been done', async () => {
    await gateway.ssh([`read x; exec ${SFTP_SERVER} > /dev/null`], {
      input: Buffer.concat([Buffer.from('x\n'), INIT, open(1, file('blind'), NEW), packet(13, 2, file('odd'))]),
    });
    const { accessed, closed } = await told();
    expect(accessed).toMatchObject([
      { operation: 'open', path: file('blind'), unanswered: true },
      { operation: 'remove', path: file('odd'), unanswered: true },
    ]);
    expect(closed?.note).toContain('never answered');
  });

  const scp = (from: string, to: string, ...more: string[]) =>
    gateway.run('scp', ['-O', ...more, ...gateway.options, '-P', String(gateway.port), from, to]);

  it('scp in its old form: each file with its size and digest, either way', async () => {
    expect((await scp(file('content'), `${at}:${file('old')}`, '-p')).code).toBe(0);
    const up = await told();
    expect(up.accessed).toMatchObject([
      {
        ...{ operation: 'open', path: 'content', flags: ['write', 'create', 'truncate'] },
        attributes: { permissions: expect.any(Number), modified: expect.any(Number) },
      },
    ]);
    expect(up.transferred).toMatchObject([
      { path: 'content', direction: 'upload', size: CONTENT.length, sha256: DIGEST, action: 2 },
    ]);
    expect(up.transferred[0]).not.toHaveProperty('partial');
    expect((await scp(`${at}:${file('old')}`, file('back'))).code).toBe(0);
    const { transferred, closed } = await told();
    expect(transferred).toMatchObject([{ path: 'old', direction: 'download', size: CONTENT.length, sha256: DIGEST }]);
    expect(transferred[0]).not.toHaveProperty('partial');
    expect(closed).not.toHaveProperty('note');
  });

  it('scp of a directory, and of what cannot be written', async () => {
    mkdirSync(file('tree/deep'), { recursive: true });
    writeFileSync(file('tree/one'), 'one');
    writeFileSync(file('tree/deep/nothing'), '');
    expect((await scp(file('tree'), `${at}:${file('copied')}`, '-r')).code).toBe(0);
    const up = await told();
    expect(up.accessed.map(({ operation, path }) => `${operation} ${path}`).sort()).toEqual(
      ['make_directory tree', 'make_directory tree/deep', 'open tree/deep/nothing', 'open tree/one'].sort(),
    );
    expect(up.transferred.map(({ path, size, sha256: digest }) => [path, size, digest]).sort()).toEqual([
      ['tree/deep/nothing', 0, sha256(Buffer.alloc(0))],
      ['tree/one', 3, sha256(Buffer.from('one'))],
    ]);
    expect((await scp(`${at}:${file('tree')}`, file('fetched'), '-r')).code).toBe(0);
    expect((await told()).accessed.map(({ operation }) => operation).sort()).toEqual(['list', 'list', 'open', 'open']);
    expect((await scp(file('content'), `${at}:/dev/null/x`)).code).not.toBe(0);
    const refused = await told();
    expect(refused.transferred).toEqual([]);
  });

  it('a rule may keep digests alone, of SFTP and of scp: the rest is recorded as it was', async () => {
    const digests = await startSshGateway(sshd.upstream, { rules: { files: 'digests' } });
    const target = (name: string) => `${at}:${file(name)}`;
    for (const [old, from, to] of [
      [[], file('content'), target('kept')],
      [[], target('kept'), file('taken')],
      [['-O'], file('content'), target('kept')],
      [['-O'], target('kept'), file('taken')],
    ] as const) {
      rmSync(file('taken'), { force: true });
      const args = [...old, ...digests.options, '-P', String(digests.port), from, to];
      expect((await digests.run('scp', args)).code).toBe(0);
      expect(sha256(readFileSync(to === file('taken') ? to : file('kept')))).toBe(DIGEST);
      const { transferred, closed, last } = await told(digests);
      expect(transferred).toMatchObject([{ size: CONTENT.length, sha256: DIGEST }]);
      const [one, other] = [last.wire('client', 1), last.wire('target', 1)];
      expect(one.length + other.length).toBeGreaterThan(CONTENT.length);
      for (let block = 0; block + 16 < CONTENT.length; block += 5_000)
        expect([one, other].some((wire) => wire.includes(CONTENT.subarray(block, block + 16)))).toBe(false);
      expect(closed).toMatchObject({
        recorded: 'partial',
        note: `${CONTENT.length} bytes of files are recorded by their digests alone, as the rule says`,
      });
    }
    expect(digests.bugs).toEqual([]);
    await digests.close();
  });

  it('under masks none of it goes over: neither by the line of a command nor by what is spoken', async () => {
    for (const command of [`scp -f ${file('content')}`, `scp -t ${directory}`])
      expect((await masked.ssh([command])).stderr).toContain('this transfer carries files as they are');
    const hidden = await masked.ssh([`c=scp; $c -f ${file('content')}`], { input: Buffer.alloc(3) });
    expect(hidden.stderr).toContain('scp is spoken on it');
    const sftp = await talk([at, `printf x; exec ${SFTP_SERVER}`], [{ after: 'x', say: INIT }], masked);
    expect(sftp.toString()).toBe('x');
    expect((await told(masked)).last.wire('gateway', 1).toString()).toContain('SFTP is spoken on it');
    await talk([at, `printf x; exec ${SFTP_SERVER} 1>&2`], [{ after: 'x', say: INIT }], masked);
    expect((await told(masked)).last.wire('gateway', 1).toString()).toContain('SFTP is spoken on it');
  });
});
