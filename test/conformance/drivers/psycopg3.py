# The scenario of postgres-drivers.test.ts with psycopg 3: a JSON line for each step.
import asyncio
import datetime as dt
import decimal
import hashlib
import json
import os
import sys
import threading
import time
import uuid

import psycopg
from psycopg.types.json import Json, Jsonb
from psycopg.types.numeric import Int2, Int8

ALL_OF_UNICODE = "".join(chr(c) for c in range(1, 0x110000, 37) if not 0xD800 <= c < 0xE000) + "😀👩‍👩‍👧"


def emit(step, result):
    print(json.dumps({"step": step, "result": result}, default=repr), flush=True)


def error_of(error):
    diag = getattr(error, "diag", None)
    found = {"class": type(error).__name__, "sqlstate": getattr(error, "sqlstate", None)}
    for name in ("severity", "message_primary", "message_detail", "message_hint", "constraint_name", "table_name"):
        if diag and getattr(diag, name):
            found[name] = getattr(diag, name)
    return found


def attempt(work):
    try:
        return work()
    except psycopg.Error as error:
        return error_of(error)


def connect(**more):
    return psycopg.connect(autocommit=True, **more)


def login():
    with connect() as conn:
        return {
            "who": conn.execute("select current_user, session_user").fetchone(),
            "tls": conn.pgconn.ssl_in_use,
            "encoding": conn.info.encoding,
            "settings": {
                name: conn.info.parameter_status(name)
                for name in ("server_version", "DateStyle", "TimeZone", "standard_conforming_strings")
            },
        }


def channel_binding():
    with connect(channel_binding="require") as conn:
        return conn.execute("select 1").fetchone()


def without_tls():
    with connect(sslmode="disable") as conn:
        return [conn.pgconn.ssl_in_use, conn.execute("select 1").fetchone()]


def wrong_password():
    def work():
        connect(password="wrong")

    return attempt(work)["class"]


VALUES = [
    Int2(-32768), 2147483647, Int8(-9223372036854775808), decimal.Decimal("12345678901234567890.123456789"), 0.1,
    True, ALL_OF_UNICODE, bytes(range(256)) * 4, uuid.UUID(int=5), Json({"k": ["ü", None]}), Jsonb({"k": 1.5}),
    dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.timezone.utc), dt.timedelta(days=3, seconds=4, microseconds=5),
    dt.time(1, 2, 3), [1, 2, None], ["a", 'b"\\', None, ""], [uuid.UUID(int=1)], None,
]
TYPES = (
    "int2 int4 int8 numeric float8 bool text bytea uuid json jsonb date timestamp timestamptz interval time "
    "int4[] text[] uuid[] text"
).split()


def types():
    out = {}
    with connect() as conn:
        for how in ("text", "binary"):
            marker = {"text": "%t", "binary": "%b"}[how]
            with conn.cursor(binary=how == "binary") as cursor:
                row = []
                for kind, value in zip(TYPES, VALUES):
                    # psycopg has no binary dumper for these two.
                    way = "%t" if kind == "interval" and how == "binary" else marker
                    row.append(repr(cursor.execute(f"select {way}::{kind}", [value]).fetchone()[0]))
                together = "select " + ", ".join(f"%s::{kind}" for kind in TYPES)
                out[how] = [row, [repr(v) for v in cursor.execute(together, VALUES).fetchone()] == row]
                out[how + " description"] = [
                    (c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cursor.description
                ]
    return out


def big():
    with connect() as conn:
        text = "é4" * 2_500_000
        (back,) = conn.execute("select %s::text", [text]).fetchone()
        (raw,) = conn.execute("select %b::bytea", [b"\0\xff" * 2_500_000], binary=True).fetchone()
        return [back == text, len(raw)]


def masked():
    out = {}
    with connect() as conn:
        for binary in (False, True):
            with conn.cursor(binary=binary) as cursor:
                cursor.execute("select * from people where id < %s order by id", [4])
                out[str(binary)] = [[repr(value) for value in row] for row in cursor]
        out["view"] = conn.execute("select contact, name from contacts where id = 1").fetchall()
        out["expression"] = conn.execute("select id, name || '!' from people where id = 1").fetchall()
        out["returning"] = conn.execute(
            "update people set note = note where id = 1 returning id, email"
        ).fetchall()
    return out


def prepared():
    out = []
    with connect() as conn:
        for n in range(1, 22):
            if n in (8, 15):
                out.append(attempt(lambda: conn.execute("delete from people")))
            query = "select id, email, name, ssn from people where id = %s"
            out.append(conn.execute(query, [n]).fetchone())
        out.append([row[0] for row in conn.execute("select statement from pg_prepared_statements")].__len__())
        for n in range(7):
            out.append(attempt(lambda: conn.execute("delete from people", prepare=True)))
    return out


def pipeline():
    out = []
    with connect() as conn:
        with conn.pipeline():
            for n in range(20):
                conn.execute("insert into things (id, name) values (%s, %s)", [n, f"thing {n}"])
            rows = conn.execute("select id, email from people where id = %s", [2])
        out.append([rows.fetchall(), conn.execute("select count(*) from things").fetchone()])

        def refused():
            with conn.pipeline() as p:
                cursors = [conn.cursor() for _ in range(3)]
                for cursor, text in zip(
                    cursors,
                    (
                        "insert into things (id, name) values (100, 'first')",
                        "delete from people",
                        "insert into things (id, name) values (101, 'last')",
                    ),
                ):
                    # Which of the calls raises hangs on how fast the answers come: so it is given time.
                    time.sleep(0.3)
                    try:
                        cursor.execute(text)
                    except psycopg.Error as error:
                        out.append(["late", error_of(error)])
                p.sync()

        out.append(attempt(refused))
        out.append(conn.execute("select id from things where id >= 100 order by 1").fetchall())
        out.append(conn.info.transaction_status.name)
        with conn.cursor() as cursor:
            out.append(
                attempt(
                    lambda: cursor.executemany(
                        "insert into things (id, name) values (%s, %s)", [(200, "a"), (201, "b"), (200, "again")]
                    )
                )
            )
        out.append(conn.execute("select id from things where id >= 100 order by 1").fetchall())
        conn.execute("delete from things where id >= 0")
    return out


def transaction():
    out = []
    with psycopg.connect() as conn:
        conn.execute("insert into things (id, name) values (1, 'kept')")
        conn.execute("savepoint s")
        out.append(attempt(lambda: conn.execute("delete from people")))
        out.append(conn.info.transaction_status.name)
        out.append(attempt(lambda: conn.execute("select 1")))
        conn.execute("rollback to s")
        out.append(conn.info.transaction_status.name)
        conn.commit()
        out.append(conn.execute("select name from things").fetchall())
        conn.execute("insert into things (id, name) values (2, 'lost')")
        out.append(attempt(lambda: conn.execute("drop table people")))
        out.append(attempt(conn.commit))
        out.append(conn.info.transaction_status.name)
        out.append(conn.execute("select name from things").fetchall())
        conn.rollback()

        def nested():
            with conn.transaction():
                conn.execute("insert into things (id, name) values (3, 'outer')")
                try:
                    with conn.transaction():
                        conn.execute("delete from people")
                except psycopg.Error as error:
                    out.append(error_of(error)["class"])

        out.append(attempt(nested))
        out.append(conn.execute("select name from things order by 1").fetchall())
        conn.execute("delete from things where id > 0")
    return out


def cursors():
    out = []
    with psycopg.connect() as conn:
        for binary in (False, True):
            with conn.cursor("named", binary=binary, scrollable=True) as cursor:
                cursor.itersize = 7
                cursor.execute("select id, email, born, note from people order by id")
                out.append([[repr(value) for value in row] for row in cursor])
                cursor.scroll(3, mode="absolute")
                out.append(repr(cursor.fetchmany(2)))
        out.append([row[0] for row in conn.cursor().stream("select email from people order by id")])
    return out


def copy():
    out = {}
    with connect() as conn:
        with conn.cursor() as cursor:
            with cursor.copy("copy people to stdout") as data:
                out["text"] = b"".join(bytes(chunk) for chunk in data).decode()
            with cursor.copy("copy (select id, email, ssn, born from people order by id) to stdout") as data:
                data.set_types(["int4", "text", "int4", "date"])
                out["rows"] = [repr(row) for row in data.rows()]
            with cursor.copy(
                "copy (select id, email, ssn, born from people order by id) to stdout (format binary)"
            ) as data:
                data.set_types(["int4", "text", "int4", "date"])
                out["binary"] = [repr(row) for row in data.rows()]
            with cursor.copy("copy things (id, name, payload) from stdin (format binary)") as data:
                data.set_types(["int4", "text", "bytea"])
                for n in range(3000):
                    data.write_row((n, f"row {n} 😀", b"\0" * (n % 50)))
            with cursor.copy("copy things (id, name) from stdin") as data:
                for n in range(3000, 5000):
                    data.write_row((n, f"tab\t{n}"))

            def bad():
                with cursor.copy("copy things (id, name) from stdin") as data:
                    data.write("not a number\tx\n")

            out["bad"] = attempt(bad)

            def given_up():
                with cursor.copy("copy things (id, name) from stdin") as data:
                    data.write_row((9000, "x"))
                    raise ValueError("given up")

            out["given up"] = attempt(given_up)
            out["count"] = conn.execute("select count(*), sum(length(payload)) from things").fetchone()[0]
            conn.execute("delete from things where id >= 0")
    return out


def cancel():
    out = []
    with connect() as conn:
        timer = threading.Timer(0.3, conn.cancel)
        timer.start()
        out.append(attempt(lambda: conn.execute("select pg_sleep(30)")))
        out.append(conn.execute("select 1").fetchone())
        conn.execute("set statement_timeout = 200")
        out.append(attempt(lambda: conn.execute("select pg_sleep(30)")))

    async def timed_out():
        conn = await psycopg.AsyncConnection.connect(autocommit=True)
        try:
            await asyncio.wait_for(conn.execute("select pg_sleep(30)"), 0.3)
        except (asyncio.TimeoutError, psycopg.Error) as error:
            out.append(type(error).__name__)
        # This version leaves the statement running; a later one cancels it.
        await conn.close()

    asyncio.run(timed_out())
    return out


def notices():
    out = []
    with connect() as conn:
        conn.add_notice_handler(lambda diag: out.append({"severity": diag.severity, "message": diag.message_primary, "hint": diag.message_hint}))
        conn.execute("select say('careful')")
        conn.execute("update people set note = note where id = 2")
        conn.execute("create temp table if not exists t (id int)")
        conn.execute("create temp table if not exists t (id int)")
        conn.execute("listen ch")
        with connect() as other:
            other.execute("select pg_notify('ch', 'do you hear')")
            other.execute("notify ch, 'do you hear'")
        seen = []
        for notify in conn.notifies():
            seen.append([notify.channel, notify.payload])
            if len(seen) == 2:
                break
        out.append(seen)
    return out


def errors():
    out = []
    with connect() as conn:
        conn.execute("insert into things (id, name) values (1, 'one')")
        for text in (
            "insert into things (id, name) values (1, 'two')",
            "insert into things (id, name) values (2, 'one')",
            "select 1/0",
            "select * from nowhere",
            "select 'x'::int",
            "insert into things (id) values (null)",
            "selec 1",
        ):
            out.append(attempt(lambda: conn.execute(text)))
        conn.execute("delete from things where id > 0")
    return out


def large_object():
    with connect() as conn:
        made = conn.execute("select lo_from_bytea(77, %b)", [b"large" * 1000]).fetchall()
        put = repr(conn.execute("select lo_put(77, 2, %b)", [b"RGE"]).fetchall())
        (back,) = conn.execute("select lo_get(77)", binary=True).fetchone()
        return [made, put, conn.execute("select lo_unlink(77)").fetchall(), back and hashlib.md5(back).hexdigest()]


def hold():
    out = []
    with connect() as conn:
        conn.execute("insert into scratch values (1)")
        out.append(attempt(lambda: conn.execute("truncate scratch").statusmessage))
        out.append(conn.execute("select count(*) from scratch").fetchone())
        out.append(attempt(lambda: conn.execute("truncate people")))
        out.append(conn.execute("select count(*) from people").fetchone())
    return out


def withdrawn():
    out = []
    with connect() as conn, psycopg.connect() as other:
        # There it waits for a lock, and here for an approval that nobody gives.
        other.execute("lock table slow")
        threading.Timer(0.5, conn.cancel).start()
        out.append(attempt(lambda: conn.execute("truncate slow")))
        out.append(conn.execute("select 1").fetchone())
    return out


def closed():
    conn = connect()
    conn.execute("set application_name = 'to be closed'")
    emit("ready", None)
    return [attempt(lambda: conn.execute("select pg_sleep(30)")), conn.closed, conn.broken]


for step in (
    login, channel_binding, without_tls, wrong_password, types, big, masked, prepared, pipeline, transaction, cursors,
    copy, cancel, notices, errors, large_object, hold, withdrawn,
    closed,
):
    if len(sys.argv) > 1 and step.__name__ not in sys.argv[1:]:
        continue
    try:
        emit(step.__name__, step())
    except Exception as error:  # noqa: BLE001
        emit(step.__name__, {"unexpected": repr(error), **error_of(error)})
