// Servers that a run has once, whoever asks first: vitest's main process starts them, and ends them with the run. A file
// that needs a server with settings of its own starts that itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startCeph } from '../harness/ceph.ts';
import { startPostgres } from '../harness/postgres/postgres.ts';
import type { RunServers } from './run-server.ts';

const STARTS: { readonly [Name in keyof RunServers]: () => Promise<RunServers[Name] & { stop(): Promise<void> }> } = {
  ceph: startCeph,
  postgres: () => startPostgres(),
};

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the socket at which servers are asked for. */
    runServers: string;
  }
}

export default async function serve(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-run-'));
  const started = new Map<string, Promise<{ stop(): Promise<void> }>>();
  const answer = async (socket: Socket, name: string): Promise<void> => {
    try {
      if (!(name in STARTS)) throw new Error(`there is no server of the name ${name}`);
      const server = started.get(name) ?? STARTS[name as keyof RunServers]();
      started.set(name, server);
      socket.end(JSON.stringify(await server));
    } catch (error) {
      socket.end(JSON.stringify({ failed: String(error) }));
    }
  };
  const asked = createServer((socket) => {
    // A file that is stopped while it waits.
    socket.on('error', () => undefined);
    socket.once('data', (name) => void answer(socket, name.toString()));
  });
  const path = join(directory, 'servers');
  await new Promise<void>((resolve) => asked.listen(path, resolve));
  project.provide('runServers', path);
  return async () => {
    asked.close();
    for (const server of started.values()) await (await server.catch(() => undefined))?.stop();
    rmSync(directory, { recursive: true, force: true });
  };
}
