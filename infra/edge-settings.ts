// Settings of the stack that uploads the Worker. Without them the edge is deployed by `wrangler deploy`.

import { z } from 'zod';

const SecretArn = z.string().regex(/^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+-[A-Za-z0-9]{6}$/, {
  error: 'expected the whole ARN of a secret, with the six characters at its end',
});
const Hex32 = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits');

export const EdgeStackSettings = z
  .strictObject({
    cloudflareAccount: Hex32,
    /** Holds an API token and nothing else. */
    tokenSecret: SecretArn,
    /** Holds a JSON object: EDGE_SECRET, OIDC_CLIENT_SECRET and the other secrets of docs/edge.md. */
    workerSecrets: SecretArn.optional(),
    /** Raise it when a secret was changed, so that it is uploaded. */
    secretsVersion: z.coerce.string().default('1'),
    /** Instead of the name in wrangler.toml: stages beside each other in one account of Cloudflare. */
    scriptName: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
      .optional(),
    vars: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'expected the name of a variable'), z.string()).default({}),
    domain: z.strictObject({ hostname: z.hostname(), zone: Hex32 }).optional(),
    routes: z.array(z.strictObject({ pattern: z.string().min(1), zone: Hex32 })).default([]),
    workersDev: z.boolean().default(false),
    adopt: z.boolean().default(false),
    /** Deleting the stack deletes grants, approvals and the audit log in the edge. For trials. */
    deleteData: z.boolean().default(false),
    /** Run the build command of wrangler.toml before. */
    build: z.boolean().default(true),
  })
  .refine(({ domain, routes, workersDev }) => domain || routes.length > 0 || workersDev, {
    error: 'expected domain, routes or workersDev: nobody would reach the Worker',
  });
export type EdgeStackSettings = z.infer<typeof EdgeStackSettings>;
