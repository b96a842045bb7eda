// What the API says of a connector beside who it is: its site, how it stands, and what it serves. All may be missing: an edge of an
// earlier release says none of it.

import { z } from 'zod';
import { ResourceName } from '../resource.ts';
import { ConnectorStatus } from './connector-status.ts';
import { SiteName } from './site.ts';

/** Of a resource's replicas, the one that a new tunnel would lead to. */
export const ServingReplica = z.object({
  site: SiteName.optional(),
  /** It was told to stop, and so was every other that is online: nothing new begins there. */
  draining: z.boolean().optional(),
});

/** `draining`: linked, and told to stop. */
const ConnectorStanding = z.enum(['linked', 'draining', 'away']);

export const FleetMember = z.object({
  site: SiteName.optional(),
  standing: ConnectorStanding.optional(),
  /** Of the control link. */
  protocol: z.number().int().optional(),
  /** While it is linked, as it last said. */
  status: ConnectorStatus.optional(),
  /** What it serves; none: nobody reaches anything by it. */
  resources: z.array(ResourceName).optional(),
});

/** `site`: of the connector that the token joins. */
export const JoinTokenRequest = z.strictObject({ site: SiteName.optional() });
/** null: of none. */
export const ConnectorSite = z.strictObject({ site: SiteName.nullable() });
