// The example policy as it was started with, README's screen of it, and the next one applied.

import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { IssuedGrant } from '../../../core/api.ts';
import { finish, until } from '../../cli/run-cli.ts';
import { answer, as, EXAMPLE, PSQL_FOLDER, root } from './gatehouse.ts';

let text: string;

async function file(changed: string): Promise<string> {
  const path = join(root, 'changed.yaml');
  await writeFile(path, changed);
  return path;
}

export function testInForce(): void {
  beforeAll(async () => {
    text = await readFile(EXAMPLE, 'utf8');
  });

  describe('npm start -- --policy', () => {
    it('has that policy in force', async () => {
      expect(await answer('bob', 'policy', 'show')).toMatchObject({ version: 1, text });
      expect((await as('alice', 'policy', 'show')).code).toBe(1);
      expect((await as('alice', 'request', 'demo', '--reason', 'a look around')).code).toBe(0);
      expect((await as('carol', 'request', 'demo', '--reason', 'a look around')).code).toBe(1);
    });

    it('explains it for oneself and for somebody else, with the labels that the connector announces', async () => {
      const mine = ['policy', 'explain', '--resource', 'demo', '--statement', 'select email from customers'];
      expect(await answer('bob', ...mine)).toMatchObject({
        policy: { version: 1 },
        person: 'bob@example.com',
        access: { decision: 'allow', rule: 'shop' },
        statement: { verdict: 'allow' },
        masks: { results: [{ columns: [{ name: 'email', shown: 'masked', with: 'partial' }] }] },
      });
      expect(await answer('bob', ...mine, '--person', 'carol@example.com')).toMatchObject({
        access: { decision: 'deny' },
      });
    });
  });

  // README's second screen, played: its policy, its psql, its approval.
  it('what README shows of psql is what psql shows', async (ctx) => {
    if (!PSQL_FOLDER) return ctx.skip('psql is not installed');
    const readme = await readFile(resolve(import.meta.dirname, '../../../README.md'), 'utf8');
    const screen = /```\n(shop=> begin;.*?)```/s.exec(readme)?.[1] ?? '';
    const typed = [...screen.matchAll(/^shop=\S+ (.*)$/gm)].map(([, text]) => text ?? '');
    expect(typed.length).toBeGreaterThan(3);
    await writeFile(join(root, 'typed.sql'), typed.join('\n'));
    const { grant, connect } = IssuedGrant.parse(
      JSON.parse((await as('alice', 'request', 'demo', '--reason', 'weights for shipping')).stdout),
    );
    const target = /psql "(.*)"$/.exec(connect.psql ?? '')?.[1] ?? '';
    const psql = spawn(
      '/bin/sh',
      ['-c', 'exec "$0" -X -d "$1" -f "$2" 2>&1', `${PSQL_FOLDER}/psql`, target, join(root, 'typed.sql')],
      {
        env: { PATH: process.env.PATH ?? '', PGPASSWORD: grant.secret, LC_ALL: 'C.UTF-8' },
      },
    );
    const shown = finish(psql);
    let request = '';
    await until(async () => {
      request = /req_[a-z0-9]+/.exec((await as('bob', 'approvals')).stdout)?.[0] ?? '';
      return request !== '';
    }, 30_000);
    expect((await as('bob', 'approve', request)).code).toBe(0);
    const lines = (text: string): string[] =>
      text
        .split('\n')
        // Where in which file psql reads, the request's own id, and what psql pads.
        .map((each) =>
          each
            .replace(/^psql:\S+ /, '')
            .replace(/http\S+/, 'LINK')
            .trimEnd(),
        )
        .filter((each) => each !== '' && !each.startsWith('shop='));
    expect(lines((await shown).stdout)).toEqual(lines(screen));
  });

  describe('policy apply', () => {
    it('puts the next version in force for everybody', async () => {
      const closed = text.replace('who: [developers, dba]', 'who: [dba]').replace(/\ntests:[\s\S]*/, '\n');
      const applied = await answer('bob', 'policy', 'apply', '--file', await file(closed), '--yes');
      expect(applied).toMatchObject({
        applied: true,
        policy: { version: 2, appliedBy: 'bob@example.com' },
        access: [{ who: 'demo:developers', resource: 'demo', effect: 'loses' }],
      });
      expect((await as('alice', 'request', 'demo', '--reason', 'a look around')).code).toBe(1);
      expect((await as('bob', 'policy', 'apply', '--file', EXAMPLE, '--yes')).code).toBe(0);
      expect(await answer('bob', 'policy', 'show')).toMatchObject({ version: 3, text });
    });

    it('is for administrators, and for nobody who would lock themselves out', async () => {
      const next = await file(`# another\n${text}`);
      expect((await as('alice', 'policy', 'apply', '--file', next, '--yes')).code).toBe(1);
      const others = await file(text.replace('administrators: [demo:administrators]', 'administrators: [demo:nobody]'));
      const locked = await as('bob', 'policy', 'apply', '--file', others, '--yes');
      expect([locked.code, JSON.parse(locked.stderr).error.reason]).toEqual([1, 'locks_you_out']);
      expect(await answer('bob', 'policy', 'show')).toMatchObject({ version: 3 });
    });
  });
}
