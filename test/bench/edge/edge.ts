// What a request costs the edge, under a small policy and under one of 200 KB, and how many entries its audit log takes:
// `npm run bench -- edge`. Two real edges in workerd with the two policies; rounds are interleaved, figures are medians.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO_POLICY } from '../../../cli/dev/people.ts';
import { startTunnelEdge } from '../../tunnel/kit/edge.ts';
import { table } from '../pgbench.ts';
import { median } from '../process-cost.ts';

const AT_ONCE = 16;
const LARGE_BYTES = 200_000;

/** The demo's, with rules about resources that nobody has behind its own. */
function largePolicy(): string {
  const rules: string[] = [];
  for (let n = 0, bytes = DEMO_POLICY.length; bytes < LARGE_BYTES; n++) {
    const rule = `  - { name: more-${n}, resources: { name: nothing-${n} }, who: ["demo:developers"], access: { ttl: 1h, reason: required } }`;
    rules.push(rule);
    bytes += rule.length + 1;
  }
  return `${DEMO_POLICY.trimEnd()}\n${rules.join('\n')}\n`;
}

export async function benchEdge({ rounds, seconds }: { rounds: number; seconds: number }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const policies = { small: DEMO_POLICY, '200 KB': largePolicy() };
  const edges = [];
  for (const [name, policy] of Object.entries(policies))
    edges.push({ name, edge: await startTunnelEdge(join(directory, name.replace(' ', '-')), { policy }) });
  try {
    const ways: { name: string; ask: () => Promise<Response>; found: number[] }[] = [];
    for (const { name, edge } of edges) {
      const authorization = { authorization: `Bearer ${(await edge.clientOf('bob')).token}` };
      const get = (path: string) => () => fetch(`${edge.url}/api/v1${path}`, { headers: authorization });
      ways.push({ name: `/me, ${name} policy`, ask: get('/me'), found: [] });
    }
    for (const { edge } of edges.slice(0, 1)) {
      const authorization = { authorization: `Bearer ${(await edge.clientOf('bob')).token}` };
      const post = () => fetch(`${edge.url}/api/v1/connectors/join-tokens`, { method: 'POST', headers: authorization });
      ways.push({ name: 'requests with an entry of the audit log each', ask: post, found: [] });
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { ask, found } of ways) found.push(await perSecond(ask, seconds));
      console.error(`round ${round} of ${rounds}`);
    }
    const [small, large] = ways.map(({ found }) => median(found));
    table([
      ['what', 'a second'],
      ...ways.map(({ name, found }) => [name, Math.round(median(found)).toLocaleString('en')]),
    ]);
    console.log(`/me under the large policy: ${((large ?? 0) / (small ?? 1)).toFixed(2)} of the small one`);
  } finally {
    for (const { edge } of edges) await edge.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function perSecond(ask: () => Promise<Response>, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let count = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < until) {
        const response = await ask();
        if (!response.ok) throw new Error(`the edge answered ${response.status}: ${await response.text()}`);
        await response.arrayBuffer();
        count++;
      }
    }),
  );
  return count / ((performance.now() - began) / 1000);
}
