// The person's end of a tunnel: TLS to the connector through the edge's relay, and within it a stream for each connection.

import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { Duplex, PassThrough } from 'node:stream';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import { OpenedTunnel } from '../../core/tunnel/opened-tunnel.ts';
import type { ResourceName } from '../../core/resource.ts';
import { CHANNEL_WINDOW_BYTES } from '../../core/tunnel/resumable-channel.ts';
import { type TunnelClosed, TunnelEnd } from '../../core/tunnel/tunnel-end.ts';
import type { ApiClient } from '../api-client.ts';
import { edgeUnreachable, Failure } from '../failure.ts';

const STREAM_WINDOW_BYTES = 1024 * 1024;
/** Until the connector has proven itself: its dial to the relay, and TLS through it. */
const OPEN_WITHIN_MS = 45_000;
const STOPPING = 'the connector is stopping: connect again, another takes it';
/** What is under way when it is closed. */
const CLOSE_WITHIN_MS = 1_000;

export interface Tunnel {
  readonly opened: OpenedTunnel;
  /** A connection of a client to the resource, or to another of its connector. Half-open where the client is. Destroyed with an error where it is refused. */
  connect(resource?: string): Duplex;
  readonly closed: Promise<TunnelClosed>;
  /** Resolves once the connector takes no more connections by it; those that are open go on. Never, where none said so. */
  readonly leaving: Promise<void>;
  /** Whether both ends are there, or are within the time. */
  attachedWithin(ms: number): Promise<boolean>;
  /** false: the other end is away, and has not taken on what was begun. */
  answering(): boolean;
  /** Takes no more connections, and is closed when those that are open have ended. What an end that is away has not taken on ends at once. */
  retire(): void;
  /** Takes no more connections; those that are open have a moment to end. */
  close(): void;
}

/** `onStanding`: told when the way is lost for a while, and when it is there again. */
export async function openTunnel(
  client: ApiClient,
  resource: ResourceName,
  onStanding: (standing: 'attached' | 'detached') => void,
  openWithinMs = OPEN_WITHIN_MS,
): Promise<Tunnel> {
  const opened = await client.post('/tunnels', { resource }, OpenedTunnel);
  const ca = Buffer.from(await client.bytes('//ca.pem')).toString('utf8');
  const end = new TunnelEnd({
    connect: (events) => client.socket(`/tunnels/${opened.tunnel}`, events),
    onNotice({ kind }) {
      onStanding(kind);
      if (kind === 'attached') for (const tell of waiting.splice(0)) tell();
    },
  });
  const waiting: (() => void)[] = [];
  const unanswered = new Set<Duplex>();
  const leaving = Promise.withResolvers<void>();
  const raw = Duplex.fromWeb({ readable: end.readable, writable: end.writable }, { allowHalfOpen: true });
  raw.on('error', () => {});
  const { host } = opened;
  // The relay may be anybody: it is the connector's own certificate that counts.
  const secured = connectTls({
    socket: raw,
    ca,
    // Asked for by name, so that the connector shows its certificate.
    servername: 'connector',
    ALPNProtocols: ['h2'],
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
  const session = await new Promise<ClientHttp2Session>((resolve, reject) => {
    const deadline = setTimeout(
      () => end.abandon('the connector did not prove who it is in time (no TLS handshake)'),
      openWithinMs,
    );
    void end.closed.then(() => clearTimeout(deadline));
    void end.closed.then(({ message }) =>
      reject(edgeUnreachable(`the tunnel to ${resource} was not opened: ${message}`)),
    );
    secured.once('error', (error) => {
      end.abandon('TLS within the tunnel failed');
      reject(
        new Failure(3, 'tunnel_not_trusted', `the connector of ${resource} did not prove who it is: ${error.message}`),
      );
    });
    secured.once('secureConnect', () => {
      const made = connect(`https://${opened.resource}`, {
        createConnection: () => secured,
        settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
      });
      made.once('connect', () => made.setLocalWindowSize(CHANNEL_WINDOW_BYTES));
      made.on('error', () => {});
      // RFC 9113 section 6.8: what it has begun goes on, nothing new begins.
      made.once('goaway', () => leaving.resolve());
      made.on('close', () => end.abandon('the connector left'));
      // They say how many connections it takes.
      made.once('remoteSettings', () => {
        clearTimeout(deadline);
        resolve(made);
      });
    });
  });
  let streams = 0;
  return {
    opened,
    connect(to = opened.resource) {
      if (session.closed || session.destroyed) return refused(STOPPING);
      // One more would wait, without a word, until another ends.
      const most = session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
      if (streams >= most)
        return refused(`${streams} connections go through this tunnel already, which is all that it takes`);
      streams++;
      const stream = session.request({ ':method': 'CONNECT', ':authority': to }, { endStream: false });
      unanswered.add(stream);
      stream.once('close', () => {
        streams--;
        unanswered.delete(stream);
      });
      stream.once('response', ({ ':status': status }) => {
        unanswered.delete(stream);
        if (status === constants.HTTP_STATUS_SERVICE_UNAVAILABLE) {
          leaving.resolve();
          stream.destroy(new Error(STOPPING));
        } else if (status !== constants.HTTP_STATUS_OK)
          stream.destroy(new Error(`the connector does not serve ${to} (it answered ${status})`));
      });
      return stream;
    },
    closed: end.closed,
    leaving: leaving.promise,
    async attachedWithin(ms) {
      if (end.attached) return true;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      const timer = setTimeout(resolve, ms);
      await Promise.race([promise, end.closed]);
      clearTimeout(timer);
      return end.attached;
    },
    answering: () => end.attached || unanswered.size === 0,
    retire() {
      if (!end.attached)
        for (const stream of unanswered)
          stream.destroy(new Error('the connector left before it answered: connect again'));
      session.close();
    },
    close() {
      const done = () => end.abandon('done');
      session.close(done);
      setTimeout(done, CLOSE_WITHIN_MS).unref();
    },
  };
}

function refused(message: string): Duplex {
  const stream = new PassThrough();
  // Whoever asked for it listens to it first.
  setImmediate(() => stream.destroy(new Error(message)));
  return stream;
}
