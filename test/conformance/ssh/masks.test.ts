// What detectors of a rule hide of a program's output, with OpenSSH as the client: in what the person sees and in the
// recording alike.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { Emulator } from '../../../core/replay/emulator.ts';
import { until } from '../../harness/run.ts';
import { atTerminal } from '../../harness/ssh/at-terminal.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const CARD = '4111 1111 1111 1111';
const DETECT: NonNullable<SessionRules['mask']>[number] = {
  detect: ['credit-card', 'email', 'private-key', 'password'],
  with: 'placeholder',
};
type Mask = SessionRules['mask'];

/** The fullest screen that there was, before the program left it. */
function screenOf(output: Buffer): string[] {
  const emulator = new Emulator({ columns: 80, rows: 24 });
  let fullest: string[] = [];
  for (const part of output.toString().split('\u001b')) {
    emulator.write(`\u001b${part}`);
    const { active } = emulator.terminal.buffer;
    const screen = Array.from({ length: 24 }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
    if (screen.join('').length >= fullest.join('').length) fullest = screen;
  }
  return fullest;
}
/** tmux names the program that runs at the moment, and the time. */
const isDrawn = (row: string): boolean => !/^\[\d+\] /.test(row);

describe.skipIf(!hasSshd)('SSH: under masks', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let unmasked: SshGateway;
  let directory: string;
  const others: SshGateway[] = [];
  const under = async (mask: Mask): Promise<SshGateway> => {
    const other = await startSshGateway(sshd.upstream, {
      rules: { mask, forwards: [{ allow: ['localhost:*', 'remote localhost:*'] }] } as Partial<SessionRules>,
    });
    others.push(other);
    return other;
  };
  const recorded = async (of: SshGateway, lane = 1): Promise<string> => {
    await until('it is over', () => of.log.last.ended !== undefined);
    return of.log.last.wire('target', lane).toString();
  };

  beforeAll(async () => {
    sshd = await startSshd();
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-masks-'));
    writeFileSync(join(directory, 'cards'), `a ${CARD}\nb alice@example.com\n`);
    writeFileSync(join(directory, 'mails'), 'm alice@example.com\n');
    gateway = await under([DETECT]);
    unmasked = await startSshGateway(sshd.upstream);
    others.push(unmasked);
  });
  afterAll(async () => {
    for (const one of others) {
      expect(one.bugs).toEqual([]);
      await one.close();
    }
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('values in stdout and stderr are masked for the person and in the recording, and counted', async () => {
    const ran = await gateway.ssh([`cat ${directory}/cards; echo "bob@example.com" >&2; exit 7`]);
    expect(ran.code).toBe(7);
    expect(ran.stdout.toString()).toBe('a [credit-card]\nb [email]\n');
    expect(ran.stderr).toBe('[email]\n');
    expect(await recorded(gateway)).toBe('a [credit-card]\nb [email]\n');
    expect(await recorded(gateway, 2)).toBe('[email]\n');
    expect(gateway.log.last.facts('mask.applied')).toMatchObject([
      {
        masked: [
          { rule: 'test#1/credit-card', count: 1 },
          // One of them in the command as recorded.
          { rule: 'test#1/email', count: 3 },
        ],
      },
    ]);
  });

  it('a value that comes in pieces, and one through colours', async () => {
    const ran = await gateway.ssh([
      `printf '4111 11'; sleep 0.06; printf '11 1111'; sleep 0.06; printf ' 1111\\n'; ` +
        `printf '4111\\033[1;31m 1111\\033[m 1111 1111\\n'`,
    ]);
    expect(ran.stdout.toString()).toBe('[credit-card]\n[credit-card]\x1b[1;31m\x1b[m\n');
    expect(await recorded(gateway)).toBe(ran.stdout.toString());
  });

  it('a value in the command is in no recording', async () => {
    expect((await gateway.ssh(['echo alice@example.com | wc -c'])).stdout.toString()).toBe('18\n');
    await until('it is over', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.facts('command.started')).toMatchObject([{ command: 'echo [email] | wc -c' }]);
    expect(JSON.stringify(gateway.log.last.facts('lane.opened'))).not.toContain('alice');
  });

  it('what goes in arrives, and is recorded by its length', async () => {
    const ran = await gateway.ssh(['wc -c'], { input: `card ${CARD}\n` });
    expect(ran.stdout.toString().trim()).toBe('25');
    await until('it is over', () => gateway.log.last.ended !== undefined);
    expect(gateway.log.last.wire('client', 1).toString()).toBe(`${'*'.repeat(24)}\n`);
  });

  it('a line without an end is shown while nothing follows it', async () => {
    const child = spawn(
      'ssh',
      [
        ...gateway.options,
        '-p',
        String(gateway.port),
        `${sshd.login}@web@127.0.0.1`,
        `printf 'Password: '; read x; echo; echo "got $x"`,
      ],
      { env: { ...process.env, ...gateway.environment } },
    );
    const closed = new Promise((resolve) => child.once('close', resolve));
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await until('it asks', () => seen === 'Password: ');
    child.stdin.write('word\n');
    await until('it goes on', () => seen === 'Password: \ngot word\n');
    child.stdin.end();
    await closed;
  });

  it.skipIf(!existsSync('/usr/bin/vi'))('an editor shows a file with nothing moved', async () => {
    writeFileSync(join(directory, 'edited'), `| ${CARD} | end\n`);
    const ran = await gateway.ssh([`stty cols 80 rows 24; TERM=xterm vi -u NONE -n ${directory}/edited`], {
      options: ['-tt'],
      input: ':q!\r',
    });
    expect(ran.code).toBe(0);
    expect(ran.stdout.toString()).toContain('| [credit-card]****** | end');
    const wire = await recorded(gateway);
    expect(wire).toContain('| [credit-card]****** | end');
    expect(wire).not.toContain('1111');
  });

  const FULL_SCREEN: readonly (readonly [name: string, command: string, shown: string, quit: string])[] = [
    ['vim', 'vim -u NONE -n -R FILE', 'end', ':q!\r'],
    ['less', 'less FILE', 'end', 'q'],
    ['tmux', `tmux -f /dev/null -L gatehouse-$$ new-session 'cat FILE; read x'`, 'end', '\r'],
    ['top', 'top -d 60', 'COMMAND', 'q'],
  ];
  it.each(FULL_SCREEN)('%s is drawn as without masks, but for the values', async (_, command, shown, quit) => {
    const file = join(directory, 'full-screen');
    writeFileSync(file, `\u001b[1m| ${CARD} | alice@example.com | end\u001b[m\n| a | b | end\n`);
    const screens: string[][] = [];
    for (const through of [unmasked, gateway]) {
      const before = through.log.sessions.length;
      const ran = atTerminal(
        through,
        sshd.login,
        [{ until: shown }, { type: quit, until: 'Connection' }],
        [`TERM=xterm-256color ${command.replace('FILE', file)}`],
      );
      expect((await ran).code).toBe(0);
      await until('it is over', () => through.log.sessions.length > before && through.log.last.ended !== undefined);
      screens.push(screenOf(through.log.last.wire('target', 1)));
    }
    const [plain = [], masked = []] = screens;
    if (command.startsWith('top')) {
      // Its figures are of the moment.
      const heads = screens.map((rows) => rows.find((row) => row.includes('COMMAND')));
      expect(heads[1]).toMatch(/PID USER .* COMMAND/);
      expect(heads[1]).toBe(heads[0]);
      expect(masked.filter((row) => row !== '').length).toBeGreaterThan(3);
      return;
    }
    expect(plain.join('\n')).toContain(`| ${CARD} | alice@example.com |`);
    const hidden = (row: string) =>
      row.replace(CARD, '[credit-card]******').replace('alice@example.com', '[email]**********');
    expect(masked.filter(isDrawn)).toEqual(plain.map(hidden).filter(isDrawn));
  });

  it('a terminal has as many columns for a value, whatever it is called', async () => {
    const ran = await gateway.ssh([`printf '| %s |' '${CARD}'; printf '\\033[5;1H| a@b.co |'`], { options: ['-tt'] });
    expect(ran.stdout.toString()).toBe('| [credit-card]****** |\x1b[5;1H| ****** |');
  });

  it('files and forwards are refused with words that name the rule', async () => {
    const sftp = await gateway.run('sftp', [
      ...gateway.options,
      ...['-o', 'BatchMode=no', '-P', String(gateway.port), '-b', '/dev/null', `${sshd.login}@web@127.0.0.1`],
    ]);
    expect(sftp.code).not.toBe(0);
    const words = /Gatehouse: Blocked by rule test: .*sftp carries files as they are, which cannot be masked/;
    expect(sftp.stderr).toMatch(words);
    for (const command of [`scp -f ${directory}/cards`, '/usr/bin/rsync --server --sender . /', 'git-upload-pack x'])
      expect((await gateway.ssh([command])).stderr).toContain('this transfer carries files as they are');
    const forward = await gateway.ssh([], { options: ['-o', 'LogLevel=INFO', '-W', `localhost:${sshd.port}`] });
    expect(forward.stderr).toContain('cannot be masked');
    expect(forward.stdout.length).toBe(0);
  });

  it('another policy applies to what runs, with its next output', async () => {
    const changing = await under([{ detect: ['credit-card'], with: 'placeholder' }]);
    const mails = 'cat mails; read x; cat mails';
    const child = spawn(
      'ssh',
      [...changing.options, '-p', String(changing.port), `${sshd.login}@web@127.0.0.1`, `cd ${directory}; ${mails}`],
      { env: { ...process.env, ...changing.environment } },
    );
    const closed = new Promise((resolve) => child.once('close', resolve));
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await until('it waits', () => seen === 'm alice@example.com\n');
    const mask = [{ detect: ['email' as const], with: 'partial' as const }];
    changing.edge.applyRules({ policyVersion: 2, rule: 'test', limits: {}, mask });
    child.stdin.end('go\n');
    await closed;
    expect(seen).toBe('m alice@example.com\nm a***@e***.com\n');
    expect(await recorded(changing)).toBe(seen);
  });

  it('masks of columns alone say nothing about SSH', async () => {
    const columns = await under([{ columns: ['*.email'], with: 'placeholder' }]);
    expect((await columns.ssh([`cat ${directory}/cards`])).stdout.toString()).toContain(CARD);
  });

  it('bytes that are no text come as they are', async () => {
    const ran = await gateway.ssh([`head -c 300000 /dev/zero | tr '\\0' '\\377'; printf '\\033'`]);
    expect(ran.stdout.length).toBe(300_001);
    expect(ran.stdout.subarray(0, 300_000).every((byte) => byte === 0xff)).toBe(true);
  });
});
