// gatehouse original, from a real recording through the functions' own routes: what masks hid comes back in the export's form, and
// whatever is wrong on the way ends it. age itself opens the session's key, and seals one that the CLI opens.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import { originalName, segmentName } from '../../core/recording/segment.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';
import type { CatalogueReader } from '../../functions/catalogue-table/reader.ts';
import { createFunctionsApp } from '../../functions/app.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import { openLog, RecordedClient, testConnector, verifyStored } from '../harness/recording.ts';
import { command } from './run-cli.ts';

const connector = testConnector();
const STATEMENT = "select name from people where email = '[email]***********'";
const CLEAR = "select name from people where email = 'zoe@hidden.example'";
const TURN = () => new Promise((resolve) => setImmediate(resolve));
let place = '';
let server: Server;
let session: SessionId;
let manifest: NonNullable<VerifyReport['manifest']>;
let witnessed: object;
/** What the edge answers to those who ask for originals. */
let locked = true;
const path = (name: string) => join(place, name);
const inStore = (name: string) => join(path('objects'), 'recordings', connector.id, session, name);

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'gatehouse-original-'));
  const [mine, other] = [await generateX25519Identity(), await generateX25519Identity()];
  keep('mine', `# created: today\n# public key: age1\n${mine}\n`);
  keep('other', `${other}\n`);
  session = newId('ses');
  const { log } = await openLog(connector, path('connector'), { store: { kind: 'directory', root: path('objects') } });
  const to = [await identityToRecipient(mine)];
  const client = new RecordedClient(connector, log, session, { to, originals: await log.keepOriginals(session, to) });
  const hidden = STATEMENT.indexOf('[email]');
  client.send('client', STATEMENT, [
    { at: hidden, length: 18, clear: Buffer.from(CLEAR).subarray(hidden, hidden + 18) },
  ]);
  client.recorder.fact(0, {
    kind: 'statement.started',
    action: 1,
    form: 'simple',
    text: STATEMENT,
    at: { direction: 'client', lane: 0, offset: 0, length: STATEMENT.length },
  });
  client.send('target', 'row [email]', [{ at: 4, length: 7, clear: Buffer.from('zoe@hidden.example') }]);
  await TURN();
  client.end();
  await log.drain(20_000);
  await log.close();
  const report = await verifyStored(path('objects'), connector, session);
  if (!report.manifest || !report.manifestDigest) throw new Error('there is no manifest');
  manifest = report.manifest;
  const at = new Date().toISOString();
  const stored = { digest: report.manifestDigest, segments: manifest.segments.length, at };
  const heads = manifest.segments.map(({ number, digest }) => ({ number, digest, at }));
  witnessed = { session, connector: connector.id, heads, manifest: stored };
  await listen();
});
afterAll(() => {
  server.close();
  rmSync(place, { recursive: true, force: true });
});

function keep(name: string, text: string, mode = 0o600): void {
  writeFileSync(path(name), text);
  chmodSync(path(name), mode);
}

/** As the edge: it hands on what the functions answer, and originals where they are unlocked. */
async function listen(): Promise<void> {
  const app = createFunctionsApp({
    edgeKey: undefined,
    catalogue: {} as CatalogueReader,
    reader: directoryReader(path('objects')),
    platform: nodeRecordingPlatform,
    report: (event) => expect.unreachable(JSON.stringify(event)),
  });
  const key = Buffer.from(connector.publicKey).toString('base64url');
  const listed = { id: connector.id, name: 'test', key, online: true, joinedAt: new Date().toISOString() };
  server = createServer(async (request, response) => {
    const below = (request.url ?? '').replace('/api/v1', '');
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (below === '/connectors') return json(200, { connectors: [listed] });
    if (below === `/witness/${session}`) return json(200, witnessed);
    if (!/^\/sessions\/\w+\/o/.test(below)) return json(404, { error: { reason: 'not_found', message: 'none' } });
    if (below.endsWith('/originals') && locked)
      return json(403, { error: { reason: 'unlock_needed', message: 'Two people have to agree first.' } });
    const answer = await app.request(`${below}?connector=${connector.id}`);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
}

const run = (...args: string[]) =>
  command(args, {
    GATEHOUSE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    GATEHOUSE_TOKEN: 'gat_secret',
  });
const original = (identity: string, ...more: string[]) =>
  run('original', session, '--identity', path(identity), ...more);
type Line = { kind: string; restored?: true; base64?: string; fact?: { kind: string; text?: string } };
const linesOf = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const bytesOf = ({ base64 = '' }: Line) => Buffer.from(base64, 'base64').toString();

it('is not handed out before it is unlocked', async () => {
  locked = true;
  expect(await original('mine')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Two people have to agree'),
  });
  locked = false;
});

it('puts back statements, results and bytes, in the form of an export', async () => {
  const { code, stdout } = await original('mine');
  expect(code).toBe(0);
  const lines = linesOf(stdout);
  expect(lines.filter(({ kind }) => kind === 'bytes').map(bytesOf)).toEqual([CLEAR, 'row zoe@hidden.example']);
  expect(lines.find(({ fact }) => fact?.kind === 'statement.started')).toMatchObject({
    fact: { text: CLEAR },
    restored: true,
  });
  expect(lines.filter(({ restored }) => restored)).toHaveLength(3);
  const saved = await original('mine', '-o', path('out'), '--json');
  expect(JSON.parse(saved.stdout)).toMatchObject({ session, restored: 3 });
  expect(readFileSync(path('out'), 'utf8')).toBe(stdout);
  expect(statSync(path('out')).mode & 0o777).toBe(0o600);
});

it('says whose key it takes, and what is wrong with the identity’s file', async () => {
  const stderr = async (identity: string) => (await original(identity)).stderr;
  expect(await stderr('other')).toContain(
    `it is sealed to ${manifest.opened?.grant.obligations.record.originals?.[0]}`,
  );
  expect(await stderr('nowhere')).toContain('cannot read');
  keep('open', readFileSync(path('mine'), 'utf8'), 0o644);
  expect(await stderr('open')).toContain('others on this machine may read');
  keep('public', `${manifest.opened?.grant.obligations.record.originals?.[0]}\n`);
  expect(await stderr('public')).toContain('is a public key');
  keep('broken', 'AGE-SECRET-KEY-1QQQ\n');
  expect(await stderr('broken')).toContain('is no identity of age');
  expect(await stderr('broken')).not.toContain('QQQ');
  keep('empty', '# nothing\n');
  expect(await stderr('empty')).toContain('has no identity');
});

it('what is stored is not handed out to who may verify, and verify says so', async () => {
  const report = await run('verify', session);
  expect(report.stdout).toContain('what masks hid in 2 frames is kept, sealed to 1 key');
  expect(report.stdout).toContain('only who unlocks it is handed it');
  const key = Buffer.from(connector.publicKey).toString('base64url');
  expect((await run('verify', '--dir', path('objects'), '--key', key)).code).toBe(0);
  const { port } = server.address() as AddressInfo;
  const object = await fetch(`http://127.0.0.1:${port}/api/v1/sessions/${session}/objects/${originalName(0)}`);
  expect(object.status).toBe(404);
  expect((await fetch(object.url.replace(originalName(0), segmentName(0)))).status).toBe(200);
});

it('an original that was changed, cut or removed ends it, and leaves no file', async () => {
  const whole = readFileSync(inStore(originalName(0)));
  const changed = Buffer.from(whole);
  changed[20] = (changed[20] ?? 0) ^ 1;
  for (const bytes of [changed, whole.subarray(0, -1)]) {
    writeFileSync(inStore(originalName(0)), bytes);
    const { code, stderr } = await original('mine', '-o', path('none'));
    expect([code, stderr.includes('it is not what was stored there'), existsSync(path('none'))]).toEqual([
      1,
      true,
      false,
    ]);
    expect((await run('verify', '--dir', path('objects'))).stdout).toContain('not what was stored there');
  }
  rmSync(inStore(originalName(0)));
  expect(await original('mine')).toMatchObject({ code: 1, stderr: expect.stringContaining('is missing') });
  expect((await run('verify', session)).stdout).toContain('is missing');
  writeFileSync(inStore(originalName(0)), whole);
  expect((await original('mine')).code).toBe(0);
});

const hasAge = existsSync('/usr/bin/age-keygen');
it.skipIf(!hasAge)(
  'age opens what the connector seals, and the CLI what is sealed to a key of age-keygen',
  async () => {
    writeFileSync(path('key.age'), Buffer.from(manifest.opened?.originals?.key ?? '', 'base64'));
    const key = execFileSync('age', ['--decrypt', '--identity', path('mine'), path('key.age')]);
    expect(key).toHaveLength(32);
    execFileSync('age-keygen', ['--output', path('theirs')], { stdio: 'ignore' });
    const recipient = execFileSync('age-keygen', ['-y', path('theirs')])
      .toString()
      .trim();
    execFileSync('age', ['--encrypt', '--recipient', recipient, '--output', path('theirs.age')], { input: key });
    const { openSessionKey } = await import('../../cli/originals/restore-session.ts');
    const { readIdentities } = await import('../../cli/originals/identity-file.ts');
    const opened = manifest.opened && {
      ...manifest.opened,
      originals: { key: readFileSync(path('theirs.age')).toString('base64') },
    };
    const found = await openSessionKey({ ...manifest, opened }, await readIdentities(path('theirs')), 'theirs');
    expect(Buffer.from(found.reveal()).equals(key)).toBe(true);
  },
);
