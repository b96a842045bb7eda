// What a deployment decides, from CDK's context (`-c retentionDays=365`, or cdk.json). Everything
// has a default, so that `cdk synth` works without an account. docs/deploy.md lists them.

import '../core/text/schema-words.ts';
import { z } from 'zod';
import { IamJoinRequest } from '../core/connectors/iam-join.ts';
import { IamRole } from '../core/connectors/iam-role.ts';
import { ConnectorId } from '../core/ids.ts';
import { RENDERS_AT_ONCE } from '../functions/env.ts';
import { ConnectorStackSettings } from './connector-settings.ts';
import { EdgeStackSettings } from './edge-settings.ts';

const fromText = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (typeof value === 'string' ? parseText(value) : value), schema);

const Settings = z.strictObject({
  /** Begins the names of all stacks, so that several stand beside each other in one account. */
  deployment: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9]{0,30}$/, 'expected letters and digits')
    .default('Gatehouse'),
  account: z
    .string()
    .regex(/^\d{12}$/, 'expected twelve digits')
    .optional(),
  region: z.string().optional(),
  /** Object Lock's default, for objects that name no time of their own. */
  retentionDays: z.coerce.number().int().min(1).max(36500).default(90),
  /** The fewest days that a policy's `retain` may have. */
  minRetentionDays: z.coerce.number().int().min(1).max(36500).default(1),
  /** The longest time that an object may name for itself. */
  maxRetentionDays: z.coerce.number().int().min(1).max(36500).default(3650),
  /** `COMPLIANCE`: nobody, the account's root included, deletes before the time is over. */
  retentionMode: z.enum(['COMPLIANCE', 'GOVERNANCE']).default('COMPLIANCE'),
  /** `s3`: SSE-S3. `kms`: a key of the account, so that reading can be granted and revoked by key. */
  encryption: z.enum(['s3', 'kms']).default('s3'),
  /** With `kms`: ARN of the role that alone may delete or disable the key or change its policy. Else one is made in this account. */
  keyAdministrator: z
    .string()
    .regex(/^arn:[a-z-]+:iam::\d{12}:role\/\S+$/, 'expected the ARN of a role')
    .optional(),
  /**
   * Other accounts in which connectors run. With `kms` the key's policy names them, which only its administrator can change
   * afterwards: list them before the first deployment.
   */
  connectorAccounts: fromText(z.array(z.string().regex(/^\d{12}$/, 'expected twelve digits'))).default([]),
  /** How long the log of reads and deletes of the archive is locked. */
  trailDays: z.coerce.number().int().min(1).max(36500).default(400),
  /** Connectors that joined by a token: each gets a policy of its own. JSON when given on the command line. */
  connectors: fromText(
    z.array(
      z
        .strictObject({
          id: ConnectorId,
          /** The role that it runs as, where that is in another account than the archive. */
          role: z
            .string()
            .regex(/^arn:[a-z-]+:iam::\d{12}:role\/\S+$/, 'expected the ARN of a role')
            .optional(),
          key: z.never('leave `key` out: the edge tells the functions of keys itself').optional(),
        })
        .transform(({ id, role }) => ({ id, role })),
    ),
  ).default([]),
  /** Roles whose tasks join by their AWS identity, each with the name that its connectors have: one policy for all of its tasks. Of `connectorAccounts`, where they are in another account. */
  connectorRoles: fromText(z.array(z.strictObject({ role: IamRole, name: IamJoinRequest.shape.name }))).default([]),
  /** `NAME+ID+KEY` of the edge's log of sessions (`key` of `gatehouse checkpoint --json`), which signs orders to purge (early ones need it) and the keys of connectors (without it nobody's key is compared). */
  edgeLogKey: z.string().min(1).optional(),
  /** Large exports that are written at once: so much of the account's concurrency is kept for them. 0: none is, where the account has too little to keep any. */
  exportsAtOnce: z.coerce.number().int().min(0).max(1000).default(RENDERS_AT_ONCE),
  /** Keep a share of the account's concurrency for each function. `false`: where the account has too little to keep any. */
  reserveConcurrency: fromText(z.boolean()).default(true),
  /** The Worker; without it the edge is deployed by wrangler. */
  edge: fromText(EdgeStackSettings).optional(),
  /** A connector on Fargate; without it there is no such stack. */
  connectorStack: fromText(ConnectorStackSettings).optional(),
  alarmEmail: z.email().optional(),
  /** Where docs/runbook.md can be read; alarms link to it. */
  runbookUrl: z.url().default('https://gatehouse.example/docs/runbook.md'),
});
export type Settings = z.infer<typeof Settings>;

export const SETTING_NAMES: readonly string[] = Object.keys(Settings.shape);

/** Throws with the name of every setting that is wrong. */
export function readStackSettings(contextOf: (name: string) => unknown): Settings {
  const given: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const value = contextOf(name);
    if (value !== undefined && value !== '') given[name] = value;
  }
  const parsed = Settings.safeParse(given);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`settings: ${wrong.join('; ')}`);
  }
  if (parsed.data.maxRetentionDays < parsed.data.retentionDays)
    throw new Error('settings: maxRetentionDays: expected at least retentionDays');
  if (parsed.data.minRetentionDays > parsed.data.maxRetentionDays)
    throw new Error('settings: minRetentionDays: expected at most maxRetentionDays');
  for (const [index, { role }] of parsed.data.connectors.entries()) {
    const account = role?.split(':')[4];
    if (account !== undefined && !parsed.data.connectorAccounts.includes(account))
      throw new Error(`settings: connectors.${index}.role: its account ${account} is not among connectorAccounts`);
  }
  const { connectorStack } = parsed.data;
  const [here, there] = [
    { account: parsed.data.account, region: parsed.data.region },
    { account: connectorStack?.account, region: connectorStack?.region },
  ];
  const apart =
    Object.values(there).some((value) => value !== undefined) && JSON.stringify(here) !== JSON.stringify(there);
  if (connectorStack && apart && !connectorStack.archive)
    throw new Error(
      'settings: connectorStack.archive: needed where the connector is in another account or region than the archive: bucketName, region (and keyArn) of the recording stack',
    );
  return parsed.data;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
