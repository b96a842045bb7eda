// Has the real clients and servers that the tests use installed where they are missing; says so where it cannot.
// Plain JavaScript without packages, so that it runs beside `npm ci` and under any Node.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fetchDebianRoots } from './debian-roots.mjs';

/** A Debian package, and a file that proves it is installed. */
const SYSTEM_PACKAGES = [
  ['postgresql-15', '/usr/lib/postgresql/15/bin/postgres'],
  ['postgresql-client-15', '/usr/lib/postgresql/15/bin/psql'],
  ['chromium-headless-shell', '/usr/bin/chromium-headless-shell'],
  ['asciinema', '/usr/bin/asciinema'],
  ['radosgw', '/usr/bin/radosgw'],
  ['ceph-mon', '/usr/bin/ceph-mon'],
  ['ceph-osd', '/usr/bin/ceph-osd'],
  ['ceph-mgr', '/usr/bin/ceph-mgr'],
  ['python3-psycopg', '/usr/lib/python3/dist-packages/psycopg'],
  // Django of Debian 12 knows no other driver.
  ['python3-psycopg2', '/usr/lib/python3/dist-packages/psycopg2'],
  ['python3-django', '/usr/lib/python3/dist-packages/django'],
  ['libpostgresql-jdbc-java', '/usr/share/java/postgresql.jar'],
  ['mariadb-server', '/usr/sbin/mariadbd'],
  ['mariadb-client', '/usr/bin/mariadb-dump'],
  ['php-cli', '/usr/bin/php'],
  ['php-xml', '/usr/share/doc/php-xml'],
  ['php-mbstring', '/usr/share/doc/php-mbstring'],
  // Brings a web server along, which no test uses.
  ['simplesamlphp', '/usr/share/simplesamlphp/www/module.php'],
  ['php-mysql', '/usr/share/doc/php-mysql'],
  ['libdbd-mysql-perl', '/usr/share/doc/libdbd-mysql-perl'],
  ['libmariadb-java', '/usr/share/java/mariadb-java-client.jar'],
  ['python3-pymysql', '/usr/lib/python3/dist-packages/pymysql'],
  ['default-jdk-headless', '/usr/bin/javac'],
  ['age', '/usr/bin/age-keygen'],
  ['openssh-client', '/usr/bin/ssh'],
  ['openssh-server', '/usr/sbin/sshd'],
  ['rsync', '/usr/bin/rsync'],
  ['vim', '/usr/bin/vim'],
  ['less', '/usr/bin/less'],
  ['tmux', '/usr/bin/tmux'],
  ['procps', '/usr/bin/top'],
  ['python3-paramiko', '/usr/lib/python3/dist-packages/paramiko'],
];

/** For `npm run soak` besides. */
const SOAK_PACKAGES = [
  ['python3-asyncpg', '/usr/lib/python3/dist-packages/asyncpg'],
  ['python3-sqlalchemy', '/usr/lib/python3/dist-packages/sqlalchemy'],
  ['python3-alembic', '/usr/lib/python3/dist-packages/alembic'],
  ['pgcli', '/usr/bin/pgcli'],
  ['ruby-activerecord', '/usr/share/doc/ruby-activerecord'],
  ['ruby-pg', '/usr/share/doc/ruby-pg'],
  ['libdbd-pg-perl', '/usr/share/doc/libdbd-pg-perl'],
  ['php-pgsql', '/usr/share/doc/php-pgsql'],
  ['golang-go', '/usr/bin/go'],
  ['golang-github-jackc-pgx-v4-dev', '/usr/share/gocode/src/github.com/jackc/pgx/v4'],
];

const wanted = [...SYSTEM_PACKAGES, ...(process.env.SOAK === '1' ? SOAK_PACKAGES : [])];
const missing = wanted.filter(([, proof]) => !existsSync(proof)).map(([name]) => name);
const byHand = `apt-get install --no-install-recommends ${missing.join(' ')}`;
const hasApt = process.platform === 'linux' && existsSync('/usr/bin/apt-get');
if (missing.length > 0) {
  if (hasApt && process.getuid?.() === 0) install();
  else console.error(`Some tests need programs that are not here and will say so. To have them: ${byHand}`);
}
for (const failed of hasApt ? fetchDebianRoots() : [])
  console.error(`Could not be had, and the tests that need it will be skipped and say so: ${failed}`);

function install() {
  console.log(`Installing ${missing.join(', ')} for the tests`);
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  // What an interrupted installation left behind would fail this one.
  spawnSync('dpkg', ['--configure', '-a'], quiet);
  spawnSync('apt-get', ['update', '-q'], quiet);
  const done = spawnSync('apt-get', ['install', '-qy', '--no-install-recommends', ...missing], quiet);
  if (done.status !== 0)
    console.error(`Could not install them. Some tests will be skipped and say so. By hand: ${byHand}`);
}
