// What the tests of this folder share: one `npm start -- --policy docs/examples/policy.yaml`, with a Slack that is a
// server of the test.

import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { command, type Finished, freePortBase, npmStart, type Started, untilReady } from '../../cli/run-cli.ts';

export const EXAMPLE = resolve(import.meta.dirname, '../../../docs/examples/policy.yaml');
export const PSQL_FOLDER = ['/usr/lib/postgresql/15/bin', '/usr/bin'].find((folder) =>
  existsSync(join(folder, 'psql')),
);
const SIGNING = 'a-signing-secret-of-this-test';

/** The test's own folder, and npm start's. */
export let root: string;
export let data: string;
export let base: number;
/** What Slack was sent. */
export const heard: { method: string; body: string }[] = [];

export function withExamplePolicy(): void {
  let started: Started;
  let slack: Server;

  beforeAll(async () => {
    slack = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const method = request.url?.replace('/api/', '') ?? '';
      heard.push({ method, body });
      const said =
        method === 'users.info'
          ? { user: { team_id: 'T1', profile: { email: 'bob@example.com' } } }
          : { channel: 'C1', ts: '1.000001' };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, ...said }));
    }).listen(0, '127.0.0.1');
    await new Promise((resume) => slack.once('listening', resume));
    root = await mkdtemp(join(tmpdir(), 'gatehouse-example-'));
    data = join(root, 'data');
    base = await freePortBase();
    started = npmStart(['--data', data, '--port-base', String(base), '--policy', EXAMPLE], {
      env: {
        SLACK_API_URL: `http://127.0.0.1:${(slack.address() as AddressInfo).port}/api`,
        SLACK_BOT_TOKEN: 'xoxb-of-this-test',
        SLACK_SIGNING_SECRET: SIGNING,
        SLACK_CHANNEL: '#approvals',
      },
    });
    await untilReady(started);
  });

  afterAll(async () => {
    started?.child.kill('SIGTERM');
    await started?.exited;
    slack?.close();
    await rm(root, { recursive: true, force: true });
  });
}

export const as = (person: string, ...args: string[]): Promise<Finished> =>
  command(['--data', data, '--as', person, '--json', ...args]);

/** What it printed, read as JSON. */
export const answer = async (person: string, ...args: string[]) => JSON.parse((await as(person, ...args)).stdout);

/** bob puts a text in force, in the place of whatever is. */
export async function applyPolicy(text: string): Promise<Finished> {
  const file = join(root, 'next.yaml');
  await writeFile(file, text);
  return as('bob', 'policy', 'apply', '--file', file, '--yes');
}

/** bob presses Approve on the message of a request. */
export async function approveInSlack(id: string): Promise<void> {
  const body = new URLSearchParams({
    payload: JSON.stringify({
      type: 'block_actions',
      user: { id: 'U1', team_id: 'T1' },
      team: { id: 'T1' },
      trigger_id: '1.2.3',
      channel: { id: 'C1' },
      actions: [{ action_id: 'gatehouse_approve', value: id }],
    }),
  }).toString();
  const at = String(Math.floor(Date.now() / 1000));
  const response = await fetch(`http://localhost:${base}/slack/interactions`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': at,
      'x-slack-signature': `v0=${createHmac('sha256', SIGNING).update(`v0:${at}:${body}`).digest('hex')}`,
    },
  });
  expect(response.status).toBe(200);
}
