// Two servers that are the same, one of them behind a gateway with masks: what is asked of both can be
// compared answer by answer, to the object ids.

import pg from 'pg';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../../harness/gateway.ts';
import { type PostgresServer, startPostgres } from '../../harness/postgres/postgres.ts';
import { dialRaw, logInRaw, type RawPeer } from '../../harness/postgres/raw-postgres.ts';

export type Way = 'direct' | 'through';

export interface Pair {
  readonly gateway: Gateway;
  /** The same text on both servers, past the gateway. */
  both(text: string, database?: string): Promise<void>;
  /** For libpq and its like. The database is the resource, and has its name. */
  env(way: Way, database: string): Record<string, string>;
  /** Past the gateway, to what is behind it as well. */
  past(way: Way, database: string): Record<string, string>;
  session(way: Way, database: string): Promise<RawPeer>;
  close(): Promise<void>;
}

export async function startPair(version: 15 | 18, rules: SessionRules): Promise<Pair> {
  // What the servers do by themselves, and when, would be a difference.
  const settings = ['autovacuum=off', 'max_wal_size=2GB', 'checkpoint_timeout=1h'];
  const [direct, through] = await Promise.all([
    startPostgres({ version, settings }),
    startPostgres({ version, settings }),
  ]);
  const servers: Record<Way, PostgresServer> = { direct, through };
  const gateway = await startGateway({
    targets: new Proxy({}, { get: (_, name) => trusted(through.port, { database: String(name) }) }),
  });
  gateway.edge.rules = rules;
  const grants = new Map<string, string>();
  const grant = (resource: string): string => {
    const secret = grants.get(resource) ?? gateway.edge.issue({ resource }).secret;
    grants.set(resource, secret);
    return secret;
  };
  const past = (way: Way, database: string) => ({
    PGHOST: '127.0.0.1',
    PGPORT: String(servers[way].port),
    PGUSER: 'postgres',
    PGDATABASE: database,
    // Nobody asks for it. Some tools want one.
    PGPASSWORD: 'none',
  });
  return {
    gateway,
    past,
    async both(text, database = 'postgres') {
      for (const { port } of [direct, through]) {
        const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database });
        await client.connect();
        await client.query(text).finally(() => client.end());
      }
    },
    env(way, database) {
      if (way === 'direct') return past(way, database);
      const { host, port } = gateway;
      const PGPASSWORD = grant(database);
      return { PGHOST: host, PGPORT: String(port), PGUSER: 'alice@example.com', PGDATABASE: database, PGPASSWORD };
    },
    async session(way, database) {
      const peer = await dialRaw(way === 'direct' ? direct.port : gateway.port);
      const user = way === 'direct' ? 'postgres' : 'alice@example.com';
      const seen = await logInRaw(peer, grant(database), { user, database });
      if (seen.at(-1)?.type !== 'Z') throw new Error(`no login: ${seen.at(-1)?.body.toString()}`);
      return peer;
    },
    async close() {
      await gateway.close();
      await Promise.all([direct.stop(), through.stop()]);
    },
  };
}
