// What a person asks the edge for a way to a connector, and what they are told of it.

import { z } from 'zod';
import { TunnelId } from '../ids.ts';
import { ProtocolName } from '../protocols.ts';
import { ResourceName } from '../resource.ts';

export const TunnelRequest = z.strictObject({ resource: ResourceName });
/** A way to the connector of a resource. */
export const OpenedTunnel = z.object({
  tunnel: TunnelId,
  resource: ResourceName,
  protocol: ProtocolName,
  /** What the connector's certificate within the tunnel is for. */
  host: z.string(),
});
export type OpenedTunnel = z.infer<typeof OpenedTunnel>;
