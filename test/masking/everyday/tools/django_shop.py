# A Django project in one file: makemigrations and migrate of its own and of auth, a later migration with
# data, and what is typed into `manage.py shell`.

import os
import pathlib
import shutil
import sys
import tempfile

project = pathlib.Path(tempfile.mkdtemp(prefix='gatehouse-django-'))
(project / 'crm' / 'migrations').mkdir(parents=True)
(project / 'crm' / '__init__.py').touch()
(project / 'crm' / 'migrations' / '__init__.py').touch()
(project / 'crm' / 'models.py').write_text('''
from django.contrib.postgres.fields import ArrayField
from django.db import models

class Person(models.Model):
    name = models.CharField(max_length=50)
    email = models.EmailField(unique=True, null=True)
    tags = ArrayField(models.TextField(), default=list)
    meta = models.JSONField(default=dict)

class Order(models.Model):
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name='orders')
    total = models.DecimalField(max_digits=10, decimal_places=2)
    placed = models.DateField()
    class Meta:
        indexes = [models.Index(fields=['placed'])]
        constraints = [models.CheckConstraint(check=models.Q(total__gte=0), name='positive')]
''')
(project / 'crm' / 'migrations' / '0002_data.py').write_text('''
from django.db import migrations, models

def fill(apps, editor):
    Person = apps.get_model('crm', 'Person')
    for n, name in enumerate(['Ann', 'Bob', 'Cy']):
        person = Person.objects.create(name=name, email=f'{name.lower()}@example.com', city=f'City {Person.objects.count()}')
        apps.get_model('crm', 'Order').objects.create(person=person, total=n * 10, placed='2026-01-01')

def empty(apps, editor):
    apps.get_model('crm', 'Person').objects.all().delete()
    editor.execute('set constraints all immediate')

class Migration(migrations.Migration):
    dependencies = [('crm', '0001_initial')]
    operations = [
        migrations.AddField('person', 'city', models.CharField(max_length=20, default='Riga')),
        migrations.RunPython(fill, empty),
        migrations.AlterField('person', 'name', models.TextField()),
        migrations.RenameField('order', 'placed', 'placed_on'),
    ]
''')
sys.path.insert(0, str(project))
env = os.environ

import django
from django.conf import settings
from django.core.management import call_command

settings.configure(
    SECRET_KEY='x', USE_TZ=True, DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
    INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'django.contrib.sessions', 'crm'],
    DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': env['PGDATABASE'], 'USER': env['PGUSER'],
                           'PASSWORD': env['PGPASSWORD'], 'HOST': env['PGHOST'], 'PORT': env['PGPORT']}},
)
django.setup()
# The first migration is made as if the second were not there.
later = (project / 'crm' / 'migrations' / '0002_data.py').rename(project / 'later.py')
call_command('makemigrations', 'crm', verbosity=0)
later.rename(project / 'crm' / 'migrations' / '0002_data.py')
call_command('migrate', verbosity=1)
call_command('migrate', 'crm', '0001', verbosity=1)
call_command('migrate', 'crm', verbosity=1)
call_command('showmigrations', 'crm')
call_command('inspectdb', 'crm_order')

from crm.models import Person
from django.db import IntegrityError, connection, models, transaction

# The models are those of the first migration; what the second renamed is asked by values.
print('people', list(Person.objects.order_by('id').values_list('name', 'tags', 'meta')))
print('emails', list(Person.objects.order_by('id').values_list('email', flat=True)))
print('one', Person.objects.get(email='ann@example.com').name, Person.objects.filter(email__startswith='b').exists())
print('counts', Person.objects.aggregate(all=models.Count('id'), mails=models.Count('email'), last=models.Max('name')))
print('grouped', list(Person.objects.annotate(n=models.Count('orders')).order_by('id').values_list('name', 'n')))
try:
    with transaction.atomic():
        person = Person.objects.select_for_update().get(name='Ann')
        try:
            with transaction.atomic():
                Person.objects.filter(id=person.id).update(email='bob@example.com')
        except IntegrityError as error:
            print('inside', error.__cause__.pgcode)
        person.meta = {'points': Person.objects.count()}
        person.save(update_fields=['meta'])
        print('goes on', Person.objects.filter(meta__points=3).count())
finally:
    print('tables', len(connection.introspection.table_names()))
call_command('sqlsequencereset', 'crm', no_color=True)
shutil.rmtree(project)
