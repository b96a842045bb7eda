// What README's second screen promises, with everything that `npm start` brings up: a policy that
// blocks, holds, warns and masks, under real psql; approvers in a real browser, in Slack and at the
// command line; and a recording, exports and an audit log that hold none of what was hidden.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Finished, finish, until } from '../../cli/run-cli.ts';
import { launchBrowser } from '../../portal/browser.ts';
import { answer, applyPolicy, approveInSlack, as, base, data, EXAMPLE, heard, PSQL_FOLDER, root } from './gatehouse.ts';

const TEXT = readFileSync(EXAMPLE, 'utf8');
let browser: Browser;
let connect: string;

interface Psql {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
  errors(): string;
}

/** The pasted line, as a shell runs it. */
function psql(...commands: string[]): Psql {
  const flags = commands.map((command) => ` -c ${quote(command)}`).join('');
  const child = spawn('sh', ['-c', `exec env ${connect} -X -At -v VERBOSITY=verbose${flags}`], {
    env: { PATH: `${PSQL_FOLDER}:/usr/bin:/bin` },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  return { child, done: finish(child), errors: () => errors };
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The request that a statement waits for, by the link in its NOTICE. */
async function heldRequest(running: Psql): Promise<{ id: string; link: string }> {
  await until(() => /\/requests\/req_\w+/.test(running.errors()), 20_000);
  const [link = ''] = /http\S+\/requests\/req_\w+/.exec(running.errors()) ?? [];
  expect(link.startsWith(`http://localhost:${base}/requests/`)).toBe(true);
  return { link, id: link.split('/').at(-1) ?? '' };
}

const columns = async (): Promise<string> =>
  (await psql("select count(*) from information_schema.columns where table_name = 'orders'").done).stdout.trim();

async function signIn(person: string): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(`http://localhost:${base}/`);
  await page.locator(`button[value="${person}"]`).click();
  await page.waitForURL(`http://localhost:${base}/**`);
  return { page, problems };
}

export function testGuard(): void {
  beforeEach((ctx) => {
    if (!PSQL_FOLDER) ctx.skip('psql is not installed: apt-get install postgresql-client');
  });
  beforeAll(async () => {
    browser = await launchBrowser();
    connect = (await answer('alice', 'request', 'demo', '--reason', 'SHOP-7')).connect.psql;
  });
  afterAll(() => browser?.close());

  describe('a blocked statement', () => {
    it('is 42501 with the rule and the hint, and the session goes on', async () => {
      const ran = await psql('delete from customers', 'select count(*) from customers').done;
      expect(ran.stderr).toMatch(/ERROR: {2}42501: Gatehouse: Blocked by rule shop: .*delete without where/);
      expect(ran.stderr).toContain('HINT:  Ask the DBAs for a migration.');
      expect(ran.stdout).toBe('600\n');
    });

    it('fails its transaction like every error', async () => {
      const script = [
        'begin',
        "update products set stock = 1 where id = 1 returning 'did'",
        'drop table products',
        'commit',
      ];
      const ran = await psql(...script).done;
      expect(ran.stdout).toContain('did');
      expect(ran.stdout).toContain('ROLLBACK');
      expect(ran.stderr).toContain('42501');
    });

    it('takes the whole text with it, wherever it stands', async () => {
      const ran = await psql(
        'insert into orders select 99999, 1, now(), $$x$$, null; drop table orders',
        'select count(*) from orders where id = 99999',
      ).done;
      expect(ran.stderr).toContain('42501');
      expect(ran.stdout).toBe('0\n');
    });
  });

  it('a warned statement runs, and says so', async () => {
    const ran = await psql("update customers set city = 'Ulm' where id = 1").done;
    expect(ran.stdout).toBe('UPDATE 1\n');
    expect(ran.stderr).toContain('WARNING:  01000: Gatehouse: Rule shop warns');
  });

  describe('a masked column', () => {
    it('is hidden in whatever shape it comes', async () => {
      const shapes = [
        'select email from customers order by id limit 1',
        'select email as x from customers order by id limit 1',
        'select (c).email from customers c order by id limit 1',
        'select x from (select email as x, id from customers) q order by id limit 1',
        'copy (select email from customers order by id limit 1) to stdout',
        'with w as (select * from customers) select email from w order by id limit 1',
        'update customers set city = city where id = 1 returning email',
      ];
      for (const shape of shapes) {
        const { stdout, stderr } = await psql(shape).done;
        expect([shape, stdout.split('\n')[0]]).toEqual([shape, expect.stringMatching(/^(.\*\*\*@.\*\*\*\.\w+)$/)]);
        expect(stderr.replace(/WARNING[^\n]*(\nLOCATION[^\n]*)?/g, '').trim()).toBe('');
      }
      const whole = await psql('select row_to_json(c), upper(email), c from customers c where id = 1').done;
      expect(whole.stdout).not.toMatch(/[^*]@\w/);
      const cards = await psql('select card_number from customers where id = 1').done;
      expect(cards.stdout).toBe('[credit-card]\n');
    });
  });

  describe('a held statement', () => {
    it('waits with a link, and goes on once bob approved it in the portal', async () => {
      const before = await columns();
      const running = psql('alter table orders add column by_portal int');
      const { link } = await heldRequest(running);
      const { page, problems } = await signIn('bob');
      await page.goto(link);
      await page.getByText('add column by_portal').first().waitFor();
      await page.getByText('orders', { exact: true }).first().waitFor();
      expect(await columns()).toBe(before);
      await page.locator('#comment').fill('go ahead');
      await page.getByRole('button', { name: 'Approve' }).click();
      expect((await running.done).stdout).toBe('ALTER TABLE\n');
      expect(await columns()).toBe(String(Number(before) + 1));
      await page.getByText('Approved').first().waitFor();
      expect(problems).toEqual([]);
      await page.context().close();
    });

    it('goes on once bob approved it in Slack, where the message says so in place', async () => {
      const running = psql('alter table orders add column by_slack int');
      const { id } = await heldRequest(running);
      await until(() => heard.some(({ method, body }) => method === 'chat.postMessage' && body.includes(id)), 20_000);
      expect(heard.find(({ method, body }) => method === 'chat.postMessage' && body.includes(id))?.body).toContain(
        'add column by_slack',
      );
      await approveInSlack(id);
      expect((await running.done).stdout).toBe('ALTER TABLE\n');
      await until(
        () => heard.some(({ method, body }) => method === 'chat.update' && body.includes('Approved by bob@')),
        20_000,
      );
    });

    it('is 42501 with the reason when it is denied, and alice cannot approve her own', async () => {
      const before = await columns();
      const running = psql('alter table orders add column denied int');
      const { id } = await heldRequest(running);
      expect((await as('alice', 'approve', id)).code).toBe(1);
      await as('bob', 'deny', id, '--reason', 'not in the sale');
      const { stdout, stderr } = await running.done;
      expect(stdout).toBe('');
      expect(stderr).toMatch(/ERROR: {2}42501: Gatehouse: Denied by bob@example.com .*not in the sale/);
      expect(await columns()).toBe(before);
    });

    it('is 57014 when it is cancelled, and nobody can approve it any more', async () => {
      const before = await columns();
      const running = psql('alter table orders add column cancelled int');
      const { id } = await heldRequest(running);
      running.child.kill('SIGINT');
      expect((await running.done).stderr).toContain('ERROR:  57014: Gatehouse: Withdrawn');
      await until(async () => (await as('bob', 'approve', id)).code === 1, 20_000);
      expect(await columns()).toBe(before);
    });

    it('is withdrawn when its client is gone', async () => {
      const before = await columns();
      const running = psql('alter table orders add column hung_up int');
      const { id } = await heldRequest(running);
      running.child.kill('SIGKILL');
      await running.done;
      await until(async () => {
        const { approvals } = await answer('bob', 'approvals');
        return !approvals.some((approval: { id: string }) => approval.id === id);
      }, 20_000);
      expect(await columns()).toBe(before);
    });
  });

  describe('a policy applied while a session runs', () => {
    it('is in force on its next statement, and expires what nobody decides', async () => {
      const session = psql();
      let output = '';
      session.child.stdout?.on('data', (chunk) => {
        output += String(chunk);
      });
      session.child.stdin?.write("select 'one', count(*) from products;\n");
      await until(() => output.includes('one'), 20_000);
      const stricter = TEXT.slice(0, TEXT.indexOf('\ntests:'))
        .replace('drop, truncate,', 'drop, truncate, "select on products",')
        .replace('within: 5m', 'within: 2s');
      expect(stricter).not.toBe(TEXT);
      const policy = join(root, 'stricter.yaml');
      await writeFile(policy, stricter);
      expect((await as('alice', 'policy', 'apply', '--file', policy, '--yes')).code).toBe(1);
      const applied = await applyPolicy(stricter);
      expect([applied.code, applied.stderr]).toEqual([0, '']);
      await until(async () => {
        session.child.stdin?.write("select 'two', count(*) from products;\n");
        await new Promise((resume) => setTimeout(resume, 100));
        return session.errors().includes('42501');
      }, 10_000);
      session.child.stdin?.write('alter table orders add column expired int;\n');
      await until(() => session.errors().includes('Nobody approved it in time'), 20_000);
      session.child.stdin?.end("select 'still here';\n");
      expect((await session.done).stdout).toContain('still here');
      expect((await applyPolicy(TEXT)).code).toBe(0);
    });
  });

  describe('a policy applied while a statement waits', () => {
    it('ends its wait at once where it blocks it, and nobody can approve it any more', async () => {
      const running = psql('alter table orders add column ended int');
      const { id } = await heldRequest(running);
      const stricter = TEXT.slice(0, TEXT.indexOf('\ntests:')).replace('drop, truncate,', 'drop, truncate, alter,');
      expect(stricter).not.toBe(TEXT);
      expect((await applyPolicy(stricter)).code).toBe(0);
      expect((await running.done).stderr).toMatch(/42501: Gatehouse: Blocked by rule shop/);
      await until(async () => (await as('bob', 'approve', id)).code !== 0, 10_000);
      const { approvals } = await answer('bob', 'approvals', '--all');
      expect(approvals.find((one: { id: string }) => one.id === id)).toMatchObject({
        state: 'withdrawn',
        ended: { reason: 'the policy has changed' },
      });
      expect((await applyPolicy(TEXT)).code).toBe(0);
    });
  });

  describe('what remains of it', () => {
    it('holds placeholders and no values: recording, exports, audit log', async () => {
      const newest = async () => (await answer('carol', 'sessions', '--resource', 'demo', '--limit', '1')).sessions[0];
      const before = (await newest())?.id;
      const ran = await psql(
        "insert into customers select 9001, 'Zoe', 'Zapata', 'zoe.zapata@example.org', '+44 20 7946 0958', 'Ulm', 'DE', '4242424242424242', '01/30', now()",
        "select email, phone, card_number, 'told' from customers where id = 9001",
        "create role somebody password 'hunter2-of-this-test'",
      ).done;
      expect(ran.stdout).toContain('told');
      let id = '';
      await until(async () => {
        const session = await newest();
        id = session?.id ?? '';
        return id !== before && session?.state === 'sealed';
      }, 40_000);
      for (const format of ['ndjson', 'html', 'asciicast']) {
        const { stdout } = await as('carol', 'export', id, '--format', format);
        for (const secret of ['zapata@example', '7946 0958', '4242424242424242', 'hunter2'])
          expect([format, secret, stdout.includes(secret)]).toEqual([format, secret, false]);
      }
      const stored = readdirSync(join(data, 'objects'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.seg'),
      );
      expect(stored.length).toBeGreaterThan(0);
      for (const name of stored) {
        const bytes = readFileSync(join(data, 'objects', name));
        const at = bytes.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]));
        const raw = at < 0 ? bytes : zstdDecompressSync(bytes.subarray(at));
        for (const secret of ['zoe.zapata@example', '4242424242424242', 'hunter2-of-this-test'])
          expect([name, raw.includes(secret)]).toEqual([name, false]);
      }
      expect((await as('carol', 'verify', id)).code).toBe(0);
      expect(JSON.stringify(await answer('carol', 'session', id))).toMatch(/"rule":"shop#1"/);
      const audit = JSON.stringify(await answer('carol', 'audit', '--limit', '500'));
      expect(audit).toContain('policy.applied');
      expect(audit).not.toContain('zapata');
      expect((await answer('carol', 'audit', 'verify')).whole).toBe(true);
    });
  });
}
