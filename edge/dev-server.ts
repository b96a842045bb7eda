// The edge on one machine: the same Worker in workerd, embedded through Miniflare. `npm start` and
// the system tests use it. Durable Objects persist in `persistDirectory`.

import { mkdir } from 'node:fs/promises';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import type { BuiltWorker } from './build.ts';
import { type EdgeSettingsInput, parseSettings } from './settings.ts';

export const COMPATIBILITY_DATE = '2026-10-20';
/** `node:crypto`, for the signatures of SAML. */
export const COMPATIBILITY_FLAGS = ['nodejs_compat'] as const;

interface StartEdgeOptions {
  readonly worker: BuiltWorker;
  /** 0: any free one. Then leave PUBLIC_URL out and it is made from the port. */
  readonly port: number;
  /** Kept between starts. */
  readonly persistDirectory: string;
  /** See settings.ts. PUBLIC_URL defaults to `http://localhost:PORT`. */
  readonly settings: Omit<EdgeSettingsInput, 'PUBLIC_URL'> & { readonly PUBLIC_URL?: string };
  /** Lines that the Worker writes; default: errors to standard error. */
  readonly onLog?: (line: string) => void;
}

export interface RunningEdge {
  /** PUBLIC_URL, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Resolves when the edge answers. Throws SettingsError before anything is started when a setting is wrong. */
export async function startEdge(options: StartEdgeOptions): Promise<RunningEdge> {
  const port = options.port === 0 ? await freePort() : options.port;
  const given = { PUBLIC_URL: `http://localhost:${port}`, ...options.settings };
  const { PUBLIC_URL: url } = parseSettings(given);
  const bindings: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) if (typeof value === 'string') bindings[name] = value;

  const { script, assetsDirectory } = options.worker;
  let miniflare: Miniflare | undefined;
  const close = async () => {
    await miniflare?.dispose();
  };
  try {
    await mkdir(options.persistDirectory, { recursive: true });
    miniflare = new Miniflare(
      convertV4MiniflareOptions({
        host: '127.0.0.1',
        port,
        resourcePersistencePath: options.persistDirectory,
        telemetry: { enabled: false },
        log: new Log(LogLevel.ERROR),
        handleStructuredLogs: ({ level, message }) => {
          const write = options.onLog ?? ((line: string) => level === 'error' && console.error(line));
          write(message);
        },
        cf: false,
        name: 'gatehouse',
        modules: [{ type: 'ESModule', path: 'worker.js', contents: script }],
        compatibilityDate: COMPATIBILITY_DATE,
        compatibilityFlags: [...COMPATIBILITY_FLAGS],
        bindings,
        durableObjects: {
          DIRECTORY: { className: 'Directory', useSQLite: true },
          GRANTS: { className: 'Grants', useSQLite: true },
          AUDIT_LOG: { className: 'AuditLog', useSQLite: true },
          WITNESS: { className: 'Witness', useSQLite: true },
          WITNESS_SHARD: { className: 'WitnessShard', useSQLite: true },
          CONNECTOR_LINK: { className: 'ConnectorLink', useSQLite: true },
          APPROVAL: { className: 'Approval', useSQLite: true },
          TUNNEL: { className: 'TunnelRelay', useSQLite: true },
          PROVISIONING: { className: 'Provisioning', useSQLite: true },
          RETENTION: { className: 'Retention', useSQLite: true },
        },
        assets: {
          directory: assetsDirectory,
          binding: 'ASSETS',
          routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
        },
      }),
    );
    await miniflare.ready;
    return { url, port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
