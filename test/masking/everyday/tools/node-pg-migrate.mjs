// Its runner with its advisory lock, up, down and up again, each in a transaction of its own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-migrations-'));
writeFileSync(
  join(dir, '1700000000001_people.mjs'),
  `
export const up = (pgm) => {
  pgm.createExtension('citext', { ifNotExists: true });
  pgm.createType('kind', ['private', 'company']);
  pgm.createTable('people', { id: 'id', email: { type: 'citext', unique: true }, name: { type: 'text', notNull: true }, kind: { type: 'kind', default: 'private' } });
  pgm.createTable('orders', { id: 'id', person: { type: 'int', references: 'people', onDelete: 'cascade' }, total: 'numeric(10,2)' });
  pgm.createIndex('orders', 'person');
};
`,
);
writeFileSync(
  join(dir, '1700000000002_fill.mjs'),
  `
export const up = async (pgm) => {
  pgm.sql("insert into people (email, name) values ('ann@example.com', 'Ann'), ('bob@example.com', 'Bob')");
  pgm.addColumn('people', { orders: { type: 'int', default: 0 } });
  pgm.createView('names', {}, 'select id, upper(name) as name from people');
  pgm.createFunction('count_orders', [], { returns: 'trigger', language: 'plpgsql' }, 'begin update people set orders = orders + 1 where id = new.person; return new; end');
  pgm.createTrigger('orders', 'counted', { when: 'AFTER', operation: 'INSERT', level: 'ROW', function: 'count_orders' });
  pgm.sql("insert into orders (person, total) select id, id * 10 from people");
  const tables = await pgm.db.select('select count(*)::int as n from orders');
  pgm.sql("comment on table orders is 'before: " + tables[0].n + "'");
};
export const down = (pgm) => {
  pgm.dropTrigger('orders', 'counted'); pgm.dropFunction('count_orders', []); pgm.dropView('names'); pgm.dropColumn('people', 'orders'); pgm.sql('delete from orders; delete from people');
};
`,
);
const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = process.env;
const common = {
  databaseUrl: { host: PGHOST, port: Number(PGPORT), user: PGUSER, password: PGPASSWORD, database: PGDATABASE },
  dir,
  migrationsTable: 'pgmigrations',
  log: () => {},
  count: Infinity,
};
const say = (direction, done) => console.log(direction, done.map(({ name }) => name).join(' '));
try {
  say('up', await runner({ ...common, direction: 'up' }));
  say('down', await runner({ ...common, direction: 'down', count: 1 }));
  say('up', await runner({ ...common, direction: 'up', singleTransaction: false }));
  say('nothing', await runner({ ...common, direction: 'up' }));
} finally {
  rmSync(dir, { recursive: true });
}
