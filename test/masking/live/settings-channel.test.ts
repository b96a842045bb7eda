// Settings as a way out for masked values: put into one by a statement, read back by another.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { query } from '../../harness/postgres/client-messages.ts';
import { type Guarded, startGuarded } from '../../harness/guarded.ts';

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
  [
    'set_config beside one of words alone',
    [`select set_config('my.x', 'y', false), set_config('application_name', ${FROM}, false)`],
  ],
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

const ZONE = `'<' || substr(email, 1, 6) || '>0' from customers`;
const hidesZone = () =>
  g.rules([], { statements: undefined as never, mask: [{ columns: ['customers.email'], with: 'null' }] });

it('a time zone with the name of a value is not read back, whatever shows it', async () => {
  hidesZone();
  const peer = await g.session();
  const received: Buffer[] = [];
  for (const text of [
    `select set_config('TimeZone', ${ZONE}, false)`,
    "select to_char(now(), 'TZ')",
    "select to_char(now(), f) from (values ('tz')) v(f)",
    'select timeofday()',
    'show timezone',
    "copy (select to_char(now(), 'TZ')) to stdout",
  ]) {
    peer.send(query(text));
    received.push(...(await peer.upTo('Z')).map(({ body }) => body));
  }
  expect(Buffer.concat(received).toString().toLowerCase()).not.toContain('secret');
});

it('a time zone that a role was given by dynamic code is neither reported nor read at the next login', async () => {
  hidesZone();
  await g.sql(`do $$ begin execute format('alter role postgres set timezone = %L', (select ${ZONE})); end $$`);
  const peer = await g.session();
  const received: Buffer[] = [];
  for (const text of ["select to_char(now(), 'TZ')", 'show timezone', 'select 1']) {
    peer.send(query(text));
    received.push(...(await peer.upTo('Z')).map(({ body }) => body));
  }
  g.leave();
  await g.sql('alter role postgres reset timezone');
  expect(Buffer.concat(received).toString().toLowerCase()).not.toContain('secret');
  expect(Buffer.concat(received).toString()).toContain('SELECT 1');
  const { frames } = await g.recorded();
  expect(Buffer.concat(frames.flatMap(({ bytes }) => bytes ?? [])).toString()).not.toContain('<secret');
});

it.each(['UTC', 'Europe/Berlin', 'Etc/GMT+3'])('an honest one is: %s', async (zone) => {
  hidesZone();
  const peer = await g.session();
  peer.send(query(`set timezone = '${zone}'; select to_char(timestamptz '2026-01-01', 'YYYY TZ')`));
  const all = Buffer.concat((await peer.upTo('Z')).map(({ body }) => body)).toString();
  expect(all).toContain(`TimeZone\0${zone}\0`);
  expect(all).toContain('2026');
});

it('settings that a role was given in so many words are reported and read', async () => {
  hidesZone();
  await g.sql("alter role postgres set timezone to 'Europe/Riga'; alter role postgres set search_path = app, public");
  const peer = await g.session();
  peer.send(query("show timezone; show search_path; select to_char(timestamptz '2026-01-01', 'TZ')"));
  const all = Buffer.concat((await peer.upTo('Z')).map(({ body }) => body)).toString();
  g.leave();
  await g.sql('alter role postgres reset all');
  for (const one of ['Europe/Riga', 'app, public', 'EET']) expect(all).toContain(one);
});
