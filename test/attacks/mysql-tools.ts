// What programs send, with names of a shop's tables: mappers of objects, graphical tools, dumps, reports. customers.email is masked.

/** Mappers: SQLAlchemy, Django, Hibernate, Laravel, ActiveRecord, Prisma, Sequelize, TypeORM. */
const MAPPERS: readonly string[] = [
  'SELECT customers.id AS customers_id, customers.name AS customers_name, customers.email AS customers_email FROM customers WHERE customers.id = 1',
  'SELECT anon_1.customers_id AS anon_1_customers_id, anon_1.customers_email AS anon_1_customers_email, orders_1.id AS orders_1_id, orders_1.total AS orders_1_total FROM (SELECT customers.id AS customers_id, customers.email AS customers_email FROM customers ORDER BY customers.id LIMIT 2) AS anon_1 LEFT OUTER JOIN orders AS orders_1 ON anon_1.customers_id = orders_1.customer_id ORDER BY anon_1.customers_id, orders_1.id',
  'SELECT count(*) AS count_1 FROM (SELECT customers.id AS customers_id, customers.name AS customers_name, customers.email AS customers_email FROM customers WHERE customers.email IS NOT NULL) AS anon_1',
  "SELECT EXISTS (SELECT 1 FROM customers WHERE customers.email = 'ann@example.com') AS anon_1",
  'SELECT `customers`.`id`, `customers`.`name`, `customers`.`email`, `customers`.`city` FROM `customers` WHERE `customers`.`email` IS NULL ORDER BY `customers`.`id` ASC LIMIT 21',
  'SELECT `customers`.`id`, `customers`.`email` IS NULL AS `without_email` FROM `customers` ORDER BY `customers`.`id`',
  'SELECT COUNT(*) FROM (SELECT DISTINCT `customers`.`id` AS `col1`, `customers`.`email` AS `col2` FROM `customers` INNER JOIN `orders` ON (`customers`.`id` = `orders`.`customer_id`)) subquery',
  "SELECT 1 AS `a` FROM `customers` WHERE `customers`.`email` = 'ann@example.com' LIMIT 1",
  'SELECT `customers`.`city`, COUNT(`customers`.`email`) AS `n` FROM `customers` GROUP BY `customers`.`city` ORDER BY `customers`.`city`',
  'SELECT `customers`.`id`, EXISTS(SELECT 1 AS `a` FROM `orders` U0 WHERE U0.`customer_id` = (`customers`.`id`) LIMIT 1) AS `has_orders` FROM `customers` ORDER BY `customers`.`id`',
  'SELECT `customers`.`id`, (SELECT U0.`total` FROM `orders` U0 WHERE U0.`customer_id` = `customers`.`id` ORDER BY U0.`id` LIMIT 1) AS `first_total`, `customers`.`email` FROM `customers` ORDER BY 1',
  "SELECT `customers`.`id`, CASE WHEN `customers`.`email` IS NULL THEN 'none' ELSE 'one' END AS `mail` FROM `customers` ORDER BY 1",
  'select customer0_.id as id1_0_, customer0_.name as name2_0_, customer0_.email as email3_0_, customer0_.active as active4_0_ from customers customer0_ where customer0_.email is not null order by customer0_.id limit 10',
  'select count(customer0_.id) as col_0_0_ from customers customer0_ where customer0_.email is null',
  'select o1_0.id,o1_0.customer_id,c1_0.id,c1_0.email,c1_0.name,o1_0.total from orders o1_0 join customers c1_0 on c1_0.id=o1_0.customer_id where o1_0.id in (1,2,3) order by o1_0.id',
  'select distinct c1_0.id,c1_0.name from customers c1_0 where exists(select 1 from orders o1_0 where o1_0.customer_id=c1_0.id and c1_0.email is not null) order by 1',
  'select exists(select * from `customers` where `email` = "ann@example.com") as `exists`',
  'select * from `customers` where `customers`.`email` is not null order by `id` asc limit 15 offset 0',
  'select count(*) as aggregate from `customers` where `email` is null',
  'select * from (select `customers`.*, row_number() over (partition by `customers`.`city` order by `id`) as `laravel_row` from `customers`) as `laravel_table` where `laravel_row` <= 3 order by `id`',
  'select `customers`.*, (select count(*) from `orders` where `customers`.`id` = `orders`.`customer_id`) as `orders_count` from `customers` order by `id`',
  '(select `id`, `name` from `customers` where `email` is null) union (select `id`, `name` from `products`) order by `id`, `name`',
  '(select `id`, `email` from `customers`) union all (select `id`, `status` from `orders`) order by `id`, 2 limit 20',
  "SELECT 1 AS one FROM `customers` WHERE `customers`.`email` = BINARY 'ann@example.com' LIMIT 1",
  'SELECT `customers`.`id` AS t0_r0, `customers`.`name` AS t0_r1, `customers`.`email` AS t0_r2, `orders`.`id` AS t1_r0, `orders`.`total` AS t1_r1 FROM `customers` LEFT OUTER JOIN `orders` ON `orders`.`customer_id` = `customers`.`id` ORDER BY 1, 4',
  'SELECT `t1`.* FROM (SELECT `customers`.* FROM `customers` ORDER BY `id` LIMIT 2) AS `t1` WHERE `t1`.`active` = 1 ORDER BY `t1`.`id`',
  'SELECT `shop`.`customers`.`id`, `shop`.`customers`.`email` FROM `shop`.`customers` WHERE (`shop`.`customers`.`email` IS NOT NULL AND 1=1) ORDER BY `shop`.`customers`.`id` ASC LIMIT 5 OFFSET 0',
  'SELECT COUNT(*), `aggr_selection_0_Order`.`customer_id` FROM (SELECT `shop`.`orders`.`id`, `shop`.`orders`.`customer_id` FROM `shop`.`orders` WHERE 1=1) AS `aggr_selection_0_Order` GROUP BY 2 ORDER BY 2',
  'SELECT `Customer`.`id`, `Customer`.`email`, `Orders`.`id` AS `Orders.id`, `Orders`.`total` AS `Orders.total` FROM (SELECT `Customer`.`id`, `Customer`.`email` FROM `customers` AS `Customer` WHERE `Customer`.`active` = 1 LIMIT 10) AS `Customer` LEFT OUTER JOIN `orders` AS `Orders` ON `Customer`.`id` = `Orders`.`customer_id` ORDER BY 1, 3',
  'SELECT DISTINCT `distinctAlias`.`Customer_id` AS `ids_Customer_id` FROM (SELECT `Customer`.`id` AS `Customer_id`, `Customer`.`email` AS `Customer_email` FROM `customers` `Customer` LEFT JOIN `orders` `o` ON `o`.`customer_id`=`Customer`.`id`) `distinctAlias` ORDER BY `Customer_id` ASC LIMIT 10',
  "INSERT INTO `customers` (`id`, `name`, `email`, `city`) VALUES (70, 'New', 'new@example.com', 'Riga')",
  "UPDATE `customers` SET `email` = 'other@example.com', `city` = 'Riga' WHERE `customers`.`id` = 70",
  'UPDATE `customers` SET `active` = 0 WHERE `email` IS NULL AND `id` = 70',
  "DELETE FROM `customers` WHERE `customers`.`email` IN ('other@example.com')",
];

/** Graphical tools: Sequel Ace, DBeaver, Workbench, DataGrip, HeidiSQL, TablePlus, phpMyAdmin. */
const GRAPHICAL: readonly string[] = [
  'SHOW FULL COLUMNS FROM `customers`',
  'SHOW COLUMNS FROM `customers` LIKE "email"',
  'DESCRIBE customers email',
  'SHOW CREATE TABLE `customers`',
  "SHOW TABLE STATUS LIKE 'customers'",
  'SHOW INDEX FROM `shop`.`customers`',
  'SHOW FULL TABLES FROM `shop`',
  'SHOW TRIGGERS FROM `shop`',
  "SHOW VARIABLES LIKE 'lower_case_%'",
  'SHOW COLLATION',
  'SHOW PLUGINS',
  "SELECT * FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = 'information_schema' AND t.TABLE_NAME = 'CHECK_CONSTRAINTS'",
  "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_DEFAULT, IS_NULLABLE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME, ORDINAL_POSITION",
  "SELECT kc.CONSTRAINT_NAME, kc.TABLE_NAME, kc.COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE kc WHERE kc.TABLE_SCHEMA = 'shop' AND kc.REFERENCED_TABLE_NAME IS NULL ORDER BY 1, 2, 3",
  'SELECT * FROM `customers` LIMIT 0, 300',
  'SELECT x.* FROM shop.customers x WHERE x.email IS NOT NULL ORDER BY x.id',
  'SELECT COUNT(1) FROM (SELECT * FROM customers WHERE email IS NOT NULL) AS _sub_',
  'SELECT * FROM (SELECT o.id, o.total, c.city FROM orders o JOIN customers c ON c.id = o.customer_id) AS q ORDER BY q.id LIMIT 200',
  "EXPLAIN SELECT id, email FROM customers WHERE email = 'ann@example.com'",
  'EXPLAIN SELECT * FROM (SELECT city, count(email) AS n FROM customers GROUP BY city) d WHERE d.n > 1',
];

/** Dumps and reports. */
const REPORTS: readonly string[] = [
  'SELECT /*!40001 SQL_NO_CACHE */ * FROM `customers`',
  'SELECT c.city, t.total FROM customers c JOIN (SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id) t ON t.customer_id = c.id WHERE c.email IS NOT NULL ORDER BY 1, 2',
  'WITH spent AS (SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id) SELECT c.id, c.email, spent.total FROM customers c LEFT JOIN spent ON spent.customer_id = c.id ORDER BY c.id',
  "SELECT 'with' AS kind, count(*) AS n FROM customers WHERE email IS NOT NULL UNION ALL SELECT 'without', count(*) FROM customers WHERE email IS NULL",
  'SELECT city, sum(email IS NULL) AS missing, sum(CASE WHEN email IS NOT NULL THEN 1 ELSE 0 END) AS present, round(100 * count(email) / count(*), 1) AS percent FROM customers GROUP BY city ORDER BY city',
  'CREATE TEMPORARY TABLE no_mail AS SELECT id, name FROM customers WHERE email IS NULL',
  'INSERT INTO no_mail SELECT c.id, c.name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.email IS NOT NULL',
  'SELECT n.*, c.email FROM no_mail n JOIN customers c ON c.id = n.id ORDER BY n.id',
];

export const TOOLS: readonly string[] = [...MAPPERS, ...GRAPHICAL, ...REPORTS];
