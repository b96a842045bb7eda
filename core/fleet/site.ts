// A site: connectors (its replicas) that reach the same resources and stand in for each other (docs/adr/0062).

import { z } from 'zod';

export const SiteName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes, at most 63')
  .brand<'SiteName'>();
export type SiteName = z.infer<typeof SiteName>;
