import { expect, test } from 'vitest';
import { Resource } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { connectLines } from './connect-lines.ts';

const EDGE = { publicUrl: 'https://gh.example.com', hostAuthority: 'ssh-ed25519 AAAAhosts' };

const lines = (host: string, email = 'alice@example.com', defaultDatabase: string | undefined = 'orders') =>
  connectLines(
    Resource.parse({ name: 'shop', protocol: 'mysql', endpoint: { host, port: 3306 }, defaultDatabase }),
    email,
    secret('ght_abc'),
    EDGE,
  );

test('names host, port, resource, person and grant, and carries the authority', () => {
  expect(lines('db.example.com')).toEqual({
    ca: 'curl -fsSo gatehouse-ca.pem https://gh.example.com/ca.pem',
    mysql:
      'MYSQL_PWD=ght_abc mysql -h db.example.com -P 3306 --protocol=tcp -u alice@example.com#shop --ssl-ca=gatehouse-ca.pem --ssl-mode=VERIFY_IDENTITY orders',
    mariadb:
      'MYSQL_PWD=ght_abc mariadb -h db.example.com -P 3306 --protocol=tcp -u alice@example.com#shop --ssl-ca=gatehouse-ca.pem --ssl-verify-server-cert orders',
    jdbc: 'jdbc:mariadb://db.example.com:3306/orders?user=alice@example.com#shop&sslMode=verify-full&serverSslCert=gatehouse-ca.pem',
    node: `mysql.createConnection({ host: "db.example.com", port: 3306, user: "alice@example.com#shop", database: "orders", password: process.env.MYSQL_PWD, ssl: { ca: readFileSync('gatehouse-ca.pem') } })`,
  });
});

test.each(['127.0.0.1', 'localhost', '::1'])('%s may go without TLS', (host) => {
  expect(lines(host).mysql).not.toContain('ssl');
  expect(lines(host)).not.toHaveProperty('ca');
  expect(lines(host).jdbc).toMatch(/\/orders\?user=alice@example\.com#shop&allowPublicKeyRetrieval=true$/);
});

test('an address of a person cannot add a parameter to the JDBC URL', () => {
  const { jdbc } = lines('localhost', 'a&sslMode=disable@example.com');
  expect(jdbc).toBe('jdbc:mariadb://localhost:3306/orders?user=shop&allowPublicKeyRetrieval=true');
});

test('an address of a person, or a database, cannot become a command', () => {
  const hostile = "o'x$(id)`id`\\host=evil@example.com";
  expect(lines('::1', hostile).mysql).toContain("-u 'o'\\''x$(id)`id`\\host=evil@example.com#shop' orders");
  expect(lines('::1', undefined, 'a b; $(id)').mariadb).toContain(`'a b; $(id)'`);
});
