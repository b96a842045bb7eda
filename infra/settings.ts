// What a deployment decides, from CDK's context (`-c retentionDays=365`, or cdk.json). Everything
// has a default, so that `cdk synth` works without an account. docs/deployment.md lists them.

import '../core/text/schema-words.ts';
import { z } from 'zod';
import { ConnectorId } from '../core/ids.ts';
import { RENDERS_AT_ONCE } from '../functions/env.ts';

const fromText = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (typeof value === 'string' ? parseText(value) : value), schema);

const Settings = z.strictObject({
  /** Begins the names of both stacks, so that several stand beside each other in one account. */
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
  /** Connectors that joined: each gets a policy of its own. JSON when given on the command line. */
  connectors: fromText(
    z.array(
      z.strictObject({
        id: ConnectorId,
        key: z
          .string()
          .regex(/^[A-Za-z0-9_-]{43}$/)
          .optional(),
      }),
    ),
  ).default([]),
  /** `NAME+ID+KEY` of the edge's log of sessions (`key` of `gatehouse checkpoint --json`), which signs orders to purge; early ones need it. */
  edgeLogKey: z.string().min(1).optional(),
  /** Large exports that are written at once: so much of the account's concurrency is kept for them. 0: none is, where the account has too little to keep any. */
  exportsAtOnce: z.coerce.number().int().min(0).max(1000).default(RENDERS_AT_ONCE),
  alarmEmail: z.email().optional(),
  /** Where docs/runbook.md can be read; alarms link to it. */
  runbookUrl: z.url().default('https://gatehouse.example/docs/runbook.md'),
});
export type Settings = z.infer<typeof Settings>;

/** Throws with the name of every setting that is wrong. */
export function readStackSettings(contextOf: (name: string) => unknown): Settings {
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(Settings.shape)) {
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
  return parsed.data;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
