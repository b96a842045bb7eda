// Which port serves what, and whether they are free. Everything listens on loopback alone.

import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';
import type { ProtocolName } from '../../core/protocols.ts';

export interface Ports {
  readonly portal: number;
  readonly oidc: number;
  readonly functions: number;
  readonly dynamodb: number;
  /** The gateway's listeners. */
  readonly listeners: Readonly<Record<ProtocolName, number>>;
  /** The demo database itself. */
  readonly postgres: number;
  /** The demo's MariaDB itself. */
  readonly mariadb: number;
  /** The demo's SSH host itself. */
  readonly sshd: number;
}

export const portsFrom = (base: number): Ports => ({
  portal: base,
  oidc: base + 1,
  functions: base + 2,
  dynamodb: base + 3,
  listeners: listenersFrom(base),
  postgres: base + 20,
  mariadb: base + 18,
  sshd: base + 19,
});

const listenersFrom = (base: number): Ports['listeners'] => ({ postgres: base + 10, mysql: base + 11, ssh: base + 12 });

/** Waits up to `patienceMs` for ports that a run which was just killed still holds. */
export async function requireFree(ports: readonly number[], patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs;
  for (const port of ports) {
    for (;;) {
      const code = await tryPort(port);
      if (code === undefined) break;
      if (code === 'EADDRINUSE' && performance.now() < until) {
        await sleep(200);
        continue;
      }
      const problem = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${code})`;
      throw new Failure(1, 'port_busy', `port ${port} ${problem}: pick others with npm start -- --port-base N`);
    }
  }
}

/** undefined when nothing listens there on IPv4 loopback. */
function tryPort(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error)));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** PostgreSQL's SSLRequest: length 8, code 80877103. Answered `S` by a listener that has its certificate. */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);
const PROBE_TIMEOUT_MS = 2_000;

/** Whether a PostgreSQL listener on this machine answers, and offers TLS. */
export function offersTls(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: PROBE_TIMEOUT_MS });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => socket.write(SSL_REQUEST));
    socket.on('data', (chunk: Buffer) => settle(chunk[0] === 'S'.charCodeAt(0)));
    socket.on('timeout', () => settle(false));
    socket.on('close', () => settle(false));
    socket.on('error', () => settle(false));
  });
}
