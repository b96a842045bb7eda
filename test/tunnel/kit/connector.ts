// The tunnels of a connector, with its real link, certificate and relay connections; behind them services of the test in
// place of the session pipeline, so that only the way is tried.

import { join } from 'node:path';
import { Duplex } from 'node:stream';
import type WebSocket from 'ws';
import { keepCertificate } from '../../../connector/control/certificate.ts';
import { requestCertificate } from '../../../connector/control/edge-http.ts';
import { createEdgeLink } from '../../../connector/control/edge-link.ts';
import { createAuthorizer } from '../../../connector/control/edge-token.ts';
import { ensureJoined } from '../../../connector/control/join.ts';
import { openOutbox } from '../../../connector/control/outbox.ts';
import type { ByteStream, Peer } from '../../../connector/door.ts';
import { createLogger } from '../../../connector/logger.ts';
import { loadIdentity } from '../../../connector/state/identity.ts';
import { dialRelay } from '../../../connector/tunnel/dial-relay.ts';
import { createTunnels } from '../../../connector/tunnel/tunnels.ts';
import { ResourceName } from '../../../core/resource.ts';
import { TunnelEnd } from '../../../core/tunnel/tunnel-end.ts';
import { secret } from '../../../core/secret.ts';

export type Service = (stream: ByteStream, peer: Peer) => void;

export interface TunnelConnector {
  /** Each connection to a relay, in their order. */
  readonly sockets: WebSocket[];
  /** What it logged, an event and its message each. */
  readonly lines: { readonly event: string; readonly message?: string; readonly reason?: string }[];
  /** Tunnels that are open. */
  running(): number;
  stop(): Promise<void>;
}

export async function startTunnelConnector(given: {
  readonly edge: { readonly url: string; readonly joinToken: string };
  readonly directory: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly limits?: Parameters<typeof createTunnels>[0]['limits'];
  /** Asked at each tunnel. `silent`: comes and says nothing. */
  readonly mood?: () => 'as ever' | 'without a certificate' | 'silent';
}): Promise<TunnelConnector> {
  const { edge, directory } = given;
  const state = join(directory, 'connector');
  const lines: { event: string; message?: string }[] = [];
  const log = createLogger((line) => lines.push(JSON.parse(line)), { level: 'info' });
  const identity = loadIdentity(state);
  if (!identity.ok) throw new Error(identity.error);
  const config = {
    name: 'tunnels',
    edge: edge.url,
    state,
    join: { kind: 'env' as const, name: 'GATEHOUSE_JOIN_TOKEN' },
  };
  const environment = { GATEHOUSE_JOIN_TOKEN: edge.joinToken };
  const joined = await ensureJoined({ identity: identity.value, config, environment, log });
  if (!joined.ok) throw new Error(joined.error.message);
  const { privateKey } = joined.value;
  const { connector } = joined.value.joined;
  const authorize = createAuthorizer({ connector, privateKey, edge: edge.url });
  const sockets: WebSocket[] = [];
  const connect: Parameters<typeof createTunnels>[0]['connect'] = async (tunnel, events) => {
    const made = await dialRelay(edge.url, tunnel, await authorize(), events);
    if (made.ok) sockets.push(made.value as WebSocket);
    return made;
  };
  const tunnels = createTunnels({
    draining: () => false,
    connect,
    tls: () => (given.mood?.() === 'without a certificate' ? undefined : certificate.current()),
    carrierOf: (resource) => given.services[resource],
    log,
    ...(given.limits && { limits: given.limits }),
  });
  const resources = Object.keys(given.services).map((name) => ({
    ...{ name: ResourceName.parse(name), protocol: 'postgres' as const, labels: { env: 'demo' } },
    endpoint: { host: 'gateway.example.com', port: 5432 },
  }));
  const outbox = openOutbox({ directory: state, onFault: (message) => log.error('outbox.fault', { message }) });
  const link = createEdgeLink({
    ...{ edge: edge.url, connector, build: 'test', authorize, outbox, log },
    describe: () => ({ resources, live: [] }),
    onTunnel(tunnel, email) {
      if (given.mood?.() !== 'silent') return tunnels.open(tunnel, email);
      sayNothing((events) => connect(tunnel, events));
    },
    saltKey: secret(new Uint8Array(32)),
  });
  const certificate = keepCertificate({
    directory: state,
    connectorName: config.name,
    hosts: ['gateway.example.com'],
    request: (csr) => requestCertificate(edge.url, csr, authorize),
    askAfter: link.firstLinked,
    log,
  });
  link.start();
  await link.firstLinked;
  await certificate.available;
  const count = (event: string) => lines.filter((line) => line.event === event).length;
  return {
    sockets,
    lines,
    running: () => count('tunnel.opened') - count('tunnel.closed'),
    async stop() {
      tunnels.close();
      certificate.stop();
      await link.stop(0);
      outbox.close();
    },
  };
}

/** An end that answers the other and says nothing itself. */
export function sayNothing(connect: ConstructorParameters<typeof TunnelEnd>[0]['connect']): TunnelEnd {
  const end = new TunnelEnd({ connect });
  Duplex.fromWeb({ readable: end.readable, writable: end.writable })
    .on('error', () => {})
    .resume();
  return end;
}
