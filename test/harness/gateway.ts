// The connector's session pipeline in the test's own process: a listener over an edge and a log in memory.

import { createHmac } from 'node:crypto';
import { type ConnectorId, newId } from '../../core/ids.ts';
import type { Refusal } from '../../core/refusal.ts';
import { err, ok } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import type { UpstreamTarget } from '../../connector/net/dial.ts';
import { startListener } from '../../connector/session/serve.ts';
import { createSessions, type Entrance, type Sessions, type SessionsDeps } from '../../connector/session/sessions.ts';
import type { SessionLog } from '../../connector/session/session-log.ts';
import { MemoryEdge } from './memory-edge.ts';
import { MemoryLog } from './memory-log.ts';

export interface GatewayOptions {
  /** By resource name. */
  readonly targets: Readonly<Record<string, UpstreamTarget>>;
  /** Whose targets make a user for each session, with the rights of this role. */
  readonly templates?: Readonly<Record<string, string>>;
  readonly tls?: Entrance<UpstreamTarget>['tls'];
  readonly allowPlainText?: boolean;
  readonly clientAuth?: 'scram' | 'password';
  /** What it speaks; PostgreSQL when missing. */
  readonly protocol?: 'postgres' | 'mysql';
  /** Settings of its listener, for protocols but PostgreSQL. */
  readonly listener?: object;
  readonly limits?: SessionsDeps['limits'];
  readonly log?: SessionLog;
  /** Whose recordings they are; one of its own when missing. */
  readonly connector?: ConnectorId;
}

export interface Gateway {
  readonly host: string;
  readonly port: number;
  readonly edge: MemoryEdge;
  readonly log: MemoryLog;
  readonly sessions: Sessions;
  /** What was thrown in carrying a connection: always a bug. */
  readonly bugs: unknown[];
  readonly entrance: Entrance<UpstreamTarget>;
  /** What the operator was told of targets. */
  readonly told: string[];
  /** Waits until what was made for sessions that are over was taken away, or could not be. */
  givenBack(): Promise<void>;
  /** Waits so long for running sessions, then ends them. */
  close(graceMs?: number): Promise<void>;
}

export function trusted(port: number, more: Partial<UpstreamTarget> = {}): UpstreamTarget {
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: undefined,
    database: 'postgres',
    tls: { mode: 'off' },
    connectTimeoutMs: 10_000,
    ...more,
  };
}

export const password = secret<string>;

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const name = options.protocol ?? 'postgres';
  const edge = new MemoryEdge();
  edge.protocol = name;
  const log = new MemoryLog();
  const bugs: unknown[] = [];
  const told: string[] = [];
  const giving = new Set<Promise<unknown>>();
  const unknown: Refusal = { reason: 'resource_unknown', message: 'The connector does not know this resource.' };
  const sessions = createSessions({
    edge,
    log: options.log ?? log,
    connector: { id: options.connector ?? newId('con'), name: 'test', build: 'test' },
    keyedHash: (value) => createHmac('sha256', 'test').update(value).digest(),
    ...(options.limits && { limits: options.limits }),
    onBug: (error) => bugs.push(error),
  });
  const entrance: Entrance<UpstreamTarget> = {
    name,
    protocol: PROTOCOL_MODULES[name].create(
      options.listener ?? (options.clientAuth ? { clientAuth: options.clientAuth } : {}),
    ),
    targets: async (resource, scope) => {
      const target = options.targets[resource];
      if (!target) return err(unknown);
      const template = options.templates?.[resource];
      if (template === undefined) return ok(target);
      const givingBack = (work: Promise<unknown>) => {
        giving.add(work);
        void work.finally(() => giving.delete(work));
      };
      const session = { ...scope, onFault: (message: string) => told.push(message), givingBack };
      return ok({ ...target, sessionUser: { template, session } });
    },
    tls: options.tls,
    allowPlainText: options.allowPlainText ?? true,
  };
  const listener = await startListener({ host: '127.0.0.1', port: 0, entrance, sessions });
  const close = (graceMs = 0) => {
    listener.close();
    return sessions.close(graceMs);
  };
  const givenBack = async () => {
    while (giving.size > 0) await Promise.all(giving);
  };
  return { ...listener.address, edge, log, sessions, entrance, bugs, told, givenBack, close };
}
