import { expect, test } from 'vitest';
import { Resource } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { connectLines } from './connect-lines.ts';

const EDGE = { publicUrl: 'https://gh.example.com', hostAuthority: 'ssh-ed25519 AAAAhosts' };

const at = (host: string, defaultDatabase?: string) =>
  Resource.parse({ name: 'shop', protocol: 'postgres', endpoint: { host, port: 6432 }, defaultDatabase });
const lines = (host: string, email = 'alice@example.com', database: string | undefined = 'orders') =>
  connectLines(at(host, database), email, secret('ght_abc'), EDGE);
const psql = (host: string, email?: string) => lines(host, email).psql;

test('names host, port, resource, person and grant', () => {
  expect(psql('db.example.com')).toBe(
    'PGPASSWORD=ght_abc psql "host=db.example.com port=6432 dbname=orders user=alice@example.com#shop sslmode=verify-full sslrootcert=gatehouse-ca.pem"',
  );
});

test.each(['127.0.0.1', 'localhost', '::1'])('%s may go without TLS', (host) =>
  expect(psql(host)).toContain('sslmode=prefer'),
);

test('an address of a person cannot become a command or another setting', () => {
  const hostile = "o'x$(id)`id`\\host=evil@example.com";
  expect(psql('db.example.com', hostile)).toBe(
    String.raw`PGPASSWORD=ght_abc psql "host=db.example.com port=6432 dbname=orders user='o\\'x\$(id)\`id\`\\\\host=evil@example.com#shop' sslmode=verify-full sslrootcert=gatehouse-ca.pem"`,
  );
});

test('gives URI, JDBC and node forms without the secret', () => {
  const { psql: _, ...others } = lines('db.example.com');
  expect(others).toEqual({
    ca: 'curl -fsSo gatehouse-ca.pem https://gh.example.com/ca.pem',
    uri: 'postgresql://alice%40example.com%23shop@db.example.com:6432/orders?sslmode=verify-full&sslrootcert=gatehouse-ca.pem',
    jdbc: 'jdbc:postgresql://db.example.com:6432/orders?user=alice%40example.com%23shop&sslmode=verify-full&sslrootcert=gatehouse-ca.pem',
    node: `new pg.Client({ host: "db.example.com", port: 6432, database: "orders", user: "alice@example.com#shop", password: process.env.PGPASSWORD, ssl: { ca: readFileSync('gatehouse-ca.pem') } })`,
  });
  expect(lines('::1')).not.toHaveProperty('ca');
  expect(lines('::1').uri).toContain('@[::1]:6432/');
});

test('a resource without a database of its own names none', () => {
  const named = connectLines(at('::1'), 'alice@example.com', secret('ght_abc'), EDGE);
  expect(named.psql).toBe('PGPASSWORD=ght_abc psql "host=::1 port=6432 user=alice@example.com#shop sslmode=prefer"');
  expect(named.uri).toBe('postgresql://alice%40example.com%23shop@[::1]:6432/?sslmode=prefer');
  expect(named.node).not.toContain('database');
});

test("a database's name cannot become a command or another setting either", () => {
  const named = lines('::1', undefined, `o'x "$(id) host=evil/?`);
  expect(named.psql).toContain(String.raw`dbname='o\\'x \"\$(id) host=evil/?' user=`);
  expect(named.uri).toContain("/o'x%20%22%24(id)%20host%3Devil%2F%3F?sslmode");
});

test('SSH: the login and the resource, a line for known_hosts, and no secret', () => {
  const web = Resource.parse({
    name: 'web',
    protocol: 'ssh',
    endpoint: { host: 'gw.example.com', port: 2222, hostKey: 'ssh-ed25519 AAAAC3Nz' },
    login: 'deploy',
  });
  expect(connectLines(web, 'alice@example.com', secret('ght_abc'), EDGE)).toEqual({
    known_hosts:
      "printf '%s\\n' '@cert-authority [gw.example.com]:2222 ssh-ed25519 AAAAhosts' '[gw.example.com]:2222 ssh-ed25519 AAAAC3Nz' >> ~/.ssh/known_hosts",
    ssh: 'ssh -p 2222 deploy@web@gw.example.com',
    sftp: 'sftp -P 2222 deploy@web@gw.example.com',
    uri: 'ssh://deploy=web@gw.example.com:2222',
  });
  const { known_hosts: standard } = connectLines(
    { ...web, endpoint: { ...web.endpoint, port: 22 } },
    'alice@example.com',
    secret('ght_abc'),
    EDGE,
  );
  expect(standard).toContain(
    "'@cert-authority gw.example.com ssh-ed25519 AAAAhosts' 'gw.example.com ssh-ed25519 AAAAC3Nz'",
  );
  // What a connector announces vouches for its own host alone.
  for (const host of ['*', '?.example.com', 'gw.example.com,bank.example.com', "x'$(id)", 'a\nb'])
    expect(
      connectLines({ ...web, endpoint: { ...web.endpoint, host } }, 'a@example.com', secret('ght_abc'), EDGE),
    ).not.toHaveProperty('known_hosts');
  const hostile = connectLines({ ...web, login: "x'$(id)" }, 'a@example.com', secret('ght_abc'), EDGE);
  expect(hostile.ssh).toBe("ssh -p 2222 'x'\\''$(id)@web@gw.example.com'");
});
