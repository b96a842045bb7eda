// The Worker's bindings other than its settings (settings.ts).

import type { Approval } from './objects/approval.ts';
import type { AuditLog } from './objects/audit-log.ts';
import type { ConnectorLink } from './objects/connector-link.ts';
import type { Directory } from './objects/directory.ts';
import type { Grants } from './objects/grants.ts';
import type { Witness } from './objects/witness.ts';

export interface Env {
  readonly DIRECTORY: DurableObjectNamespace<Directory>;
  readonly GRANTS: DurableObjectNamespace<Grants>;
  readonly AUDIT_LOG: DurableObjectNamespace<AuditLog>;
  readonly WITNESS: DurableObjectNamespace<Witness>;
  readonly CONNECTOR_LINK: DurableObjectNamespace<ConnectorLink>;
  /** One for each request, named by its id. */
  readonly APPROVAL: DurableObjectNamespace<Approval>;
  /** Portal style sheet and scripts. */
  readonly ASSETS?: Fetcher;
}
