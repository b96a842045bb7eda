// Nobody who has not signed in makes the audit log, the witness or the log of sessions grow, by whatever route.

import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { createApp } from '../app.ts';
import { createDeps } from '../deps.ts';
import { newId } from '../../core/ids.ts';
import { EDGE } from '../test/browser.ts';
import { audit } from '../test/grants.ts';

const ROUNDS = 10;
const WARM_UP = 3;

const routes = (): { readonly method: string; readonly path: string }[] => {
  const all = createApp(createDeps(env)).routes.filter(({ method }) => method !== 'ALL');
  const named = all.map(({ method, path }) => ({
    method,
    path: path
      .replaceAll('*', 'x')
      .replace(/:id\b|:session\b/g, newId('ses'))
      .replace(/:[A-Za-z]+(?:\{[^}]*\})?\??/g, 'x'),
  }));
  return [...new Map(named.map((route) => [`${route.method} ${route.path}`, route])).values()];
};

async function ask(method: string, path: string, round: number): Promise<number> {
  const headers = {
    'content-type': round % 2 ? 'application/json' : 'application/x-www-form-urlencoded',
    authorization: `Bearer made-up-${round}-${crypto.randomUUID()}`,
    ...(round % 3 === 0 && { cookie: `session=${crypto.randomUUID()}` }),
  };
  const body = round % 2 ? JSON.stringify({ token: crypto.randomUUID(), session: newId('ses') }) : 'SAMLResponse=x';
  const response = await SELF.fetch(`${EDGE}${path}?state=${round}&code=x`, {
    method,
    headers,
    redirect: 'manual',
    ...(method !== 'GET' && { body }),
  });
  await response.body?.cancel();
  return response.status;
}

const rows = async () => ({
  audit: (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0,
  witness: await runInDurableObject(env.WITNESS.get(env.WITNESS.idFromName('only')), (_object, { storage: { sql } }) =>
    ['log_entries', 'days', 'sessions'].map((table) => sql.exec(`SELECT count(*) AS n FROM ${table}`).one().n),
  ),
});

test('a flood of requests without a sign-in, over every route, writes a bounded number of rows', async () => {
  const asked = routes();
  expect(asked.length).toBeGreaterThan(100);
  const let2xx: string[] = [];
  const round = async (number: number) => {
    for (const { method, path } of asked) {
      const status = await ask(method, path, number);
      if (status >= 500) expect.soft(`${method} ${path} ${status}`).toBe('an answer');
      if (status < 300 && number === 0) let2xx.push(`${method} ${path}`);
    }
  };
  const before = await rows();
  for (let number = 0; number < WARM_UP; number++) await round(number);
  const first = await rows();
  for (let number = 0; number < ROUNDS; number++) await round(WARM_UP + number);
  // The same again: counted, and no row more.
  expect(await rows()).toEqual(first);
  expect(first.audit - before.audit).toBeLessThan(20);
  expect(first.witness).toEqual(before.witness);
  expect(let2xx.length).toBeLessThan(asked.length / 4);
}, 60_000);
