// Exports that come in parts, and files out of recordings: links only to who may view, once it is written down, and once a look.

import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { admitted } from '../test/admissions.ts';
import { audit } from '../test/grants.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { PARTS, SESSIONS } from '../test/sessions.ts';

const { ofAlice } = SESSIONS;
const FUNCTIONS = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
const path = `/sessions/${ofAlice.id}/export`;
let people: Record<'alice' | 'carol' | 'mallory', Caller>;
beforeAll(async () => {
  await admitted(ofAlice);
  people = { alice: await callerAs('alice'), carol: await callerAs('carol'), mallory: await callerAs('mallory') };
});

const newest = async (limit: number) =>
  (await audit.list({ limit })).entries.map(({ kind, actor, details }) => [kind, actor.split('@')[0], details]);
const lastSequence = async () => (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;

test('links are given to nobody who may not view the session', async () => {
  for (const query of ['format=text', 'format=ndjson&part=0', 'format=file&file=1']) {
    const response = await people.mallory.get(`${path}?${query}`);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain('store.test');
  }
});

test('each export is an entry, and whoever asks again for its parts looks no second time', async () => {
  const before = await lastSequence();
  for (const query of ['', '&part=0', '&part=0', '&part=50']) {
    const response = await people.carol.get(`${path}?format=text${query}`);
    expect([response.status, await response.json()]).toEqual([202, PARTS]);
  }
  expect(await lastSequence()).toBe(before + 2);
  expect(await newest(2)).toEqual([
    ['session.exported', 'carol', { format: 'text', parts: true }],
    ['session.exported', 'carol', { format: 'text' }],
  ]);
});

test('parts of another export, of another file, and for somebody else are looks of their own', async () => {
  const before = await lastSequence();
  await (await people.carol.get(`${path}?format=csv&statement=3&part=0`)).text();
  await (await people.carol.get(`${path}?format=file&file=%2Fetc%2Fpasswd&part=0`)).text();
  await (await people.alice.get(`${path}?format=text&part=0`)).text();
  expect(await lastSequence()).toBe(before + 3);
  expect(await newest(3)).toEqual([
    ['session.exported', 'alice', { format: 'text', parts: true }],
    ['session.exported', 'carol', { format: 'file', file: '/etc/passwd', parts: true }],
    ['session.exported', 'carol', { format: 'csv', statement: 3, parts: true }],
  ]);
});

test('the entry says what makes the file what it is, by its format, and nothing that does not', async () => {
  const before = await lastSequence();
  for (const query of [
    'format=text&statement=2&all=true&exact=true',
    'format=ndjson&statement=2&lane=1',
    'format=csv&statement=2&exact=true&all=true',
    'format=asciicast&asciicast=2&lane=1&statement=4',
  ])
    await (await people.carol.get(`${path}?${query}`)).text();
  expect(await newest(4)).toEqual([
    ['session.exported', 'carol', { format: 'asciicast', asciicast: 2, lane: 1 }],
    ['session.exported', 'carol', { format: 'csv', statement: 2, exact: 'true' }],
    ['session.exported', 'carol', { format: 'ndjson' }],
    ['session.exported', 'carol', { format: 'text', statement: 2, all: 'true' }],
  ]);
  // Of another statement it is another look; with what changes nothing it is the same.
  for (const query of ['statement=2', 'statement=5', 'statement=5&lane=3'])
    await (await people.carol.get(`${path}?format=markdown&part=0&${query}`)).text();
  expect(await lastSequence()).toBe(before + 6);
  expect(await newest(2)).toEqual([
    ['session.exported', 'carol', { format: 'markdown', statement: 5, parts: true }],
    ['session.exported', 'carol', { format: 'markdown', statement: 2, parts: true }],
  ]);
});

test('the functions learn that two exports are of two people, and not of whom', async () => {
  const askerOf = async (caller: Caller) => {
    await (await caller.get(`${path}?format=html`)).text();
    return (await (await fetch(`${FUNCTIONS}/exported`)).text()).split('asker=')[1]?.split('&')[0] ?? '';
  };
  const [alice, carol] = [await askerOf(people.alice), await askerOf(people.carol)];
  expect([alice, carol]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(alice).not.toBe(carol);
  expect(await askerOf(people.carol)).toBe(carol);
});

test('whoever may look is told in words why there is no such file', async () => {
  const response = await people.carol.get(`${path}?format=csv&statement=9`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { message: 'statement 9 has no results here' } });
});

test('the name of a file is the functions’, where it is one and nothing else', async () => {
  const named = async (query: string) => {
    const response = await people.carol.get(`${path}?${query}`);
    await response.text();
    return response.headers.get('content-disposition');
  };
  expect(await named('format=asciicast')).toBe(`attachment; filename="${ofAlice.id}.html"`);
  expect(await named('format=asciicast&lane=7')).toBe(`attachment; filename="${ofAlice.id}.asciicast"`);
});
