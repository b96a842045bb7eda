// MySQL 9 as a target, and its clients.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEAKS_OF_MYSQL_9, MADE_IN_MYSQL_9 } from '../../attacks/mysql-masks-later.ts';
import { password } from '../../harness/gateway.ts';
import { laterRelease, notHere } from '../../harness/mysql/debian-root.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { PEOPLE, RESTORE } from '../../harness/mysql/people.ts';
import { itHidesColumns, itReadsAsTheServerDoes } from './later-release.ts';

const release = laterRelease('mysql-9');
let place: GuardedMysql;

beforeAll(async () => {
  if (!release) return;
  const gtid = ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'];
  place = await startGuardedMysql({ serverVersion: '9.7.0-gatehouse' }, gtid, release);
  await place.server.sql(...PEOPLE, ...RESTORE, ...MADE_IN_MYSQL_9);
});
beforeEach(({ skip }) => {
  skip(!release, notHere('mysql-9'));
  place.rules([]);
});
afterAll(() => place?.close());

describe('a target', () => {
  const whoAmI = async (name: string) => {
    const { secret } = place.gateway.edge.issue({ resource: name });
    return place.connect({ user: `alice@example.com#${name}`, password: secret }).then(
      async (c) => {
        const [rows] = await c.query('select current_user() as u');
        await c.changeUser({});
        await c.end();
        return (rows as { u: string }[])[0]?.u;
      },
      ({ errno, message }) => `${errno} ${message}`,
    );
  };

  it('is logged in to by caching_sha2_password, in full and then fast, and sha256_password', async () => {
    const off = { mode: 'off' } as const;
    await place.server.sql(
      "create user sha2@'127.0.0.1' identified with caching_sha2_password by 'geheim ü', sha256@'127.0.0.1' identified with sha256_password by 'geheim ü'",
      "grant all on shop.* to sha2@'127.0.0.1', sha256@'127.0.0.1'",
    );
    const own = { user: 'sha2', password: password('geheim ü') };
    place.target('clear', { ...own, tls: off });
    expect(await whoAmI('clear')).toMatch(/^1429 Gatehouse: The database asks for the password itself .* has no TLS/);
    place.target('sha2', own);
    expect(await whoAmI('sha2')).toBe('sha2@127.0.0.1');
    expect(await whoAmI('sha2')).toBe('sha2@127.0.0.1');
    // It is cached now.
    expect(await whoAmI('clear')).toBe('sha2@127.0.0.1');
    place.target('sha256', { ...own, user: 'sha256' });
    expect(await whoAmI('sha256')).toBe('sha256@127.0.0.1');
    place.target('sha256clear', { ...own, user: 'sha256', tls: off });
    expect(await whoAmI('sha256clear')).toMatch(/^1429 Gatehouse: The database asks for the password itself/);
    place.target('wrong', { ...own, password: password('other') });
    expect(await whoAmI('wrong')).toMatch(/^1429 Gatehouse: The database refused the gateway's own login \(1045\)/);
  });
});

describe('under masks, it', () => itHidesColumns(() => place, LEAKS_OF_MYSQL_9));
describe('its statements', () => itReadsAsTheServerDoes(() => place));
