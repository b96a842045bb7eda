// A tunnel of a command that a person looks at: its standing is told on standard error.

import type { ResourceName } from '../../core/resource.ts';
import type { TunnelClosed } from '../../core/tunnel/tunnel-end.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import type { Terminal } from '../output.ts';
import { line } from '../terminal-text.ts';
import { movingTunnel, type MovingTunnel } from './moving-tunnel.ts';
import { openTunnel, type Tunnel } from './open-tunnel.ts';

interface Telling<T> {
  readonly tunnel: T;
  readonly tell: (message: string) => void;
}

/** Another one is there in a second, or its connector will not come. */
const ANOTHER_WITHIN_MS = 10_000;

/** For connections that come one after the other: each goes to a connector that is there. */
export async function tellingPort(
  client: ApiClient,
  resource: ResourceName,
  terminal: Terminal,
): Promise<Telling<MovingTunnel>> {
  const { tunnel: first, tell } = await tellingTunnel(client, resource, terminal);
  const open = async () => (await tellingTunnel(client, resource, terminal, ANOTHER_WITHIN_MS)).tunnel;
  return { tunnel: movingTunnel({ first, open, tell }), tell };
}

export async function tellingTunnel(
  client: ApiClient,
  resource: ResourceName,
  { stderr }: Terminal,
  openWithinMs?: number,
): Promise<Telling<Tunnel>> {
  const tell = (message: string) => void stderr.write(`gatehouse: ${line(message)}\n`);
  let was: 'attached' | 'detached' | undefined;
  const stand = (standing: 'attached' | 'detached'): void => {
    if (was === 'attached' && standing === 'detached') tell('the way to the connector is lost: waiting for it');
    if (was === 'detached' && standing === 'attached') tell('the way is there again, nothing was lost');
    was = standing;
  };
  const tunnel = await openTunnel(client, resource, stand, openWithinMs);
  return { tunnel, tell };
}

export const lostFailure = (resource: ResourceName, { message }: TunnelClosed): Failure =>
  new Failure(3, 'tunnel_lost', `the tunnel to ${resource} is lost: ${message}`);
