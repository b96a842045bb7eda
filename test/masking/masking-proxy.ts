// A TCP proxy that does nothing but mask: the rewriter between a real server and a real client, without
// the gateway around it.

import { connect, createServer, type AddressInfo } from 'node:net';
import type { Client } from 'pg';
import { ResultMasker } from '../../connector/protocols/postgres/results/result-masker.ts';
import type { ResolveOrigin } from '../../connector/protocols/postgres/values/result-plan.ts';
import type { Origin } from '../../core/masking/columns.ts';
import { mask } from '../../core/masking/masked.ts';
import type { Masks } from '../../core/masking/masks.ts';
import { type CurrentStatement, SimpleGuide } from './results/simple-guide.ts';

export interface MaskingProxy {
  readonly port: number;
  /** What the next connections mask, and what is known of the statements to come. */
  use(masks: Masks, resolve: ResolveOrigin): void;
  about(statement: CurrentStatement | undefined): void;
  /** Everything that clients were sent so far. */
  sent(): Buffer;
  forget(): void;
  fault(): string | undefined;
  close(): Promise<void>;
}

export async function startMaskingProxy(target: number): Promise<MaskingProxy> {
  let masks: Masks | undefined;
  let resolve: ResolveOrigin = () => undefined;
  let current: CurrentStatement | undefined;
  let fault: string | undefined;
  let sent: Buffer[] = [];
  const guides: SimpleGuide[] = [];
  const sockets = new Set<import('node:net').Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    sockets.add(client).add(upstream);
    const rules = masks;
    if (!rules) throw new Error('no masks');
    const guide = new SimpleGuide(rules, (table, attribute) => resolve(table, attribute));
    // The login: no statement is what the target speaks of.
    guide.current = { text: '', touched: [] };
    let chunks = 0;
    const masker = new ResultMasker(rules, guide);
    client.on('data', (chunk) => {
      if (++chunks === 2) {
        guide.current = current;
        guides.push(guide);
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      for (const part of mask(masker, chunk)) {
        sent.push(Buffer.from(part));
        client.write(part);
      }
      if (masker.fault) {
        fault = masker.fault;
        client.destroy();
      }
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    use(nextMasks, nextResolve) {
      masks = nextMasks;
      resolve = nextResolve;
    },
    about(statement) {
      current = statement;
      for (const guide of guides) guide.current = statement;
    },
    sent: () => Buffer.concat(sent),
    forget: () => {
      sent = [];
    },
    fault: () => fault,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** What a connector will know of the target's catalogue: ordinary tables are themselves, anything else is not known. */
export async function readOrigins(client: Client): Promise<ResolveOrigin> {
  const { rows } = await client.query(
    `select c.oid::int8::text as oid, a.attnum, n.nspname, c.relname, a.attname, c.relkind, c.relispartition
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where a.attnum > 0 and not a.attisdropped`,
  );
  const origins = new Map<string, Origin>();
  for (const row of rows) {
    const ordinary = (row.relkind === 'r' || row.relkind === 'p') && !row.relispartition;
    origins.set(`${row.oid}.${row.attnum}`, {
      schema: row.nspname,
      table: row.relname,
      column: row.attname,
      ...(!ordinary && { bases: 'unknown' as const }),
    });
  }
  return (table, attribute) => origins.get(`${table}.${attribute}`);
}
