// Two questions over plain HTTP, for whoever restarts the container and whoever sends it clients:
//
//   GET /livez    200 while the process answers: restart it when it does not. What is around it (the edge, a
//                 full disk) is not asked: a restart mends none of that and ends the sessions that run
//   GET /readyz   200 while sessions can be opened, 503 while they cannot: no link, no room in the log, told to stop, or
//                 nothing to serve
//
// All with the same JSON, which holds no name, no address, no secret. /health is /readyz under its older name.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from './config/host-port.ts';
import type { LinkStatus } from './control/edge-link.ts';
import type { RecordingHealth } from './recording/recording-log.ts';

interface Health {
  readonly link: LinkStatus;
  readonly log: RecordingHealth;
  readonly sessions: number;
  /** ISO 8601; undefined: none, so clients get no TLS. */
  readonly certificateUntil: string | undefined;
  readonly build: string;
  /** ISO 8601: it was told to stop, and sessions may go on until then. */
  readonly drainingUntil: string | undefined;
}

const isReady = ({ link, log, drainingUntil }: Health): boolean =>
  link.state === 'linked' && log.accepting && drainingUntil === undefined && link.serving !== 0;

const QUESTIONS = new Map<string, 'live' | 'ready'>([
  ['/livez', 'live'],
  ['/readyz', 'ready'],
  ['/health', 'ready'],
]);

/** Rejects when the address cannot be listened on. */
export async function serveHealth(
  at: HostPort,
  read: () => Health,
): Promise<{ readonly address: HostPort; close(): void }> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    const question = request.method === 'GET' ? QUESTIONS.get(request.url ?? '') : undefined;
    if (question === undefined) {
      response.writeHead(404).end();
      return;
    }
    const health = read();
    const ok = isReady(health);
    response
      .writeHead(ok || question === 'live' ? 200 : 503, {
        'content-type': 'application/json',
        'cache-control': 'no-store',
      })
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
