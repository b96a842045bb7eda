// A connector that is about to be killed: records sessions and says of every delivery how far it
// got, with writes that are done when they return. Run by crash.test.ts.

import { appendFileSync, readFileSync } from 'node:fs';
import { createPrivateKey } from 'node:crypto';
import { openLog, RecordedClient } from '../harness/recording.ts';
import type { ConnectorId } from '../../core/ids.ts';

const [directory = '', objects = '', connectorId = '', keyFile = '', delivered = '', walFileKiB = '512'] =
  process.argv.slice(2);
const connector = {
  id: connectorId as ConnectorId,
  key: createPrivateKey(readFileSync(keyFile)),
  publicKey: new Uint8Array(32),
};
const { log } = await openLog(connector, directory, {
  store: { kind: 'directory', root: objects },
  limits: { walFileBytes: Number(walFileKiB) * 1024 },
});
const clients = Array.from({ length: 4 }, () => new RecordedClient(connector, log));
let round = 0;

// Never ends by itself. Sizes from a few bytes to more than a segment.
function next(): void {
  for (const [i, client] of clients.entries()) {
    client.send('client', `round ${round} of session ${i};`);
    client.send('target', Buffer.alloc(((round * 7919 + i * 104729) % 20_000) + 1, round));
  }
  if (round % 97 === 96) clients[0]?.send('target', Buffer.alloc(1_500_000, round));
  setImmediate(() => {
    const counts = clients.map((client) => `${client.session} ${total(client, 'client')} ${total(client, 'target')}`);
    appendFileSync(delivered, `${counts.join(' ')}\n`);
    round++;
    setImmediate(next);
  });
}

const totals = new Map<string, number>();
function total(client: RecordedClient, direction: 'client' | 'target'): number {
  const name = `${client.session} ${direction}`;
  const sum = client.delivered[direction].splice(0).reduce((bytes, chunk) => bytes + chunk.length, 0);
  totals.set(name, (totals.get(name) ?? 0) + sum);
  return totals.get(name) ?? 0;
}

next();
