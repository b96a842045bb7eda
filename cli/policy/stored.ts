import { z } from 'zod';
import { PolicyEffect, RuleGone } from '../../core/api.ts';
import { line } from '../terminal-text.ts';

/** The policy in force, as the API gives it. */
export const FetchedPolicy = z.object({
  version: z.number().int(),
  text: z.string(),
  appliedAt: z.iso.datetime(),
  appliedBy: z.string(),
  /** What would be refused if it were applied now, and what it names and nobody has seen yet. Missing: an earlier release. */
  mistakes: z.array(z.string()).default([]),
  warnings: z.array(z.string()).default([]),
  /** Of one that was just applied. Missing: an earlier release. */
  effects: z.array(PolicyEffect).optional(),
  rulesGone: z.array(RuleGone).optional(),
});
export type FetchedPolicy = z.infer<typeof FetchedPolicy>;

/** Lines for standard error about what the edge says of a policy. */
export const toldOfStored = ({ mistakes, warnings }: FetchedPolicy): string[] => [
  ...mistakes.map((mistake) => `mistake, in force all the same: ${line(mistake)}`),
  ...warnings.map((warning) => `warning: ${line(warning)}`),
];
