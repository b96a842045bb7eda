// Signing in by the browser for a client that can show nothing: the connector asks, a person says at the portal that it is
// theirs, and the connector is told which grant of that person it is for.
//
// Whoever confirms lets the client in as themselves, so they are shown what it asks for and from where, and type the code
// that stands on its screen: the link does not hold it.

import type { FromConnector, FromEdge } from '../../core/control.ts';
import type { ConnectorId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { accessTerms } from '../../core/policy/access-terms.ts';
import type { Resource } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { hashToken, newToken } from '../keys.ts';
import { DEVICE_PATH } from '../paths.ts';
import type { DirectoryPort } from '../ports/directory.ts';
import type { GrantsPort } from '../ports/grants.ts';
import { newUserCode } from '../storage/device-codes.ts';
import type { PolicyReader } from './session-opener.ts';

type Message<K extends FromConnector['kind']> = Extract<FromConnector, { kind: K }>;

interface SignInDeps {
  readonly connector: { readonly id: ConnectorId };
  readonly directory: Pick<DirectoryPort, 'allow' | 'endSignIn' | 'signIn' | 'startDeviceLogin'>;
  readonly grants: Pick<GrantsPort, 'candidates'>;
  readonly policy: Pick<PolicyReader, 'read'>;
  readonly publicUrl: string;
  serves(name: string): Promise<Resource | undefined>;
  now(): number;
  random(count: number): Uint8Array;
}

export class SignIns {
  readonly #deps: SignInDeps;

  constructor(deps: SignInDeps) {
    this.#deps = deps;
  }

  /** Alike for resources that do not exist: nobody has proven anything yet. */
  async ask({ call, resource, address }: Message<'sign_in.ask'>): Promise<FromEdge> {
    const { connector, directory, publicUrl, random } = this.#deps;
    const tooMany = (where: string): FromEdge => ({
      kind: 'sign_in.refused',
      call,
      reason: 'too_many_logins',
      message: `Too many sign-ins were begun ${where}. Wait a minute, or use a grant as the password.`,
    });
    if (!(await directory.allow('sign-in-link', `${connector.id} ${address}`))) return tooMany('from this address');
    if (!(await directory.allow('sign-in-links', connector.id))) return tooMany('here');
    const signIn = newToken('gdc', random);
    const hash = await hashToken(signIn);
    for (;;) {
      const userCode = newUserCode(random);
      const started = { hash, userCode, address, userAgent: '', signIn: { connector: connector.id, resource } };
      if (!(await directory.startDeviceLogin(started))) continue;
      return { kind: 'sign_in.asked', call, signIn: signIn.reveal(), userCode, link: publicUrl + DEVICE_PATH };
    }
  }

  async look({ call, signIn }: Message<'sign_in.look'>): Promise<FromEdge> {
    const { connector, directory, grants, serves, now } = this.#deps;
    const hash = await hashToken(secret(signIn));
    const standing = (state: 'waiting' | 'denied' | 'expired'): FromEdge => ({ kind: 'sign_in.standing', call, state });
    const found = await directory.signIn(hash, connector.id);
    if (found.kind === 'denied') {
      await directory.endSignIn(hash, connector.id);
      return standing('denied');
    }
    if (found.kind !== 'approved' || found.resource === undefined)
      return standing(found.kind === 'expired' ? 'expired' : 'waiting');
    const { identity, resource: name } = found;
    const resource = await serves(name);
    const [first] = resource ? await grants.candidates(identity.email, name) : [];
    if (!first || first.revoked || Date.parse(first.until) <= now()) {
      const message = await this.#howToGetOne(identity, name, resource);
      return { kind: 'sign_in.standing', call, state: 'confirmed', message };
    }
    // Told twice, it would let two in.
    if (!(await directory.endSignIn(hash, connector.id))) return standing('expired');
    const { verifier: _, ...grant } = first;
    return { kind: 'sign_in.standing', call, state: 'granted', granted: { email: identity.email, grant } };
  }

  async #howToGetOne(who: Identity, name: string, resource: Resource | undefined): Promise<string> {
    const { policy, publicUrl } = this.#deps;
    const at = `${publicUrl}/request/${name}`;
    const document = (await policy.read())?.document;
    const terms = resource && document && accessTerms(document, who, resource);
    if (!terms) return `${who.email} has no access to ${name}: see ${publicUrl}.`;
    const { approvers } = terms;
    const waits = approvers.length === 0 ? '' : `, and for the approval of ${approvers.join(', ').slice(0, 300)}`;
    return `${who.email} holds no grant for ${name}. Ask for one at ${at}: this waits for it${waits}, ten minutes at most.`;
  }
}
