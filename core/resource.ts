// What can be reached. A resource's address and credential stay in the connector's own file
// (law 9); the edge only ever learns what is here.

import { z } from 'zod';
import { ProtocolName } from './protocols.ts';

/** A DNS label, so that it can stand in a host name, a database name and a path. */
export const ResourceName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected lower-case letters, digits and dashes, at most 63')
  .brand<'ResourceName'>();
export type ResourceName = z.infer<typeof ResourceName>;

export const Labels = z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string().max(200));
export type Labels = z.infer<typeof Labels>;

export const Resource = z.object({
  name: ResourceName,
  protocol: ProtocolName,
  labels: Labels.default({}),
  description: z.string().max(200).optional(),
  /** Where native clients reach the connector's listener for it. */
  endpoint: z.object({
    host: z.string().max(253),
    port: z.number().int().min(1).max(65535),
    /** By what clients know it, where that is no certificate: `ssh-ed25519 AAAA...`. */
    hostKey: z
      .string()
      .max(1000)
      .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$/)
      .optional(),
  }),
  /** The database a client gets when it names none. PostgreSQL and MySQL only. */
  defaultDatabase: z.string().max(63).optional(),
  /** Whom its sessions are at the target. SSH only. */
  login: z.string().max(64).optional(),
});
export type Resource = z.infer<typeof Resource>;

/** How it stood with a resource's target when a session last wanted it. */
export const TargetSeen = z.object({
  resource: ResourceName,
  at: z.iso.datetime(),
  /** Why it could not be used, as a sentence without secrets; missing: it was reached and let the gateway in. */
  fault: z.string().max(300).optional(),
});
export type TargetSeen = z.infer<typeof TargetSeen>;
