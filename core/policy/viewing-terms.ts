// What a rule's `record` says about watching its sessions beyond who may: who has to agree before, and
// who may pass a link on.

import { z } from 'zod';
import { Duration, UNIT_MS } from './duration.ts';

const Names = z.array(z.string().min(1)).min(1);
const asked = {
  /** As in `who`. Whoever asks is never one of them. */
  from: Names,
  /** How long a request waits to be decided. */
  within: Duration.default(UNIT_MS.h),
  /** How long what was approved lasts, from the approval on; less may be asked for. */
  for: Duration.default(UNIT_MS.h),
};

/** Each time somebody whom `view` names wants to watch a session of the rule. */
export const ViewApproval = z.strictObject({
  ...asked,
  /** Distinct people it takes. */
  count: z.number().int().min(1).max(10).default(1),
  /** Whether auditors need it too. */
  auditors: z.boolean().default(false),
});
export type ViewApproval = z.infer<typeof ViewApproval>;

/** Two people at least, whatever a rule says. */
const UNLOCK_APPROVERS = 2;

/** Before the originals of masked data are handed out. */
export const UnlockApproval = z.strictObject({
  ...asked,
  count: z.number().int().min(UNLOCK_APPROVERS).max(10).default(UNLOCK_APPROVERS),
});
type UnlockApproval = z.infer<typeof UnlockApproval>;

/** people: named ones. everyone: whoever signs in and has the link. */
export const Sharing = z.enum(['none', 'people', 'everyone']);
export type Sharing = z.infer<typeof Sharing>;

interface Recorded {
  readonly viewApproval?: ViewApproval | undefined;
  readonly share?: Sharing | undefined;
  readonly shareFor?: number | undefined;
}

/** Whether auditors, too, ask before they watch its sessions. */
export const bindsAuditors = ({ record }: { readonly record: Recorded }): boolean =>
  record.viewApproval?.auditors === true;

/** Rules of which the later policy has none by their name: removed or renamed. */
export const goneOf = <R extends { readonly name: string }>(before: readonly R[], after: readonly R[]): R[] =>
  before.filter(({ name }) => !after.some((rule) => rule.name === name));

/** Before auditors watch a session whose rule bound them and is gone: another of them agrees. */
export const goneTermsOf = (auditors: readonly string[]): ViewApproval => ({
  ...{ from: [...auditors], count: 1, within: UNIT_MS.h, for: UNIT_MS.h, auditors: true },
});

/** Where each look takes an approval, a link would be a way around it unless the rule says otherwise. */
export const sharingOf = ({ share, viewApproval }: Recorded): Sharing => share ?? (viewApproval ? 'none' : 'people');

/** Longest life of a link, in milliseconds. */
export const shareForOf = ({ shareFor }: Recorded): number => shareFor ?? 7 * UNIT_MS.d;

/** Who agrees to an unlock; auditors where the rule names nobody, or is gone. */
export const unlockTermsOf = (
  record: { readonly unlock?: UnlockApproval | undefined } | undefined,
  auditors: readonly string[],
) => record?.unlock ?? { from: [...auditors], count: UNLOCK_APPROVERS, within: UNIT_MS.h, for: UNIT_MS.h };
