// Where every way of signing in ends: in a session at the portal, or in a page that says why not.

import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { Identity } from '../../../core/identity.ts';
import { SCIM_PREFIX } from '../../../core/people/scim-groups.ts';
import type { Clock } from '../../clock.ts';
import { claimFaultWords } from '../../identity/claims.ts';
import {
  COOKIE_ATTRIBUTES,
  LOGIN_COOKIE,
  SAML_COOKIE,
  SAML_COOKIE_ATTRIBUTES,
  SESSION_COOKIE,
} from '../../identity/cookies.ts';
import { type StepUp, type StepUpFault, stepUpFaultOf, stepUpFaultWords } from '../../identity/step-up.ts';
import type { SignInFault } from '../../identity/oidc.ts';
import { samlFaultWords } from '../../identity/saml/fault-words.ts';
import type { SamlFault } from '../../identity/saml/names.ts';
import { sessionHash } from '../../identity/signed-in.ts';
import { hashToken, newToken } from '../../keys.ts';
import { BROWSER_SESSION_MS } from '../../storage/browser-sessions.ts';
import { note, noteCounted, type UseCaseDeps } from '../../use-cases/deps.ts';
import { provisionedAs, type ProvisionFault, provisionFaultWords } from '../../identity/provisioned.ts';
import { clientAddress } from '../request.ts';

export interface ArrivalDeps {
  readonly useCases: Pick<UseCaseDeps, 'audit' | 'directory' | 'policies' | 'provisioning' | 'publicUrl'>;
  readonly clock: Clock;
  /** Nobody signs in of whom the directory did not tell over SCIM. */
  readonly onlyProvisioned: boolean;
  /** 32 bytes, see keys.ts. */
  loginKey(): Promise<Uint8Array>;
  /** A page for a person. */
  failed(c: Context, status: 400 | 403 | 503, message: string): Response | Promise<Response>;
}

/** Where a sign-in leads to, and what had to come of it. */
interface Landing {
  readonly returnTo: string;
  readonly stepUp?: StepUp | undefined;
}

const START_AGAIN = 'Sign-in did not complete. Start again; if it keeps failing, tell whoever runs Gatehouse.';
const TOO_OFTEN = 'Too many sign-ins from your address. Wait a minute.';
const PROVIDER_AWAY = 'The identity provider does not answer right now. Try again in a minute.';

/** The page to answer with; undefined: go on. */
export async function tooOften(c: Context, deps: ArrivalDeps): Promise<Response | undefined> {
  if (await deps.useCases.directory.allow('sign-in', clientAddress(c.req.raw))) return undefined;
  return deps.failed(c, 503, TOO_OFTEN);
}

export async function failSignIn(
  c: Context,
  deps: ArrivalDeps,
  reason: SignInFault | SamlFault | ProvisionFault | StepUpFault,
  email?: string,
): Promise<Response> {
  // Anybody can come here: counted, so that nobody fills the log.
  await noteCounted(deps.useCases, {
    kind: 'identity.sign_in_failed',
    actor: 'gatehouse',
    object: 'portal',
    details: { reason, address: clientAddress(c.req.raw), ...(email !== undefined && { email }) },
  });
  deleteCookie(c, LOGIN_COOKIE, COOKIE_ATTRIBUTES);
  if (reason === 'provider_unreachable' || reason === 'metadata_unreachable') return deps.failed(c, 503, PROVIDER_AWAY);
  const words =
    stepUpFaultWords(reason) ?? provisionFaultWords(reason) ?? samlFaultWords(reason) ?? claimFaultWords(reason);
  return words === undefined ? deps.failed(c, 400, START_AGAIN) : deps.failed(c, 403, words);
}

export async function arrive(
  c: Context,
  deps: ArrivalDeps,
  given: Identity,
  { returnTo, stepUp }: Landing,
): Promise<Response> {
  const lacking = stepUp && stepUpFaultOf(stepUp, given, deps.clock.now());
  if (lacking) return failSignIn(c, deps, lacking, given.email);
  const { directory } = deps.useCases;
  const provisioned = await provisionedAs(deps, given);
  if (!provisioned.ok) return failSignIn(c, deps, provisioned.error, given.email);
  const identity = provisioned.value;
  await note(deps.useCases, {
    kind: 'identity.signed_in',
    actor: identity.email,
    object: 'portal',
    details: { provider: identity.provider, subject: identity.subject, address: clientAddress(c.req.raw) },
  });
  const before = await sessionHash(c.req.raw);
  if (before) await directory.endBrowserSession(before);
  const token = newToken('gbs', deps.clock.random);
  const hash = await hashToken(token);
  if (!(await directory.startBrowserSession(hash, identity))) return failSignIn(c, deps, 'deactivated', identity.email);
  // What the directory changed while this was under way holds in it too.
  const now = await provisionedAs(deps, given);
  if (!now.ok) {
    await directory.endBrowserSession(hash);
    return failSignIn(c, deps, now.error, identity.email);
  }
  if (now.value.groups.join() !== identity.groups.join())
    await directory.regroup(SCIM_PREFIX, {
      [identity.email]: now.value.groups.filter((group) => group.startsWith(SCIM_PREFIX)),
    });
  deleteCookie(c, LOGIN_COOKIE, COOKIE_ATTRIBUTES);
  deleteCookie(c, SAML_COOKIE, SAML_COOKIE_ATTRIBUTES);
  setCookie(c, SESSION_COOKIE, token.reveal(), { ...COOKIE_ATTRIBUTES, maxAge: BROWSER_SESSION_MS / 1000 });
  // 303: what follows a posted form is a GET.
  return c.redirect(returnTo, c.req.method === 'GET' ? 302 : 303);
}
