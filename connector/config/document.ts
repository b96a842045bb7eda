// `connector.yaml` as its author writes it (docs/connector.md). Every object is strict: a key that
// is not known is an error, since a misspelt one would silently weaken what it was meant to set.

import { z } from 'zod';
import { Labels, ResourceName } from '../../core/resource.ts';

const port = z.number().int().min(1).max(65535);
/** 0: any free port. */
const listenPort = z.number().int().min(0).max(65535);
const host = z.string().min(1).max(253);
const path = z.string().min(1);
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');
const httpUrl = z
  .string()
  .refine(
    (text) => /^https?:\/\//.test(text) && URL.canParse(text),
    'expected an address such as https://gatehouse.example.com',
  )
  .refine((text) => !URL.canParse(text) || new URL(text).password === '', 'an address must not hold a password');

/** Exactly one of these keys. */
const oneOf =
  (keys: readonly string[]) =>
  (value: object): boolean =>
    keys.filter((key) => Reflect.get(value, key) !== undefined).length === 1;

/** A secret never stands in this file (law 11). `what` is for whoever wrote it there. */
const placeOf = (what: string) =>
  z
    .strictObject(
      {
        env: variable.optional(),
        file: path.optional(),
        secretsManager: z.string().min(1).max(2048).optional(),
        key: z.string().min(1).optional(),
      },
      {
        error: (issue) =>
          issue.code === 'invalid_type'
            ? `${what} does not stand in this file: name its place with { env: NAME }, { file: PATH } or { secretsManager: NAME }`
            : undefined,
      },
    )
    .refine(oneOf(['env', 'file', 'secretsManager']), 'expected exactly one of env, file, secretsManager')
    .refine((it) => it.key === undefined || it.secretsManager !== undefined, 'key goes with secretsManager only');

const UpstreamTls = z
  .strictObject({
    mode: z.enum(['verify-full', 'require-unverified', 'off']).default('verify-full'),
    ca: path.optional(),
    serverName: host.optional(),
  })
  .refine(
    (it) => it.mode === 'verify-full' || (it.ca === undefined && it.serverName === undefined),
    'ca and serverName go with mode verify-full only',
  );

const ResourceDocument = z.strictObject({
  name: ResourceName,
  protocol: z.enum(['postgres']),
  labels: Labels.default({}),
  description: z.string().max(200).optional(),
  host,
  port: port.default(5432),
  database: z.string().min(1).max(63).optional(),
  user: z.string().min(1).max(63),
  password: placeOf('a password').optional(),
  tls: UpstreamTls.default({ mode: 'verify-full' }),
});

const Store = z
  .strictObject({
    directory: path.optional(),
    events: z.strictObject({ url: httpUrl, tokenEnv: variable.default('GATEHOUSE_EVENTS_TOKEN') }).optional(),
    s3: z
      .strictObject({
        bucket: z.string().min(3).max(63),
        region: z.string().min(1),
        endpoint: httpUrl.optional(),
        lock: z.enum(['COMPLIANCE', 'GOVERNANCE', 'none']).optional(),
        owner: z
          .string()
          .regex(/^\d{12}$/, "expected the twelve digits of an AWS account, in quotes: owner: '123456789012'")
          .optional(),
        confirmation: z.enum(['sha256', 'etag-md5']).optional(),
      })
      .optional(),
  })
  .refine(oneOf(['directory', 's3']), 'expected exactly one of directory, s3')
  .refine(
    (it) => it.events === undefined || it.directory !== undefined,
    'events goes with directory only: S3 notifies by itself',
  );

const PostgresListener = z.strictObject({
  host: host.optional(),
  port: listenPort.optional(),
  /** Where clients reach it, when that differs from where it listens. */
  advertise: z.strictObject({ host, port: port.optional() }).optional(),
  plainText: z.enum(['never', 'loopback', 'always']).optional(),
  clientAuth: z.enum(['scram', 'password']).optional(),
});

const Limits = z.strictObject({
  idleMinutes: z.number().min(0.1).max(1440).optional(),
  loginSeconds: z.number().int().min(1).max(300).optional(),
  maxUnauthenticated: z.number().int().min(1).max(100_000).optional(),
  maxUnauthenticatedPerAddress: z.number().int().min(1).max(100_000).optional(),
  diskFreeMegabytes: z.number().int().min(1).max(10_000_000).optional(),
  drainSeconds: z.number().int().min(0).max(3600).optional(),
  uploadSeconds: z.number().int().min(0).max(600).optional(),
});

export const ConnectorDocument = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes, at most 63')
    .optional(),
  edge: httpUrl.optional(),
  join: z
    .strictObject({ tokenEnv: variable.optional(), tokenFile: path.optional() })
    .refine(oneOf(['tokenEnv', 'tokenFile']), 'expected exactly one of tokenEnv, tokenFile')
    .optional(),
  state: path.optional(),
  store: Store.optional(),
  listeners: z.strictObject({ postgres: PostgresListener.optional() }).optional(),
  health: z.strictObject({ host: host.optional(), port: listenPort }).optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  limits: Limits.optional(),
  /** What `with: hash` is keyed with; the same for connectors whose masked values are to be joined. */
  masking: z.strictObject({ key: placeOf('a key').optional() }).optional(),
  resources: z.array(ResourceDocument).max(10_000).default([]),
});
export type ConnectorDocument = z.infer<typeof ConnectorDocument>;
