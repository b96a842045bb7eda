// The connector's session pipeline as it runs in production, recording to disk and into a directory store, for a
// process of its own. Only the edge is in memory. Prints its port, a grant's secret and what else `tell` says as JSON;
// ends with its standard input.

import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createKeyedHash } from '../../connector/masking/keyed-hash.ts';
import { countBuffersAsHeap } from '../../connector/net/external-memory.ts';
import { openRecordingLog } from '../../connector/recording/recording-log.ts';
import { startListener } from '../../connector/session/serve.ts';
import { createSessions, type Entrance } from '../../connector/session/sessions.ts';
import { newId } from '../../core/ids.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import { secret } from '../../core/secret.ts';
import { MemoryEdge } from '../harness/memory-edge.ts';

interface BenchGateway<Upstream> {
  readonly directory: string;
  readonly rules?: SessionRules;
  readonly resource?: string;
  /** Why nothing of what goes over the wire is recorded. */
  readonly exempt?: string | undefined;
  readonly entrance: Entrance<Upstream>;
  readonly tell?: object;
}

export async function serveBench<Upstream>(options: BenchGateway<Upstream>): Promise<void> {
  countBuffersAsHeap();
  const { directory, entrance, rules, resource } = options;
  const edge = new MemoryEdge();
  edge.protocol = entrance.name;
  edge.exempt = options.exempt;
  if (rules) edge.rules = rules;
  const connector = { id: newId('con'), name: 'bench', build: 'bench' };
  const log = await openRecordingLog({
    directory: join(directory, 'log'),
    connector,
    signingKey: generateKeyPairSync('ed25519').privateKey,
    store: { kind: 'directory', root: join(directory, 'objects') },
    limits: { minFreeBytes: 1 },
    onReport: (report) => {
      if (report.kind === 'connector.fault') console.error(report.message);
    },
  });
  if (!log.ok) throw new Error(log.error.message);
  const sessions = createSessions({
    edge,
    log: log.value,
    connector,
    keyedHash: createKeyedHash(secret(Buffer.from('bench'))),
    onBug: (error) => console.error(error),
  });
  const listener = await startListener({ host: '127.0.0.1', port: 0, entrance, sessions });
  // The same for several, where a client has one answer for all of them.
  const given = process.env.GATEHOUSE_GRANT;
  const issued = edge.issue({
    ...(resource !== undefined && { resource }),
    ...(given !== undefined && { secret: given }),
  });
  console.log(JSON.stringify({ port: listener.address.port, secret: issued.secret, ...options.tell }));
  process.stdin.resume().on('end', () => {
    listener.close();
    void sessions
      .close(0)
      .then(() => log.value.close())
      .then(() => process.exit(0));
  });
}
