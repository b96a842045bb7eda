// Clients that come by the edge's relay instead of a listener. Within each tunnel there is TLS with the listeners' certificate, which
// ends here, and in it HTTP/2 (RFC 9113): each stream is one connection of a client, begun by CONNECT with the resource as its
// authority, and goes into the session pipeline as a listener's does (law 10).

import { constants, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { TunnelId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';
import { CHANNEL_WINDOW_BYTES } from '../../core/tunnel/resumable-channel.ts';
import { type ConnectFault, type RelaySocket, type SocketEvents, TunnelEnd } from '../../core/tunnel/tunnel-end.ts';
import type { ByteStream, Peer } from '../door.ts';
import type { Logger } from '../logger.ts';

interface TunnelsOptions {
  /** Each try. */
  connect(tunnel: TunnelId, events: SocketEvents): Promise<Result<RelaySocket, ConnectFault>>;
  /** Undefined: there is none yet, and nobody comes in. */
  readonly tls: () => SecureContext | undefined;
  /** Carries a connection to its end. Undefined: no listener of this connector serves that resource. */
  carrierOf(resource: string): ((stream: ByteStream, peer: Peer) => void) | undefined;
  /** Whether the connector was told to stop: what runs goes on, and nothing new begins. */
  readonly draining: () => boolean;
  readonly log: Logger;
}

interface Tunnels {
  open(tunnel: TunnelId, email: string): void;
  /** Ends all at once. */
  close(): void;
}

const MAX_TUNNELS = 2_000;
/** So that nobody takes all of them. */
const MAX_OF_A_PERSON = 64;
/** Connections of clients at once in one tunnel. */
const MAX_STREAMS = 256;
/** Of one stream: what a client may be ahead of its target. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const HANDSHAKE_WITHIN_MS = 30_000;

export function createTunnels(options: TunnelsOptions): Tunnels {
  const { log } = options;
  const running = new Map<TunnelId, { readonly end: TunnelEnd; readonly email: string }>();

  function open(tunnel: TunnelId, email: string): void {
    const secureContext = options.tls();
    if (running.has(tunnel)) return;
    const theirs = [...running.values()].filter((other) => other.email === email).length;
    if (options.draining()) {
      log.warn('tunnel.refused', { tunnel, email, message: 'this connector is stopping' });
      return;
    }
    if (!secureContext || running.size >= MAX_TUNNELS || theirs >= MAX_OF_A_PERSON) {
      const many =
        theirs >= MAX_OF_A_PERSON ? `${theirs} of theirs are open already` : `${running.size} are open already`;
      const why = secureContext ? many : 'this connector has no certificate yet';
      log.warn('tunnel.refused', { tunnel, email, message: why });
      return;
    }
    let address = 'unknown';
    const end = new TunnelEnd({
      connect: (events) => options.connect(tunnel, events),
      onNotice: (notice) => {
        if (notice.kind === 'attached') address = notice.address ?? address;
      },
    });
    running.set(tunnel, { end, email });
    log.info('tunnel.opened', { tunnel, email });
    void end.closed.then(({ kind, message }) => {
      running.delete(tunnel);
      log.info('tunnel.closed', { tunnel, reason: kind, message });
    });
    serve(end, secureContext, (stream, resource) => {
      if (options.draining()) return refuse(stream, constants.HTTP_STATUS_SERVICE_UNAVAILABLE);
      const carry = options.carrierOf(resource);
      if (!carry) return refuse(stream, constants.HTTP_STATUS_NOT_FOUND);
      stream.respond({ ':status': constants.HTTP_STATUS_OK });
      carry(stream, { address, via: 'tunnel' });
    });
  }

  return {
    open,
    close() {
      for (const { end } of running.values()) end.abandon('the connector is stopping');
    },
  };
}

function serve(
  end: TunnelEnd,
  secureContext: SecureContext,
  take: (stream: ServerHttp2Stream, resource: string) => void,
): void {
  const server = createSecureServer({
    SNICallback: (_name, use) => use(null, secureContext),
    handshakeTimeout: HANDSHAKE_WITHIN_MS,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: MAX_STREAMS },
  });
  server.on('session', (session) => {
    session.setLocalWindowSize(CHANNEL_WINDOW_BYTES);
    session.on('error', () => end.abandon('HTTP/2 within the tunnel failed'));
    session.on('close', () => end.abandon('the client left'));
  });
  server.on('tlsClientError', () => end.abandon('TLS within the tunnel failed'));
  server.on('unknownProtocol', () => end.abandon('the client does not speak HTTP/2 within the tunnel'));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':method'] === 'CONNECT') take(stream, String(headers[':authority'] ?? ''));
    else refuse(stream, constants.HTTP_STATUS_METHOD_NOT_ALLOWED);
  });
  const raw = Duplex.fromWeb({ readable: end.readable, writable: end.writable }, { allowHalfOpen: true });
  // What happened to it is told by `closed`.
  raw.on('error', () => {});
  server.emit('connection', raw);
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': status }, { endStream: true });
  stream.resume();
}
