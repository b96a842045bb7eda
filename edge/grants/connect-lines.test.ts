import { expect, test } from 'vitest';
import { Resource } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { connectLines } from './connect-lines.ts';

const at = (host: string) => Resource.parse({ name: 'shop', protocol: 'postgres', endpoint: { host, port: 6432 } });
const psql = (host: string, email = 'alice@example.com') => connectLines(at(host), email, secret('ght_abc')).psql;

test('names host, port, resource, person and grant', () => {
  expect(psql('db.example.com')).toBe(
    'psql "host=db.example.com port=6432 dbname=shop user=alice@example.com password=ght_abc sslmode=require"',
  );
});

test.each(['127.0.0.1', 'localhost', '::1'])('%s may go without TLS', (host) =>
  expect(psql(host)).toContain('sslmode=prefer'),
);

test('an address of a person cannot become a command or another setting', () => {
  const hostile = "o'x$(id)`id`\\host=evil@example.com";
  expect(psql('db.example.com', hostile)).toBe(
    String.raw`psql "host=db.example.com port=6432 dbname=shop user='o\\'x\$(id)\`id\`\\\\host=evil@example.com' password=ght_abc sslmode=require"`,
  );
});
