// `connector.yaml` as its author writes it (docs/connector.md). Every object is strict: a key that
// is not known is an error, since a misspelt one would silently weaken what it was meant to set.

import { z } from 'zod';
import { IamJoinRequest } from '../../core/connectors/iam-join.ts';
import { SiteName } from '../../core/fleet/site.ts';
import { ProtocolName } from '../../core/protocols.ts';
import { Labels, ResourceName } from '../../core/resource.ts';
import { LACKS } from '../../core/text/every-issue.ts';
import { Host, oneOf, placeOf, Port, Variable } from '../net/target-settings.ts';
import { PROTOCOL_MODULES } from '../registry.ts';
import { Vault } from './vault.ts';

/** 0: any free port. */
const listenPort = z.number().int().min(0).max(65535);
const path = z.string().min(1);
const httpUrl = z
  .string()
  .refine(
    (text) => /^https?:\/\//.test(text) && URL.canParse(text),
    'expected an address such as https://gatehouse.example.com',
  )
  .refine(
    (text) => !URL.canParse(text) || (new URL(text).password === '' && new URL(text).username === ''),
    'an address must not hold a user or a password',
  );

/** What every protocol's resources have, with what only that protocol's have. */
const resourceOf = (protocol: ProtocolName) =>
  z
    .strictObject({
      name: ResourceName,
      protocol: z.literal(protocol),
      labels: Labels.default({}),
      description: z.string().max(200).optional(),
      ...PROTOCOL_MODULES[protocol].resource.shape,
    })
    .check(
      z.core._superRefine(
        (resource, context) => {
          for (const { path, message, lacks } of PROTOCOL_MODULES[protocol].mistakes?.(resource) ?? [])
            context.addIssue({ code: 'custom', path: [...path], message, ...(lacks && { params: LACKS }) });
        },
        // Beside what else is wrong with it, so that all is said at once.
        { when: ({ value }) => typeof value === 'object' && value !== null },
      ),
    );

type OneOrMore<T> = [T, ...T[]];
const ResourceDocument = z.discriminatedUnion(
  'protocol',
  ProtocolName.options.map(resourceOf) as OneOrMore<ReturnType<typeof resourceOf>>,
  { error: ({ input }) => (named(input) ? `expected ${ProtocolName.options.join(' or ')}` : 'is missing') },
);
/** The protocol whose resource `written` most looks like. */
export function likeliestProtocol(written: object): ProtocolName {
  const faults = (protocol: ProtocolName) =>
    resourceOf(protocol).safeParse({ ...written, protocol }).error?.issues.length ?? 0;
  return ProtocolName.options.reduce((best, one) => (faults(one) < faults(best) ? one : best));
}

/** Whether a protocol is named at all. */
const named = (input: unknown): boolean => typeof input === 'object' && input !== null && 'protocol' in input;

const Store = z
  .strictObject({
    directory: path.optional(),
    events: z.strictObject({ url: httpUrl, tokenEnv: Variable.default('GATEHOUSE_EVENTS_TOKEN') }).optional(),
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
  .superRefine(oneOf(['directory', 's3']));

const listenerOf = (protocol: ProtocolName) =>
  z.strictObject({
    host: Host.optional(),
    port: listenPort.optional(),
    /** Where clients reach it, when that differs from where it listens. */
    advertise: z.strictObject({ host: Host, port: Port.optional() }).optional(),
    plainText: z.enum(['never', 'loopback', 'always']).optional(),
    ...PROTOCOL_MODULES[protocol].listener.shape,
  });
const Listeners = z.strictObject(
  Object.fromEntries(ProtocolName.options.map((protocol) => [protocol, listenerOf(protocol).optional()])),
);

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
  /** Of which it is a replica: docs/connector.md#sites-of-replicas. */
  site: SiteName.optional(),
  join: z
    .strictObject({
      tokenEnv: Variable.optional(),
      tokenFile: path.optional(),
      /** By the AWS identity that it runs as: asked at STS of this region. */
      iam: z.strictObject({ region: IamJoinRequest.shape.sts.shape.region }).optional(),
    })
    .superRefine(oneOf(['tokenEnv', 'tokenFile', 'iam']))
    .optional(),
  state: path.optional(),
  store: Store.optional(),
  listeners: Listeners.optional(),
  health: z.strictObject({ host: Host.optional(), port: listenPort }).optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  limits: Limits.optional(),
  /** How often each target is logged in to where no session does: docs/connector.md#health-of-targets. */
  probes: z
    .strictObject({
      periodSeconds: z.union([z.literal(0), z.number().int().min(10).max(3600)], {
        error: 'expected whole seconds from 10 to 3600, or 0 for none',
      }),
    })
    .optional(),
  /** HashiCorp Vault, for the credentials that stand there or are made there. */
  vault: Vault.optional(),
  /** Whether its ECS task is protected from scale-in while sessions run. */
  ecsTaskProtection: z.boolean().optional(),
  /** What `with: hash` is keyed with; the same for connectors whose masked values are to be joined. */
  masking: z.strictObject({ key: placeOf('a key').optional() }).optional(),
  resources: z.array(ResourceDocument).max(10_000).default([]),
});
export type ConnectorDocument = z.infer<typeof ConnectorDocument>;
