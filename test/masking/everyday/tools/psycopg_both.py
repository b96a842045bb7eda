# The same session with psycopg 2 and 3: autocommit and not, server-side cursors, COPY, a definition in use.

import sys

if sys.argv[1] == '2':
    import psycopg2 as psycopg
    import psycopg2.errors as errors
else:
    import psycopg
    import psycopg.errors as errors

db = psycopg.connect('')
with db, db.cursor() as run:
    run.execute('create table people (id serial primary key, email text, name text, tags text[])')
    run.executemany('insert into people (email, name, tags) values (%s, %s, %s)', [(f'{n}@example.com', n.upper(), [n]) for n in ('ann', 'bob', 'cy')])
    run.execute('select id, name, tags, length(name) from people order by id')
    print(run.fetchall())
    run.execute('savepoint a')
    try:
        run.execute('select nosuch from people')
    except errors.UndefinedColumn as error:
        print(type(error).__name__)
    run.execute('rollback to a')
    run.execute('select count(*), count(email) from people')
    print(run.fetchone())
    run.execute("update people set name = 'Ann' where email = 'ann@example.com' returning id, name, email")
    print(run.fetchall(), run.rowcount)
    db.commit()
db = psycopg.connect('')
with db.cursor('named') as run:
    run.execute('select name, email from people order by id')
    print(run.fetchmany(2), run.fetchall())
db.commit()
db.autocommit = True
with db.cursor() as run:
    run.execute('create index on people (name)')
    run.execute('analyze people')
    run.execute('show timezone')
    print(run.fetchone() is not None)
    run.execute('vacuum people')
    run.execute('select upper(name) from people order by 1')
    print(run.fetchall())
