// Sign-in with an OpenID Connect provider: authorization code flow with PKCE, over oauth4webapi.
// Knows nothing of cookies or HTTP answers: `begin` says where to send the browser and what to
// remember, `finish` turns what came back into an Identity or a reason.

import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { z } from 'zod';
import type { Identity } from '../../core/identity.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import { isLoopbackHost } from '../settings.ts';
import type { StepUp, StepUpFault } from './step-up.ts';
import { claimAt, type ClaimFault, type Claims, type ClaimSettings, identityOf, leavesOut } from './claims.ts';
import type { GroupSource, GroupSourceFault } from './oidc/group-source.ts';
import { issuerTemplateOf, PRESET_TRAITS, presetFault, type PresetTerms } from './oidc/presets.ts';

const PROVIDER_DEADLINE_MS = 10_000;
const CLOCK_TOLERANCE_SECONDS = 30;
const DISCOVERY_KEPT_MS = 10 * 60_000;

/** What one browser has to show again when it comes back. */
export interface LoginAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly returnTo: string;
  readonly stepUp?: StepUp | undefined;
}

/** For the audit log; the browser is told to start again. */
export type SignInFault =
  | 'provider_unreachable'
  | 'provider_refused'
  | 'attempt_unknown'
  | 'attempt_replayed'
  | 'state_wrong'
  | 'code_rejected'
  | 'issuer_wrong'
  | 'audience_wrong'
  | 'nonce_wrong'
  | 'token_expired'
  | 'signature_wrong'
  | StepUpFault
  | GroupSourceFault
  | ClaimFault;

interface OidcSettings extends ClaimSettings, PresetTerms {
  /** Of groups that are not in its tokens; undefined: then the sign-in is refused. */
  readonly groupSource: GroupSource | undefined;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret<string> | undefined;
  readonly extraScopes: string;
  readonly redirectUri: string;
}

export class OidcProvider {
  readonly #settings: OidcSettings;
  readonly #client: oauth.Client;
  readonly #options: { readonly [oauth.allowInsecureRequests]: boolean };
  #discovered: { server: oauth.AuthorizationServer; at: number } | undefined;

  constructor(settings: OidcSettings) {
    this.#settings = settings;
    this.#client = { client_id: settings.clientId, [oauth.clockTolerance]: CLOCK_TOLERANCE_SECONDS };
    const issuer = new URL(settings.issuer);
    this.#options = { [oauth.allowInsecureRequests]: issuer.protocol === 'http:' && isLoopbackHost(issuer.hostname) };
  }

  async begin(
    returnTo: string,
    stepUp?: StepUp,
  ): Promise<Result<{ redirect: URL; attempt: LoginAttempt }, SignInFault>> {
    const server = await this.#discover();
    if (!server?.authorization_endpoint) return err('provider_unreachable');
    const attempt: LoginAttempt = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      codeVerifier: oauth.generateRandomCodeVerifier(),
      returnTo,
      ...(stepUp && { stepUp }),
    };
    const redirect = new URL(server.authorization_endpoint);
    const parameters = {
      client_id: this.#settings.clientId,
      redirect_uri: this.#settings.redirectUri,
      response_type: 'code',
      scope: `openid email profile ${this.#settings.extraScopes}`.trim(),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(attempt.codeVerifier),
      code_challenge_method: 'S256',
      ...(stepUp && stepUpParameters(stepUp, PRESET_TRAITS[this.#settings.preset].promptsLogin)),
      ...(this.#settings.preset === 'google' && { hd: hostedDomainOf(this.#settings.emailDomains) }),
    };
    for (const [name, value] of Object.entries(parameters)) redirect.searchParams.set(name, value);
    return ok({ redirect, attempt });
  }

  /** `callback`: the address the provider sent the browser to. Call once for an attempt. */
  async finish(callback: URL, attempt: LoginAttempt): Promise<Result<Identity, SignInFault>> {
    const provider = await this.#discover();
    if (!provider) return err('provider_unreachable');
    const maxAge = attempt.stepUp && maxAgeOf(attempt.stepUp);
    try {
      const parameters = oauth.validateAuthResponse(provider, this.#client, callback, attempt.state);
      const response = await oauth.authorizationCodeGrantRequest(
        provider,
        this.#client,
        this.#authentication(provider),
        parameters,
        this.#settings.redirectUri,
        attempt.codeVerifier,
        this.#request(),
      );
      const server = await this.#ofTenant(provider, response);
      const tokens = await oauth.processAuthorizationCodeResponse(server, this.#client, response, {
        expectedNonce: attempt.nonce,
        requireIdToken: true,
        // Then the provider has to say when they showed their credentials, and it has to be late enough.
        ...(maxAge !== undefined && { maxAge }),
      });
      // Through TLS from the issuer this is optional (OIDC Core 3.1.3.7, 6). We check it all the same,
      // with keys fetched now, so that a key rotated a second ago is neither missing nor still good.
      await oauth.validateApplicationLevelSignature(server, response, this.#request());
      const claims = oauth.getValidatedIdTokenClaims(tokens);
      if (!claims) return err('response_wrong');
      const saysVerified = server.claims_supported?.includes('email_verified') ?? false;
      const all = { ...(await this.#userInfo(server, tokens.access_token, claims, saysVerified)), ...claims };
      const wrong = presetFault(all, this.#settings);
      if (wrong) return err(wrong);
      const complete = await this.#withGroups(all);
      return complete.ok ? identityOf(complete.value, this.#settings, saysVerified) : complete;
    } catch (error) {
      return err(faultOf(error));
    }
  }

  /** Groups that are kept elsewhere take the claim's place: all of them, or nobody comes in. */
  async #withGroups(claims: Claims): Promise<Result<Claims, GroupSourceFault>> {
    const { groupSource, groupsClaim } = this.#settings;
    const listed = claimAt(claims, groupsClaim);
    if (!groupSource || (listed !== undefined && listed !== null)) return ok(claims);
    // Entra ID leaves the claim out of people in no group too.
    if (this.#settings.preset === 'entra' && !leavesOut(claims, groupsClaim)) return ok(claims);
    const groups = await groupSource.groupsOf(claims);
    return groups.ok ? ok({ ...claims, [groupsClaim]: groups.value }) : groups;
  }

  /** Claims that the provider keeps out of the ID token. */
  async #userInfo(
    server: oauth.AuthorizationServer,
    accessToken: string,
    claims: oauth.IDToken,
    saysVerified: boolean,
  ): Promise<object> {
    const complete =
      claims.email !== undefined &&
      (claimAt(claims, this.#settings.groupsClaim) !== undefined ||
        this.#settings.groupSource !== undefined ||
        leavesOut(claims, this.#settings.groupsClaim)) &&
      (claims.email_verified !== undefined || !saysVerified);
    if (complete || !server.userinfo_endpoint) return {};
    const response = await oauth.userInfoRequest(server, this.#client, accessToken, this.#request());
    return oauth.processUserInfoResponse(server, this.#client, claims.sub, response);
  }

  /** A copy each time: oauth4webapi keeps key sets by this object, and we want them fresh. */
  async #discover(): Promise<oauth.AuthorizationServer | undefined> {
    const now = Date.now();
    if (!this.#discovered || this.#discovered.at + DISCOVERY_KEPT_MS <= now) {
      const issuer = new URL(this.#settings.issuer);
      try {
        const response = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...this.#request() });
        this.#discovered = { server: await this.#discoveredIn(issuer, response), at: now };
      } catch (error) {
        console.error(
          `discovery of the identity provider failed: ${error instanceof Error ? error.message : 'unknown'}`,
        );
        return undefined;
      }
    }
    return { ...this.#discovered.server };
  }

  /** Of many tenants, the document's issuer has a place for the tenant's id, which `#ofTenant` fills in. */
  async #discoveredIn(issuer: URL, response: Response): Promise<oauth.AuthorizationServer> {
    const template = issuerTemplateOf(this.#settings.issuer);
    if (template === undefined) return oauth.processDiscoveryResponse(issuer, response);
    const document: unknown = response.status === 200 ? await response.json() : undefined;
    const stated = typeof document === 'object' && document !== null ? Reflect.get(document, 'issuer') : undefined;
    if (stated !== template) throw new Error('the discovery document is of another issuer');
    return document as oauth.AuthorizationServer;
  }

  /**
   * Of many tenants: the provider as that of the tenant that the token names, where it is one that is listed. Nothing is believed by it: the
   * token still has to be this issuer's, and signed.
   */
  async #ofTenant(server: oauth.AuthorizationServer, response: Response): Promise<oauth.AuthorizationServer> {
    if (issuerTemplateOf(this.#settings.issuer) === undefined || response.status !== 200) return server;
    const tokens = z.object({ id_token: z.string() }).safeParse(await response.clone().json());
    const tid = tokens.success ? decodeJwt(tokens.data.id_token).tid : undefined;
    const isListed = typeof tid === 'string' && this.#settings.tenants.includes(tid);
    return isListed ? { ...server, issuer: server.issuer.replace('{tenantid}', tid) } : server;
  }

  #authentication(server: oauth.AuthorizationServer): oauth.ClientAuth {
    const secret = this.#settings.clientSecret;
    if (!secret) return oauth.None();
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return methods.includes('client_secret_basic')
      ? oauth.ClientSecretBasic(secret.reveal())
      : oauth.ClientSecretPost(secret.reveal());
  }

  #request() {
    return { ...this.#options, signal: () => AbortSignal.timeout(PROVIDER_DEADLINE_MS) };
  }
}

/** For its page that lists accounts; what counts is the claim. `*`: any of its customers'. */
const hostedDomainOf = (domains: readonly string[]): string => (domains.length === 1 ? (domains[0] ?? '*') : '*');

/** Seconds; undefined: however long ago. */
const maxAgeOf = ({ require }: StepUp): number | undefined =>
  require.maxAge === undefined ? undefined : Math.floor(require.maxAge / 1000);

/** OIDC Core 3.1.2.1. `prompt` has the person show their credentials also where the provider has a session that is young enough. */
function stepUpParameters(stepUp: StepUp, promptsLogin: boolean): Record<string, string> {
  const maxAge = maxAgeOf(stepUp);
  return {
    ...(promptsLogin && { prompt: 'login' }),
    ...(stepUp.require.acr && { acr_values: stepUp.require.acr.join(' ') }),
    ...(maxAge !== undefined && { max_age: String(maxAge) }),
  };
}

function faultOf(error: unknown): SignInFault {
  if (error instanceof oauth.AuthorizationResponseError) return 'provider_refused';
  if (error instanceof oauth.ResponseBodyError)
    return error.error === 'invalid_grant' ? 'code_rejected' : 'provider_refused';
  if (error instanceof oauth.OperationProcessingError) {
    if (error.code === oauth.JWT_TIMESTAMP_CHECK)
      return claimOf(error.cause) === 'auth_time' ? 'step_up_time' : 'token_expired';
    if (/auth_time/.test(error.message)) return 'step_up_time';
    if (error.code === oauth.KEY_SELECTION) return 'signature_wrong';
    if (error.code === oauth.JWT_CLAIM_COMPARISON) return claimFault(error.cause);
    if (error.code === oauth.INVALID_RESPONSE && /"iss"/.test(error.message)) return 'issuer_wrong';
    if (error.code === oauth.INVALID_RESPONSE && /"state"/.test(error.message)) return 'state_wrong';
    if (/signature/i.test(error.message)) return 'signature_wrong';
    return 'response_wrong';
  }
  if (error instanceof oauth.UnsupportedOperationError) return 'response_wrong';
  if (error instanceof oauth.WWWAuthenticateChallengeError) return 'provider_refused';
  return 'provider_unreachable';
}

const claimOf = (cause: unknown): unknown =>
  typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'claim') : undefined;

function claimFault(cause: unknown): SignInFault {
  const claim = claimOf(cause);
  if (claim === 'nonce') return 'nonce_wrong';
  if (claim === 'aud' || claim === 'azp') return 'audience_wrong';
  if (claim === 'iss') return 'issuer_wrong';
  return 'response_wrong';
}
