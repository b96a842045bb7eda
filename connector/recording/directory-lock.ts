// One process per recording directory: two would write into each other's log. A listening socket is
// the lock, since the system takes it back however the process ends.

import { createHash } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** sockaddr_un takes 108 bytes on Linux, 104 elsewhere. */
const MAX_SOCKET_PATH = 100;

/** Resolves to how to let go, or undefined when another process holds it. Rejects when the directory cannot be used. */
export async function lockDirectory(directory: string): Promise<(() => Promise<void>) | undefined> {
  const path = socketPath(resolve(directory));
  for (let attempt = 0; attempt < 2; attempt++) {
    const server = await listen(path);
    if (server) return () => new Promise((done) => server.close(() => done()));
    if (await answers(path)) return undefined;
    try {
      unlinkSync(path);
    } catch {
      // Another starter was quicker.
    }
  }
  return undefined;
}

function socketPath(directory: string): string {
  const path = join(directory, 'lock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  return join(tmpdir(), `gatehouse-${createHash('sha256').update(directory).digest('hex').slice(0, 32)}.lock`);
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
