// The connector's session pipeline as it runs in production, recording to disk and into a directory
// store, in a process of its own: `node gatehouse-process.ts TARGET_PORT DIRECTORY [RULES]`, RULES a name in
// rules.ts. Only the edge is in memory. Prints its port and a grant's secret as JSON; ends with its standard input.

import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createKeyedHash } from '../../connector/masking/keyed-hash.ts';
import { openRecordingLog } from '../../connector/recording/recording-log.ts';
import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import { startListener } from '../../connector/session/serve.ts';
import { createSessions } from '../../connector/session/sessions.ts';
import { newId } from '../../core/ids.ts';
import { ok } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import { trusted } from '../harness/gateway.ts';
import { MemoryEdge } from '../harness/memory-edge.ts';
import { benchRules } from './rules.ts';

const [targetPort, directory = '', rules = 'none'] = process.argv.slice(2);
const edge = new MemoryEdge();
edge.rules = benchRules(rules);
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
const listener = await startListener({
  host: '127.0.0.1',
  port: 0,
  entrance: {
    name: 'postgres',
    protocol: PROTOCOL_MODULES.postgres.create({}),
    targets: async () => ok(trusted(Number(targetPort), { user: 'postgres', database: 'postgres' })),
    tls: undefined,
    allowPlainText: true,
  },
  sessions,
});
console.log(JSON.stringify({ port: listener.address.port, secret: edge.issue().secret }));
process.stdin.resume().on('end', () => {
  listener.close();
  void sessions
    .close(0)
    .then(() => log.value.close())
    .then(() => process.exit(0));
});
