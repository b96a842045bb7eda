// Migrations up, down and up again, and a session of queries, as an application with knex has them.

import knex from 'knex';

const db = knex({ client: 'pg', connection: {}, pool: { min: 0, max: 2 } });
const migrations = {
  '1_people': {
    up: (k) =>
      k.schema.createTable('people', (t) => {
        t.increments();
        t.string('email').unique();
        t.string('name').notNullable();
        t.jsonb('meta').defaultTo('{}');
        t.timestamps(true, true);
      }),
    down: (k) => k.schema.dropTable('people'),
  },
  '2_orders': {
    async up(k) {
      await k.schema.createTable('orders', (t) => {
        t.increments();
        t.integer('person').references('people.id').onDelete('CASCADE').index();
        t.enu('status', ['new', 'paid'], { useNative: true, enumName: 'order_status' }).defaultTo('new');
        t.decimal('total', 10, 2);
      });
      const [{ id }] = await k('people').insert({ email: 'ann@example.com', name: 'Ann' }).returning('id');
      await k('orders').insert([
        { person: id, total: 10 },
        { person: id, total: 20 },
      ]);
      await k.schema.alterTable('orders', (t) => t.string('note'));
      for (const order of await k('orders').select('id', 'total').orderBy('id'))
        await k('orders')
          .where({ id: order.id })
          .update({ note: `total ${order.total}` });
    },
    down: (k) => k.schema.dropTable('orders').raw('drop type order_status'),
  },
};
const migrationSource = {
  getMigrations: async () => Object.keys(migrations),
  getMigrationName: (name) => name,
  getMigration: async (name) => migrations[name],
};
const say = (what, value) => console.log(what, JSON.stringify(value));

say('latest', await db.migrate.latest({ migrationSource }));
say('again', await db.migrate.latest({ migrationSource }));
say('rollback', await db.migrate.rollback({ migrationSource }, true));
say('latest', (await db.migrate.latest({ migrationSource }))[1]);
say(
  'list',
  (await db.migrate.list({ migrationSource })).map((all) => all.length),
);
say('has', [await db.schema.hasTable('people'), await db.schema.hasColumn('orders', 'note')]);
say('columns', Object.keys(await db('people').columnInfo()));
say(
  'join',
  await db('orders')
    .join('people', 'people.id', 'orders.person')
    .select('orders.id', 'people.name', 'people.email', 'note')
    .orderBy('orders.id'),
);
say('count', await db('people').count('email as emails').first());
say(
  'upsert',
  await db('people')
    .insert({ email: 'ann@example.com', name: 'Ann B' })
    .onConflict('email')
    .merge(['name'])
    .returning(['name']),
);
await db.transaction(async (t) => {
  await t.transaction(async (inner) => inner('nosuch').select()).catch(({ code }) => say('inside', code));
  say('goes on', await t('orders').sum('total as total').first());
  await t('people').insert({ email: 'bob@example.com', name: 'Bob' });
});
say(
  'twice',
  await db('people')
    .insert({ email: 'ann@example.com', name: 'x' })
    .catch(({ code }) => code),
);
await db.destroy();
