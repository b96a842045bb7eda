// What a connector asks over plain HTTP beside its link: joining by a token, and the certificates of its listeners.

import { z } from 'zod';
import { SiteName } from '../fleet/site.ts';
import { ConnectorId } from '../ids.ts';
import { ConnectorPublicKey } from './connector-keys.ts';

/** By which its inviter sees whether it was used: the token's SHA-256 in hex, of which nobody makes the token. */
export const JoinTokenId = z.string().regex(/^[0-9a-f]{64}$/, 'expected the id of a join token');
export const JoinToken = z.object({
  token: z.string(),
  id: JoinTokenId,
  expiresAt: z.iso.datetime(),
  site: SiteName.optional(),
});
/** `connector`: that joined by it. Without one it waits for its use until `expiresAt`. */
export const JoinTokenUse = z.object({ connector: ConnectorId.optional(), expiresAt: z.iso.datetime().optional() });
export type JoinTokenUse = z.infer<typeof JoinTokenUse>;
export const JoinRequest = z.strictObject({
  token: z.string().max(200),
  /** As its file has it; the token's decides, and another is refused. */
  site: SiteName.optional(),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  key: ConnectorPublicKey,
});
export const Joined = z.object({ connector: ConnectorId });

/** The connector's certificate for its listeners, from Gatehouse's own authority. */
export const CertificateRequest = z.strictObject({ csr: z.string().max(16_384) });
export const Certificate = z.object({ certificate: z.string(), authority: z.string(), notAfter: z.iso.datetime() });

/** Of a host key that the connector announced, from Gatehouse's SSH authority for hosts: what a `-cert.pub` file holds. */
export const HostCertified = z.object({ certificate: z.string(), until: z.iso.datetime() });
