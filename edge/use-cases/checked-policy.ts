// A policy beside what only the edge knows: its providers, the archive's lock, what connectors
// announce and who has signed in. What is a mistake is refused when it is written; one that is in
// force already stays so, and whoever reads the policy is told.

import type { ArchiveLimits } from '../../core/api.ts';
import type { PolicySurroundings } from '../../core/policy/mistakes/contradictions.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { SCIM_PREFIX } from '../../core/people/scim-groups.ts';
import { policyFindings } from '../../core/policy/mistakes/findings.ts';
import { describeMistake, placeMistakes, readPolicy } from '../../core/policy/parse.ts';
import type { CheckedPolicy } from '../gatehouse.ts';
import type { PolicyInForce } from '../ports/directory.ts';
import type { UseCaseDeps } from './deps.ts';

/** For how many days the archive keeps a recording, at most and at least; `unknown`: it does not answer. */
type ArchiveBound = ArchiveLimits | 'unknown';

export async function archiveBound(deps: Pick<UseCaseDeps, 'archive'>): Promise<ArchiveBound> {
  const limits = await deps.archive.limits();
  if (limits.ok) return limits.value;
  // Functions of an earlier release have no such page.
  return limits.error === 'not_found' ? {} : 'unknown';
}

export const surroundingsOf = (
  { providers, emailDomains, workloads }: Pick<UseCaseDeps, 'providers' | 'emailDomains' | 'workloads'>,
  bound: ArchiveBound,
): PolicySurroundings => ({
  providers,
  emailDomains,
  workloads,
  ...(bound !== 'unknown' && bound.maxRetainDays !== undefined && { maxRetainDays: bound.maxRetainDays }),
  ...(bound !== 'unknown' && bound.minRetainDays !== undefined && { minRetainDays: bound.minRetainDays }),
});

export const longestRetainMs = ({ rules }: PolicyDocument): number =>
  Math.max(0, ...rules.flatMap(({ access, record }) => (access === 'deny' ? [] : record.retain)));

export async function checkedPolicy(
  deps: Pick<UseCaseDeps, 'directory' | 'provisioning' | 'providers' | 'emailDomains' | 'workloads'>,
  { version, text, appliedAt, appliedBy, document }: PolicyInForce,
  bound: ArchiveBound,
): Promise<CheckedPolicy> {
  const [announced, groups, provisioned] = await Promise.all([
    deps.directory.resources(),
    deps.directory.knownGroups(),
    deps.provisioning.groupNames(),
  ]);
  for (const name of provisioned) groups.add(SCIM_PREFIX + name);
  const read = readPolicy(text, surroundingsOf(deps, bound));
  const mistakes = read.ok ? read.value.mistakes : read.error;
  const resources = announced.map(({ resource }) => resource);
  const findings = placeMistakes(text, policyFindings(document, { resources, groups }));
  // A name that is a mistake is not told twice.
  const told = new Set(mistakes.map(({ path }) => path));
  return {
    version,
    text,
    appliedAt,
    appliedBy,
    mistakes: mistakes.map(describeMistake),
    warnings: findings.filter(({ path }) => !told.has(path)).map(describeMistake),
  };
}
