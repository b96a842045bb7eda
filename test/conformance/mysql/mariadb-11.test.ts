// MariaDB 11.8 as a target, and its clients.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEAKS_OF_MARIADB_11, MADE_IN_MARIADB_11 } from '../../attacks/mysql-masks-later.ts';
import { password } from '../../harness/gateway.ts';
import { laterRelease, notHere } from '../../harness/mysql/debian-root.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { PEOPLE, RESTORE } from '../../harness/mysql/people.ts';
import { itHidesColumns, itReadsAsTheServerDoes } from './later-release.ts';

const release = laterRelease('mariadb-11.8');
let place: GuardedMysql;

beforeAll(async () => {
  if (!release) return;
  place = await startGuardedMysql(
    { serverVersion: '11.8.9-MariaDB-gatehouse' },
    ['--plugin-load-add=auth_parsec', '--plugin-load-add=auth_ed25519'],
    release,
  );
  await place.server.sql(...PEOPLE, ...RESTORE, ...MADE_IN_MARIADB_11);
});
beforeEach(({ skip }) => {
  skip(!release, notHere('mariadb-11.8'));
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

  it('is logged in to by parsec and ed25519, inside TLS and without', async () => {
    await place.server.sql(
      "create user parsec@'127.0.0.1' identified via parsec using password('geheim ü'), ed@'127.0.0.1' identified via ed25519 using password('geheim ü')",
      "grant all on shop.* to parsec@'127.0.0.1', ed@'127.0.0.1'",
    );
    for (const user of ['parsec', 'ed']) {
      place.target(user, { user, password: password('geheim ü') });
      expect(await whoAmI(user)).toBe(`${user}@127.0.0.1`);
      place.target(user, { user, password: password('geheim ü'), tls: { mode: 'off' } as never });
      expect(await whoAmI(user)).toBe(`${user}@127.0.0.1`);
      place.target(user, { user, password: password('other') });
      expect(await whoAmI(user)).toMatch(/^1429 Gatehouse: The database refused the gateway's own login \(1045\)/);
    }
  });
});

describe('under masks, it', () => itHidesColumns(() => place, LEAKS_OF_MARIADB_11));
describe('its statements', () => itReadsAsTheServerDoes(() => place));
