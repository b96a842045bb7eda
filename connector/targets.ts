// What this connector may reach, from its own file alone (law 9): a name that is not there cannot be
// dialled, whatever the edge says. A target's credential is fetched for each session (law 8).

import type { ProtocolName } from '../core/protocols.ts';
import type { Refusal } from '../core/refusal.ts';
import type { ResourceName } from '../core/resource.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { ResourceConfig, ResourceConfigOf } from './config/settings.ts';
import type {
  Credential,
  CredentialSource,
  LoginKeeper,
  LoginSource,
  OpenLogin,
  SessionScope,
} from './credentials/credential.ts';
import type { Credentials } from './credentials/open-credential.ts';
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

/** What a session is to its target, beside what the operator is told. */
type TargetSession = Omit<SessionScope, 'onFault' | 'givingBack'>;

/** Opens targets of one protocol, by the name of their resource. */
export function createTargets<P extends ProtocolName>(
  protocol: P,
  resources: readonly ResourceConfig[],
  credentials: Credentials,
  /** Told of what keeps a target from being used; holds no secret. */
  onFault: (resource: ResourceName, message: string) => void,
  /** Told of what goes on behind the end of a session. */
  givingBack: SessionScope['givingBack'] = () => {},
): (resource: ResourceName, session: TargetSession) => Promise<Result<Upstream<P>, Refusal>> {
  const targets = new Map(resourcesOf(protocol, resources).map((resource) => [resource.name, resource]));
  const toolsFor = targetTools(credentials, CONNECT_TIMEOUT_MS);
  return async (name, session) => {
    const resource = targets.get(name);
    if (resource === undefined)
      return err({ reason: 'resource_unknown', message: 'This connector does not serve that resource.' });
    const opened = await PROTOCOL_MODULES[protocol].openTarget(
      resource.settings,
      toolsFor({ ...session, onFault: (message) => onFault(name, message), givingBack }),
    );
    if (opened.ok) return opened;
    for (const { message } of opened.error) onFault(name, message);
    return err(unusable(opened.error));
  };
}

export function resourcesOf<P extends ProtocolName>(protocol: P, resources: readonly ResourceConfig[]) {
  const isOurs = (resource: ResourceConfig): resource is ResourceConfigOf<P> & ResourceConfig =>
    resource.protocol === protocol;
  return resources.filter(isOurs);
}

/** What a person is told of a target whose settings name what cannot be had. */
export const unusable = (faults: readonly Pick<TargetFault, 'of'>[]): Refusal =>
  UNUSABLE[faults.some((fault) => fault.of === 'credential') ? 'credential' : 'authority'];

/** Each source is opened once, so that what is kept of it between sessions is kept once. */
export function targetTools(
  credentials: Credentials,
  connectTimeoutMs: number,
): (session: SessionScope) => TargetTools {
  const secrets = new Map<CredentialSource, Credential>();
  const logins = new Map<LoginSource, OpenLogin>();
  return (session) => ({
    connectTimeoutMs,
    session,
    async credential(source) {
      const credential = secrets.get(source) ?? credentials.secret(source);
      secrets.set(source, credential);
      const fetched = await credential.fetch();
      return fetched.ok ? ok(fetched.value) : err(fetched.error.message);
    },
    async login(source, place) {
      const open = logins.get(source) ?? credentials.login(source);
      logins.set(source, open);
      const keeper = open(place, session);
      const login = await keeper.next();
      if (!login.ok) return err(login.error.message);
      const { made } = keeper;
      const next: LoginKeeper['next'] = async (refused) => {
        const given = await keeper.next(refused);
        if (!given.ok) session.onFault(given.error.message);
        return given;
      };
      return ok({ ...login.value, keeper: { next, ...(made && { made }) } });
    },
  });
}
