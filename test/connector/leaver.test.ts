// Somebody leaves: the company's directory says so over SCIM, and a psql that is in the middle of its session is out. All of it
// is real but the directory, whose requests are those of Entra ID's documentation.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { EndedPerson } from '../../core/people/ended-person.ts';
import { MadeScimToken } from '../../core/people/scim-tokens.ts';
import { gatehouse } from '../cli/run-cli.ts';
import {
  alice,
  bobsToken,
  connector,
  directory,
  edge,
  grant,
  psql,
  query,
  stay,
  withWholeGatehouse,
} from './whole-gatehouse.ts';

withWholeGatehouse();

beforeEach((context) => {
  if (!psql) context.skip('psql is not installed: apt-get install postgresql postgresql-contrib');
});

describe('a leaver', () => {
  test("is out of a running session within seconds, by an administrator's word and by the directory's", async () => {
    writeFileSync(join(directory, 'ca.pem'), await alice.bytes('//ca.pem'));
    const asBob = { GATEHOUSE_URL: edge.url, GATEHOUSE_TOKEN: bobsToken, HOME: directory };
    const made = await gatehouse(['scim', 'token', 'entra', '--json'], asBob);
    const { token, endpoint } = MadeScimToken.parse(JSON.parse(made.stdout));
    const scim = async (method: string, path: string, body: object) => {
      const response = await fetch(endpoint + path, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as { id: string } };
    };
    const added = await scim('POST', '/Users', { userName: 'alice@example.com', externalId: 'a1' });
    expect(added.status).toBe(201);

    const { id, secret: password } = await grant();
    const session = stay(password);
    expect(await session.ask('select 1;')).toBe('1');
    const begun = performance.now();
    const left = await scim('PATCH', `/Users/${added.body.id}`, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'Replace', path: 'active', value: 'False' }],
    });
    expect(left.status).toBe(200);
    await vi.waitFor(() =>
      expect(connector.lines.some((it) => it.event === 'grant.revoked' && it.grant === id)).toBe(true),
    );
    expect(await session.ask('select 2;')).toContain('deactivated in the company directory');
    // Under 300 ms on an idle machine; the bound leaves room for a busy one.
    expect(performance.now() - begun).toBeLessThan(8_000);
    session.quit();
    await session.closed;
    expect((await query('select 3', password)).stderr).toMatch(/revoked/);
    await expect(alice.get('/me', EndedPerson)).rejects.toMatchObject({ reason: 'unauthorized' });

    // Bob's word, in the same way: nothing of hers is left, and it says so.
    const ended = await gatehouse(['end', '--user', 'Alice@example.com', '--reason', 'left', '--json'], asBob);
    expect(EndedPerson.parse(JSON.parse(ended.stdout))).toMatchObject({
      email: 'alice@example.com',
      grants: 0,
      tokens: 0,
    });
    const again = await gatehouse(['end', '--user', 'alice@example.com', '--reason', 'left'], asBob);
    expect(again.stdout).toContain('alice@example.com: Nothing was open.');
    expect((await gatehouse(['end', '--reason', 'nobody'], asBob)).stderr).toContain('--user EMAIL');
  });
});
