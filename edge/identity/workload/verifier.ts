// A program's token -> its identity, or the reason why it is nobody. What needs no key is asked first: nothing is fetched for a
// token that is too long, of an unknown issuer, for somebody else or over. Whether it was shown before is the caller's question
// (`Verified.once`), who has the store.

import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from 'jose';
import { Identity } from '../../../core/identity.ts';
import { toHex } from '../../../core/recording/segment.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Secret } from '../../../core/secret.ts';
import { type SeenWorkload, seenWorkload, workloadAddress } from './claims.ts';
import { IssuerKeys } from './issuer-keys.ts';
import type { WorkloadIssuer } from '../../settings/workload-issuers.ts';

/** As the API takes it (core/api.ts). GitHub's have 2 KiB; GitLab's with 200 groups in them some 10. */
const MAX_SUBJECT_TOKEN_CHARACTERS = 16 * 1024;
const CLOCK_TOLERANCE_SECONDS = 30;
/** From when it was made until it ends: so long it is remembered. GitLab's last as long as a job may. */
const MAX_LIFETIME_SECONDS = 24 * 3600;

/** For the audit log. */
export type WorkloadFault =
  | 'token_malformed'
  | 'issuer_unknown'
  | 'issuer_unreachable'
  | 'algorithm_not_allowed'
  | 'signature_wrong'
  | 'audience_wrong'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'lifetime_too_long'
  | 'claim_not_allowed'
  | 'claims_unreadable';

export interface RefusedToken {
  readonly reason: WorkloadFault;
  /** The issuer's name in the settings, where it is one of these. */
  readonly provider?: string;
}

export interface VerifiedWorkload {
  readonly identity: Identity;
  readonly seen: SeenWorkload;
  /** A token is good once: to be burned until then. */
  readonly once: { readonly key: string; readonly untilMs: number };
}

interface Trusted {
  readonly issuer: WorkloadIssuer;
  readonly audience: string;
  readonly keys: IssuerKeys;
}

export class WorkloadVerifier {
  readonly #trusted: ReadonlyMap<string, Trusted>;

  constructor(issuers: readonly WorkloadIssuer[], publicUrl: string) {
    this.#trusted = new Map(
      issuers.map((issuer) => [
        issuer.issuer,
        { issuer, audience: issuer.audience ?? publicUrl, keys: new IssuerKeys(issuer.issuer) },
      ]),
    );
  }

  async verify(token: Secret<string>, nowMs: number): Promise<Result<VerifiedWorkload, RefusedToken>> {
    const read = readUnverified(token.reveal());
    if (!read) return err({ reason: 'token_malformed' });
    const trusted = this.#trusted.get(read.claims.iss ?? '');
    if (!trusted) return err({ reason: 'issuer_unknown' });
    const { issuer } = trusted;
    const refused = (reason: WorkloadFault) => err<RefusedToken>({ reason, provider: issuer.name });
    if (!issuer.algorithms.includes(read.header.alg ?? '')) return refused('algorithm_not_allowed');
    const untimely = faultIn(read.claims, trusted, nowMs);
    if (untimely) return refused(untimely);

    const keys = await trusted.keys.keysFor(read.header.kid, nowMs);
    if (!keys) return refused('issuer_unreachable');
    let claims: JWTPayload;
    try {
      const verified = await jwtVerify(token.reveal(), keys, {
        issuer: issuer.issuer,
        audience: trusted.audience,
        algorithms: [...issuer.algorithms],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
        requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
      });
      claims = verified.payload;
    } catch (error) {
      return refused(faultOf(error));
    }
    // Of what is verified now: nothing above counts.
    const { sub, exp, jti } = claims;
    const wrong = faultIn(claims, trusted, nowMs);
    if (wrong) return refused(wrong);
    if (typeof sub !== 'string' || sub === '' || exp === undefined) return refused('claims_unreadable');
    if (!Object.entries(issuer.claims).every(([name, values]) => hasOneOf(claims, name, values)))
      return refused('claim_not_allowed');
    const seen = seenWorkload(issuer.kind, issuer.name, { ...claims, sub });
    if (!seen.ok) return refused(seen.error);
    const identity = Identity.safeParse({
      subject: `${issuer.issuer}#${sub}`,
      email: await workloadAddress(issuer.name, seen.value),
      name: seen.value.title.slice(0, 200),
      groups: seen.value.names,
      provider: issuer.name,
      authenticatedAt: new Date((claims.iat ?? 0) * 1000).toISOString(),
    });
    if (!identity.success) return refused('claims_unreadable');
    // What is signed, where there is no id: the rest of a token can be written in more than one way.
    const id =
      typeof jti === 'string' && jti !== '' ? `id ${jti}` : token.reveal().slice(0, token.reveal().lastIndexOf('.'));
    return ok({
      identity: identity.data,
      seen: seen.value,
      once: {
        key: `workload ${issuer.name} ${await sha256(id)}`,
        untilMs: (exp + CLOCK_TOLERANCE_SECONDS + 1) * 1000,
      },
    });
  }
}

function readUnverified(token: string): { header: ProtectedHeaderParameters; claims: JWTPayload } | undefined {
  if (token.length > MAX_SUBJECT_TOKEN_CHARACTERS) return undefined;
  try {
    const header = decodeProtectedHeader(token);
    const claims = decodeJwt(token);
    const typed = header.typ === undefined || (typeof header.typ === 'string' && header.typ.toUpperCase() === 'JWT');
    const keyed = header.kid === undefined || typeof header.kid === 'string';
    return typed && keyed && typeof claims.iss === 'string' ? { header, claims } : undefined;
  } catch {
    return undefined;
  }
}

/** Also jose looks at most of it; this is what it does not, and what is cheap enough to come before keys. */
function faultIn(claims: JWTPayload, { audience }: Trusted, nowMs: number): WorkloadFault | undefined {
  const { aud, exp, iat, nbf } = claims;
  // A token for others too is one that they can show.
  const only = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (only !== audience) return 'audience_wrong';
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf))) return 'claims_unreadable';
  const now = nowMs / 1000;
  if (exp <= now - CLOCK_TOLERANCE_SECONDS) return 'token_expired';
  if (Math.max(iat, nbf ?? iat) > now + CLOCK_TOLERANCE_SECONDS) return 'token_not_yet_valid';
  return exp - iat > MAX_LIFETIME_SECONDS ? 'lifetime_too_long' : undefined;
}

/** Seconds since the epoch, of which a Date can be made. */
const isTime = (value: unknown): value is number => typeof value === 'number' && value > 0 && value < 8.64e12;

function hasOneOf(claims: JWTPayload, name: string, values: readonly string[]): boolean {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const said = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  return typeof said === 'string' && values.includes(said);
}

function faultOf(error: unknown): WorkloadFault {
  if (error instanceof errors.JWTExpired) return 'token_expired';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm_not_allowed';
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'aud'
      ? 'audience_wrong'
      : error.claim === 'nbf'
        ? 'token_not_yet_valid'
        : 'claims_unreadable';
  return error instanceof errors.JOSEError ? 'signature_wrong' : 'token_malformed';
}

async function sha256(text: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}
