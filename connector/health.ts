// GET /health over plain HTTP, for whoever restarts or watches the container: 200 while sessions can
// be opened, 503 while they cannot, both with the same JSON. Holds no name, no address, no secret.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from './config/host-port.ts';
import type { LinkStatus } from './control/edge-link.ts';
import type { RecordingHealth } from './recording/recording-log.ts';

export interface Health {
  readonly link: LinkStatus;
  readonly log: RecordingHealth;
  readonly sessions: number;
  /** ISO 8601; undefined: none, so clients get no TLS. */
  readonly certificateUntil: string | undefined;
  readonly build: string;
}

/** Rejects when the address cannot be listened on. */
export async function serveHealth(
  at: HostPort,
  read: () => Health,
): Promise<{ readonly address: HostPort; close(): void }> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/health') {
      response.writeHead(404).end();
      return;
    }
    const health = read();
    const ok = health.link.state === 'linked' && health.log.accepting;
    response
      .writeHead(ok ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify({ ok, ...health }));
  });
  server.maxConnections = 50;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: at.host, port: at.port }, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
