// A listener: a server's sockets on their way to the session pipeline. Knows no protocol.

import { createServer, type AddressInfo } from 'node:net';
import type { Entrance, Sessions } from './sessions.ts';

interface ListenerOptions<Upstream> {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly entrance: Entrance<Upstream>;
  readonly sessions: Sessions;
  /** Out of file descriptors and the like: the connection is lost, the listener goes on. */
  readonly onFault?: (error: unknown) => void;
}

export interface Listener {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes no more connections. Those that it took go on. */
  close(): void;
}

/** Rejects when the address cannot be listened on (EADDRINUSE, EACCES...). */
export async function startListener<Upstream>(options: ListenerOptions<Upstream>): Promise<Listener> {
  const { sessions, entrance, onFault = () => {} } = options;
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 },
    (socket) => {
      const address = socket.remoteAddress ?? 'unknown';
      void sessions.carry(socket, { address, via: 'listener' }, entrance);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: 511 }, () => {
      server.off('error', reject);
      server.on('error', onFault);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  return { address: { host: bound.address, port: bound.port }, close: () => void server.close() };
}
