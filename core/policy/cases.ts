// `tests:` of a policy: what its author expects of it, case by case. Evaluation never looks at them;
// `gatehouse policy test` tries them, and `gatehouse policy apply` before it applies.

import { z } from 'zod';
import { Email } from '../identity.ts';
import { DEFAULT_PROTOCOL, PROTOCOLS, ProtocolName, SectionName } from '../protocols.ts';
import { Labels, ResourceName } from '../resource.ts';
import type { Result } from '../result.ts';
import { LACKS } from '../text/every-issue.ts';
import { Duration } from './duration.ts';
import { parseAskedForward } from './sections/forwards.ts';
import { parseAskedRequest } from './sections/requests.ts';
import { Way } from '../masking/ways.ts';

function parsedBy(parse: (text: string) => Result<unknown, string>) {
  return z
    .string()
    .max(10_000)
    .superRefine((text, context) => {
      const parsed = parse(text);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
    });
}

/** Who asks for what, and what they then run. What is left out is not asked about. */
export const CaseFacts = z.strictObject({
  person: Email,
  /** As the provider gives them: `okta:dba`. */
  groups: z.array(z.string().min(1)).default([]),
  resource: z.strictObject({
    name: ResourceName,
    protocol: ProtocolName.default(DEFAULT_PROTOCOL),
    labels: Labels.default({}),
  }),
  reason: z.string().default(''),
  task: z.string().min(1).optional(),
  /** How long access is asked for. */
  for: Duration.optional(),
  /** For time windows; without it they count as open. */
  at: z.iso.datetime({ offset: true }).optional(),
  /** Address of the client, for source networks; without it every network fits. */
  from: z.union([z.ipv4(), z.ipv6()], { error: 'expected an IP address' }).optional(),
  /** How they signed in; without it any way counts as right. With it, what is not given is not known. */
  signIn: z
    .strictObject({ acr: z.string().optional(), amr: z.array(z.string()).optional(), age: Duration.optional() })
    .optional(),
  /** What is done in the session: at most one of these four. */
  statement: z.string().max(100_000).optional(),
  /** A command line; `interactive shell`. */
  command: z.string().max(100_000).optional(),
  /** `DELETE /api/users/7`, `delete pods`. */
  request: parsedBy(parseAskedRequest).optional(),
  /** `db.internal:5432`. */
  forward: parsedBy(parseAskedForward).optional(),
  /** The session's schemas; without them a name without a schema may be in any. */
  searchPath: z.array(z.string().min(1)).optional(),
  /** Columns of tables; without them a name counts as a column where it can be one. */
  tables: z.record(z.string().min(1), z.array(z.string().min(1)).min(1)).optional(),
});
export type CaseFacts = z.infer<typeof CaseFacts>;

/** What is done in the session. */
export interface CaseAction {
  readonly section: SectionName;
  /** In `given`. */
  readonly key: (typeof ACTION_KEYS)[SectionName];
  readonly text: string;
}

/** What one action of a section is called, in a case and in an explanation. */
export const ACTION_KEYS = {
  statements: 'statement',
  commands: 'command',
  requests: 'request',
  forwards: 'forward',
} as const;

export const actionsIn = (given: Pick<CaseFacts, (typeof ACTION_KEYS)[SectionName]>): CaseAction[] =>
  SectionName.options.flatMap((section) => {
    const key = ACTION_KEYS[section];
    const text = given[key];
    return text === undefined ? [] : [{ section, key, text }];
  });

/** `clear`: as it is. `withheld`: the result is refused, since nobody can tell what it is made of. `absent`: not in the result. */
const ExpectedShown = z.union([z.enum(['clear', 'withheld', 'absent']), Way], {
  error: 'expected placeholder, partial, hash, null, { fixed: TEXT }, clear, withheld or absent',
});

const PART = String.raw`(?:"(?:[^"]|"")+"|[^\s".*]+)`;
const ShownColumn = z
  .string()
  .regex(
    new RegExp(`^(?:${PART}\\.){0,2}${PART}$`),
    'expected table.column, schema.table.column, or a name in the result',
  );

export const PolicyCase = z
  .strictObject({
    /** For the report. */
    name: z.string().min(1).max(200).optional(),
    given: CaseFacts,
    expect: z
      .strictObject({
        access: z.enum(['allow', 'approval', 'deny']).optional(),
        /** The rule that decides; `none` when no rule does. */
        rule: z.string().min(1).optional(),
        /** Of what is done in the session. */
        verdict: z.enum(['allow', 'warn', 'hold', 'block']).optional(),
        /** `table.column`, or a name of the statement's result -> how it is shown. */
        masks: z.record(ShownColumn, ExpectedShown).optional(),
      })
      .refine((expected) => Object.keys(expected).length > 0, {
        ...{ message: 'expects nothing: name access, rule, verdict or masks', params: LACKS },
      }),
  })
  .superRefine(({ given, expect }, context) => {
    const { protocol } = given.resource;
    const [action, ...more] = actionsIn(given);
    for (const { section, key } of actionsIn(given)) {
      if (PROTOCOLS[protocol].sections.includes(section)) continue;
      const message = `says nothing: sessions of ${PROTOCOLS[protocol].title} have no ${section}`;
      context.addIssue({ code: 'custom', path: ['given', key], message });
    }
    for (const { key } of more)
      context.addIssue({
        code: 'custom',
        path: ['given', key],
        message: `a case has one action, and ${action?.key} is it`,
      });
    const missing = (path: string[], needed: string) =>
      context.addIssue({
        ...{ code: 'custom', path: ['expect', ...path], params: LACKS },
        message: `needs a ${needed} in given`,
      });
    if (expect.verdict !== undefined && !action) missing(['verdict'], PROTOCOLS[protocol].noun.one);
    if (given.statement !== undefined) return;
    for (const [column, shown] of Object.entries(expect.masks ?? {}))
      if (shown === 'absent' || !column.includes('.')) missing(['masks', column], 'statement');
  });
export type PolicyCase = z.infer<typeof PolicyCase>;
