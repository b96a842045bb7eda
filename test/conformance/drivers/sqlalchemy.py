# The scenario of postgres-drivers.test.ts with SQLAlchemy over psycopg2: reflection, ORM, batches.
import json
import re
import sys

# This file has the library's name.
sys.path.pop(0)
import sqlalchemy as sa
from sqlalchemy.orm import Session, declarative_base, selectinload, relationship


def emit(step, result):
    print(json.dumps({"step": step, "result": result}, default=repr), flush=True)


def error_of(error):
    original = getattr(error, "orig", None)
    return {
        "class": type(error).__name__,
        "original": type(original).__name__,
        "sqlstate": getattr(original, "pgcode", None),
        "message": str(original).split("\n")[0],
    }


def attempt(work):
    try:
        return work()
    except sa.exc.SQLAlchemyError as error:
        return error_of(error)


engine = sa.create_engine("postgresql+psycopg2://", future=True)
Base = declarative_base()


class Person(Base):
    __tablename__ = "people"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text)
    email = sa.Column(sa.Text)
    orders = relationship("Order")


class Order(Base):
    __tablename__ = "orders"
    id = sa.Column(sa.Integer, primary_key=True)
    person = sa.Column(sa.ForeignKey("people.id"))
    total = sa.Column(sa.Numeric)


class Thing(Base):
    __tablename__ = "things"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text)


def login():
    with engine.connect() as conn:
        return [conn.dialect.server_version_info, conn.dialect.default_schema_name, conn.execute(sa.select(1)).scalar()]


def inspector():
    seen = sa.inspect(engine)
    out = {"tables": sorted(seen.get_table_names()), "views": seen.get_view_names(), "schemas": seen.get_schema_names()}
    for table in ("people", "orders", "things", "contacts"):
        out[table] = {
            "columns": repr(seen.get_columns(table)),
            "primary": seen.get_pk_constraint(table),
            "foreign": seen.get_foreign_keys(table),
            "indexes": seen.get_indexes(table),
            "unique": seen.get_unique_constraints(table),
            "checks": seen.get_check_constraints(table),
            "comment": seen.get_table_comment(table),
        }
    out["definition"] = seen.get_view_definition("contacts")
    out["enums"] = seen.get_enums()
    return out


def reflection():
    metadata = sa.MetaData()
    metadata.reflect(engine, views=True)
    with engine.connect() as conn:
        return {
            name: [[repr(tuple(row)) for row in conn.execute(sa.select(table)).fetchall()], re.sub(r" at 0x[0-9a-f]+", "", repr(table))]
            for name, table in sorted(metadata.tables.items())
        }


def orm():
    with Session(engine) as session:
        session.add_all([Order(id=n, person=1 + n % 5, total=n) for n in range(50)])
        session.commit()
        people = session.execute(
            sa.select(Person).options(selectinload(Person.orders)).where(Person.id < 6).order_by(Person.id)
        ).scalars()
        out = [[one.id, one.name, one.email, len(one.orders)] for one in people]
        session.execute(sa.update(Person).where(Person.id == 1).values(name="Ann 1"))
        session.commit()
        out.append(session.execute(sa.select(sa.func.count()).select_from(Person)).scalar())
        out.append(
            [list(row) for row in session.execute(sa.select(Person.email).execution_options(yield_per=7))]
        )
    return out


def refused():
    out = []
    with Session(engine) as session:
        session.add(Thing(id=1, name="lost"))
        session.flush()
        out.append(attempt(lambda: session.execute(sa.delete(Person))))
        out.append(attempt(lambda: session.execute(sa.select(1))))
        session.rollback()
        with session.begin_nested():
            session.add(Thing(id=2, name="kept"))
        out.append(attempt(lambda: Base.metadata.tables["people"].drop(session.connection())))
        session.rollback()
        out.append([one.name for one in session.execute(sa.select(Thing)).scalars()])
    return out


def reconnects():
    out = []
    with engine.connect() as conn:
        emit("ready", None)
        out.append(attempt(lambda: conn.execute(sa.text("select pg_sleep(30)"))))
        out.append(conn.invalidated)
    return out


for step in (login, inspector, reflection, orm, refused, reconnects):
    try:
        emit(step.__name__, step())
    except Exception as error:  # noqa: BLE001
        emit(step.__name__, {"unexpected": repr(error), **error_of(error)})
