// What the use cases work with, and what most of them begin with: the policy in force, what the
// person is in it, and a line in the audit log.

import type { AuditEvent } from '../../core/audit/audit.ts';
import type { FromEdge } from '../../core/control.ts';
import type { ConnectorId, RequestId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { describeMistake, parsePolicy } from '../../core/policy/parse.ts';
import { err, ok } from '../../core/result.ts';
import type { Archive } from '../archive.ts';
import type { AuditArchive } from '../audit-archive.ts';
import type { Clock } from '../clock.ts';
import type { Answer, UseCaseFault } from '../gatehouse.ts';
import type { Approval } from '../objects/approval.ts';
import type { AuditLog } from '../objects/audit-log.ts';
import type { EndAnswer, SessionEnd } from '../objects/connector-link.ts';
import type { Directory } from '../objects/directory.ts';
import type { Grants } from '../objects/grants.ts';
import type { Remote } from '../objects/rpc.ts';
import type { Witness } from '../objects/witness.ts';
import type { PolicyInForce } from '../storage/policies.ts';
import type { PolicyCache } from '../storage/policy-cache.ts';
import { archiveBound, surroundingsOf } from './checked-policy.ts';

export interface UseCaseDeps {
  readonly publicUrl: string;
  /** YAML for the first start, from the settings. */
  readonly firstPolicy: string | undefined;
  /** Names of the providers that people sign in with. */
  readonly providers: readonly string[];
  /** The only domains of their addresses; empty: any. */
  readonly emailDomains: readonly string[];
  readonly policies: PolicyCache;
  readonly directory: Remote<Directory>;
  readonly grants: Remote<Grants>;
  readonly audit: Remote<AuditLog>;
  readonly witness: Remote<Witness>;
  /** The object of one request, whether or not there is such a request. */
  approvals(id: RequestId): Remote<Approval>;
  readonly archive: Archive;
  readonly auditArchive: AuditArchive;
  readonly links: {
    /** false: not linked now. */
    push(connector: ConnectorId, message: FromEdge): Promise<boolean>;
    isLinked(connector: ConnectorId): Promise<boolean>;
    endSession(connector: ConnectorId, message: SessionEnd): Promise<EndAnswer>;
    /** Tells it what is in force for its sessions now, if it is linked. */
    policyApplied(connector: ConnectorId, version: number): Promise<void>;
  };
  readonly clock: Clock;
  /** Base64, see keys.ts. */
  grantSalt(email: string, resource: string): Promise<string>;
}

/** Thrown where an act is given up because it could not be written down (law 7). */
export class AuditUnavailable extends Error {}

/** Await this before the act: when it throws, the act does not happen. */
export async function note(deps: Pick<UseCaseDeps, 'audit'>, event: AuditEvent): Promise<void> {
  try {
    await deps.audit.append(event);
  } catch (cause) {
    throw new AuditUnavailable('the audit log could not be written', { cause });
  }
}

/**
 * As `note`, for what anybody can make happen without having any right to it, signed in or not: the first is an entry, the rest
 * of ten minutes are counted in one.
 */
export async function noteCounted(deps: Pick<UseCaseDeps, 'audit'>, event: AuditEvent): Promise<void> {
  try {
    await deps.audit.appendCounted(event);
  } catch (cause) {
    throw new AuditUnavailable('the audit log could not be written', { cause });
  }
}

/**
 * Await this before showing: writes the look down (law 7). The first of the same person at the same `shown` of the same object
 * is an entry; while it goes on it is counted to that entry (a page that refreshes itself, a proof that reads object by object).
 */
export async function noteLook(deps: Pick<UseCaseDeps, 'audit'>, event: AuditEvent, shown: string): Promise<void> {
  try {
    await deps.audit.appendLook(event, shown);
  } catch (cause) {
    throw new AuditUnavailable('the audit log could not be written', { cause });
  }
}

export interface Standing {
  readonly policy: PolicyDocument;
  readonly version: number;
  readonly administrator: boolean;
  readonly auditor: boolean;
}

export const fault = (reason: UseCaseFault['reason'], message: string) => err<UseCaseFault>({ reason, message });

export async function standingOf(deps: UseCaseDeps, who: Identity): Answer<Standing> {
  const policy = await policyInForce(deps);
  if (!policy.ok) return policy;
  const { document, version } = policy.value;
  return ok({
    policy: document,
    version,
    administrator: isAmong(document, document.administrators, who),
    auditor: isAmong(document, document.auditors, who),
  });
}

/** The stored policy; on the very first use the one from the settings becomes version 1. */
export async function policyInForce(deps: UseCaseDeps): Answer<PolicyInForce> {
  const stored = await deps.policies.current();
  if (stored) return ok(stored);
  if (deps.firstPolicy === undefined) {
    return fault('unavailable', 'No policy is in force. Whoever runs Gatehouse must set POLICY for the first start.');
  }
  const bound = await archiveBound(deps);
  if (bound === 'unknown') {
    return fault(
      'unavailable',
      'The archive does not answer, so nobody can tell whether it keeps recordings for as long as the policy asks. Try again.',
    );
  }
  const parsed = parsePolicy(deps.firstPolicy, surroundingsOf(deps, bound));
  if (!parsed.ok) {
    const first = parsed.error[0];
    console.error(`POLICY is not valid: ${first ? describeMistake(first) : 'unknown mistake'}`);
    return fault('unavailable', "The policy in the settings is not valid, so nothing is allowed. See the edge's log.");
  }
  await note(deps, { kind: 'policy.applied', actor: 'gatehouse', object: 'policy', details: { version: 1 } });
  const applied =
    (await deps.directory.applyPolicy(deps.firstPolicy, 'gatehouse', 0)) ?? (await deps.policies.current());
  return applied ? ok(applied) : fault('unavailable', 'No policy is in force. Try again.');
}
