import { expect, test } from 'vitest';
import { Resource } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { connectLines } from './connect-lines.ts';

const at = (host: string) => Resource.parse({ name: 'shop', protocol: 'postgres', endpoint: { host, port: 6432 } });
const lines = (host: string, email = 'alice@example.com') =>
  connectLines(at(host), email, secret('ght_abc'), 'https://gh.example.com');
const psql = (host: string, email?: string) => lines(host, email).psql;

test('names host, port, resource, person and grant', () => {
  expect(psql('db.example.com')).toBe(
    'PGPASSWORD=ght_abc psql "host=db.example.com port=6432 dbname=shop user=alice@example.com sslmode=verify-full sslrootcert=gatehouse-ca.pem"',
  );
});

test.each(['127.0.0.1', 'localhost', '::1'])('%s may go without TLS', (host) =>
  expect(psql(host)).toContain('sslmode=prefer'),
);

test('an address of a person cannot become a command or another setting', () => {
  const hostile = "o'x$(id)`id`\\host=evil@example.com";
  expect(psql('db.example.com', hostile)).toBe(
    String.raw`PGPASSWORD=ght_abc psql "host=db.example.com port=6432 dbname=shop user='o\\'x\$(id)\`id\`\\\\host=evil@example.com' sslmode=verify-full sslrootcert=gatehouse-ca.pem"`,
  );
});

test('gives URI, JDBC and node forms without the secret', () => {
  const { psql: _, ...others } = lines('db.example.com');
  expect(others).toEqual({
    ca: 'curl -fsSo gatehouse-ca.pem https://gh.example.com/ca.pem',
    uri: 'postgresql://alice%40example.com@db.example.com:6432/shop?sslmode=verify-full&sslrootcert=gatehouse-ca.pem',
    jdbc: 'jdbc:postgresql://db.example.com:6432/?user=alice%40example.com%23shop&sslmode=verify-full&sslrootcert=gatehouse-ca.pem',
    node: `new pg.Client({ host: "db.example.com", port: 6432, database: "shop", user: "alice@example.com", password: process.env.PGPASSWORD, ssl: { ca: readFileSync('gatehouse-ca.pem') } })`,
  });
  expect(lines('::1')).not.toHaveProperty('ca');
  expect(lines('::1').uri).toContain('@[::1]:6432/');
});
