// Dials a target, and wraps TLS around the connection where its settings ask for it.

import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { RefusalReason } from '../../core/refusal.ts';
import type { Secret } from '../../core/secret.ts';
import type { LoginKeeper, SessionScope } from '../credentials/credential.ts';
import { ConnectionLost } from './byte-reader.ts';

export type TargetTls =
  | { readonly mode: 'verify-full'; readonly ca: string | undefined; readonly serverName: string | undefined }
  | { readonly mode: 'require-unverified' }
  | { readonly mode: 'off' };

/** Where a database lives and how to log in there: from the connector's own file (law 9). */
export interface UpstreamTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Fetched for this session alone, dropped with it (law 8). */
  readonly password: Secret<string> | undefined;
  readonly database: string | undefined;
  readonly tls: TargetTls;
  readonly connectTimeoutMs: number;
  /** Of logins after this one, where they may differ (`withLogin`). */
  readonly keeper?: LoginKeeper | undefined;
  /** A user is made at it for the session, instead of `user`, which is the one that makes it. */
  readonly sessionUser?: { readonly template: string; readonly session: SessionScope } | undefined;
  /** Who made the user, for what the gateway reads there for all of its sessions together. */
  readonly administrator?: UpstreamTarget | undefined;
}

/** Why a connection could not be made. */
export class DialFault extends Error {
  readonly reason: RefusalReason;
  /** What Node, OpenSSL or the system calls it; `closed`, `failed`. */
  readonly code: string;

  constructor(reason: 'upstream_unreachable' | 'upstream_untrusted', code: string) {
    super(`${reason}: ${code}`);
    this.reason = reason;
    this.code = code;
  }
}

/** Connected, in the clear. Rejects with DialFault, or with ConnectionLost when `signal` aborts. */
export async function dial(
  { host, port }: Pick<UpstreamTarget, 'host' | 'port'>,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    allowHalfOpen: true,
  });
  await opened(socket, 'connect', signal, 'upstream_unreachable');
  return socket;
}

/** TLS over a connection to the target, verified as its settings say. Rejects as `dial` does. */
export async function secureClient(
  socket: Socket,
  { host, tls }: Pick<UpstreamTarget, 'host' | 'tls'>,
  ALPNProtocols: readonly string[],
  signal: AbortSignal,
): Promise<Socket> {
  const options: ConnectionOptions = { socket, host, ALPNProtocols: [...ALPNProtocols] };
  if (tls.mode === 'verify-full') {
    if (tls.ca !== undefined) options.ca = tls.ca;
    const name = tls.serverName ?? host;
    if (isIP(name) === 0) options.servername = name;
    else options.host = name;
  } else {
    options.rejectUnauthorized = false;
    if (isIP(host) === 0) options.servername = host;
  }
  const secured = connectTls(options);
  await opened(secured, 'secureConnect', signal, 'upstream_untrusted');
  return secured;
}

function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  reason: 'upstream_unreachable' | 'upstream_untrusted',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (code: string) => {
      socket.destroy();
      reject(new DialFault(reason, code));
    };
    const onAbort = () => {
      socket.destroy();
      reject(new ConnectionLost('deadline exceeded'));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once(event, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    // Stays for the socket's life: a later error is seen as its close.
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'failed'));
    socket.once('close', () => fail('closed'));
  });
}
