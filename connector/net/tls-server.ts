// TLS over a stream, where we are the server.

import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';

/** Resolves when the handshake is done; undefined when it fails or `signal` aborts: both streams are destroyed then. */
export function secureServer(
  raw: Duplex,
  secureContext: SecureContext,
  ALPNProtocols: readonly string[],
  signal: AbortSignal,
): Promise<TLSSocket | undefined> {
  return new Promise((resolve) => {
    // @types/node knows sockets only; Node wraps any Duplex (lib/_tls_wrap.js, JSStreamSocket).
    const over = raw as ConstructorParameters<typeof TLSSocket>[0];
    const socket = new TLSSocket(over, { isServer: true, secureContext, ALPNProtocols: [...ALPNProtocols] });
    const fail = () => {
      signal.removeEventListener('abort', fail);
      socket.destroy();
      raw.destroy();
      resolve(undefined);
    };
    signal.addEventListener('abort', fail, { once: true });
    // It may hang up in the middle of its hello: nothing of that reaches the socket above.
    raw.once('end', fail);
    raw.once('close', fail);
    // Stays for the socket's life: a later error is seen as its close.
    socket.on('error', fail);
    socket.once('close', fail);
    socket.once('secure', () => {
      signal.removeEventListener('abort', fail);
      socket.off('close', fail);
      raw.off('end', fail);
      raw.off('close', fail);
      resolve(socket);
    });
  });
}

/** `TLSv1.3 TLS_AES_256_GCM_SHA384` */
export function describeTls(socket: TLSSocket): string {
  const cipher = socket.getCipher();
  return `${socket.getProtocol() ?? 'TLS'} ${cipher.standardName ?? cipher.name}`;
}
