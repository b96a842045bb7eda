// Clients that come by the edge's relay instead of a listener. Within each tunnel there is TLS with the listeners' certificate, which
// ends here, and in it HTTP/2 (RFC 9113): each stream is one connection of a client, begun by CONNECT with the resource as its
// authority, and goes into the session pipeline as a listener's does (law 10).

import { constants, createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { TunnelId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';
import { CLOSE_TUNNEL_REFUSED } from '../../core/tunnel/relay.ts';
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
  readonly limits?: Partial<TunnelLimits>;
}

interface TunnelLimits {
  readonly tunnels: number;
  /** So that nobody takes all of them. */
  readonly ofAPerson: number;
  /** From the first meeting of both ends to the client's first HTTP/2 settings. */
  readonly handshakeMs: number;
}
const LIMITS: TunnelLimits = { tunnels: 2_000, ofAPerson: 64, handshakeMs: 30_000 };

interface Tunnels {
  open(tunnel: TunnelId, email: string): void;
  /** Tells the clients of all that nothing new begins there; what runs goes on. Once the edge knows that the connector is draining. */
  drain(): void;
  /** Ends all at once. */
  close(): void;
}

interface RunningTunnel {
  readonly end: TunnelEnd;
  readonly email: string;
  /** Once its client speaks HTTP/2. */
  session?: ServerHttp2Session;
}

/** To relays, under way at once: all tunnels lose their connections together when the edge is released anew. */
const MAX_DIALS = 32;
/** Dials at once to say no: of more than that the log tells, and their clients wait in vain. */
const MAX_TURNING_AWAY = 32;
/** Connections of clients at once in one tunnel. */
const MAX_STREAMS = 256;
/** Of one stream: what a client may be ahead of its target. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

export function createTunnels(options: TunnelsOptions): Tunnels {
  const { log } = options;
  const limits: TunnelLimits = { ...LIMITS, ...options.limits };
  const running = new Map<TunnelId, RunningTunnel>();
  const dials = atMost(MAX_DIALS);
  let turningAway = 0;

  function refusalOf(email: string): string | undefined {
    if (running.size >= limits.tunnels) return `the connector has its ${limits.tunnels} tunnels open: try again later`;
    const theirs = [...running.values()].filter((other) => other.email === email).length;
    return theirs >= limits.ofAPerson
      ? `you have ${theirs} tunnels open at this connector: end some of them`
      : undefined;
  }

  /** Whoever waits for it is told why, and at once. */
  async function turnAway(tunnel: TunnelId, email: string, message: string): Promise<void> {
    log.warn('tunnel.refused', { tunnel, email, message });
    if (turningAway >= MAX_TURNING_AWAY) return;
    turningAway++;
    try {
      const dialled = await options.connect(tunnel, { message() {}, closed() {} });
      if (dialled.ok) dialled.value.close(CLOSE_TUNNEL_REFUSED, message);
    } finally {
      turningAway--;
    }
  }

  function open(tunnel: TunnelId, email: string): void {
    if (running.has(tunnel)) return;
    if (options.draining()) {
      // The edge passes over who does not dial, to another replica.
      log.warn('tunnel.refused', { tunnel, email, message: 'this connector is stopping' });
      return;
    }
    const secureContext = options.tls();
    const refusal = secureContext
      ? refusalOf(email)
      : 'the connector has no certificate yet: try again in a minute, or have its log looked at';
    if (!secureContext || refusal !== undefined) {
      void turnAway(tunnel, email, refusal ?? '').catch(() => {});
      return;
    }
    let address = 'unknown';
    let deadline: NodeJS.Timeout | undefined;
    const end = new TunnelEnd({
      connect: (events) => dials.run(() => options.connect(tunnel, events)),
      onNotice: (notice) => {
        if (notice.kind !== 'attached') return;
        address = notice.address ?? address;
        deadline ??= setTimeout(() => end.abandon('no client came in by it in time'), limits.handshakeMs);
      },
    });
    const entry: RunningTunnel = { end, email };
    running.set(tunnel, entry);
    log.info('tunnel.opened', { tunnel, email });
    void end.closed.then(({ kind, message }) => {
      running.delete(tunnel);
      clearTimeout(deadline);
      log.info('tunnel.closed', { tunnel, reason: kind, message });
    });
    serve(end, secureContext, {
      began(session) {
        entry.session = session;
        if (options.draining()) session.goaway();
      },
      greeted: () => clearTimeout(deadline),
      take(stream, resource) {
        if (options.draining()) return refuse(stream, constants.HTTP_STATUS_SERVICE_UNAVAILABLE);
        const carry = options.carrierOf(resource);
        if (!carry) return refuse(stream, constants.HTTP_STATUS_NOT_FOUND);
        stream.respond({ ':status': constants.HTTP_STATUS_OK });
        carry(stream, { address, via: 'tunnel' });
      },
    });
  }

  return {
    open,
    drain() {
      // Not closed here: its client does that when nothing runs in it.
      for (const { session } of running.values()) if (session && !session.destroyed) session.goaway();
    },
    close() {
      for (const { end } of running.values()) end.abandon('the connector is stopping');
    },
  };
}

function serve(
  end: TunnelEnd,
  secureContext: SecureContext,
  {
    began,
    greeted,
    take,
  }: {
    readonly began: (session: ServerHttp2Session) => void;
    /** The client speaks HTTP/2. */
    readonly greeted: () => void;
    readonly take: (stream: ServerHttp2Stream, resource: string) => void;
  },
): void {
  const server = createSecureServer({
    SNICallback: (_name, use) => use(null, secureContext),
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: MAX_STREAMS },
  });
  server.on('session', (session) => {
    session.setLocalWindowSize(CHANNEL_WINDOW_BYTES);
    began(session);
    session.once('remoteSettings', greeted);
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

/** Runs so many at once, in their order; the others wait. */
function atMost(most: number): { run<T>(work: () => Promise<T>): Promise<T> } {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  return {
    async run(work) {
      if (underWay >= most) await new Promise<void>((resolve) => waiting.push(resolve));
      else underWay++;
      try {
        return await work();
      } finally {
        // Its place goes to the next.
        const next = waiting.shift();
        if (next) next();
        else underWay--;
      }
    },
  };
}
