// A server that all files of a run share (setup.ts). What a file makes there has names of its own.

import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';
import type { CephS3 } from '../harness/ceph.ts';
import type { PostgresServer } from '../harness/postgres/postgres.ts';

export interface RunServers {
  readonly ceph: Pick<CephS3, 'endpoint' | 'region' | 'credentials'>;
  readonly postgres: Pick<PostgresServer, 'host' | 'port'>;
}

/** Starts it where nobody has asked before. Throws what its start said. */
export async function runServer<Name extends keyof RunServers>(name: Name): Promise<RunServers[Name]> {
  const socket = connect(inject('runServers'));
  socket.write(name);
  const answer: RunServers[Name] | { readonly failed: string } = JSON.parse(await text(socket));
  if ('failed' in answer) throw new Error(answer.failed);
  return answer;
}
