// Settings as a way out for masked values: put into one by a statement, read back by another.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { query } from '../harness/client-messages.ts';
import { type Guarded, startGuarded } from '../harness/guarded.ts';

let g: Guarded;
const SECRET = 'secret@example.com';

beforeAll(async () => {
  g = await startGuarded();
  await g.sql('create view outside as select * from pg_settings');
  await g.sql(`create table customers (id int, email text); insert into customers values (1, '${SECRET}')`);
});
afterAll(() => g?.close());
afterEach(() => g.leave());

const READ = [
  'show application_name',
  "select current_setting('application_name')",
  "select setting from pg_settings where name = 'application_name'",
  'select application_name from pg_stat_activity where pid = pg_backend_pid()',
  "select setting from outside where name = 'application_name'",
];
const FROM = '(select email from customers)';

it.each([
  ['set_config', [`select set_config('application_name', ${FROM}, false)`]],
  ['an update of pg_settings', [`update pg_settings set setting = ${FROM} where name = 'application_name'`]],
  [
    'an update of a view that the session made of it',
    [
      'create temp view v as select * from pg_settings',
      `update v set setting = ${FROM} where name = 'application_name'`,
    ],
  ],
  [
    'an update of a view that somebody else made of it',
    [`update outside set setting = ${FROM} where name = 'application_name'`],
  ],
])('%s gives nothing away', async (_name, fill) => {
  g.rules([], { statements: undefined as never, mask: [{ columns: ['customers.email'], with: 'null' }] });
  const peer = await g.session();
  const received: Buffer[] = [];
  for (const text of [...fill, ...READ]) {
    peer.send(query(text));
    received.push(...(await peer.upTo('Z')).map(({ body }) => body));
  }
  expect(Buffer.concat(received).includes(SECRET)).toBe(false);
  expect(
    await g.sql('select count(*) from pg_stat_activity where application_name = (select email from customers)'),
  ).toBe('1');
});
