// The Worker's bindings other than its settings (settings.ts).

import type { ApprovalPort } from './ports/approval.ts';
import type { AuditPort } from './ports/audit.ts';
import type { ConnectorLinkPort } from './ports/connector-link.ts';
import type { DirectoryPort } from './ports/directory.ts';
import type { GrantsPort } from './ports/grants.ts';
import type { ObjectsOf } from './ports/object.ts';
import type { ProvisioningPort } from './ports/provisioning.ts';
import type { RetentionPort } from './ports/retention.ts';
import type { TunnelPort } from './ports/tunnel.ts';
import type { WitnessLogPort, WitnessShardPort } from './ports/witness-objects.ts';

export interface Env {
  readonly DIRECTORY: ObjectsOf<DirectoryPort>;
  readonly GRANTS: ObjectsOf<GrantsPort>;
  readonly AUDIT_LOG: ObjectsOf<AuditPort>;
  readonly WITNESS: ObjectsOf<WitnessLogPort>;
  /** One for each day on which sessions were made, named by it. */
  readonly WITNESS_SHARD: ObjectsOf<WitnessShardPort>;
  /** One for each connector, named by its id. */
  readonly CONNECTOR_LINK: ObjectsOf<ConnectorLinkPort>;
  /** One for each request, named by its id. */
  readonly APPROVAL: ObjectsOf<ApprovalPort>;
  readonly RETENTION: ObjectsOf<RetentionPort>;
  /** One for each tunnel, named by its id. */
  readonly TUNNEL: ObjectsOf<TunnelPort>;
  readonly PROVISIONING: ObjectsOf<ProvisioningPort>;
  /** Portal style sheet and scripts. */
  readonly ASSETS?: Fetcher;
}
