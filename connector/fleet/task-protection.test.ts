// Against a local agent that answers as its documentation says. Not covered: the agent's own rate limits, and what ECS does with it.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../logger.ts';
import { keepTaskProtected, protectionEndpoint } from './task-protection.ts';

let agent: Server;
let asked: { method: string | undefined; url: string | undefined; body: unknown }[];
let answer: (enabled: boolean) => { status: number; body: object };
let lines: { event: string; message?: string }[];
let sessions = 0;
let clock = 0;
let stop: () => void = () => {};

const granted: typeof answer = (enabled) => ({
  status: 200,
  body: {
    protection: {
      ...(enabled && { ExpirationDate: '2026-11-30T20:00:00Z' }),
      ProtectionEnabled: enabled,
      TaskArn: 'arn:aws:ecs:eu-west-1:111122223333:task/gatehouse/0123456789abcdef',
    },
  },
});

beforeEach(async () => {
  [asked, lines, sessions, clock, answer] = [[], [], 0, 0, granted];
  agent = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { ProtectionEnabled: boolean };
    asked.push({ method: request.method, url: request.url, body });
    const { status, body: said } = answer(body.ProtectionEnabled);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  });
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
  const found = protectionEndpoint({
    ECS_AGENT_URI: `http://127.0.0.1:${(agent.address() as AddressInfo).port}/api/0a1b/`,
  });
  if (!found.ok) throw new Error(found.error);
  stop = keepTaskProtected({
    endpoint: found.value,
    sessions: () => sessions,
    log: createLogger((line) => lines.push(JSON.parse(line)), { level: 'debug' }),
    now: () => clock,
    timing: { lookMs: 5, keepMs: 30_000, expiresMinutes: 60, retryMs: 20_000 },
  });
});
afterEach(async () => {
  stop();
  await new Promise((resolve) => agent.close(resolve));
});

const PROTECT = {
  method: 'PUT',
  url: '/api/0a1b/task-protection/v1/state',
  body: { ProtectionEnabled: true, ExpiresInMinutes: 60 },
};
/** Long enough for the hook to have looked several times. */
const looked = async () => {
  let turns = 0;
  await expect.poll(() => ++turns, { interval: 5 }).toBeGreaterThan(12);
};

test('is asked for while sessions run, again before it ends, and given up half a minute after the last', async () => {
  await looked();
  expect(asked).toEqual([]);
  sessions = 1;
  await expect.poll(() => asked).toEqual([PROTECT]);
  clock = 29 * 60_000;
  await looked();
  expect(asked).toHaveLength(1);
  clock = 31 * 60_000;
  await expect.poll(() => asked).toEqual([PROTECT, PROTECT]);
  sessions = 0;
  await looked();
  clock += 29_000;
  await looked();
  expect(asked).toHaveLength(2);
  clock += 2_000;
  await expect.poll(() => asked.at(-1)?.body).toEqual({ ProtectionEnabled: false });
  await expect.poll(() => lines.map(({ event }) => event)).toEqual(['task.protected', 'task.unprotected']);
});

test.each([
  [
    'a failure',
    { status: 200, body: { failure: { Arn: 'arn', Detail: null, Reason: 'TASK_NOT_VALID' } } },
    'TASK_NOT_VALID',
  ],
  [
    'an error',
    { status: 403, body: { error: { Arn: 'arn', Code: 'AccessDeniedException', Message: 'not authorized' } } },
    'AccessDeniedException',
  ],
  ['something else', { status: 200, body: { protection: { ProtectionEnabled: false } } }, 'nothing that is known'],
])('%s is told with its reason, and tried again later', async (_name, said, reason) => {
  answer = () => said;
  sessions = 1;
  await expect.poll(() => lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ event: 'task.not_protected', message: expect.stringContaining(reason) });
  await looked();
  expect(asked).toHaveLength(1);
  answer = granted;
  clock = 20_000;
  await expect.poll(() => lines.at(-1)?.event).toBe('task.protected');
});

test('outside of ECS it is refused, by the name of what is missing', () => {
  for (const environment of [{}, { ECS_AGENT_URI: 'no address' }])
    expect(protectionEndpoint(environment)).toMatchObject({
      ok: false,
      error: expect.stringContaining('ECS_AGENT_URI'),
    });
});
