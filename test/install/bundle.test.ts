// The bundled connector as it is installed: the file alone in a folder, run with nothing of the repository near it. A session
// by psql to a real PostgreSQL through both of its threads and the parser's WebAssembly; an older Node; its bill of materials.

import { execFile } from 'node:child_process';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleConnector } from '../../connector/install/bundle.ts';
import type { FromEdge } from '../../core/control.ts';
import { newId } from '../../core/ids.ts';
import { type ConnectorProcess, runConnector } from '../connector/connector-process.ts';
import { answerAll, type FakeEdge, JOIN_TOKEN, RULES, startFakeEdge } from '../connector/fake-edge.ts';
import { type OwnDatabase, ownDatabase } from '../harness/postgres/own-database.ts';
import { findClient } from '../harness/postgres/postgres.ts';

const SECRET = 'ght_0123456789';
const run = promisify(execFile);
let directory: string;
let bundle: Awaited<ReturnType<typeof bundleConnector>>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-bundle-'));
  bundle = await bundleConnector(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const psql = findClient('psql');
describe.skipIf(psql === undefined)('a session through the bundled file', () => {
  let edge: FakeEdge;
  let database: OwnDatabase;
  let connector: ConnectorProcess;
  let port: number;

  beforeAll(async () => {
    [edge, database] = await Promise.all([startFakeEdge(), ownDatabase()]);
    edge.onMessage = (message, reply) => answerAll(message, (answer) => reply(withGrantAndRules(answer)));
    writeFileSync(
      join(directory, 'connector.yaml'),
      `resources:
  - { name: demo, protocol: postgres, host: ${database.host}, port: ${database.port}, user: postgres, database: ${database.database}, tls: { mode: 'off' } }
`,
    );
    writeFileSync(join(directory, 'join-token'), JOIN_TOKEN);
    const at = (name: string) => join(directory, name);
    connector = runConnector(
      [
        ...['--config', at('connector.yaml'), '--name', 'dev', '--edge', edge.origin, '--state', at('state')],
        ...['--store-directory', at('objects'), '--listen-postgres', '127.0.0.1:0', '--health', '127.0.0.1:0'],
        ...['--join-token-file', at('join-token')],
      ],
      {},
      bundle.file,
    );
    const ready = (await connector.event('ready')) as unknown as { listeners: { postgres: { port: number } } };
    port = ready.listeners.postgres.port;
  });
  afterAll(async () => {
    connector?.child.kill('SIGKILL');
    await connector?.ended;
    await database?.drop();
    await edge?.close();
  });

  const ask = async (sql: string): Promise<string> => {
    const file = join(directory, 'asked.sql');
    writeFileSync(file, sql);
    const uri = `host=127.0.0.1 port=${port} user=alice@example.com dbname=demo sslmode=disable`;
    const ended = await run(psql ?? '', ['-X', '-A', '-t', '-f', file, uri], { env: { PGPASSWORD: SECRET } });
    return ended.stdout + ended.stderr;
  };

  it('answers, refuses what a rule blocks, and reads a large text in its thread', async () => {
    expect(await ask('select 6 * 7')).toBe('42\n');
    expect(await ask('drop table if exists t')).toMatch(/ERROR: .*Gatehouse/s);
    const padding = `/* ${'x'.repeat(40_000)} */`;
    expect(await ask(`select 1 ${padding}`)).toBe('1\n');
    expect(await ask(`${padding} drop table if exists t`)).toMatch(/ERROR: .*Gatehouse/s);
    expect(connector.output()).not.toMatch(/"event":"(?:bug|connector\.fault)"/);
  });

  it('stores the recordings by its archiver’s thread, and ends with 0', async () => {
    await vi.waitFor(() => {
      const stored = readdirSync(join(directory, 'objects'), { recursive: true }).map(String);
      expect(stored.filter((name) => name.endsWith('manifest.json')).length).toBeGreaterThanOrEqual(4);
    }, 15_000);
    connector.child.kill('SIGTERM');
    expect(await connector.ended).toEqual({ code: 0, stderr: '' });
  });
});

/** As the edge that issued SECRET answers, with a rule that the parser has to read statements for. */
function withGrantAndRules(answer: FromEdge): FromEdge {
  if (answer.kind === 'session.admitted') {
    return { ...answer, rules: { ...RULES, statements: [{ block: ['drop'] }] } };
  }
  if (answer.kind !== 'grants.found') return answer;
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync(SECRET, Buffer.from(answer.salt, 'base64'), answer.iterations, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const verifier = { storedKey, serverKey: hmac(salted, 'Server Key').toString('base64') };
  const until = new Date(Date.now() + 3_600_000).toISOString();
  return { ...answer, candidates: [{ id: newId('grt'), verifier, until, revoked: false }] };
}

it('imports nothing but what every Node has', () => {
  const imported = readFileSync(bundle.file, 'utf8').matchAll(/^import\b[^;]*?from\s*["']([^"']+)["']/gm);
  const names = [...imported].map(([, name = '']) => name.replace(/^node:/, ''));
  expect(names.filter((name) => name !== 'module' || !builtinModules.includes(name))).toEqual([]);
});

const OLD = '/usr/bin/node';
const old = existsSync(OLD) ? await run(OLD, ['--version']).then(({ stdout }) => stdout.startsWith('v20.')) : false;
it.skipIf(!old)('says on an older Node which one it needs', async () => {
  await expect(run(OLD, [bundle.file, '--help'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^gatehouse connector: Node 20\S+ is too old: install Node 24.*\n$/),
  });
});

it('comes with a bill of materials of what is in it, and of nothing else', () => {
  const bill = JSON.parse(readFileSync(bundle.sbom, 'utf8'));
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
  const digest = createHash('sha256').update(readFileSync(bundle.file)).digest('hex');
  expect(bill.metadata.component.hashes).toEqual([{ alg: 'SHA-256', content: digest }]);
  const purls: string[] = bill.components.map(({ purl }: { purl: string }) => purl);
  for (const name of ['libpg-query', 'ssh2', 'ws', '%40aws-sdk/client-s3'])
    expect(purls.filter((purl) => purl.startsWith(`pkg:npm/${name}@`))).toHaveLength(1);
  expect(purls.filter((purl) => /esbuild|aws-cdk|hono|vitest/.test(purl))).toEqual([]);
  for (const { hashes, licenses } of bill.components) {
    expect(hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
    expect(licenses).toHaveLength(1);
  }
});
