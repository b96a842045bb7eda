// Settings of the stack that runs a connector: whose network it is in, which image, whom it serves and what it reaches.

import { z } from 'zod';
import { ConnectorId } from '../core/ids.ts';

const Cidr = z.cidrv4('expected an IPv4 network, 10.0.0.0/16');
const PortNumber = z.number().int().min(1).max(65_535);
const Arn = z.string().regex(/^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+-[A-Za-z0-9]{6}$/, {
  error: 'expected the whole ARN of a secret, with the six characters at its end',
});

export const ConnectorStackSettings = z.strictObject({
  /** Where it runs: another account than the archive's keeps who administers targets away from evidence. */
  account: z
    .string()
    .regex(/^\d{12}$/, 'expected twelve digits')
    .optional(),
  region: z.string().optional(),
  vpc: z.strictObject({
    id: z.string().regex(/^vpc-[0-9a-f]+$/),
    /** Private ones with a way out, one for each availability zone. */
    subnets: z
      .array(z.strictObject({ id: z.string().regex(/^subnet-[0-9a-f]+$/), availabilityZone: z.string().min(1) }))
      .min(1),
  }),
  image: z
    .string()
    .regex(/^\S+@sha256:[0-9a-f]{64}$/, 'expected REPOSITORY@sha256:DIGEST, so that what was tested is what runs'),
  /** Path of connector.yaml, from where the command runs. */
  configuration: z.string().min(1),
  /** Under whose ids it records. */
  connectors: z.tuple([ConnectorId], ConnectorId),
  /** Needed where it is in another account than the archive: the outputs of the recording stack. */
  archive: z
    .strictObject({ bucketName: z.string().min(3), region: z.string().min(1), keyArn: z.string().optional() })
    .optional(),
  secrets: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'expected the name of a variable'), Arn).default({}),
  readSecrets: z.array(Arn).default([]),
  ports: z.tuple([PortNumber], PortNumber),
  clients: z.array(Cidr).min(1),
  targets: z.array(z.strictObject({ cidr: Cidr, port: PortNumber })).default([]),
  tasks: z
    .strictObject({
      least: z.number().int().min(1).default(1),
      most: z.number().int().min(1).default(4),
      sessionsEach: z.number().int().min(1).default(200),
    })
    .refine(({ least, most }) => most >= least, { path: ['most'], error: 'expected at least `least`' })
    .prefault({}),
  size: z
    .strictObject({
      cpu: z.literal([256, 512, 1024, 2048, 4096]).default(512),
      memoryMib: z.number().int().min(512).default(1024),
      diskGib: z.number().int().min(21).max(200).default(40),
    })
    .prefault({}),
});
export type ConnectorStackSettings = z.infer<typeof ConnectorStackSettings>;
