// What this connector may reach, from its own file alone (law 9): a name that is not there cannot be
// dialled, whatever the edge says. A target's credential is fetched for each session (law 8).

import type { ProtocolName } from '../core/protocols.ts';
import type { Refusal } from '../core/refusal.ts';
import type { ResourceName } from '../core/resource.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { ResourceConfig, ResourceConfigOf } from './config/settings.ts';
import type { Credential, CredentialSource } from './credentials/credential.ts';
import type { TargetFault, TargetTools } from './protocol.ts';
import { PROTOCOL_MODULES, type Upstream } from './registry.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** What the person is told. What is wrong in detail is for the operator: it names files and variables. */
const UNUSABLE: Readonly<Record<TargetFault['of'], Refusal>> = {
  credential: {
    reason: 'upstream_login_failed',
    message: 'The gateway could not get its credential for this target. Tell an administrator.',
  },
  authority: {
    reason: 'upstream_untrusted',
    message: "The gateway could not read the authority that checks this target's certificate. Tell an administrator.",
  },
};

type OpenCredential = (source: CredentialSource) => Credential;

/** Opens targets of one protocol, by the name of their resource. */
export function createTargets<P extends ProtocolName>(
  protocol: P,
  resources: readonly ResourceConfig[],
  openCredential: OpenCredential,
  /** Told of what keeps a target from being used; holds no secret. */
  onFault: (resource: ResourceName, message: string) => void,
): (resource: ResourceName) => Promise<Result<Upstream<P>, Refusal>> {
  const isOurs = (resource: ResourceConfig): resource is ResourceConfigOf<P> & ResourceConfig =>
    resource.protocol === protocol;
  const targets = new Map(resources.filter(isOurs).map((resource) => [resource.name, resource]));
  const tools = targetTools(openCredential, CONNECT_TIMEOUT_MS);
  return async (name) => {
    const resource = targets.get(name);
    if (resource === undefined)
      return err({ reason: 'resource_unknown', message: 'This connector does not serve that resource.' });
    const opened = await PROTOCOL_MODULES[protocol].openTarget(resource.settings, tools);
    if (opened.ok) return opened;
    for (const { message } of opened.error) onFault(name, message);
    return err(UNUSABLE[opened.error.some((fault) => fault.of === 'credential') ? 'credential' : 'authority']);
  };
}

/** Each source is opened once, so that what is kept of it between sessions is kept once. */
export function targetTools(openCredential: OpenCredential, connectTimeoutMs: number): TargetTools {
  const opened = new Map<CredentialSource, Credential>();
  return {
    connectTimeoutMs,
    async credential(source) {
      const credential = opened.get(source) ?? openCredential(source);
      opened.set(source, credential);
      const fetched = await credential.fetch();
      return fetched.ok ? ok(fetched.value) : err(fetched.error.message);
    },
  };
}
