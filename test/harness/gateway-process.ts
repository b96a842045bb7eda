// A gateway in a process of its own, to measure it: `node gateway-process.ts TARGET_PORT`. Prints its
// port and a grant as JSON, then, for each line on standard input, its memory. Records into nothing.

import { createInterface } from 'node:readline';
import { startGateway, trusted } from './gateway.ts';

const gateway = await startGateway({ targets: { demo: trusted(Number(process.argv[2])) } });
gateway.log.keepBytes = false;
gateway.log.checkFacts = false;
const { secret } = gateway.edge.issue();
console.log(JSON.stringify({ port: gateway.port, secret }));
for await (const _line of createInterface({ input: process.stdin })) {
  const counts = gateway.log.sessions.map((session) => session.counts);
  console.log(JSON.stringify({ rss: process.memoryUsage.rss(), counts, live: gateway.sessions.live().length }));
}
process.exit(0);
