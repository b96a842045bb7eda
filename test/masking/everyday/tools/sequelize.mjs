// sync, models and their associations, migrations by the query interface, transactions.

import { DataTypes, Op, Sequelize } from 'sequelize';

const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = process.env;
const sequelize = new Sequelize(PGDATABASE, PGUSER, PGPASSWORD, {
  host: PGHOST,
  port: PGPORT,
  dialect: 'postgres',
  logging: false,
});
const say = (what, value) => console.log(what, JSON.stringify(value));
const options = { timestamps: false };
const Person = sequelize.define(
  'person',
  {
    name: { type: DataTypes.STRING, allowNull: false },
    email: { type: DataTypes.STRING, unique: true },
    tags: DataTypes.ARRAY(DataTypes.STRING),
    meta: DataTypes.JSONB,
    kind: DataTypes.ENUM('private', 'company'),
  },
  { ...options, tableName: 'people' },
);
const Order = sequelize.define('order', { total: DataTypes.DECIMAL(10, 2), placed: DataTypes.DATEONLY }, options);
Person.hasMany(Order, { onDelete: 'CASCADE' });
Order.belongsTo(Person);

await sequelize.authenticate();
await sequelize.sync();
const ann = await Person.create({
  name: 'Ann',
  email: 'ann@example.com',
  tags: ['a', 'b'],
  meta: { vip: true },
  kind: 'private',
});
await Order.bulkCreate([
  { total: 10, placed: '2026-01-01', personId: ann.id },
  { total: 5, placed: '2026-01-02', personId: ann.id },
]);
const queries = sequelize.getQueryInterface();
await queries.addColumn('people', 'city', { type: DataTypes.STRING, defaultValue: 'Riga' });
await queries.addIndex('orders', ['placed']);
await queries.changeColumn('orders', 'total', { type: DataTypes.DECIMAL(12, 3) });
say('described', Object.keys(await queries.describeTable('people')));
say(
  'indexes',
  (await queries.showIndex('orders')).map(({ name }) => name),
);
say('tables', (await queries.showAllTables()).sort());
await sequelize.sync({ alter: true });
say(
  'all',
  await Person.findAll({
    include: Order,
    order: [
      ['id', 'ASC'],
      [Order, 'id', 'ASC'],
    ],
  }),
);
say(
  'where',
  await Person.findOne({
    where: { email: 'ann@example.com', meta: { vip: true }, tags: { [Op.contains]: ['a'] } },
    attributes: ['id', 'name'],
  }),
);
say(
  'grouped',
  await Order.findAll({
    attributes: ['personId', [sequelize.fn('sum', sequelize.col('total')), 'sum']],
    group: ['personId'],
    raw: true,
  }),
);
say('upsert', (await Person.upsert({ id: ann.id, name: 'Ann B', email: 'ann@example.com' }))[0].name);
await sequelize.transaction(async (transaction) => {
  await sequelize
    .transaction({ transaction }, async (inner) => sequelize.query('select nosuch', { transaction: inner }))
    .catch((error) => say('inside', error.message));
  say('goes on', await Order.count({ transaction }));
  await Order.update({ total: 11 }, { where: { id: 1 }, transaction });
});
say('twice', await Person.create({ name: 'x', email: 'ann@example.com' }).catch(({ name }) => name));
say(
  'found or made',
  (await Person.findOrCreate({ where: { email: 'bob@example.com' }, defaults: { name: 'Bob' } }))[1],
);
await sequelize.close();
