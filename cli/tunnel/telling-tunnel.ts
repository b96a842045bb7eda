// A tunnel of a command that a person looks at: its standing is told on standard error.

import type { ResourceName } from '../../core/resource.ts';
import type { TunnelClosed } from '../../core/tunnel/tunnel-end.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import type { Terminal } from '../output.ts';
import { line } from '../terminal-text.ts';
import { openTunnel, type Tunnel } from './open-tunnel.ts';

interface TellingTunnel {
  readonly tunnel: Tunnel;
  readonly tell: (message: string) => void;
}

export async function tellingTunnel(
  client: ApiClient,
  resource: ResourceName,
  { stderr }: Terminal,
): Promise<TellingTunnel> {
  const tell = (message: string) => void stderr.write(`gatehouse: ${line(message)}\n`);
  let was: 'attached' | 'detached' | undefined;
  const tunnel = await openTunnel(client, resource, (standing) => {
    if (was === 'attached' && standing === 'detached') tell('the way to the connector is lost: waiting for it');
    if (was === 'detached' && standing === 'attached') tell('the way is there again, nothing was lost');
    was = standing;
  });
  return { tunnel, tell };
}

export const lostFailure = (resource: ResourceName, { message }: TunnelClosed): Failure =>
  new Failure(3, 'tunnel_lost', `the tunnel to ${resource} is lost: ${message}`);
