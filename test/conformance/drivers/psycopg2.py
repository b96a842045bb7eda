# The scenario of postgres-drivers.test.ts with psycopg2: a JSON line for each step.
import datetime as dt
import decimal
import hashlib
import io
import json
import select
import sys
import threading
import uuid

# This file has the driver's name.
sys.path.pop(0)
import psycopg2
import psycopg2.extras

psycopg2.extras.register_uuid()


def emit(step, result):
    print(json.dumps({"step": step, "result": result}, default=repr), flush=True)


def error_of(error):
    found = {"class": type(error).__name__, "sqlstate": getattr(error, "pgcode", None)}
    diag = getattr(error, "diag", None)
    for name in ("severity", "message_primary", "message_detail", "message_hint", "constraint_name", "table_name"):
        if diag and getattr(diag, name):
            found[name] = getattr(diag, name)
    return found


def attempt(work):
    try:
        return work()
    except psycopg2.Error as error:
        return error_of(error)


def connect(autocommit=True, **more):
    conn = psycopg2.connect("", **more)
    conn.autocommit = autocommit
    return conn


def rows(conn, text, values=None):
    cursor = conn.cursor()
    cursor.execute(text, values)
    return cursor.fetchall() if cursor.description else cursor.statusmessage


def login():
    conn = connect()
    return [rows(conn, "select current_user"), conn.info.ssl_in_use, conn.encoding, conn.info.server_version]


def channel_binding():
    return rows(connect(channel_binding="require"), "select 1")


def without_tls():
    return rows(connect(sslmode="disable"), "select 1")


def wrong_password():
    return attempt(lambda: connect(password="wrong"))["class"]


def types():
    conn = connect()
    values = (
        -32768, 2147483647, -9223372036854775808, decimal.Decimal("12345678901234567890.123456789"), 0.1, True,
        "ü😀👩‍👩‍👧'\\.", psycopg2.Binary(bytes(range(256))), uuid.UUID(int=5), psycopg2.extras.Json({"k": ["ü", None]}),
        dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.timezone.utc), dt.timedelta(days=3, seconds=4),
        [1, 2, None], ["a", 'b"\\.', None, ""], None,
    )
    cursor = conn.cursor()
    cursor.execute("select " + ", ".join(["%s"] * 7 + ["%s::bytea", "%s", "%s::jsonb"] + ["%s"] * 6), values)
    back = [bytes(v).hex() if isinstance(v, memoryview) else repr(v) for v in cursor.fetchone()]
    return [back, [(c.name, c.type_code, c.internal_size, c.precision) for c in cursor.description]]


def big():
    text = "é4" * 2_500_000
    conn = connect()
    rows(conn, "insert into things (id, name) values (1, null)")
    rows(conn, "update things set payload = %s where id = 1", [psycopg2.Binary(text.encode())])
    ((back,),) = rows(conn, "select payload from things")
    rows(conn, "delete from things where id = 1")
    return bytes(back).decode() == text


def masked():
    conn = connect()
    cursor = conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
    cursor.execute("select * from people order by id")
    return [
        [repr(row) for row in cursor],
        rows(conn, "select contact, name from contacts where id = 1"),
        rows(conn, "update people set note = note where id = 1 returning id, email"),
    ]


def repeated():
    conn = connect()
    rows(conn, "prepare p (int) as select id, email from people where id = $1")
    out = []
    for n in range(1, 11):
        if n == 6:
            out.append(attempt(lambda: rows(conn, "delete from people")))
        out.append(rows(conn, "execute p (%s)", [n]))
        out.append(rows(conn, "select id, email from people where id = %s", [n]))
    return out


def batch():
    conn = connect()
    cursor = conn.cursor()
    out = []
    psycopg2.extras.execute_values(
        cursor, "insert into things (id, name) values %s", [(n, f"thing {n}") for n in range(500)]
    )
    psycopg2.extras.execute_batch(
        cursor, "insert into things (id, name) values (%s, %s)", [(n, f"thing {n}") for n in range(500, 700)]
    )
    out.append(rows(conn, "select count(*) from things"))
    out.append(
        attempt(lambda: rows(conn, "insert into things (id) values (900); delete from people; select 1"))
    )
    out.append(rows(conn, "select count(*) from things"))
    rows(conn, "delete from things where id >= 0")
    return out


def transaction():
    conn = connect(autocommit=False)
    out = [rows(conn, "insert into things (id, name) values (1, 'kept')"), rows(conn, "savepoint s")]
    out.append(attempt(lambda: rows(conn, "delete from people")))
    out.append(conn.info.transaction_status)
    out.append(attempt(lambda: rows(conn, "select 1")))
    rows(conn, "rollback to savepoint s")
    conn.commit()
    rows(conn, "insert into things (id, name) values (2, 'lost')")
    out.append(attempt(lambda: rows(conn, "drop table people")))
    conn.rollback()
    out.append(rows(conn, "select name from things"))
    rows(conn, "delete from things where id > 0")
    conn.commit()
    return out


def cursors():
    conn = connect(autocommit=False)
    cursor = conn.cursor("named", scrollable=True)
    cursor.itersize = 7
    cursor.execute("select id, email, born, note from people order by id")
    out = [[repr(row) for row in cursor]]
    cursor.scroll(3, mode="absolute")
    out.append(repr(cursor.fetchmany(2)))
    return out


def copy():
    conn = connect()
    cursor = conn.cursor()
    out = []
    for text in ("copy people to stdout", "copy (select id, email, ssn from people) to stdout with csv header"):
        into = io.StringIO()
        cursor.copy_expert(text, into)
        out.append(into.getvalue())
    into = io.StringIO()
    cursor.copy_to(into, "people", columns=("id", "email"))
    out.append(into.getvalue())
    cursor.copy_from(io.StringIO("".join(f"{n}\trow {n}\n" for n in range(3000))), "things", columns=("id", "name"))
    out.append(attempt(lambda: cursor.copy_from(io.StringIO("x\ty\n"), "things", columns=("id", "name"))))
    out.append(rows(conn, "select count(*) from things"))
    rows(conn, "delete from things where id >= 0")
    return out


def cancel():
    conn = connect()
    threading.Timer(0.3, conn.cancel).start()
    return [attempt(lambda: rows(conn, "select pg_sleep(30)")), rows(conn, "select 1")]


def notices():
    conn = connect()
    rows(conn, "select say('careful')")
    rows(conn, "update people set note = note where id = 2")
    rows(conn, "create temp table if not exists t (id int); create temp table if not exists t (id int)")
    rows(conn, "listen ch")
    rows(connect(), "notify ch, 'do you hear'")
    while not conn.notifies:
        select.select([conn], [], [], 5)
        conn.poll()
    return [conn.notices, [(one.channel, one.payload) for one in conn.notifies]]


def errors():
    conn = connect()
    rows(conn, "insert into things (id, name) values (1, 'one')")
    out = [
        attempt(lambda: rows(conn, text))
        for text in ("insert into things (id, name) values (1, 'two')", "select 1/0", "select * from nowhere", "selec 1")
    ]
    rows(conn, "delete from things where id > 0")
    return out


def large_object():
    conn = connect(autocommit=False)
    made = conn.lobject(0, "wb", 77)
    made.write(b"large" * 1000)
    made.close()
    back = attempt(lambda: conn.lobject(77, "rb").read())
    conn.rollback()
    return hashlib.md5(back).hexdigest() if isinstance(back, bytes) else back


def hold():
    conn = connect()
    rows(conn, "insert into scratch values (1)")
    return [
        attempt(lambda: rows(conn, "truncate scratch")),
        rows(conn, "select count(*) from scratch"),
        attempt(lambda: rows(conn, "truncate people")),
        rows(conn, "select count(*) from people"),
    ]


def closed():
    conn = connect()
    emit("ready", None)
    return [attempt(lambda: rows(conn, "select pg_sleep(30)")), conn.closed]


for step in (
    login, channel_binding, without_tls, wrong_password, types, big, masked, repeated, batch, transaction, cursors,
    copy, cancel, notices, errors, large_object, hold, closed,
):
    try:
        emit(step.__name__, step())
    except Exception as error:  # noqa: BLE001
        emit(step.__name__, {"unexpected": repr(error), **error_of(error)})
