// Sign-in with an OpenID Connect provider: authorization code flow with PKCE, over oauth4webapi.
// Knows nothing of cookies or HTTP answers: `begin` says where to send the browser and what to
// remember, `finish` turns what came back into an Identity or a reason.

import * as oauth from 'oauth4webapi';
import type { Identity } from '../../core/identity.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import { isLoopbackHost } from '../settings.ts';
import { claimAt, type ClaimFault, type ClaimSettings, identityOf } from './claims.ts';

const PROVIDER_DEADLINE_MS = 10_000;
const CLOCK_TOLERANCE_SECONDS = 30;
const DISCOVERY_KEPT_MS = 10 * 60_000;

/** What one browser has to show again when it comes back. */
export interface LoginAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly returnTo: string;
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
  | ClaimFault;

interface OidcSettings extends ClaimSettings {
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

  async begin(returnTo: string): Promise<Result<{ redirect: URL; attempt: LoginAttempt }, SignInFault>> {
    const server = await this.#discover();
    if (!server?.authorization_endpoint) return err('provider_unreachable');
    const attempt: LoginAttempt = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      codeVerifier: oauth.generateRandomCodeVerifier(),
      returnTo,
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
    };
    for (const [name, value] of Object.entries(parameters)) redirect.searchParams.set(name, value);
    return ok({ redirect, attempt });
  }

  /** `callback`: the address the provider sent the browser to. Call once for an attempt. */
  async finish(callback: URL, attempt: LoginAttempt): Promise<Result<Identity, SignInFault>> {
    const server = await this.#discover();
    if (!server) return err('provider_unreachable');
    try {
      const parameters = oauth.validateAuthResponse(server, this.#client, callback, attempt.state);
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        this.#client,
        this.#authentication(server),
        parameters,
        this.#settings.redirectUri,
        attempt.codeVerifier,
        this.#request(),
      );
      const tokens = await oauth.processAuthorizationCodeResponse(server, this.#client, response, {
        expectedNonce: attempt.nonce,
        requireIdToken: true,
      });
      // Through TLS from the issuer this is optional (OIDC Core 3.1.3.7, 6). We check it all the same,
      // with keys fetched now, so that a key rotated a second ago is neither missing nor still good.
      await oauth.validateApplicationLevelSignature(server, response, this.#request());
      const claims = oauth.getValidatedIdTokenClaims(tokens);
      if (!claims) return err('response_wrong');
      const saysVerified = server.claims_supported?.includes('email_verified') ?? false;
      const all = { ...(await this.#userInfo(server, tokens.access_token, claims, saysVerified)), ...claims };
      return identityOf(all, this.#settings, saysVerified);
    } catch (error) {
      return err(faultOf(error));
    }
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
      claimAt(claims, this.#settings.groupsClaim) !== undefined &&
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
        this.#discovered = { server: await oauth.processDiscoveryResponse(issuer, response), at: now };
      } catch (error) {
        console.error(
          `discovery of the identity provider failed: ${error instanceof Error ? error.message : 'unknown'}`,
        );
        return undefined;
      }
    }
    return { ...this.#discovered.server };
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

function faultOf(error: unknown): SignInFault {
  if (error instanceof oauth.AuthorizationResponseError) return 'provider_refused';
  if (error instanceof oauth.ResponseBodyError)
    return error.error === 'invalid_grant' ? 'code_rejected' : 'provider_refused';
  if (error instanceof oauth.OperationProcessingError) {
    if (error.code === oauth.JWT_TIMESTAMP_CHECK) return 'token_expired';
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

function claimFault(cause: unknown): SignInFault {
  const claim = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'claim') : undefined;
  if (claim === 'nonce') return 'nonce_wrong';
  if (claim === 'aud' || claim === 'azp') return 'audience_wrong';
  if (claim === 'iss') return 'issuer_wrong';
  return 'response_wrong';
}
