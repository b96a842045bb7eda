// How often a request asks Durable Objects: three calls at most (who asks, under which policy; that it is looked at; what is shown), but
// for what is listed here. A call for each connector that was seen lately, where its standing is shown, is not counted: there is none here.

import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemIdSource } from '../../core/ids.ts';
import { createApp } from '../app.ts';
import { createDeps } from '../deps.ts';
import type { Env } from '../env.ts';
import { SESSION_COOKIE } from '../identity/cookies.ts';
import { hashToken, newToken } from '../keys.ts';
import { remote } from '../objects/rpc.ts';
import { admitted } from '../test/admissions.ts';
import { EDGE } from '../test/browser.ts';
import { countObjectCalls } from '../test/objects/counted-objects.ts';
import { callerAs, person } from '../test/people.ts';
import { SESSIONS } from '../test/sessions.ts';

const MOST = 3;
/** What is shown comes from as many objects. */
const MORE: Readonly<Record<string, number>> = {
  // Resources, grants, sessions; of an auditor also requests, holds, and how the export stands, each look written down.
  '/': 10,
  // The session, and what the witness has of it: its rows are in one object, the log's in another.
  '/sessions/:id': 4,
  '/api/v1/witness/:id': 6,
  '/api/v1/witness': 4,
  // Which names it has that nothing bears: of resources, of groups that people came with, of the directory's groups.
  '/policy': 4,
  '/api/v1/policy': 4,
  // The invitation, and whoever came by it with what it serves.
  '/connectors/join-tokens/:id': 4,
  // The session, and what the retention has of it.
  '/sessions/:id/retention': 4,
  '/api/v1/sessions/:session/retention': 4,
  // The session, whether it runs, and what was asked for already.
  '/sessions/:id/end': 4,
  '/sessions/:id/unlock': 5,
  '/api/v1/sessions/:id/originals': 4,
};

const objects = countObjectCalls(env as unknown as Env);
const app = createApp(createDeps(objects.env));
const most = new Map<string, { calls: readonly string[]; status: number }>();

async function ask(path: string, headers: Record<string, string>): Promise<Response> {
  const address = path.replace(/:(?:id|session)(?=\/|$)|\{(?:id|session)\}/, SESSIONS.ofAlice.id);
  objects.taken();
  const response = await app.fetch(new Request(EDGE + address, { headers }), objects.env, {} as ExecutionContext);
  await response.arrayBuffer();
  const calls = objects.taken();
  if (calls.length >= (most.get(path)?.calls.length ?? 0)) most.set(path, { calls, status: response.status });
  return response;
}

beforeAll(async () => {
  // A deployment's very first request applies the policy of the settings.
  await (await callerAs('carol')).get('/me');
  await admitted(...Object.values(SESSIONS));
  const paths = new Set(app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path));
  for (const name of ['alice', 'bob', 'carol']) {
    const token = newToken('gbs', systemIdSource.random);
    await remote(env.DIRECTORY).startBrowserSession(await hashToken(token), person(name));
    const { token: api } = await callerAs(name);
    const headers = { cookie: `${SESSION_COOKIE}=${token.reveal()}` };
    for (const path of paths) await ask(path, path.startsWith('/api/') ? { authorization: `Bearer ${api}` } : headers);
  }
}, 60_000);
afterAll(() => most.clear());

test('every page and every answer of the API comes from three calls at most, but for those that say more', () => {
  expect(most.size).toBeGreaterThan(70);
  const over = [...most].flatMap(([path, { calls }]) => (calls.length > (MORE[path] ?? MOST) ? [{ path, calls }] : []));
  expect(over).toEqual([]);
  // What is listed is needed, and pages were really shown.
  const unneeded = Object.keys(MORE).filter((path) => most.has(path) && (most.get(path)?.calls.length ?? 0) <= MOST);
  expect(unneeded).toEqual([]);
  expect([...most.values()].filter(({ status }) => status === 200).length).toBeGreaterThan(40);
});

test('a request asks for the policy once, with who it comes from; a policy that stayed the same is not sent again', async () => {
  const { token } = await callerAs('carol');
  const authorization = { authorization: `Bearer ${token}` };
  const policies = (calls: readonly string[]) => calls.filter((call) => /polic|visit/i.test(call));
  for (const path of ['/api/v1/me', '/api/v1/policy', '/api/v1/retention', '/api/v1/audit']) {
    most.delete(path);
    expect((await ask(path, authorization)).status).toBe(200);
    expect(policies(most.get(path)?.calls ?? [])).toEqual(['DIRECTORY.visit']);
  }
  expect(most.get('/api/v1/me')?.calls).toEqual(['DIRECTORY.visit']);
});

test('a policy that was applied holds for the next request, in every isolate that kept the one before', async () => {
  const [bob, carol] = [await callerAs('bob'), await callerAs('carol')];
  const exportAsCarol = () => ask('/api/v1/audit/export', { authorization: `Bearer ${carol.token}` });
  expect((await exportAsCarol()).status).toBe(200);
  const { text, version } = (await (await bob.get('/policy')).json()) as { text: string; version: number };
  const without = text.replace('auditors: ["demo:auditors"]', 'auditors: ["demo:others"]');
  expect((await bob.send('PUT', '/policy', { text: without, after: version })).status).toBe(200);
  expect((await exportAsCarol()).status).toBe(403);
  expect((await bob.send('PUT', '/policy', { text, after: version + 1 })).status).toBe(200);
  expect((await exportAsCarol()).status).toBe(200);
});
