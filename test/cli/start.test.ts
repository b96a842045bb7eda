// The whole, as a newcomer meets it: npm start, a session with psql, the session found, exported
// and proven, and every kind of tampering noticed. Real processes, real servers, real bytes.

import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IssuedGrant } from '../../core/api.ts';
import { ExportedFrame } from '../../core/replay/exports.ts';
import { SessionDetail, SessionPage } from '../../core/catalogue.ts';
import { SearchPage } from '../../core/search/page.ts';
import { DevFile } from '../../cli/settings.ts';
import {
  command,
  finish,
  freePortBase,
  gatehouse,
  isAlive,
  npmStart,
  type Started,
  until,
  untilReady,
} from './run-cli.ts';

const PSQL = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((path) => existsSync(path));
const TOKEN = 'token-of-this-test';
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
let dir: string;
let base: number;
let started: Started;
/** A session of psql, with a parameter-free statement, an error and two results. */
let session: string;
/** Its folder in the object store. */
let folder: string;

const startArgs = () => ['--data', dir, '--port-base', String(base)];
const as = (person: string, ...args: string[]) => gatehouse(['--data', dir, '--as', person, ...args]);
const dev = async () => DevFile.parse(JSON.parse(await readFile(join(dir, 'dev.json'), 'utf8')));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-start-'));
  base = await freePortBase();
  const begun = performance.now();
  started = npmStart(startArgs());
  await untilReady(started);
  console.log(`npm start was ready after ${Math.round(performance.now() - begun)} ms`);
});

afterAll(async () => {
  started?.child.kill('SIGTERM');
  await started?.exited;
  await rm(dir, { recursive: true, force: true });
});

describe('npm start', () => {
  it('prints the portal, the people and a line to paste', () => {
    expect(started.output()).toContain(`http://localhost:${base}`);
    for (const person of ['alice@example.com', 'bob@example.com', 'carol@example.com']) {
      expect(started.output()).toContain(person);
    }
    expect(started.output()).toMatch(/npx --no -- gatehouse .*request demo --reason/);
  });

  it('writes dev.json for its owner alone, as scripts rely on it', async () => {
    expect((await stat(join(dir, 'dev.json'))).mode & 0o777).toBe(0o600);
    const found = await dev();
    expect(found).toMatchObject({
      portal: `http://localhost:${base}`,
      people: { alice: { email: 'alice@example.com' }, bob: {}, carol: {} },
      listeners: { postgres: { port: base + 10 } },
      objects: join(dir, 'objects'),
    });
    expect(Object.values(found.pids).every(isAlive)).toBe(true);
  });

  it('serves the command line as one file, and its digest beside it', async () => {
    const page = await (await fetch(`http://localhost:${base}/cli/`)).text();
    const file = await (await fetch(`http://localhost:${base}/cli/gatehouse.mjs`)).arrayBuffer();
    expect(page).toContain(createHash('sha256').update(Buffer.from(file)).digest('hex'));
    const program = join(dir, 'gatehouse.mjs');
    await writeFile(program, Buffer.from(file));
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--data', dir, '--as', 'alice', 'whoami']);
    expect(stdout).toContain('alice@example.com');
  });

  it('has run a session already, so that the portal is not empty', async () => {
    const page = SessionPage.parse(JSON.parse((await as('carol', 'sessions', '--json')).stdout));
    expect(page.sessions).toHaveLength(1);
    expect(page.sessions[0]).toMatchObject({ email: 'alice@example.com', resource: 'demo', counts: { errors: 1 } });
  });

  it('refuses a second start on the same folder and on busy ports, each in one line', async () => {
    const same = npmStart(['--data', dir, '--port-base', String(await freePortBase())]);
    expect(await same.exited).not.toBe(0);
    expect(same.output().trim()).toMatch(/^gatehouse: .* is in use by another npm start \(process \d+\).*--data DIR$/);
    const other = join(dir, 'other');
    const busy = npmStart(['--data', other, '--port-base', String(base)]);
    expect(await busy.exited).not.toBe(0);
    expect(busy.output().trim()).toMatch(new RegExp(`^gatehouse: port ${base} is in use: .*--port-base N$`));
    await rm(other, { recursive: true });
  });

  it('starts a killed connector again and says so in dev.json', async () => {
    const { pids } = await dev();
    process.kill(pids.connector ?? 0, 'SIGKILL');
    await until(async () => (await dev()).pids.connector !== pids.connector, 20_000);
    await until(
      async () => (await command(['--data', dir, '--as', 'alice', 'connectors'])).stdout.includes('linked'),
      20_000,
    );
  });

  it('says in dev.json which workerd runs after one was killed', async () => {
    const { pids } = await dev();
    process.kill(pids.workerd ?? 0, 'SIGKILL');
    await until(async () => (await dev()).pids.workerd !== pids.workerd, 20_000);
    expect(isAlive((await dev()).pids.workerd ?? 0)).toBe(true);
  });
});

describe('a session with psql', () => {
  it('is granted, carried, recorded and found', async (ctx) => {
    if (!PSQL) return ctx.skip('psql is not installed: apt-get install postgresql-client');
    const asked = await as('alice', 'request', 'demo', '--reason', 'a test', '--for', '1h', '--task', 'T-1', '--json');
    const { connect, grant } = IssuedGrant.parse(JSON.parse(asked.stdout));
    expect(Date.parse(grant.until) - Date.now()).toBeGreaterThan(3_500_000);
    const psql = await finish(
      spawn(
        'sh',
        [
          '-c',
          `${connect.psql} -At -c 'select count(*) from customers' -c 'select nope' -c "select pg_sleep(5.2), set_config('app.token', '${TOKEN}', false)" -c "select 'ende'"`,
        ],
        {
          env: { PATH: `${PSQL.replace(/\/psql$/, '')}:/usr/bin:/bin` },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      ),
    );
    expect(psql).toMatchObject({
      stdout: `600\n|${TOKEN}\nende\n`,
      stderr: expect.stringContaining('column "nope" does not exist'),
    });
    const question = ['sessions', '--task', 'T-1', '--json'];
    await until(async () => {
      const { stdout } = await command(['--data', dir, '--as', 'alice', ...question]);
      return SessionPage.parse(JSON.parse(stdout)).sessions[0]?.state === 'sealed';
    }, 20_000);
    const mine = SessionPage.parse(JSON.parse((await as('alice', ...question)).stdout)).sessions[0];
    session = mine?.id ?? '';
    const connector = mine?.connector;
    folder = join(dir, 'objects', 'recordings', connector ?? '', session);
  }, 60_000);

  it('is told with manifest, coverage and counts', async () => {
    const { stdout } = await as('alice', 'session', session, '--json');
    const detail = SessionDetail.parse(JSON.parse(stdout));
    expect(detail.manifest?.session).toBe(session);
    expect(detail.coverage?.lanes).toMatchObject({ count: 1, last: 0, recorded: 'full', exceptions: [] });
    expect(JSON.parse(stdout).counts).toMatchObject({ statements: 4, errors: 1 });
    expect((await as('alice', 'session', session)).stdout).toContain('4, 1 failed');
  });

  it('is found by its words, by those who may look, and the query is in the audit log', async () => {
    const search = async (person: 'alice' | 'carol', query: string) =>
      SearchPage.parse(JSON.parse((await as(person, 'search', query, '--json')).stdout)).hits;
    const [hit, ...others] = await search('alice', 'pg_sleep task:T-1');
    expect(others).toEqual([]);
    expect(hit).toMatchObject({ session, action: 3, kind: 'statement', email: 'alice@example.com' });
    expect(hit?.marks.map(([from, to]) => hit.snippet.slice(from, to))).toEqual(['pg_sleep']);
    expect((await search('carol', 'error:42703 nope')).map((each) => each.session)).toEqual([session]);
    expect((await as('alice', 'search', 'ende', 'user:alice')).stdout).toContain(session);
    const looked = await as('carol', 'audit', '--kind', 'archive.searched', '--json');
    expect(looked.stdout).toContain('pg_sleep task:T-1');
    const refused = await as('alice', 'search', 'drop', 'usr:x');
    expect([refused.code, refused.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining('There is no field usr.'),
    ]);
  });

  it('is held with all that a search finds, once the count was seen, and by who sees all of it', async () => {
    const place = (who: string, ...more: string[]) =>
      as(who, 'hold', 'place', '--search', 'pg_sleep task:T-1', '--reason', 'case 4711', ...more);
    expect((await place('carol', '--dry-run')).stdout).toBe('The search finds 1 session. Nothing was held.\n');
    expect((await place('bob', '--dry-run')).stderr).toContain('held by auditors');
    const { hold } = JSON.parse((await place('carol', '--yes', '--json')).stdout);
    expect(hold.scope).toEqual({ of: 'sessions', sessions: [session], query: 'pg_sleep task:T-1' });
    expect((await as('carol', 'hold', 'list')).stdout).toContain('1 session found by pg_sleep task:T-1');
    expect(
      (await as('carol', 'hold', 'place', '--search', 'nowhere_at_all', '--reason', 'x', '--yes')).stderr,
    ).toContain('finds no session');
  });

  it('leaves no word of a secret that its statements said, in whatever is stored of it', async (ctx) => {
    if (!PSQL) return ctx.skip('psql is not installed: apt-get install postgresql-client');
    const paths = (await readdir(dir, { recursive: true })).filter((path) => !/^postgres(?:$|\/)/.test(path));
    let segments = 0;
    for (const path of paths) {
      if (!(await stat(join(dir, path))).isFile()) continue;
      const bytes = await readFile(join(dir, path));
      const compressed = path.endsWith('.seg') ? bytes.indexOf(ZSTD_MAGIC) : -1;
      const raw = compressed < 0 ? bytes : zstdDecompressSync(bytes.subarray(compressed));
      if (raw.includes('select pg_sleep(5.2), set_config(')) segments++;
      expect([path, raw.includes(TOKEN)]).toEqual([path, false]);
    }
    expect(segments).toBeGreaterThan(0);
  });

  it('is not shown to people whom the policy does not let look', async () => {
    const demo = SessionPage.parse(JSON.parse((await as('carol', 'sessions', '--json')).stdout)).sessions[0];
    expect(demo).toBeDefined();
    expect((await as('bob', 'session', session)).code).toBe(0);
    const denied = await as('carol', 'request', 'demo', '--reason', 'x', '--json');
    expect([denied.code, denied.stdout]).toEqual([1, '']);
    expect(JSON.parse(denied.stderr)).toMatchObject({ error: { reason: 'denied', message: expect.any(String) } });
  });

  it('is exported as NDJSON, HTML and asciicast', async () => {
    const ndjson = join(dir, 'x.ndjson');
    const written = await as('alice', 'export', session, '--format', 'ndjson', '--out', ndjson, '--json');
    expect(JSON.parse(written.stdout)).toMatchObject({ session, format: 'ndjson', file: ndjson });
    const frames = (await readFile(ndjson, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((row) => ExportedFrame.parse(JSON.parse(row)));
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, index) => index));
    expect(frames.flatMap(({ fact }) => (fact?.kind === 'statement.started' ? [fact.text] : []))).toContain(
      'select nope',
    );
    expect((await as('alice', 'export', session, '--format', 'html')).stdout).toMatch(
      /^<!doctype html>[\s\S]*select nope/i,
    );
    const [head, ...events] = (await as('alice', 'export', session, '--format', 'asciicast')).stdout
      .trimEnd()
      .split('\n');
    expect(JSON.parse(head ?? '')).toMatchObject({ version: 2 });
    expect(events.length).toBeGreaterThan(4);
  });

  it('is replayed in the terminal', async () => {
    const { stdout } = await as('alice', 'replay', session, '--no-wait');
    expect(stdout).toContain('1> select count(*) from customers');
    expect(stdout).toMatch(/ERROR 42703: column "nope" does not exist/);
  });

  it('is proven: by id, with all others, and offline from a copy', async () => {
    expect(JSON.parse((await as('alice', 'verify', session, '--json')).stdout)).toMatchObject({
      session,
      proven: true,
      faults: [],
    });
    const all = await as('carol', 'verify', '--all', '--json');
    expect([all.code, JSON.parse(all.stdout).sessions.length]).toEqual([0, 2]);
    const copy = join(dir, 'copy');
    await cp(folder, copy, { recursive: true });
    const { key } = JSON.parse((await as('carol', 'connectors', '--json')).stdout).connectors[0];
    const offline = await gatehouse(['verify', '--dir', copy, '--key', key]);
    expect(offline.stdout).toContain('signed with the connector’s registered key');
    expect(offline.code).toBe(0);
    const wrongKey = await gatehouse(['verify', '--dir', copy, '--key', 'A'.repeat(43)]);
    expect([wrongKey.code, wrongKey.stdout.includes('key_unknown')]).toEqual([1, true]);
  });

  it('stands in the log of sessions, which only grows, and with which a copy shows that nothing is left out', async () => {
    const file = (...names: string[]) => join(dir, 'archive', ...names);
    await cp(join(dir, 'objects', 'recordings'), file('recordings'), { recursive: true });
    await mkdir(file('log'));
    const saved = ['--save', file('log', 'checkpoint'), '--entries', file('log', 'entries')];
    const { stdout } = await as('carol', 'checkpoint', ...saved, '--json');
    const { key, size, checkpoint } = JSON.parse(stdout) as { key: string; size: number; checkpoint: string };
    expect([size, await readFile(file('log', 'checkpoint'), 'utf8')]).toEqual([4, checkpoint]);
    const listed = JSON.parse((await as('carol', 'connectors', '--json')).stdout).connectors[0];
    await writeFile(file('keys'), `connector ${listed.key}\nlog ${key}\n`);
    expect((await as('alice', 'verify', session, '--keys', file('keys'))).stdout).toContain("of the edge's log");

    const prove = () => gatehouse(['verify', '--dir', file(), '--keys', file('keys')]);
    const whole = await prove();
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining('All 2 proven.')]);
    expect(whole.stdout).not.toContain('no other session was left out');
    await rm(file('recordings', listed.id, session), { recursive: true });
    const lacking = await prove();
    expect([lacking.code, lacking.stdout]).toEqual([1, expect.stringContaining('not in this copy')]);

    const entries = (await readFile(file('log', 'entries'), 'utf8')).split('\n');
    await writeFile(file('log', 'entries'), entries.toSpliced(0, 1, entries[1] ?? '').join('\n'));
    expect((await prove()).stdout).toContain('its entries are not those of its checkpoint');

    const since = (...args: string[]) => as('carol', 'checkpoint', '--since', file('log', 'checkpoint'), ...args);
    expect((await since('--keys', file('keys'))).stdout).toContain('It continues the checkpoint of 4 entries.');
    // Nobody's word but that of the key that was kept.
    const other = key.replace(/\+[^+]+\+.*$/, '+00000000+AQ==');
    await writeFile(file('keys'), `log ${other}\n`);
    expect((await since('--keys', file('keys'))).code).toBe(2);
    await writeFile(file('log', 'checkpoint'), checkpoint.replace('\n4\n', '\n3\n'));
    const forged = await since();
    expect([forged.code, forged.stderr]).toEqual([1, expect.stringContaining('is not to be trusted')]);
  });
});

describe('tampering with the store', () => {
  interface Verdict {
    readonly code: number | null;
    readonly objects: readonly string[];
  }
  const verdict = async (): Promise<Verdict> => {
    const { code, stdout } = await as('carol', 'verify', session, '--json');
    return { code, objects: JSON.parse(stdout).faults.map(({ object }: { object: string }) => object) };
  };
  const overwrite = async (path: string, bytes: Uint8Array) => {
    await chmod(path, 0o600);
    await writeFile(path, bytes);
  };

  it('by one flipped byte, at the start, the middle and the end of each object, is found and named', async () => {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const path = join(folder, name);
      const whole = await readFile(path);
      for (const at of [0, Math.floor(whole.length / 2), whole.length - 1]) {
        const flipped = Buffer.from(whole);
        flipped.writeUInt8(whole.readUInt8(at) ^ 1, at);
        await overwrite(path, flipped);
        const { code, objects } = await verdict();
        expect([name, at, code]).toEqual([name, at, 1]);
        expect(objects).toContain(name);
      }
      await overwrite(path, whole);
    }
    expect(await verdict()).toEqual({ code: 0, objects: [] });
  }, 120_000);

  it('by a removed segment, a cut tail or a removed manifest is found and named', async () => {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
    for (const name of names) {
      await rename(join(folder, name), join(dir, 'aside'));
      const { code, objects } = await verdict();
      expect([name, code]).toEqual([name, 1]);
      expect(objects).toContain(name);
      await rename(join(dir, 'aside'), join(folder, name));
    }
  });

  it('by two swapped segments is found, and both are named', async () => {
    const [one, two] = [join(folder, '00000000.seg'), join(folder, '00000001.seg')];
    const swap = async () => {
      await rename(one, join(dir, 'aside'));
      await rename(two, one);
      await rename(join(dir, 'aside'), two);
    };
    await swap();
    const { code, objects } = await verdict();
    expect(code).toBe(1);
    expect(objects).toEqual(expect.arrayContaining(['00000000.seg', '00000001.seg']));
    await swap();
  });

  it('by removing the whole session is found by --all', async () => {
    await rename(folder, join(dir, 'aside'));
    const { code, stdout } = await as('carol', 'verify', '--all', '--json');
    await rename(join(dir, 'aside'), folder);
    expect(code).toBe(1);
    const report = JSON.parse(stdout).sessions.find((one: { session: string }) => one.session === session);
    expect(report.faults[0]).toMatchObject({ object: 'manifest.json', reason: 'manifest_missing' });
  });

  it('leaves a proof that holds once everything is back', async () => {
    expect(await verdict()).toEqual({ code: 0, objects: [] });
  });

  it('shows in a copy of the bucket as it is, since the edge exports its log of sessions', async () => {
    const bucket = join(dir, 'objects');
    const exported = () => readdir(join(bucket, 'log', 'checkpoints')).catch(() => []);
    await until(async () => (await exported()).some((name) => Number(name) === 4), 90_000);
    const listed = JSON.parse((await as('carol', 'connectors', '--json')).stdout).connectors[0];
    const { key } = JSON.parse((await as('carol', 'checkpoint', '--json')).stdout) as { key: string };
    const keys = join(dir, 'keys');
    await writeFile(keys, `connector ${listed.key}\nlog ${key}\n`);
    const prove = () => command(['verify', '--dir', bucket, '--keys', keys]);
    const whole = await prove();
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining('All 2 proven.')]);
    await rename(folder, join(dir, 'aside'));
    const lacking = await prove();
    await rename(join(dir, 'aside'), folder);
    expect([lacking.code, lacking.stdout]).toEqual([1, expect.stringContaining('not in this copy')]);
  }, 120_000);
});

describe('stopping and starting again', () => {
  it('stops on Ctrl-C and leaves no process and no dev.json', async () => {
    const { pids } = await dev();
    started.child.kill('SIGINT');
    expect(await started.exited).toBe(0);
    expect(Object.entries(pids).filter(([, pid]) => isAlive(pid))).toEqual([]);
    expect(existsSync(join(dir, 'dev.json'))).toBe(false);
    const down = await gatehouse(['sessions', '--json'], {
      GATEHOUSE_URL: `http://localhost:${base}`,
      GATEHOUSE_TOKEN: 'gat_x',
    });
    expect([down.code, JSON.parse(down.stderr).error.reason]).toEqual([3, 'unreachable']);
  });

  it('keeps sessions, grants and proofs over a second start', async () => {
    started = npmStart(startArgs());
    await untilReady(started);
    const page = SessionPage.parse(JSON.parse((await as('carol', 'sessions', '--json')).stdout));
    expect(page.sessions.map(({ id }) => id)).toContain(session);
    expect(page.sessions).toHaveLength(2);
    expect((await as('carol', 'verify', '--all')).code).toBe(0);
  });

  it('takes over even when every process was killed at once', async () => {
    const { pids } = await dev();
    for (const pid of Object.values(pids)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        // It ended by itself when one before it was gone.
        expect(error).toMatchObject({ code: 'ESRCH' });
      }
    }
    await started.exited;
    started = npmStart(startArgs());
    await untilReady(started);
    // Recordings that the kill cut short are completed in the background.
    let verified = await as('carol', 'verify', '--all');
    await until(async () => {
      verified = await as('carol', 'verify', '--all');
      return verified.code === 0;
    }, 20_000).catch(() => expect(verified).toMatchObject({ code: 0 }));
  });

  it('drops everything with --fresh, and takes a connector.yaml with targets of its own', async () => {
    started.child.kill('SIGTERM');
    await started.exited;
    const file = join(dir, 'mine.yaml');
    const target = '{ name: orders, protocol: postgres, host: 127.0.0.1, port: 1, user: nobody, tls: { mode: "off" } }';
    await writeFile(file, `resources:\n  - ${target}\n`);
    started = npmStart([...startArgs(), '--fresh', '--connector', file]);
    await untilReady(started);
    // A target that is away is told of and stops nothing.
    expect(started.output()).toMatch(
      /--connector: .*mine\.yaml:2:5: resources\[0\]: orders \(127\.0\.0\.1:1\): .*ECONNREFUSED/,
    );
    expect(existsSync(file)).toBe(true);
    const { resources } = JSON.parse((await as('alice', 'resources', '--json')).stdout);
    expect(resources).toMatchObject([{ name: 'orders', mayAsk: true }]);
    expect(JSON.parse((await as('carol', 'sessions', '--json')).stdout).sessions).toEqual([]);
    expect((await as('alice', 'request', 'orders', '--reason', 'x')).code).toBe(0);
  });

  it('leaves no process when it is killed without a chance to clean up', async () => {
    const { pids } = await dev();
    process.kill(pids.main ?? 0, 'SIGKILL');
    await started.exited;
    await until(() => Object.values(pids).every((pid) => !isAlive(pid)), 15_000);
  });
});

describe('npm start that cannot start', () => {
  const oneLine = async (run: Started): Promise<string> => {
    expect(await run.exited).not.toBe(0);
    const rows = run
      .output()
      .trimEnd()
      .split('\n')
      .filter((row) => !row.startsWith('  '));
    expect(rows).toHaveLength(1);
    return rows[0] ?? '';
  };

  it.each([
    [['--port-base', 'x'], '--port-base x'],
    [['--nope'], "Unknown option '--nope'"],
    [['--connector', '/nonexistent.yaml'], '--connector /nonexistent.yaml: there is no such file'],
  ])('says why in one line: %j', async (args, said) => {
    expect(await oneLine(npmStart(args, { cwd: tmpdir() }))).toContain(said);
  });

  it('names the key of a connector.yaml and of a policy that are wrong', async () => {
    const work = await mkdtemp(join(tmpdir(), 'gatehouse-bad-'));
    await writeFile(
      join(work, 'c.yaml'),
      'resources:\n  - { name: x, protocol: postgres, host: h, user: u, pasword: p }\n',
    );
    await writeFile(join(work, 'p.yaml'), 'administrators: [a]\nruls: []\n');
    const at = ['--data', join(work, 'd'), '--port-base', String(await freePortBase())];
    expect(await oneLine(npmStart([...at, '--connector', join(work, 'c.yaml')]))).toContain('pasword');
    const policy = npmStart([...at, '--policy', join(work, 'p.yaml')]);
    expect(await policy.exited).toBe(2);
    expect(policy.output().trimEnd().split('\n')).toEqual([
      expect.stringContaining('line 2, column 1: ruls: is not known here; did you mean rules?'),
    ]);
    await rm(work, { recursive: true });
  });

  it('says that it may not write, or that the folder is not its own', async () => {
    const work = await mkdtemp(join(tmpdir(), 'gatehouse-bad-'));
    await writeFile(join(work, 'file'), '');
    expect(await oneLine(npmStart(['--data', join(work, 'file')]))).toContain('it is not a folder');
    if (process.getuid?.() === 0) {
      expect(await oneLine(npmStart(['--data', join(work, 'd')], { uid: 65_534 }))).toContain(
        'no permission to write there',
      );
    }
    await rm(work, { recursive: true });
  });

  it('names any of its ports that is busy', async () => {
    const free = await freePortBase();
    const holder = createServer().listen(free + 20, '127.0.0.1');
    const work = await mkdtemp(join(tmpdir(), 'gatehouse-bad-'));
    expect(await oneLine(npmStart(['--data', work, '--port-base', String(free)]))).toContain(
      `port ${free + 20} is in use`,
    );
    holder.close();
    await rm(work, { recursive: true });
  });
});
