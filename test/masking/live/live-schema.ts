// A database of people whose e-mail, number and birthday are secrets, with all that may lead to them.

export const RULES = {
  policyVersion: 1,
  rule: 'people-prod',
  limits: {},
  mask: [
    { columns: ['people.email', 'app.people.ssn', 'people.born', 'big.email'], with: 'placeholder', strict: true },
    { detect: ['credit-card'], with: 'placeholder' },
  ],
} as const;

/** The same for people of whom nobody assumes that they look for ways around. */
export const DEFAULT_RULES = { ...RULES, mask: RULES.mask.map((entry) => ({ ...entry, strict: undefined })) };

/** Must be in nothing that a client gets or a recording holds. */
export const SECRETS = ['secretsecret', '987654321', '1987-06-05', '4111111111111111'] as const;

export const SCHEMA = `
create schema app;
do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$;
set search_path = app, public;
create table people (id int primary key, email text unique, name text, ssn int, born date, note text,
  upper_email text generated always as (upper(email)) stored);
insert into people (id, email, name, ssn, born, note) values
  (1, 'secretsecret@example.com', 'Ann', 987654321, '1987-06-05', 'card 4111111111111111 on file'),
  (2, 'secretsecret2@example.com', 'Bob', 987654321, '1987-06-05', 'nothing');
create table orders (id int, person int references people, total int);
insert into orders values (10, 1, 99), (11, 2, 1);
create view v1 as select id, email as contact, name from people;
create view v2 as select id, lower(contact) as c, name as n from v1;
create materialized view mv as select id, email as contact, name from people;
create function peek() returns text language sql as 'select email from app.people where id = 1';
create function peek_all() returns setof people language sql as 'select * from app.people';
create function of_person(people) returns text language sql as 'select email from app.people where id = 2';
create operator public.### (rightarg = people, function = of_person);
create function shout(v text) returns int language plpgsql as $$ begin raise warning 'have %', v; return 1; end $$;
create view v3 as select id, peek() as p from people;
create table staff (like people); create table staff_1 (check (id > 0)) inherits (people);
insert into staff_1 (id, email, name) values (3, 'secretsecret3@example.com', 'Cid');
create table archive (id int, person people); insert into archive select id, p from people p;
create table log_of (n int); create function log_it() returns trigger language plpgsql as
  $$ begin raise notice 'saw %', (select email from app.people where id = 1); return new; end $$;
create trigger t before insert on log_of for each row execute function log_it();
create table through (a text);
create rule r as on insert to through do instead insert into log_of values (1) returning (select email from app.people where id = 1);
create table hidden_long (id int, email text); alter table hidden_long alter email set storage external;
create sequence sq; create table notes (id int, note text); create table big (id int, email text, note text, name text);
create domain even as text check (value not like '%@%');
analyze;
create function many_people(n int) returns void language sql as
  $$ insert into app.people (id, email, name) select g, 'secretsecret' || g || '@example.com', 'N' || g from generate_series(100, 99 + n) g $$;
`;
