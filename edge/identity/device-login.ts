// A device's side of a device login (RFC 8628): asks for a code, then polls until a person said yes.

import type { z } from 'zod';
import type { AccessToken, DeviceCode } from '../../core/api.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import { hashToken, newToken } from '../keys.ts';
import { DEVICE_PATH } from '../paths.ts';
import { signedInUntilMs } from '../storage/browser-sessions.ts';
import { API_TOKEN_MS, DEVICE_CODE_MS, DEVICE_INTERVAL_SECONDS, newUserCode } from '../storage/device-codes.ts';
import { note, type UseCaseDeps } from '../use-cases/deps.ts';

/** RFC 8628, section 3.5, and RFC 6749. */
export type DeviceTokenError =
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'
  | 'invalid_grant';

const ERRORS = {
  pending: 'authorization_pending',
  slow_down: 'slow_down',
  denied: 'access_denied',
  expired: 'expired_token',
} as const;

export async function startDeviceLogin(
  deps: UseCaseDeps,
  from: { readonly address: string; readonly userAgent: string },
): Promise<z.infer<typeof DeviceCode>> {
  const deviceCode = newToken('gdc', deps.clock.random);
  const hash = await hashToken(deviceCode);
  for (;;) {
    const userCode = newUserCode(deps.clock.random);
    if (!(await deps.directory.startDeviceLogin({ hash, userCode, ...from }))) continue;
    const page = deps.publicUrl + DEVICE_PATH;
    return {
      device_code: deviceCode.reveal(),
      user_code: userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${userCode}`,
      expires_in: DEVICE_CODE_MS / 1000,
      interval: DEVICE_INTERVAL_SECONDS,
    };
  }
}

export async function redeemDeviceLogin(
  deps: UseCaseDeps,
  deviceCode: string,
): Promise<Result<z.infer<typeof AccessToken>, DeviceTokenError>> {
  const hash = await hashToken(secret(deviceCode));
  const poll = await deps.directory.pollDeviceLogin(hash);
  if (poll.kind !== 'approved') return err(ERRORS[poll.kind]);
  const token = newToken('gat', deps.clock.random);
  const leftMs = Math.min(API_TOKEN_MS, signedInUntilMs(poll.identity) - deps.clock.now());
  if (leftMs <= 0) return err('access_denied');
  const expiresInSeconds = Math.floor(leftMs / 1000);
  await note(deps, {
    kind: 'token.issued',
    actor: poll.identity.email,
    object: 'device',
    details: { expiresInSeconds },
  });
  if (!(await deps.directory.redeemDeviceLogin(hash, await hashToken(token)))) return err('invalid_grant');
  return ok({ access_token: token.reveal(), token_type: 'Bearer', expires_in: expiresInSeconds });
}
