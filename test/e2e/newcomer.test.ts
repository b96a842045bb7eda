// What README promises a newcomer, in one go and in a real browser: sign in as alice, ask for `demo`,
// paste the psql line, watch the session while it runs and after, play it, download it, revoke.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { finish, freePortBase, gatehouse, npmStart, type Started, until, untilReady } from '../cli/run-cli.ts';
import { launchBrowser } from '../portal/browser.ts';

const PSQL_FOLDER = ['/usr/lib/postgresql/15/bin', '/usr/bin'].find((folder) => existsSync(join(folder, 'psql')));

let dir: string;
let started: Started;
let browser: Browser;
let portal: string;

beforeEach((ctx) => {
  if (!PSQL_FOLDER) ctx.skip('psql is not installed: apt-get install postgresql-client');
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-newcomer-'));
  const base = await freePortBase();
  portal = `http://localhost:${base}`;
  started = npmStart(['--data', dir, '--port-base', String(base), '--with', 'mysql,ssh']);
  browser = await launchBrowser();
  await untilReady(started);
});

afterAll(async () => {
  await browser?.close();
  started?.child.kill('SIGTERM');
  await started?.exited;
  await rm(dir, { recursive: true, force: true });
});

/** Signs in through the provider's own page, by its redirects. Fails the test on any complaint of the browser. */
async function signIn(person: string): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(`${portal}/`);
  expect(new URL(page.url()).origin).not.toBe(portal);
  await page.locator(`button[value="${person}"]`).click();
  await page.waitForURL(`${portal}/**`);
  return { page, problems };
}

/** The pasted line, as a shell runs it; statements are typed on standard input. */
function paste(line: string): ChildProcess {
  return spawn('sh', ['-c', `${line} -At -v ON_ERROR_STOP=0`], {
    env: { PATH: `${PSQL_FOLDER}:/usr/bin:/bin` },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function askFor(page: Page, resource: string, reason: string): Promise<void> {
  await page.goto(`${portal}/request/${resource}`);
  await page.locator('#reason').fill(reason);
  await page.getByRole('button', { name: 'Ask for access' }).click();
  await page.getByRole('heading', { name: `You have access to ${resource}` }).waitFor();
}

async function askForDemo(page: Page, reason: string): Promise<string> {
  await askFor(page, 'demo', reason);
  return (await page.locator('#connect-psql').textContent()) ?? '';
}

const openSession = async (page: Page, reason: string) => {
  await until(async () => {
    await page.goto(`${portal}/sessions`);
    return (await page.getByText(reason).count()) > 0;
  }, 20_000);
  await page.locator('tr, article, li', { hasText: reason }).locator('a[href^="/sessions/ses_"]').first().click();
  await page.locator('#player').waitFor();
};

describe('a newcomer', () => {
  it('works with psql while the portal shows every statement, then plays and downloads the session', async () => {
    const { page, problems } = await signIn('alice');
    const line = await askForDemo(page, 'first look');
    const psql = paste(line);
    const done = finish(psql);
    psql.stdin?.write("select count(*) from customers;\nselect 'live' as word;\n");

    await openSession(page, 'first look');
    await page.getByText("select 'live' as word").first().waitFor();
    // It still runs: what is typed now appears by itself, without a reload.
    const address = page.url();
    psql.stdin?.write("select * from no_such_table;\nselect 'typed later';\n");
    await page.locator('#statements, .statements, main').getByText("select 'typed later'").first().waitFor();
    expect(page.url()).toBe(address);
    psql.stdin?.end('\\q\n');
    const { stdout, stderr } = await done;
    expect(stdout).toBe('600\nlive\ntyped later\n');
    expect(stderr).toContain('relation "no_such_table" does not exist');

    await until(async () => {
      await page.goto(address);
      return (await page.locator('.badge-sealed, .state-sealed').count()) > 0;
    }, 20_000);
    await page.locator('#stage-play').click();
    const transcript = page.locator('#transcript');
    await transcript.getByText('select count(*) from customers').waitFor();
    await transcript.getByText('600', { exact: true }).waitFor();
    await transcript.getByText('no_such_table" does not exist').waitFor();
    await transcript.getByText("select 'typed later'").waitFor();

    for (const [name, content] of [
      ['NDJSON', '"kind":"session.opened"'],
      ['HTML', '<!doctype html>'],
      ['asciicast', '"version":'],
    ] as const) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name }).first().click(),
      ]);
      const text = await readFile(await download.path(), 'utf8');
      expect(text.toLowerCase()).toContain(content.toLowerCase());
      expect(text).toContain('no_such_table');
    }
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('works on the host of `--with ssh` with the pasted lines, and plays what its terminal showed', async () => {
    const { page, problems } = await signIn('alice');
    await askFor(page, 'demo-host', 'a look at the host');
    const [trust, line, secret] = await Promise.all(
      ['#connect-known_hosts', '#connect-ssh', '#secret'].map((id) => page.locator(id.replace('_', '-')).textContent()),
    );
    // OpenSSH takes the home of the account, whatever HOME says.
    const known = join(dir, 'known_hosts');
    await finish(spawn('sh', ['-c', (trust ?? '').replace('~/.ssh/known_hosts', known)]));
    const askpass = join(dir, 'askpass');
    await writeFile(askpass, '#!/bin/sh\necho "$GRANT"\n', { mode: 0o700 });
    const pasted = (line ?? '').replace('ssh ', `ssh -tt -F none -o UserKnownHostsFile=${known} -o LogLevel=ERROR `);
    const ssh = spawn('sh', ['-c', pasted], {
      env: {
        PATH: '/usr/bin:/bin',
        TERM: 'xterm',
        SSH_ASKPASS: askpass,
        SSH_ASKPASS_REQUIRE: 'force',
        GRANT: secret ?? '',
      },
    });
    let printed = '';
    ssh.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    ssh.stdin.write('PS1="at "; tput setaf 1; echo "seen $((40 + 2))"; exit 3\n');
    expect((await finish(ssh)).code).toBe(3);
    expect(printed).toContain('seen 42');
    await openSession(page, 'a look at the host');
    const address = page.url();
    await until(async () => {
      await page.goto(address);
      return (await page.locator('.badge-sealed, .state-sealed').count()) > 0;
    }, 20_000);
    await page.locator('#stage-play').click();
    await page.locator('#screen').getByText('seen 42').waitFor();
    await page.getByText('exit 3').first().waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('works on the MariaDB of `--with mysql` with the pasted line, and nobody gets there past the gateway', async () => {
    const { page, problems } = await signIn('alice');
    await askFor(page, 'demo-mysql', 'a look at the shop');
    const line = (await page.locator('#connect-mysql').textContent()) ?? '';
    const mysql = spawn('sh', ['-c', `${line} --batch`], { env: { PATH: '/usr/bin:/bin' } });
    // Room for a dump that is restored beside the shop.
    const beside = 'create database shop_copy; create table shop_copy.t as select 7 as x; select x from shop_copy.t;';
    mysql.stdin.end(`select count(*) from customers; select concat("al", "so") as word; ${beside}\n`);
    expect(await finish(mysql)).toMatchObject({ code: 0, stdout: 'count(*)\n400\nword\nalso\nx\n7\n', stderr: '' });
    await openSession(page, 'a look at the shop');
    await page.getByText('select concat("al", "so") as word').first().waitFor();
    const port = String(Number(new URL(portal).port) + 18);
    for (const user of ['root', 'gatehouse', 'nobody']) {
      const past = await finish(
        spawn('mysql', ['--no-defaults', '-h', '127.0.0.1', '-P', port, '-u', user, '-e', 'select 1'], {
          env: { PATH: '/usr/bin:/bin' },
        }),
      );
      expect([user, past.code, past.stderr]).toEqual([user, 1, expect.stringContaining('Access denied')]);
    }
    const args = ['cli/main.ts', '--data', dir, '--as', 'carol', 'verify', '--all', '--json'];
    await until(async () => (await finish(spawn(process.execPath, args))).code === 0, 30_000);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('works on that host by certificate: gatehouse ssh, and every program that reads the configuration it prints', async () => {
    const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, XDG_CONFIG_HOME: join(dir, 'config') };
    const as = ['--data', dir, '--as', 'alice'];
    const ran = await gatehouse([...as, 'ssh', 'demo-host', '--reason', 'by hand', '--', 'echo in; exit 4'], env);
    expect(ran).toEqual({ code: 4, stdout: 'in\n', stderr: '' });
    expect((await gatehouse([...as, 'ssh', 'nobody@demo-host', '--', 'echo in'], env)).stderr).toContain(
      'is reached as',
    );

    const config = join(dir, 'ssh_config');
    await writeFile(config, (await gatehouse([...as, 'ssh-config'], env)).stdout);
    const by = (program: string, ...args: string[]) =>
      finish(spawn(program, ['-F', config, '-o', 'BatchMode=yes', ...args], { env: { ...env, SSH_AUTH_SOCK: '' } }));
    expect(await by('ssh', 'demo-host', 'echo in')).toMatchObject({ code: 0, stdout: 'in\n', stderr: '' });
    // Its authority is enough to know the gateway by: it showed a certificate of its key.
    const kept = /^ {2}UserKnownHostsFile "(.*)"$/m.exec(await readFile(config, 'utf8'))?.[1] ?? '';
    const authority = (await readFile(kept, 'utf8')).split('\n').filter((line) => line.startsWith('@cert-authority'));
    await writeFile(join(dir, 'authority'), `${authority.join('\n')}\n`);
    const known = ['-o', `UserKnownHostsFile=${join(dir, 'authority')}`, '-o', 'GlobalKnownHostsFile=/dev/null'];
    expect(await by('ssh', ...known, 'demo-host', 'echo in')).toMatchObject({ code: 0, stdout: 'in\n', stderr: '' });
    await writeFile(join(dir, 'sent'), 'by scp\n');
    expect(await by('scp', join(dir, 'sent'), `demo-host:${join(dir, 'received')}`)).toMatchObject({ code: 0 });
    expect(await readFile(join(dir, 'received'), 'utf8')).toBe('by scp\n');

    // And by a key of one's own, once it is registered.
    const own = join(dir, 'own_key');
    await finish(spawn('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'laptop', '-f', own]));
    const block = await readFile(config, 'utf8');
    const [, port = '', login = ''] = /Port (\d+)\n {2}User (\S+)/.exec(block) ?? [];
    const keyed = () =>
      finish(
        spawn('ssh', [
          ...['-F', 'none', '-i', own, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', ...known],
          ...['-o', 'LogLevel=ERROR', '-p', port, '-l', login, 'localhost', 'echo in'],
        ]),
      );
    expect((await keyed()).code).toBe(255);
    expect((await gatehouse([...as, 'keys', 'add', own], env)).stderr).toContain('is a private key');
    expect((await gatehouse([...as, 'keys', 'add', `${own}.pub`], env)).stdout).toContain('signs you in until');
    expect((await gatehouse([...as, 'keys'], env)).stdout).toContain('laptop');
    expect(await keyed()).toMatchObject({ code: 0, stdout: 'in\n', stderr: '' });
    expect((await gatehouse([...as, 'keys', 'remove', `${own}.pub`], env)).code).toBe(0);
    expect((await keyed()).code).toBe(255);

    // A grant that is revoked opens nothing, whatever key and certificate are still there.
    const { grants } = JSON.parse((await gatehouse([...as, '--json', 'grants'], env)).stdout) as {
      grants: { id: string; resource: string; state: string }[];
    };
    for (const { id } of grants.filter(({ resource, state }) => resource === 'demo-host' && state === 'active'))
      await gatehouse([...as, 'revoke', id], env);
    const refused = await by('ssh', 'demo-host', 'echo in');
    expect([refused.code, refused.stdout]).toEqual([255, '']);
    expect(refused.stderr).toContain('--reason TEXT');
  });

  it('loses a session within a second when its grant is revoked, and is told so', async () => {
    const { page } = await signIn('alice');
    const line = await askForDemo(page, 'to be revoked');
    const psql = paste(line);
    const done = finish(psql);
    let printed = '';
    psql.stderr?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    // psql holds standard output back until it ends; \warn goes out at once.
    psql.stdin?.write("select 'in';\n\\warn in\n");
    await until(() => printed.includes('in\n'), 10_000);
    await page.goto(`${portal}/grants`);
    await page
      .locator('tr, li, article', { hasText: 'to be revoked' })
      .getByRole('link', { name: /Revoke/ })
      .click();
    psql.stdin?.write('select pg_sleep(60);\n');
    await page.getByRole('button', { name: 'Revoke' }).click();
    // It ends long before the statement would have.
    expect((await done).stderr).toMatch(/revoked/);
    const again = await finish(paste(line));
    expect(again.code).not.toBe(0);
    expect(again.stderr).toMatch(/revoked.*portal/is);
    await page.context().close();
  });

  it('sees only what is theirs, while the auditor sees all and reads who looked', async () => {
    const { page: carol } = await signIn('carol');
    await openSession(carol, 'first look');
    const address = carol.url();
    await carol.goto(`${portal}/audit`);
    const viewed = carol.locator('tr, li, article', { hasText: 'session.viewed' });
    await viewed.filter({ hasText: 'carol@example.com' }).first().waitFor();
    const { page: alice } = await signIn('alice');
    expect((await alice.goto(address))?.status()).toBe(200);
    expect((await alice.goto(`${portal}/audit`))?.status()).toBe(403);
    await carol.context().close();
    await alice.context().close();
  });
});
