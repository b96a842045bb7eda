// What the company's directory says of somebody who comes from an identity provider: whether they may come in, and their groups there.
// Both count: those of the sign-in as PROVIDER:GROUP, the directory's as scim:GROUP.

import { Identity } from '../../core/identity.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { UseCaseDeps } from '../use-cases/deps.ts';

export type ProvisionFault = 'deactivated' | 'not_provisioned' | 'groups_too_many';

interface ProvisioningDeps {
  readonly useCases: Pick<UseCaseDeps, 'directory' | 'provisioning'>;
  readonly onlyProvisioned: boolean;
}

export async function provisionedAs(
  { useCases, onlyProvisioned }: ProvisioningDeps,
  who: Identity,
): Promise<Result<Identity, ProvisionFault>> {
  const [standing, barred] = await Promise.all([
    useCases.provisioning.standingOf(who.email),
    useCases.directory.isBarred(who.email),
  ]);
  // Also somebody whom it deleted, of whom it says nothing any more.
  if (barred || standing.kind === 'inactive') return err('deactivated');
  if (standing.kind === 'unknown') return onlyProvisioned ? err('not_provisioned') : ok(who);
  const joined = Identity.safeParse({ ...who, groups: [...who.groups, ...standing.groups] });
  return joined.success ? ok(joined.data) : err('groups_too_many');
}

/** For the person, with the way out. */
export const provisionFaultWords = (fault: string): string | undefined =>
  Object.hasOwn(WORDS, fault) ? WORDS[fault as ProvisionFault] : undefined;

const WORDS: Readonly<Record<ProvisionFault, string>> = {
  deactivated:
    'Your account is deactivated in the company directory, so you cannot sign in here. Whoever looks after the directory can activate it again.',
  not_provisioned:
    'The company directory has not told Gatehouse of you. Ask whoever looks after the directory to assign Gatehouse to you, and try again some minutes later.',
  groups_too_many:
    'You are in more groups than a sign-in can carry. Have fewer groups sent for this application, by the identity provider or the directory.',
};
