# Alembic with SQLAlchemy models: upgrade, autogenerate's comparison, downgrade, upgrade; an ORM session.

import os
import pathlib
import shutil
import tempfile

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session, declarative_base, relationship

Base = declarative_base()


class Person(Base):
    __tablename__ = 'people'
    id = sa.Column(sa.Integer, primary_key=True)
    email = sa.Column(sa.String(80), unique=True)
    name = sa.Column(sa.Text, nullable=False)
    tags = sa.Column(ARRAY(sa.Text))
    meta = sa.Column(JSONB)
    orders = relationship('Order', back_populates='person', order_by='Order.id')


class Order(Base):
    __tablename__ = 'orders'
    id = sa.Column(sa.Integer, primary_key=True)
    person_id = sa.Column(sa.ForeignKey('people.id', ondelete='CASCADE'), index=True)
    status = sa.Column(sa.Enum('new', 'paid', name='order_status'))
    total = sa.Column(sa.Numeric(10, 2))
    person = relationship('Person', back_populates='orders')


project = pathlib.Path(tempfile.mkdtemp(prefix='gatehouse-alembic-'))
(project / 'versions').mkdir()
(project / 'env.py').write_text('''
from alembic import context
import sqlalchemy as sa
engine = sa.create_engine('postgresql+psycopg2://')
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
''')
(project / 'versions' / '1.py').write_text('''
from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
revision, down_revision = '1', None
def upgrade():
    op.create_table('people', sa.Column('id', sa.Integer, primary_key=True), sa.Column('email', sa.String(80), unique=True), sa.Column('name', sa.Text, nullable=False), sa.Column('tags', ARRAY(sa.Text)))
    op.create_table('orders', sa.Column('id', sa.Integer, primary_key=True), sa.Column('person_id', sa.Integer, sa.ForeignKey('people.id', ondelete='CASCADE'), index=True), sa.Column('status', sa.Enum('new', 'paid', name='order_status')), sa.Column('total', sa.Numeric(10, 2)))
def downgrade():
    op.drop_table('orders'); op.drop_table('people'); op.execute('drop type order_status')
''')
(project / 'versions' / '2.py').write_text('''
from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
revision, down_revision = '2', '1'
def upgrade():
    people = sa.table('people', sa.column('id', sa.Integer), sa.column('email', sa.Text), sa.column('name', sa.Text), sa.column('meta', JSONB))
    op.add_column('people', sa.Column('meta', JSONB))
    op.bulk_insert(people, [{'email': 'ann@example.com', 'name': 'Ann', 'meta': {'n': 1}}, {'email': 'bob@example.com', 'name': 'Bob', 'meta': None}])
    for id, name in op.get_bind().execute(sa.select(people.c.id, people.c.name).order_by(people.c.id)).all():
        op.execute(people.update().where(people.c.id == id).values(name=name + ' ' + str(id)))
    op.create_index('people_by_name', 'people', ['name'])
    op.execute('drop index people_by_name')
def downgrade():
    op.execute('delete from people')
    op.drop_column('people', 'meta')
''')
config = Config()
config.set_main_option('script_location', str(project))
for step in [(command.upgrade, 'head'), (command.downgrade, 'base'), (command.upgrade, 'head')]:
    step[0](config, step[1])
engine = sa.create_engine('postgresql+psycopg2://')
with engine.connect() as connection:
    context = MigrationContext.configure(connection)
    print('revision', context.get_current_revision())
    print('differences', compare_metadata(context, Base.metadata))
with Session(engine) as session:
    ann = session.execute(sa.select(Person).where(Person.email == 'ann@example.com')).scalar_one()
    ann.orders += [Order(status='new', total=10), Order(status='paid', total=20)]
    ann.tags = ['a', 'b']
    session.commit()
    print('orders', [(o.id, o.status, o.total) for o in ann.orders], ann.name, ann.email, ann.tags, ann.meta)
    try:
        with session.begin_nested():
            session.add(Person(name='x', email='bob@example.com'))
    except sa.exc.IntegrityError as error:
        print('inside', error.orig.pgcode)
    print('counts', session.execute(sa.select(sa.func.count(Person.id), sa.func.count(Person.email), sa.func.sum(Order.total)).select_from(Person).outerjoin(Order)).one())
    print('window', session.execute(sa.select(Order.id, sa.func.row_number().over(order_by=Order.total.desc())).order_by(Order.id)).all())
    session.commit()
shutil.rmtree(project)
