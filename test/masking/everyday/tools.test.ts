// Migrations and sessions of real tools: each runs directly and through the gateway on fresh databases.
// What it printed is the same but for e-mail addresses, which are masked, and so is the database afterwards.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { findClient } from '../../harness/postgres/postgres.ts';
import { run } from '../../harness/run.ts';
import { SOAK } from '../../harness/soak.ts';
import { KNOWN_TOOL_DIFFERENCES } from './known-differences.ts';
import { type Pair, startPair, type Way } from './pair.ts';
import { SHOP } from './schema.ts';

const RULES = SessionRules.parse({
  policyVersion: 1,
  rule: 'people-prod',
  mask: [{ columns: ['*.email', '*.phone'], with: 'partial' }],
});

const PYTHON = '/usr/bin/python3';
const JDBC = '/usr/share/java/postgresql.jar';
const program = (name: string) => join(import.meta.dirname, 'tools', name);
const python = (module: string): string[] => [PYTHON, '-c', `import ${module}`];

interface Tool {
  readonly name: string;
  /** What proves that it is there, and its Debian package. None: of this repository's packages. */
  readonly needs?: readonly [proof: readonly string[], debian: string];
  readonly command: readonly string[];
  /** Runs under `npm run soak` alone. */
  readonly soak?: true;
}

const classes = mkdtempSync(join(tmpdir(), 'gatehouse-autosave-'));

const TOOLS: readonly Tool[] = [
  { name: 'knex', command: [process.execPath, program('knex.mjs')], soak: true },
  { name: 'sequelize', command: [process.execPath, program('sequelize.mjs')], soak: true },
  { name: 'nodepgmigrate', command: [process.execPath, program('node-pg-migrate.mjs')], soak: true },
  { name: 'nodedrivers', command: [process.execPath, program('node-drivers.mjs')] },
  { name: 'django', needs: [python('django'), 'python3-django'], command: [PYTHON, program('django_shop.py')] },
  {
    name: 'alembic',
    needs: [python('alembic'), 'python3-alembic'],
    command: [PYTHON, program('alembic_shop.py')],
    soak: true,
  },
  {
    name: 'activerecord',
    needs: [['ruby', '-e', 'require "active_record"; require "pg"'], 'ruby-activerecord ruby-pg'],
    command: ['ruby', program('active_record.rb')],
    soak: true,
  },
  {
    name: 'jdbcautosave',
    needs: [
      ['javac', '-encoding', 'UTF-8', '-cp', JDBC, '-d', classes, program('Autosave.java')],
      'libpostgresql-jdbc-java default-jdk-headless',
    ],
    command: ['java', '-cp', [classes, JDBC].join(delimiter), 'Autosave'],
    soak: true,
  },
  {
    name: 'psycopg2',
    needs: [python('psycopg2'), 'python3-psycopg2'],
    command: [PYTHON, program('psycopg_both.py'), '2'],
    soak: true,
  },
  {
    name: 'psycopg3',
    needs: [python('psycopg'), 'python3-psycopg'],
    command: [PYTHON, program('psycopg_both.py'), '3'],
    soak: true,
  },
  {
    name: 'pgcli',
    needs: [python('pgcli'), 'pgcli'],
    command: ['/bin/sh', program('pgcli.sh')],
    soak: true,
  },
];

let pair: Pair;
beforeAll(async () => {
  pair = await startPair(15, RULES);
});
afterAll(async () => {
  await pair?.close();
  rmSync(classes, { recursive: true });
  expect(pair?.gateway.bugs ?? []).toEqual([]);
});

/** As `partial` shows addresses. */
const masked = (text: string) => text.replaceAll(/\b(\w)\w*@(\w)\w*\.com/g, '$1***@$2***.com');

/** Without the times of day at which something was done, and pg_dump's own key. */
const timeless = (text: string) =>
  text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?/g, 'TIME').replaceAll(/^\\(un)?restrict \w+$/gm, '');

async function dump(way: Way, database: string): Promise<string> {
  const ran = await run(findClient('pg_dump') ?? 'pg_dump', ['--no-owner'], { env: pair.past(way, database) });
  expect(ran.stderr).toBe('');
  return timeless(ran.stdout);
}

const inBoth = <T>(work: (way: Way) => Promise<T>): Promise<[T, T]> => Promise.all([work('direct'), work('through')]);

function checked(name: string, check: () => void): void {
  const reason = KNOWN_TOOL_DIFFERENCES[name];
  if (reason === undefined) check();
  else expect(check, `is it mended? It is listed as: ${reason}`).toThrow();
}

describe('migrations and sessions', () => {
  test.for(TOOLS.filter(({ soak }) => SOAK || !soak))(
    '$name',
    async ({ name, needs, command: [tool = '', ...args] }, { skip }) => {
      if (needs) {
        const [[proof = '', ...rest], debian] = needs;
        const there = await run(proof, rest).catch((): undefined => undefined);
        if (there?.code !== 0) skip(`${name} is not installed (Debian: ${debian})`);
      }
      await pair.both(`create database ${name}`);
      const [theirs, ours] = await inBoth((way) => run(tool, args, { env: { TZ: 'UTC', ...pair.env(way, name) } }));
      const [before, after] = await inBoth((way) => dump(way, name));
      expect(theirs, theirs.stderr).toMatchObject({ code: 0 });
      expect(theirs.stdout).not.toBe('');
      checked(name, () => {
        expect({ ...ours, stdout: timeless(ours.stdout) }).toEqual({
          ...theirs,
          stdout: timeless(masked(theirs.stdout)),
        });
        expect(after).toBe(before);
      });
    },
  );
});

describe('dumps', () => {
  const clients = ['pg_dump', 'pg_restore', 'psql'].map((name) => findClient(name));
  const missing = clients.includes(undefined);
  const [pgDump = '', pgRestore = '', psql = ''] = clients as string[];
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-dumps-'));
  const file = (name: string) => join(directory, name);
  afterAll(() => rmSync(directory, { recursive: true }));

  beforeAll(async () => {
    if (missing) return;
    await pair.both('create database shop');
    await pair.both(SHOP, 'shop');
    for (const [format, name] of [
      ['p', 'plain'],
      ['c', 'custom'],
    ] as const)
      await run(pgDump, ['-F', format, '-f', file(name)], { env: pair.past('direct', 'shop') });
  });

  test('pg_dump: all of a shop, masked where a rule says', async ({ skip }) => {
    if (missing) skip('pg_dump is not installed (Debian: postgresql-client-15)');
    const [theirs, ours] = await inBoth((way) => run(pgDump, [], { env: pair.env(way, 'shop') }));
    const phones = (text: string) => masked(text).replaceAll(/\+49 30 12(\d{4})/g, '+** ** **$1');
    checked('pg_dump', () =>
      expect({ ...ours, stdout: timeless(ours.stdout) }).toEqual({
        ...theirs,
        stdout: timeless(phones(theirs.stdout)),
      }),
    );
  });

  test.for([
    [
      'psql',
      'restoredbypsql',
      (database: string) => [psql, ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-f', file('plain')]],
    ],
    // The texts of the one below, each committed by itself as psql has them.
    ...(SOAK
      ? ([
          [
            'pg_restore',
            'restored',
            (database: string) => [pgRestore, ['--exit-on-error', '-d', database, file('custom')]],
          ],
        ] as const)
      : []),
    [
      'pg_restore in one transaction',
      'restoredatonce',
      (database: string) => [pgRestore, ['-1', '-d', database, file('custom')]],
    ],
  ] as const)('%s restores it', async ([name, database, command], { skip }) => {
    if (missing) skip('pg_restore is not installed (Debian: postgresql-client-15)');
    await pair.both(`create database ${database}`);
    const [program, args] = command(database) as [string, string[]];
    const [theirs, ours] = await inBoth((way) => run(program, args, { env: pair.env(way, database) }));
    const [before, after] = await inBoth((way) => dump(way, database));
    expect(theirs).toMatchObject({ code: 0, stderr: '' });
    checked(name, () => {
      expect(ours).toEqual(theirs);
      expect(after).toBe(before);
    });
  });
});
