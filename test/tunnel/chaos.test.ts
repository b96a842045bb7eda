// Both directions of a tunnel at once while the WebSocket of either end is killed over and over, and the edge restarted, as a release
// of it is: nothing is lost or comes twice. `npm run soak`: each second for two minutes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tunnel } from '../../cli/tunnel/open-tunnel.ts';
import { SOAK } from '../harness/soak.ts';
import { startTunnelConnector, type TunnelConnector } from './kit/connector.ts';
import { startTunnelEdge, type TunnelEdge } from './kit/edge.ts';
import { heard, tunnelPerson, type TunnelPerson } from './kit/person.ts';
import { digestOfPattern, digestOfStream, sendPattern, SERVICES } from './kit/services.ts';

const KILL_EVERY_MS = SOAK ? 1_000 : 250;
const KILLS = SOAK ? 120 : 20;
const BYTES = (SOAK ? 64 : 12) * 1024 * 1024 + 1;

let directory: string;
let edge: TunnelEdge;
let connector: TunnelConnector;
let alice: TunnelPerson;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-chaos-'));
  edge = await startTunnelEdge(directory);
  connector = await startTunnelConnector({ edge, directory, services: SERVICES });
  alice = tunnelPerson((await edge.clientOf('alice')).client);
  await alice.grant('source');
});
afterAll(async () => {
  await connector?.stop();
  await edge?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function bothWays(tunnel: Tunnel, seed: number): Promise<void> {
  const [down, up] = [tunnel.connect('source'), tunnel.connect('sink')];
  down.write(`${BYTES}\n`);
  sendPattern(up, BYTES, seed);
  const [got, taken] = await Promise.all([digestOfStream(down), heard(up)]);
  down.end();
  expect(got).toBe(digestOfPattern(BYTES, 7));
  expect(taken).toBe(digestOfPattern(BYTES, seed));
}

test('both directions get on and stay whole while either WebSocket is killed again and again, and the edge restarts', {
  timeout: SOAK ? 600_000 : 120_000,
}, async () => {
  const tunnel = await alice.open('source');
  // A connection that says little stands all the while.
  const quiet = tunnel.connect('echo');
  let killed = 0;
  const killing = setInterval(() => {
    const socket = (killed % 2 === 0 ? alice : connector).sockets.at(-1);
    if (socket?.readyState !== 1) return;
    killed++;
    socket.terminate();
  }, KILL_EVERY_MS);
  try {
    for (let round = 0; round < 2 || killed < KILLS; round++) {
      const moved = bothWays(tunnel, round);
      if (round === 1) await edge.restart();
      await moved;
    }
  } finally {
    clearInterval(killing);
  }
  quiet.end('still here');
  expect(await heard(quiet)).toBe('still here');
  tunnel.close();
  // Either end may be the first to hear that it is over: neither took it for a loss.
  expect(['abandoned', 'ended']).toContain((await tunnel.closed).kind);
  // Each kill was another connection of one of both ends.
  expect(alice.sockets.length + connector.sockets.length).toBeGreaterThanOrEqual(KILLS);
});
