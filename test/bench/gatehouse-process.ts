// The connector's session pipeline as it runs in production, recording to disk and into a directory
// store, in a process of its own: `node gatehouse-process.ts TARGET_PORT DIRECTORY [RULES]`, RULES a name in
// rules.ts. Only the edge is in memory. Prints its port and a grant's secret as JSON; ends with its standard input.

import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createKeyedHash } from '../../connector/keyed-hash.ts';
import { openRecordingLog } from '../../connector/recording/recording-log.ts';
import { createProtocol } from '../../connector/registry.ts';
import { startListener } from '../../connector/session/serve.ts';
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
const listener = await startListener({
  protocol: createProtocol.postgres(),
  host: '127.0.0.1',
  port: 0,
  tls: undefined,
  allowPlainText: true,
  sessions: {
    edge,
    log: log.value,
    targets: async () => ok(trusted(Number(targetPort), { user: 'postgres', database: 'postgres' })),
    connector,
    keyedHash: createKeyedHash(secret(Buffer.from('bench'))),
    onBug: (error) => console.error(error),
  },
});
console.log(JSON.stringify({ port: listener.address.port, secret: edge.issue().secret }));
process.stdin.resume().on('end', () => {
  void listener
    .close(0)
    .then(() => log.value.close())
    .then(() => process.exit(0));
});
