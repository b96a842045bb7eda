import { type Case, one } from '../case.ts';

export const REPORTING: readonly Case[] = [
  one('select id, name, country, created from customers order by id'),
  one('select count(*) from customers'),
  one('select count(email), count(distinct phone), count(*) from customers'),
  one('select name, email is not null as has_email, phone is null as no_phone from customers order by id'),
  one('select count(*) filter (where email is null) as without, count(*) as all from customers'),
  one('select country, count(*) from customers group by country having count(*) > 1 order by 1'),
  one(
    'select country, status, count(*) from orders o join customers c on c.id = o.customer group by rollup (country, status) order by 1, 2',
  ),
  one(
    'select status, placed > $$2026-03-05$$ as late, count(*), grouping(status) from orders group by cube (status, placed > $$2026-03-05$$) order by 1, 2, 4',
  ),
  one('select status, customer, count(*) from orders group by grouping sets ((status), (customer), ()) order by 1, 2'),
  one(
    'select name, salary, rank() over (order by salary desc), avg(salary) over (partition by boss) from staff order by id',
  ),
  one(
    'select placed, count(*) over w, lag(id) over w, first_value(id) over w from orders window w as (order by placed rows between 1 preceding and current row) order by placed',
  ),
  one(
    'with recursive t as (select id, name, 1 as depth from staff where boss is null union all select s.id, s.name, depth + 1 from staff s join t on t.id = s.boss) select * from t order by depth, id',
  ),
  one(
    'with totals as materialized (select id, order_total(id) as total from orders) select o.status, sum(total), max(total) from totals t join orders o using (id) group by 1 order by 1',
  ),
  one(
    'select c.name, last.id, last.placed from customers c cross join lateral (select id, placed from orders o where o.customer = c.id order by placed desc limit 2) last order by c.id, last.id',
  ),
  one('select distinct on (customer) customer, id, placed from orders order by customer, placed desc'),
  one(
    "select count(*) filter (where status = 'new') as new, count(*) filter (where status <> 'new') as others, string_agg(distinct status::text, ',') from orders",
  ),
  one(
    'select percentile_cont(0.5) within group (order by price), mode() within group (order by discount), stddev(price)::numeric(10,4) from products',
  ),
  one("select date_trunc('month', at) as month, kind, count(*) from events group by 1, 2 order by 1, 2"),
  one(
    'select d::date, count(o.id) from generate_series(date $$2026-03-01$$, $$2026-03-05$$, $$1 day$$) d left join orders o on o.placed = d group by 1 order by 1',
  ),
  one('select * from sales order by title'),
  one('select * from per_country order by 1'),
  one('select id, status, name, email from open_orders order by id', { hides: ['email'] }),
  one('select * from customers order by id', { hides: ['email', 'phone'] }),
  one('select c.*, o.id as order_id from customers c join orders o on o.customer = c.id order by o.id', {
    hides: ['email', 'phone'],
  }),
  one(
    'select name, coalesce(email, $$none$$) as contact, lower(email) as small, name || $$ <$$ || email || $$>$$ as full from customers where id < 6 order by id',
    { hides: ['contact', 'small', 'full'] },
  ),
  one(
    'select country, min(email) as first, string_agg(phone, $$,$$) as phones, count(*) from customers group by 1 order by 1',
    { hides: ['first', 'phones'] },
  ),
  one("select title, price, tags, tags[1], net, discount from products where 'wood' = any (tags) order by id"),
  one(
    "select title, ts_rank(search, q)::numeric(6,4), ts_headline('english', title, q) from products, to_tsquery('english', 'chair') q where search @@ q order by id",
  ),
  one(
    "select title, similarity(title, 'chair')::numeric(6,4) from products where title % 'chair' or title ilike '%lamp%' order by 2 desc, 1",
  ),
  one('select unnest(tags) as tag, count(*) from products group by 1 order by 2 desc, 1'),
  one(
    "select name, meta->>'points' as points, meta @> '{\"points\": 10}' as ten, jsonb_array_length(meta->'langs') from customers order by id",
  ),
  one('select kind, e.key, e.value from events, jsonb_each(body) e order by at limit 3'),
  one(
    "select jsonb_agg(jsonb_build_object('id', id, 'title', title) order by id), json_object_agg(title, price order by id) from products",
  ),
  one(
    "select jsonb_path_query_array(meta, '$.langs[*]') as langs, jsonb_set(meta, '{points}', '0') as reset from customers order by id",
  ),
  one('select row_to_json(o) from (select id, status, note from orders order by id limit 3) o'),
  one('select row_to_json(c) as c from customers c where id < 6 order by id', { hides: ['c'] }),
  one('select to_jsonb(c) - $$email$$ - $$phone$$ as c, id from customers c order by id', { hidesWithin: ['c'] }),
  one('select (c).name, (c).country, (c).home from customers c order by id'),
  one('select (c).* from customers c order by id', { hides: ['email', 'phone'] }),
  one('select name, (home).street, (home).town from customers order by id'),
  one(
    'select slug(title), order_total(1), greatest(price, 30), nullif(price, 15), case when price > 30 then $$dear$$ else $$cheap$$ end from products order by id',
  ),
  one('select name from customers where email = $$secret2@example.com$$'),
  one('select name from customers where email ilike $$SECRET%$$ order by email'),
  one(
    'select id from customers where phone like $$%3$$ union select customer from orders where note = $$note 1$$ order by 1',
  ),
  one(
    'select name from customers c where exists (select from orders o where o.customer = c.id and o.status = $$paid$$) order by id',
  ),
  one('select id from orders except select order_id from items order by 1 limit 5 offset 1'),
  one(
    'select to_char(placed, $$DD.MM.YYYY$$), extract(week from placed), age(placed, $$2026-01-01$$), placed + 7 from orders order by id limit 3',
  ),
  one(
    'select md5(title), encode(digest(title, $$sha256$$), $$hex$$), length(title), title ~ $$chair$$, split_part(title, $$ $$, 1) from products order by id',
  ),
  one("select * from (values (1, 'one'), (2, 'two')) v(n, word) join products p on p.id = v.n order by n"),
  one('select tableoid::regclass, count(*) from events group by 1 order by 1'),
  one(
    'select width_bucket(price, 0, 200, 4) as bucket, numrange(min(price), max(price), $$[]$$) from products group by 1 order by 1',
  ),
  one('table products'),
  one("select 'card 4111111111111111' as note, 1 as one", { hides: ['note'] }),
];
