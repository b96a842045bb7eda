// Whether a target lets the gateway in: what its settings name is read and its login tried, as a session's would be, and left again.

import { newId } from '../core/ids.ts';
import type { ProtocolName } from '../core/protocols.ts';
import type { Refusal } from '../core/refusal.ts';
import type { ResourceConfigOf } from './config/settings.ts';
import type { SessionScope } from './credentials/credential.ts';
import type { Protocol, TargetTools } from './protocol.ts';
import { PROTOCOL_MODULES, type Upstream } from './registry.ts';
import { unusable } from './targets.ts';

export interface Trial {
  /** For the operator, all that was found; none: it lets in. `setting`: the resource's key, where one is to blame. */
  readonly faults: readonly { readonly setting?: string; readonly message: string }[];
  /** As a session would be told. Holds nothing that the target said. */
  readonly refusal: Refusal | undefined;
  /** A user was made for it at the target or in Vault: it cost more than a login. */
  readonly madeUser: boolean;
}

interface TrialOptions {
  /** What it opens with; `connectTimeoutMs` bounds the trial. */
  readonly toolsFor: (session: SessionScope) => TargetTools;
  readonly withinMs: number;
  /** Whether what sessions need beyond the login is tried too. */
  readonly rights: boolean;
}

const REFUSED = "The target refused the gateway's login. Tell an administrator.";

/** Gives back what it made before it resolves. Never throws. */
export async function tryTarget<P extends ProtocolName>(
  protocol: Protocol<Upstream<P>>,
  resource: ResourceConfigOf<P>,
  { toolsFor, withinMs, rights }: TrialOptions,
): Promise<Trial> {
  const over = new AbortController();
  const left: Promise<unknown>[] = [];
  const told: string[] = [];
  let madeUser = false;
  const tools = toolsFor({
    ...{ id: newId('ses'), untilMs: Date.now() + withinMs, owner: 'check', over: over.signal },
    onFault: (message) => told.push(message),
    givingBack: (work) => left.push(work),
  });
  try {
    const target = await PROTOCOL_MODULES[resource.protocol].openTarget(resource.settings, {
      ...tools,
      async login(source, place) {
        const login = await tools.login(source, place);
        madeUser ||= login.ok && login.value.keeper.made !== undefined;
        return login;
      },
    });
    if (!target.ok) return { faults: target.error, refusal: unusable(target.error), madeUser };
    const tried = await protocol.tryTarget(target.value);
    if (!tried.ok) {
      const { reason, message, ofTarget } = tried.error.refusal;
      const faults = [tried.error.detail, ...told].map((each) => ({ message: each }));
      return { faults, refusal: { reason, message: ofTarget ? message : REFUSED }, madeUser };
    }
    const rightsFault = rights ? await protocol.tryRights?.(target.value) : undefined;
    const faults = rightsFault?.ok === false ? [rightsFault.error, ...told] : told;
    return { faults: faults.map((message) => ({ message })), refusal: undefined, madeUser };
  } catch (error) {
    // A certificate file that is none, say: OpenSSL's words hold no line of it.
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const message = `it cannot be tried (${code})${code.startsWith('ERR_OSSL') ? ': is tls.ca a certificate in PEM?' : ''}`;
    const refusal = unusable([{ of: 'authority' }]);
    return { faults: [{ message }, ...told.map((each) => ({ message: each }))], refusal, madeUser };
  } finally {
    over.abort();
    await Promise.all(left);
  }
}
