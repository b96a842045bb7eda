// A DynamoDB-compatible server in this process, for `npm start` and tests.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

export interface LocalDynamoDb {
  readonly endpoint: string;
  close(): Promise<void>;
}

type Dynalite = (options: { path?: string; createTableMs: number }) => Server;

/** `path`: where it keeps its data; in memory without one. Listens on loopback alone; it checks no credentials. */
export async function startLocalDynamoDb(options: { path?: string; port?: number } = {}): Promise<LocalDynamoDb> {
  const dynalite = createRequire(import.meta.url)('dynalite') as Dynalite;
  const server = dynalite({ createTableMs: 0, ...(options.path === undefined ? {} : { path: options.path }) });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export const localDynamoDbClient = (endpoint: string): DynamoDBClient =>
  new DynamoDBClient({
    endpoint,
    region: 'local',
    // The server takes any; the client insists on some.
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
