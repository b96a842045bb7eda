// The Worker in workerd, in a process of its own.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { startEdge } from '../../edge/dev-server.ts';
import { keptWholeWorker } from './build-worker.ts';
import { runChild, tell } from './child.ts';
import { exists } from './data/data-dir.ts';

/** The edge checks its settings itself. */
type EdgeSettings = Parameters<typeof startEdge>[0]['settings'];

const Settings = z.object({
  port: z.number().int(),
  persistDirectory: z.string(),
  settings: z.custom<EdgeSettings>((value) => typeof value === 'object' && value !== null),
});

runChild(Settings, async (settings) => {
  const built = await mkdtemp(join(tmpdir(), 'gatehouse-edge-'));
  const worker = await keptWholeWorker(built);
  const edge = await startEdge({ ...settings, worker, onLog: (line) => console.log(line) });
  let pids = await workerd();
  // Miniflare starts a workerd that died again, without a word.
  const watch = setInterval(async () => {
    const now = await workerd();
    if (now.workerd === undefined || now.workerd === pids.workerd) return;
    pids = now;
    tell({ kind: 'ready', pids });
  }, 1_000);
  watch.unref();
  return {
    pids,
    async stop() {
      clearInterval(watch);
      await edge.close();
      await rm(built, { recursive: true, force: true });
      // Closing does not wait for the process; whoever starts again at once would find its port taken.
      for (let waited = 0; waited < 3_000 && pids.workerd && (await exists(`/proc/${pids.workerd}`)); waited += 20)
        await sleep(20);
    },
  };
});

/** Miniflare does not tell which process it runs; Linux does. */
async function workerd(): Promise<Record<string, number>> {
  const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').catch(() => '');
  for (const pid of children.trim().split(/\s+/)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (/\/workerd\0/.test(command)) return { workerd: Number(pid) };
  }
  return {};
}
