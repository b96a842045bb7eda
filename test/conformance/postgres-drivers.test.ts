// Drivers of other languages, unmodified: each runs the same program (drivers/) once against the server
// and once through a gateway with a policy. What it saw must be equal, but for what the policy changes.
// On the server the role may not do what the policy stops, so that a refusal stands beside a real error.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DriverPlace, type Line, runScenario, startDriverPlace } from '../harness/postgres/driver-scenario.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import { run } from '../harness/run.ts';
import { SOAK } from '../harness/soak.ts';

const PROGRAMS = join(import.meta.dirname, 'drivers');
const program = (name: string) => join(PROGRAMS, name);
const JDBC = '/usr/share/java/postgresql.jar';
/** Short programs: what compiles them well takes longer than they do. */
const JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const GO_SOURCES = '/usr/share/gocode';

let at: DriverPlace;
let watch: NodeJS.Timeout;
let approversTakeMs = 100;
const held: string[] = [];

beforeAll(async () => {
  at = await startDriverPlace();
  // What would empty people is denied, nobody looks at slow, all else is approved. The client waits.
  watch = setInterval(() => {
    for (const { asked, decide } of at.gateway.edge.held.splice(0)) {
      const { touches } = asked.action;
      // It is withdrawn.
      if (touches.includes('slow')) continue;
      const denied = touches.includes('people');
      held.push(denied ? 'denied' : 'approved');
      const by = ['bob@example.com'];
      setTimeout(
        () => decide(denied ? { kind: 'denied', by, comment: 'not today' } : { kind: 'approved', by, comment: '' }),
        approversTakeMs,
      );
    }
  }, 20);
});

afterAll(async () => {
  clearInterval(watch);
  await at?.close();
  expect(at?.gateway.bugs ?? []).toEqual([]);
});

type Skip = (note: string) => never;

/** Whether a command ends well: the language and its driver are there. */
async function needs(skip: Skip, what: string, command: string, args: readonly string[]): Promise<void> {
  const ran = await run(command, args).catch(() => undefined);
  if (ran?.code !== 0) skip(`${what} is not installed`);
}

const PYTHON = '/usr/bin/python3';
const python = async (skip: Skip, module: string, debian: string) => {
  await needs(skip, `${module} (Debian: ${debian})`, PYTHON, ['-c', `import ${module}`]);
};

/** What the server says, and what stands there through the gateway. */
const UNDER_POLICY: readonly (readonly [RegExp, string])[] = [
  [/person\d+@example\.com/g, '[masked]'],
  [/987654321/g, '0'],
  [/1987-06-05/g, '2000-01-01'],
  [/datetime\.date\(1987, 6, 5\)/g, 'datetime.date(2000, 1, 1)'],
  [/3ade68b1|ffffee0f/g, '00000000'],
  [/4111111111111111/g, '[credit-card]'],
  [/do you hear/g, '[withheld]'],
  [/permission denied for table people|must be owner of table people/g, 'REFUSED'],
  [/terminating connection due to administrator command/g, 'ENDED'],
];

/** The gateway's own words, once they were seen. */
const OF_THE_GATEWAY: readonly (readonly [RegExp, string])[] = [
  [/Gatehouse: Blocked by rule people-prod: it is what \\"(?:delete without where|drop)\\" names\./g, 'REFUSED'],
  [/Gatehouse: Denied by bob@example\.com \(rule people-prod\): not today/g, 'REFUSED'],
  [/Gatehouse: Withdrawn while it waited[^"]*/g, 'canceling statement due to user request'],
  [
    /Gatehouse: The grant was revoked: no longer needed\. Ask for a new one in the portal, then connect again\./g,
    'ENDED',
  ],
  [/,"HINT: {2}Ask the dba group\."|\\n {2}Hint: Ask the dba group\./g, ''],
];

const replaced = (lines: readonly Line[], by: readonly (readonly [RegExp, string])[]): Line[] =>
  JSON.parse(by.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(lines)));

const WARNING = 'Gatehouse: Rule people-prod warns: it is what \\"update\\" names.';

const isWarning = (value: unknown): boolean => JSON.stringify(value ?? null).includes(WARNING);

/** Without the gateway's warnings, each a text or an object, and without hints: the server has neither here. */
function withoutMore(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((one) => Array.isArray(one) || !isWarning(one)).map(withoutMore);
  if (typeof value !== 'object' || value === null) return value;
  const hint = (key: string, one: unknown) => /hint/i.test(key) && (one === 'Ask the dba group.' || !one);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (hint(key, one) ? [] : [[key, withoutMore(one)]])),
  );
}

const byStep = (lines: readonly Line[]) => Object.fromEntries(lines.map(({ step, result }) => [step, result]));

interface Seen {
  readonly direct: Record<string, unknown>;
  readonly through: Record<string, unknown>;
  /** What the gateway let the client see, word for word. */
  readonly words: string;
}

/** `but`: steps that differ, with what is seen through the gateway. */
async function compare(name: string, command: readonly string[], but: Record<string, unknown> = {}): Promise<Seen> {
  held.length = 0;
  const { direct, through } = await at.ways(name);
  const [theirs, ours] = await Promise.all([runScenario(command, direct), runScenario(command, through)]);
  const words = JSON.stringify(ours.lines);
  const expected = byStep(
    replaced(theirs.lines, [...UNDER_POLICY, [new RegExp(`${name}_direct`, 'g'), `${name}_through`]]),
  );
  const seen = byStep(replaced(ours.lines, OF_THE_GATEWAY));
  expect(theirs.stderr.replaceAll(/^(?:WARNING|NOTICE|HINT): .*\n?/gm, '')).toBe('');
  expect(Object.keys(seen)).toEqual(Object.keys(expected));
  for (const step of Object.keys(expected)) {
    expect(expected[step], `${name}, ${step}, on the server`).not.toHaveProperty('unexpected');
    const wanted = step in but ? but[step] : withoutMore(expected[step]);
    expect(withoutMore(seen[step]), `${name}, ${step}`).toEqual(wanted);
  }
  return { direct: expected, through: seen, words };
}

/** For two drivers the wait is long. */
async function slowly<T>(work: () => Promise<T>): Promise<T> {
  approversTakeMs = 2_000;
  return work().finally(() => {
    approversTakeMs = 100;
  });
}

/** What every driver must surface. */
function expectPolicy({ words, through }: Seen): void {
  expect(words).toContain('Gatehouse: Blocked by rule people-prod: it is what \\"delete without where\\" names.');
  expect(words).toContain('Ask the dba group.');
  expect(words).toContain('Gatehouse: Denied by bob@example.com');
  expect(isWarning(through.notices)).toBe(true);
  expect(held).toEqual(['approved', 'denied']);
}

it('psycopg 3: pipelines, its own prepared statements, binary COPY, named cursors', async ({ skip }) => {
  await python(skip, 'psycopg', 'python3-psycopg');
  expectPolicy(await slowly(() => compare('psycopg3', [PYTHON, program('psycopg3.py')])));
});

it('JDBC: statements that it prepares by itself, batches, fetch sizes, metadata', { timeout: 240_000 }, async ({
  skip,
}) => {
  if (!existsSync(JDBC)) skip('JDBC is not installed (Debian: libpostgresql-jdbc-java)');
  await needs(skip, 'javac (Debian: default-jdk-headless)', 'javac', ['-version']);
  const classes = join(at.directory, 'classes');
  const compiler = [...JVM.map((flag) => `-J${flag}`), '-encoding', 'UTF-8', '-cp', JDBC, '-d', classes];
  await promisify(execFile)('javac', [...compiler, program('Jdbc.java')]);
  const command = ['java', ...JVM, '-Duser.timezone=UTC', '-cp', [classes, JDBC].join(delimiter), 'Jdbc'];
  expectPolicy(await slowly(() => compare('jdbc', command)));
});

if (SOAK)
  describe('other drivers', () => {
    it('psycopg2: values in the text, COPY, named cursors, polling', async ({ skip }) => {
      await python(skip, 'psycopg2', 'python3-psycopg2');
      expectPolicy(await compare('psycopg2', [PYTHON, program('psycopg2.py')]));
    });

    it('asyncpg: all in binary, its statement cache, pools, binary COPY', async ({ skip }) => {
      await python(skip, 'asyncpg', 'python3-asyncpg');
      expectPolicy(await compare('asyncpg', [PYTHON, program('asyncpg.py')]));
    });

    it('SQLAlchemy: reflection, the ORM, a session that is ended', async ({ skip }) => {
      await python(skip, 'sqlalchemy', 'python3-sqlalchemy');
      const { words } = await compare('sqlalchemy', [PYTHON, program('sqlalchemy.py')]);
      expect(words).toContain('Blocked by rule people-prod');
    });

    it('pgx: its statement caches, batches, CopyFrom, contexts', { timeout: 240_000 }, async ({ skip }) => {
      if (!existsSync(join(GO_SOURCES, 'src/github.com/jackc/pgx/v4')))
        skip('pgx is not installed (Debian: golang-github-jackc-pgx-v4-dev)');
      await needs(skip, 'go (Debian: golang-go)', 'go', ['version']);
      const binary = join(at.directory, 'pgx');
      const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_SOURCES, GOFLAGS: '' };
      await promisify(execFile)('go', ['build', '-o', binary, program('pgx.go')], { env });
      const seen = await compare('pgx', [binary], { batch: expect.anything() });
      expectPolicy(seen);
      // It prepares all of a batch first, and a blocked text is refused there: as one is that names no table.
      const each = 11;
      const direct = seen.direct.batch as unknown[];
      const through = withoutMore(seen.through.batch) as unknown[];
      const asRefused = JSON.stringify(direct.slice(2 * each, 3 * each))
        .replaceAll('relation \\"nowhere\\" does not exist', 'REFUSED')
        .replaceAll('42P01', '42501');
      expect(through.slice(0, each)).toEqual(withoutMore(direct.slice(0, each)));
      expect(through.slice(each, 2 * each)).toEqual(withoutMore(JSON.parse(asRefused)));
      expect(through.slice(2 * each)).toEqual(withoutMore(direct.slice(2 * each)));
    });

    it("Ruby's pg: pipelines, rows one by one, COPY, hex of binary results", async ({ skip }) => {
      await needs(skip, 'pg (Debian: ruby-pg)', 'ruby', ['-rpg', '-e', '']);
      expectPolicy(await compare('ruby', ['ruby', program('pg.rb')]));
    });

    it("Perl's DBD::Pg: prepared by the server and by itself, COPY, metadata", async ({ skip }) => {
      await needs(skip, 'DBD::Pg (Debian: libdbd-pg-perl)', 'perl', ['-MDBD::Pg', '-e', '']);
      expectPolicy(await compare('perl', ['perl', program('dbd_pg.pl')]));
    });

    it("PHP's PDO and pgsql: emulated and real prepared statements, COPY", async ({ skip }) => {
      await needs(skip, 'pdo_pgsql (Debian: php-pgsql)', 'php', ['-r', 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);']);
      expectPolicy(await compare('php', ['php', program('pdo.php')]));
    });
  });

describe('clients that read definitions, in front of PostgreSQL 15', () => {
  let old: DriverPlace | undefined;
  let missing = '';
  const place = (skip: Skip): DriverPlace => old ?? skip(missing);

  beforeAll(async () => {
    old = await startDriverPlace(15).catch((error: unknown) => {
      missing = String(error);
      return undefined;
    });
  });

  afterAll(async () => {
    await old?.close();
    expect(old?.gateway.bugs ?? []).toEqual([]);
  });

  if (SOAK)
    it('pgcli gets what it completes from, and describes tables', async ({ skip }) => {
      await python(skip, 'pgcli', 'pgcli');
      const { direct, through } = await place(skip).ways('pgcli');
      const command = [PYTHON, program('pgcli_completions.py')];
      const [theirs, ours] = await Promise.all([runScenario(command, direct), runScenario(command, through)]);
      expect(theirs.lines.length).toBeGreaterThan(10);
      expect(ours.stderr).toBe(theirs.stderr);
      expect(byStep(ours.lines)).toEqual(
        byStep(replaced(theirs.lines, [...UNDER_POLICY, [/pgcli_direct/g, 'pgcli_through']])),
      );
    });

  const DESCRIBED = ['\\d+', '\\d+ people', '\\d+ contacts', '\\d orders', '\\df+', '\\dn+', '\\dT', '\\dp', '\\dx'];

  it.for<[what: string, client: string, args: string[]]>([
    ['pg_dump of the schema', 'pg_dump', ['--schema-only']],
    ['pg_dump of masked rows', 'pg_dump', ['--data-only', '-t', 'people']],
    ['pg_dump as INSERTs', 'pg_dump', ['--inserts', '-t', 'people', '-t', 'orders']],
    ["psql's descriptions", 'psql', ['-X', ...DESCRIBED.flatMap((one) => ['-c', one])]],
  ])('%s', async ([what, client, args], { skip }) => {
    const found = findClient(client) ?? skip(`${client} is not installed (Debian: postgresql-client)`);
    const { direct, through } = await place(skip).ways(what.toLowerCase().replaceAll(/[^a-z]/g, ''));
    const [theirs, ours] = await Promise.all([
      run(found, args, { env: direct.env }),
      run(found, args, { env: through.env }),
    ]);
    expect(theirs).toMatchObject({ code: 0, stderr: '' });
    expect(ours.stderr).toBe('');
    // pg_dump makes a new key for each dump.
    const withoutKey = (text: string) => text.replaceAll(/^\\(un)?restrict \w+$/gm, '');
    const masked = UNDER_POLICY.reduce((text, [from, to]) => text.replaceAll(from, to), theirs.stdout);
    expect(withoutKey(ours.stdout)).toBe(withoutKey(masked));
  });
});
