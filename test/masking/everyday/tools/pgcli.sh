# pgcli as from a script: a statement of its own a line, and its commands.
export HOME="$(mktemp -d)" PGCLIRC=/dev/null
printf '%s\n' "create table people (id int primary key, email text, name text);" \
  "insert into people values (1, 'ann@example.com', 'Ann'), (2, null, 'Bob');" \
  "select * from people order by id;" "begin;" "alter table people add column city text default 'Riga';" \
  "select upper(name), city from people order by id;" "commit;" "select city, count(email) from people group by rollup (city) order by 1;" \
  '\d people' '\dt' "selec 1;" "select count(*) from people;" | pgcli --no-warn 2>&1 | sed -e 's/^Time: .*//' -e 's/.*alice@example.com.*//' -e 's/.*postgres@.*//'
rm -r "$HOME"
