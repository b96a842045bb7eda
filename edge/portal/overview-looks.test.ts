// What the overview shows of others is looked at, and written down (law 7): once, however often the page is opened.

import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { audit } from '../test/grants.ts';

const browsers = {} as Record<'alice' | 'carol', Browser>;
beforeAll(async () => {
  for (const who of ['alice', 'carol'] as const) {
    browsers[who] = new Browser();
    await browsers[who].signIn(who);
  }
});

async function looksOf(who: 'alice' | 'carol', times: number): Promise<string[]> {
  const before = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
  for (let time = 0; time < times; time++) {
    const page = await browsers[who].fetch(`${EDGE}/`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Overview')]);
  }
  const { entries } = await audit.list({ actor: `${who}@example.com`, limit: 100 });
  return entries.flatMap(({ sequence, kind, object }) => (sequence > before ? [`${kind} ${object}`] : [])).toSorted();
}

test('an auditor’s is a look at sessions, at requests and at holds, each one entry however often it is opened', async () => {
  const looks = ['requests.listed requests', 'retention.viewed holds', 'sessions.listed sessions'];
  expect(await looksOf('carol', 3)).toEqual(looks);
  expect(await looksOf('carol', 1)).toEqual([]);
});

test('somebody else’s is a look at their own sessions, and at nothing of others', async () => {
  expect(await looksOf('alice', 2)).toEqual(['sessions.listed sessions']);
});

test('counts the holds that are in force', async () => {
  const count = async () => {
    const text = await (await browsers.carol.fetch(`${EDGE}/`)).text();
    return /(\d+|No) legal holds?/.exec(text.replace(/<[^>]*>/g, ''))?.[0];
  };
  const step = { by: 'carol@example.com', at: new Date().toISOString(), reason: 'a dispute' };
  const hold = { id: newId('hld'), scope: { of: 'session' as const, session: newId('ses') }, placed: step };
  await remote(env.RETENTION).putHold(hold, undefined);
  expect(await count()).toBe('1 legal hold');
  await remote(env.RETENTION).putHold({ ...hold, lifting: step, lifted: step }, hold);
  expect(await count()).not.toBe('1 legal hold');
});
