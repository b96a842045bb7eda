// A place on this machine whose connections go through a tunnel: a port of its loopback, or a Unix socket.

import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';

interface LocalPort {
  /** 0 for a Unix socket. */
  readonly port: number;
  close(): void;
}

/** `at`: a port (0 for any free one), or the path of a Unix socket. `onFault`: why a connection was not carried on. */
export async function openLocalPort(
  tunnel: { connect(): Duplex | Promise<Duplex> },
  at: number | string,
  onFault: (message: string) => void,
): Promise<LocalPort> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, async (local) => {
    // Until it is carried.
    local.on('error', () => {});
    let remote: Duplex;
    try {
      remote = await tunnel.connect();
    } catch (error) {
      onFault(error instanceof Error ? error.message : 'the connection could not be carried');
      local.resetAndDestroy();
      return;
    }
    const ended = (error: Error | null | undefined): void => {
      if (error && !isHangUp(error)) onFault(error.message);
    };
    // Each direction ends by itself: what is asked may be over long before the answer.
    pipeline(local, remote, ended);
    pipeline(remote, local, ended);
  });
  const place: ListenOptions = typeof at === 'string' ? { path: at } : { host: '127.0.0.1', port: at };
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        typeof at === 'string'
          ? usage(`cannot listen at ${at} (${codeOf(error)}): set TMPDIR to a folder with a short name`)
          : usage(`cannot listen on 127.0.0.1:${at} (${codeOf(error)}): choose another --port`),
      ),
    );
    server.listen(place, resolve);
  });
  const port = typeof at === 'string' ? 0 : (server.address() as AddressInfo).port;
  return { port, close: () => void server.close() };
}

export const isHangUp = (error: Error): boolean =>
  ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_HTTP2_STREAM_CANCEL'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
