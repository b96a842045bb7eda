// What the use cases work with, a line in the audit log before the act, and how they refuse.

import type { AuditEvent } from '../../core/audit/audit.ts';
import type { FromEdge } from '../../core/control.ts';
import type { ConnectorId, RequestId, TunnelId } from '../../core/ids.ts';
import type { NamedIssuer } from '../../core/policy/workload-names.ts';
import { err } from '../../core/result.ts';
import type { Archive } from '../archive.ts';
import type { AuditArchive } from '../audit-archive.ts';
import type { SshAuthority } from '../authority/ssh-authority.ts';
import type { Clock } from '../clock.ts';
import type { PutKeys } from '../connector-keys/tell-keys.ts';
import type { UseCaseFault } from '../gatehouse.ts';
import type { ApprovalPort } from '../ports/approval.ts';
import type { AuditPort } from '../ports/audit.ts';
import type { ConnectorLinkPort, EndAnswer, LinkRevoked, LinkStanding, SessionEnd } from '../ports/connector-link.ts';
import type { DirectoryPort } from '../ports/directory.ts';
import type { GrantsPort } from '../ports/grants.ts';
import type { ProvisioningPort } from '../ports/provisioning.ts';
import type { RetentionPort } from '../ports/retention.ts';
import type { RetentionArchive } from '../retention-archive.ts';
import type { WitnessPort } from '../ports/witness.ts';
import type { PolicyCache } from '../storage/policy-cache.ts';

export interface UseCaseDeps {
  readonly publicUrl: string;
  /** YAML for the first start, from the settings. */
  readonly firstPolicy: string | undefined;
  /** Names of the providers that people sign in with. */
  readonly providers: readonly string[];
  /** The only domains of their addresses; empty: any. */
  readonly emailDomains: readonly string[];
  /** Issuers of programs' tokens. */
  readonly workloads: readonly NamedIssuer[];
  readonly policies: PolicyCache;
  readonly directory: DirectoryPort;
  readonly grants: GrantsPort;
  readonly audit: AuditPort;
  readonly witness: WitnessPort;
  /** The object of one request, whether or not there is such a request. */
  approvals(id: RequestId): ApprovalPort;
  readonly retention: RetentionPort;
  readonly retentionArchive: RetentionArchive;
  readonly archive: Archive;
  readonly auditArchive: AuditArchive;
  /** Tells the functions which keys a connector has. */
  readonly putKeys: PutKeys;
  readonly links: {
    /** false: not linked now. */
    push(connector: ConnectorId, message: FromEdge): Promise<boolean>;
    /** undefined: not linked. */
    standing(connector: ConnectorId): Promise<LinkStanding | undefined>;
    /** Has it link anew. */
    unlink(connector: ConnectorId, reason: string): Promise<void>;
    /** false: nobody heard it. */
    revoke(connector: ConnectorId, message: LinkRevoked): Promise<boolean>;
    askRotation(connector: ConnectorId): Promise<EndAnswer>;
    endSession(connector: ConnectorId, message: SessionEnd): Promise<EndAnswer>;
    openTunnel: (connector: ConnectorId, ...tunnel: Parameters<ConnectorLinkPort['openTunnel']>) => Promise<EndAnswer>;
    /** Tells it what is in force for its sessions now, if it is linked. */
    policyApplied(connector: ConnectorId, version: number): Promise<void>;
  };
  /** false: its connector did not dial it in time, and it is over. */
  tunnelDialled(tunnel: TunnelId, withinMs: number): Promise<boolean>;
  readonly provisioning: ProvisioningPort;
  /** Closes both of its ends, if it is there. */
  endTunnel(tunnel: TunnelId, reason: string): Promise<void>;
  /** Certifies people's keys for their grants. */
  readonly userAuthority: SshAuthority;
  /** Certifies host keys of connectors' listeners. */
  readonly hostAuthority: SshAuthority;
  readonly clock: Clock;
  /** Base64, see keys.ts. */
  grantSalt(email: string, resource: string): Promise<string>;
  /** Of the MAC in programs' tunnel tokens. */
  tunnelKey(): Promise<Uint8Array<ArrayBuffer>>;
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

export const fault = (
  reason: UseCaseFault['reason'],
  message: string,
  more: Pick<UseCaseFault, 'purged' | 'signInAgain'> = {},
) => err<UseCaseFault>({ reason, message, ...more });
