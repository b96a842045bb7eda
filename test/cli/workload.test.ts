// `gatehouse request --workload`: where a job's token comes from, and that it is shown nowhere. The API is a stand-in; what it makes of
// tokens is tested at the edge (edge/identity/workload). So is GitHub's runner, which answers as its documentation says.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { fault, useFakeApi } from './fake-api.ts';
import { command } from './run-cli.ts';

const { replies, seen, origin } = useFakeApi();
const TOKEN = 'aGVhZGVy.Y2xhaW1z.c2lnbmF0dXJl';
const ISSUED = {
  grant: { id: `grt_${'0'.repeat(25)}1`, secret: 'ght_secret', resource: 'orders', until: '2026-11-30T12:00:00.000Z' },
  connect: { psql: 'psql ...' },
};
const EXCHANGE = 'POST /api/v1/grants/exchange';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-workload-'));
  await writeFile(join(folder, 'token'), `${TOKEN}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

const run = (env: Record<string, string>, ...args: string[]) =>
  command(['request', 'orders', ...args], { GATEHOUSE_URL: origin(), ...env });
const runner = () => ({
  ACTIONS_ID_TOKEN_REQUEST_URL: `${origin()}/token?api-version=2.0`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-runner',
});
const sent = () => JSON.parse(seen.find(({ url }) => url.endsWith('/exchange'))?.body ?? 'null');

describe('a token', () => {
  test("of GitHub Actions is asked of the runner, for Gatehouse's address, and the grant is printed as JSON", async () => {
    replies['GET /token'] = { body: { value: TOKEN, count: 10 } };
    replies[EXCHANGE] = { body: ISSUED };
    const done = await run(runner(), '--workload', 'github-actions', '--task', 'OPS-7', '--for', '10m');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(done.stdout)).toEqual(ISSUED);
    const [asked] = seen;
    expect(asked?.authorization).toBe('Bearer of-the-runner');
    expect(new URL(asked?.url ?? '', origin()).searchParams.get('audience')).toBe(origin());
    expect(sent()).toEqual({
      subject_token: TOKEN,
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      resource: 'orders',
      reason: '',
      seconds: 600,
      task: 'OPS-7',
    });
    await run({ ...runner(), GATEHOUSE_AUDIENCE: 'https://other' }, '--workload', 'github-actions');
    expect(seen.at(-2)?.url).toContain('audience=https%3A%2F%2Fother');
    // Nobody's login goes along.
    expect(seen.at(-1)?.authorization).toBeUndefined();
  });

  test.each<[string, () => Promise<{ code: number | null }>]>([
    ['the variable of GitLab', () => run({ GATEHOUSE_ID_TOKEN: TOKEN }, '--workload', 'gitlab')],
    ['a variable of another name', () => run({ MINE: TOKEN }, '--workload', 'gitlab', '--token-env', 'MINE')],
    ['a file', () => run({}, '--workload', 'gcp', '--token-file', join(folder, 'token'))],
  ])('comes from %s', async (_name, act) => {
    replies[EXCHANGE] = { body: ISSUED };
    expect((await act()).code).toBe(0);
    expect(sent().subject_token).toBe(TOKEN);
  });

  test('comes from standard input', async () => {
    replies[EXCHANGE] = { body: ISSUED };
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    stdin.end(`${TOKEN}\n`);
    const said = text(stdout);
    const args = ['request', 'orders', '--workload', 'buildkite', '--token-file', '-'];
    expect(await runCommand({ stdin, stdout, stderr, env: { ...BARE_ENV, GATEHOUSE_URL: origin() } }, args)).toBe(0);
    stdout.end();
    expect(JSON.parse(await said)).toEqual(ISSUED);
    expect(sent().subject_token).toBe(TOKEN);
  });
});

describe('it does not work', () => {
  test.each<[string, Record<string, string>, string[], number, string]>([
    ['without the permission', {}, ['--workload', 'github-actions'], 2, 'permissions: { id-token: write }'],
    ['without a token', {}, ['--workload', 'gitlab'], 2, 'GATEHOUSE_ID_TOKEN is not set'],
    [
      'with the token on the command line',
      {},
      ['--workload', 'gitlab', '--token-env', TOKEN],
      2,
      'not the token itself',
    ],
    ['with what is no token', { GATEHOUSE_ID_TOKEN: 'hunter2' }, ['--workload', 'gitlab'], 2, 'holds no signed token'],
    ['of an unknown kind', {}, ['--workload', 'jenkins'], 2, 'expected github-actions, gitlab, buildkite, gcp, oidc'],
    [
      'with two places for the token',
      {},
      ['--workload', 'gcp', '--token-env', 'A', '--token-file', 'b'],
      2,
      'name one of them',
    ],
    ['from a file that is not there', {}, ['--workload', 'gcp', '--token-file', '/nonexistent/token'], 2, 'ENOENT'],
    ['and waits', {}, ['--workload', 'gitlab', '--wait', '5'], 2, '--wait is for people'],
    ['with its options alone', {}, ['--token-env', 'A'], 2, 'go with --workload'],
    [
      'with the runner in the clear',
      { ACTIONS_ID_TOKEN_REQUEST_URL: 'http://runner.example/token', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-runner' },
      ['--workload', 'github-actions'],
      2,
      'expected https',
    ],
  ])('%s', async (_name, env, args, code, message) => {
    const done = await run(env, ...args);
    expect([done.code, done.stderr]).toEqual([code, expect.stringContaining(message)]);
    expect(done.stderr).not.toContain('hunter2');
    expect(done.stderr).not.toContain(TOKEN);
    expect(seen).toEqual([]);
  });

  test('when the runner or Gatehouse refuses: why, and never the token', async () => {
    const away = await run(runner(), '--workload', 'github-actions');
    expect([away.code, away.stderr]).toEqual([3, expect.stringContaining('GitHub gives no token: it answered 404')]);
    replies['GET /token'] = { body: { value: 'not-a-token' } };
    expect((await run(runner(), '--workload', 'github-actions')).stderr).toContain(
      "GitHub's answer holds no signed token",
    );
    replies['GET /token'] = { body: { value: TOKEN } };
    replies[EXCHANGE] = { status: 403, body: fault('denied', 'No rule names this program.') };
    const denied = await run(runner(), '--workload', 'github-actions');
    expect([denied.code, denied.stdout]).toEqual([1, '']);
    expect(denied.stderr).toContain('No rule names this program.');
    expect(denied.stderr).not.toContain(TOKEN);
    expect(denied.stderr).not.toContain('of-the-runner');
  });
});
