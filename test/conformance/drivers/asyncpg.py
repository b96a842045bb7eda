# The scenario of postgres-drivers.test.ts with asyncpg: a JSON line for each step. All of it is binary.
import asyncio
import datetime as dt
import decimal
import io
import json
import sys
import uuid

# This file has the driver's name.
sys.path.pop(0)
import asyncpg


def emit(step, result):
    print(json.dumps({"step": step, "result": result}, default=repr), flush=True)


def error_of(error):
    found = {"class": type(error).__name__}
    for name in ("sqlstate", "severity", "message", "detail", "hint", "constraint_name", "table_name"):
        if getattr(error, name, None):
            found[name] = getattr(error, name)
    return found


async def attempt(work):
    try:
        return await work
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError, OSError) as error:
        return error_of(error)


def connect(**more):
    return asyncpg.connect(**more)


def shown(records):
    return [repr(tuple(record)) for record in records]


async def login():
    conn = await connect()
    return [
        await conn.fetchval("select current_user"),
        conn.get_server_version(),
        str(conn.get_settings()),
        conn._transport.get_extra_info("ssl_object") is not None,
    ]


async def without_tls():
    return await (await connect(ssl="disable")).fetchval("select 1")


async def wrong_password():
    return (await attempt(connect(password="wrong")))["class"]


async def types():
    conn = await connect()
    values = [
        ("int2", -32768), ("int4", 2147483647), ("int8", -9223372036854775808),
        ("numeric", decimal.Decimal("12345678901234567890.123456789")), ("float8", 0.1), ("float4", 0.5), ("bool", True),
        ("text", "ü😀👩‍👩‍👧'\\"), ("bytea", bytes(range(256))), ("uuid", uuid.UUID(int=5)), ("json", '{"k": ["ü"]}'),
        ("jsonb", '{"k": 1.5}'), ("date", dt.date(2024, 2, 29)), ("timestamp", dt.datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("timestamptz", dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.timezone.utc)),
        ("interval", dt.timedelta(days=3, seconds=4, microseconds=5)), ("time", dt.time(1, 2, 3)),
        ("int4[]", [1, 2, None]), ("text[]", ["a", 'b"\\', None, ""]), ("int4range", asyncpg.Range(1, 5)),
        ("inet", "10.0.0.1"), ("point", asyncpg.Point(1, 2)), ("text", None),
    ]
    together = ", ".join(f"${n}::{kind}" for n, (kind, _) in enumerate(values, 1))
    statement = await conn.prepare(f"select {together}")
    return [
        [repr(value) for value in await statement.fetchrow(*[value for _, value in values])],
        str(statement.get_parameters()),
        str(statement.get_attributes()),
        [repr(await conn.fetchval(f"select ${1}::{kind}", value)) for kind, value in values],
        # What asyncpg asks the catalogue about.
        shown(await conn.fetch("select p, array[p] as a from scratch p")),
    ]


async def big():
    conn = await connect()
    text = "é4" * 2_500_000
    return [await conn.fetchval("select $1::text", text) == text, len(await conn.fetchval("select $1::bytea", b"\0\xff" * 2_500_000))]


async def masked():
    conn = await connect()
    return [
        shown(await conn.fetch("select * from people where id < $1 order by id", 20)),
        shown(await conn.fetch("select contact, name from contacts where id = $1", 1)),
        shown(await conn.fetch("update people set note = note where id = 1 returning id, email")),
    ]


async def repeated():
    conn = await connect()
    out = []
    for n in range(1, 11):
        if n == 6:
            out.append(await attempt(conn.execute("delete from people")))
            out.append(await attempt(conn.fetch("delete from people returning id")))
            out.append(await attempt(conn.fetch("delete from people where $1 or true", True)))
        out += shown(await conn.fetch("select id, email, name, ssn from people where id = $1", n))
    return out


async def batch():
    conn = await connect()
    out = [await conn.executemany("insert into things (id, name) values ($1, $2)", [(n, f"t {n}") for n in range(3000)])]
    out.append(await attempt(conn.executemany("insert into things (id, name) values ($1, $2)", [(9000, "x"), (1, "y")])))
    out.append(await conn.fetchval("select count(*) from things"))
    out.append(await attempt(conn.execute("insert into things (id) values (9001); delete from people; select 1")))
    out.append(await conn.fetchval("select count(*) from things"))
    await conn.execute("delete from things where id >= 0")
    return out


async def transaction():
    conn = await connect()
    out = []
    async with conn.transaction():
        await conn.execute("insert into things (id, name) values (1, 'kept')")
        try:
            async with conn.transaction():
                await conn.execute("delete from people")
        except asyncpg.PostgresError as error:
            out.append(error_of(error))
        out.append(conn.is_in_transaction())
    outer = conn.transaction()
    await outer.start()
    await conn.execute("insert into things (id, name) values (2, 'lost')")
    out.append(await attempt(conn.fetch("drop table people")))
    out.append(await attempt(conn.fetchval("select 1")))
    await outer.rollback()
    out += shown(await conn.fetch("select name from things"))
    await conn.execute("delete from things where id > 0")
    return out


async def cursors():
    conn = await connect()
    out = []
    async with conn.transaction():
        async for row in conn.cursor("select id, email, born, note from people order by id", prefetch=7):
            out.append(repr(tuple(row)))
        cursor = await conn.cursor("select id, email from people where id > $1 order by id", 10)
        await cursor.forward(3)
        out += shown(await cursor.fetch(5))
    return out


async def copy():
    conn = await connect()
    out = []
    for more in ({}, {"format": "csv", "header": True}, {"format": "binary"}):
        into = io.BytesIO()
        out.append(await conn.copy_from_table("people", output=into, columns=["id", "email", "ssn", "born"], **more))
        value = into.getvalue()
        # Widths hang on the masked values.
        out.append(value.count(b"\0\0\0\x05") > 0 if more.get("format") == "binary" else value.decode())
    into = io.BytesIO()
    await conn.copy_from_query("select name, email from people where id > $1", 40, output=into)
    out.append(into.getvalue().decode())
    out.append(
        await conn.copy_records_to_table(
            "things", records=[(n, f"row {n} 😀", b"\0" * (n % 50), None) for n in range(3000)]
        )
    )
    out.append(await attempt(conn.copy_records_to_table("things", records=[(1, "again", None, None)])))
    out.append(await conn.fetchval("select count(*) from things"))
    await conn.execute("delete from things where id >= 0")
    return out


async def cancel():
    conn = await connect()
    out = [await attempt(conn.fetchval("select pg_sleep(30)", timeout=0.3)), await conn.fetchval("select 1")]
    task = asyncio.ensure_future(conn.fetchval("select pg_sleep(30)"))
    await asyncio.sleep(0.3)
    task.cancel()
    out.append((await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__)
    out.append(await conn.fetchval("select 1"))
    return out


async def notices():
    conn = await connect()
    heard = []
    seen = []
    conn.add_log_listener(lambda _, message: heard.append(error_of(message)))
    await conn.fetchval("select say('careful')")
    await conn.execute("update people set note = note where id = 2")
    await conn.add_listener("ch", lambda _c, _p, channel, payload: seen.append([channel, payload]))
    await (await connect()).execute("notify ch, 'do you hear'")
    while not seen:
        await asyncio.sleep(0.01)
    return [heard, seen]


async def errors():
    conn = await connect()
    await conn.execute("insert into things (id, name) values (1, 'one')")
    out = [
        await attempt(conn.fetch(text))
        for text in ("insert into things (id, name) values (1, 'two')", "select 1/0", "select * from nowhere", "selec 1")
    ]
    await conn.execute("delete from things where id > 0")
    await conn.reset()
    return out


async def hold():
    conn = await connect()
    await conn.execute("insert into scratch values (1)")
    return [
        await attempt(conn.execute("truncate scratch")),
        await conn.fetchval("select count(*) from scratch"),
        await attempt(conn.fetch("truncate people")),
        await conn.fetchval("select count(*) from people"),
    ]


async def pool():
    async with asyncpg.create_pool(min_size=2, max_size=3) as made:
        found = await asyncio.gather(*[made.fetchval("select email from people where id = $1", n) for n in range(1, 30)])
    return found


async def closed():
    conn = await connect()
    emit("ready", None)
    error = await attempt(conn.fetchval("select pg_sleep(30)"))
    return [error, conn.is_closed(), await attempt(conn.fetchval("select 1"))]


async def main():
    for step in (
        login, without_tls, wrong_password, types, big, masked, repeated, batch, transaction, cursors, copy, cancel,
        notices, errors, hold, pool, closed,
    ):
        try:
            emit(step.__name__, await step())
        except Exception as error:  # noqa: BLE001
            emit(step.__name__, {"unexpected": repr(error), **error_of(error)})


asyncio.run(main())
