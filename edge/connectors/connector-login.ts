// How a connector shows who it is: a short JWT (EdDSA) signed with the key it joined with, for this
// edge alone, good for one minute and once.

import { decodeJwt, errors, importJWK, jwtVerify } from 'jose';
import { ConnectorId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { StoredConnector } from '../ports/directory.ts';

const MAX_TOKEN_BYTES = 4096;
const MAX_LIFETIME_SECONDS = 60;
const CLOCK_TOLERANCE_SECONDS = 30;

/** For the audit log; the wire says the same to all. */
type ConnectorLoginFault =
  | 'token_missing'
  | 'token_malformed'
  | 'connector_unknown'
  | 'connector_revoked'
  | 'connector_retired'
  | 'signature_wrong'
  | 'audience_wrong'
  | 'claim_wrong'
  | 'token_expired'
  | 'token_lives_too_long'
  | 'token_replayed';

interface ConnectorLoginDeps {
  /** The edge's own origin. */
  readonly audience: string;
  findConnector(id: ConnectorId): Promise<StoredConnector | undefined>;
  /** false when `jti` was shown by this connector before. Remembered until `expires` (ms). */
  burn(id: ConnectorId, jti: string, expires: number): Promise<boolean>;
  now(): number;
}

export async function authenticateConnector(
  authorization: string | undefined,
  deps: ConnectorLoginDeps,
): Promise<Result<StoredConnector, ConnectorLoginFault>> {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(authorization ?? '')?.[1];
  if (!token) return err(authorization ? 'token_malformed' : 'token_missing');
  if (token.length > MAX_TOKEN_BYTES) return err('token_malformed');
  const id = claimedConnector(token);
  if (!id) return err('token_malformed');
  const connector = await deps.findConnector(id);
  if (!connector) return err('connector_unknown');
  try {
    const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: connector.key }, 'EdDSA');
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['EdDSA', 'Ed25519'],
      audience: deps.audience,
      issuer: id,
      subject: id,
      requiredClaims: ['exp', 'iat', 'jti'],
      maxTokenAge: MAX_LIFETIME_SECONDS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(deps.now()),
    });
    const { exp = 0, iat = 0, jti = '' } = payload;
    if (exp - iat > MAX_LIFETIME_SECONDS) return err('token_lives_too_long');
    if (jti.length < 8 || jti.length > 128) return err('claim_wrong');
    // After the signature: nobody else learns it.
    if (connector.revoked) return err('connector_revoked');
    if (connector.retired !== undefined) return err('connector_retired');
    const forgetAt = (exp + CLOCK_TOLERANCE_SECONDS + 1) * 1000;
    return (await deps.burn(id, jti, forgetAt)) ? ok(connector) : err('token_replayed');
  } catch (error) {
    return err(faultOf(error));
  }
}

function claimedConnector(token: string): ConnectorId | undefined {
  try {
    return ConnectorId.safeParse(decodeJwt(token).sub).data;
  } catch {
    return undefined;
  }
}

function faultOf(error: unknown): ConnectorLoginFault {
  if (error instanceof errors.JWTExpired) return 'token_expired';
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim === 'aud' ? 'audience_wrong' : 'claim_wrong';
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JOSEAlgNotAllowed)
    return 'signature_wrong';
  if (error instanceof errors.JOSEError) return 'token_malformed';
  throw error;
}
