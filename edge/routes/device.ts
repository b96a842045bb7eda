// /device: OAuth 2.0 device login (RFC 8628) for the command line. The first two speak OAuth's form
// encoding and error bodies, so that any OAuth client library can drive them.

import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { AccessToken, DeviceCode } from '../../core/api.ts';
import { ResourceName } from '../../core/resource.ts';
import { type DeviceTokenError, redeemDeviceLogin, startDeviceLogin } from '../identity/device-login.ts';
import { bearerHash } from '../identity/signed-in.ts';
import { note, type UseCaseDeps } from '../use-cases/deps.ts';
import {
  type Api,
  type ApiDeps,
  type ApiEnv,
  answer,
  FAILURES,
  failure,
  jsonAnswer,
  jsonBody,
  whoAsks,
} from './api.ts';
import { clientAddress } from './request.ts';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code';

const OAuthError = z.object({ error: z.string(), error_description: z.string() });
const oauthAnswer = <S extends z.ZodType>(schema: S, description: string) =>
  ({
    200: { description, content: { 'application/json': { schema } } },
    400: { description: 'RFC 6749, section 5.2', content: { 'application/json': { schema: OAuthError } } },
    429: { description: 'Too often', content: { 'application/json': { schema: OAuthError } } },
  }) as const;

const SENTENCES: Readonly<Record<DeviceTokenError, string>> = {
  authorization_pending: 'Nobody has approved this login yet.',
  slow_down: 'Asked too soon. Wait five seconds longer between tries.',
  access_denied: 'The login was turned away.',
  expired_token: 'The code has expired. Start again.',
  invalid_grant: 'The code was used already. Start again.',
};

const TokenRequest = z.object({
  grant_type: z.literal(GRANT_TYPE).optional(),
  device_code: z.string().min(1).max(200),
});
const Decision = z.strictObject({ user_code: z.string().max(64), approve: z.boolean() });
const WaitingDevice = z.object({
  userCode: z.string(),
  address: z.string(),
  userAgent: z.string(),
  requestedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** A client waits at a gateway for it, and no terminal for a token. */
  resource: ResourceName.optional(),
});

export function openDeviceRoutes(api: Api, deps: UseCaseDeps): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/device/code',
      summary: 'Begin a device login (RFC 8628)',
      security: [],
      responses: oauthAnswer(DeviceCode, 'Codes'),
    }),
    async (c) => {
      const address = clientAddress(c.req.raw);
      if (!(await deps.directory.allow('device-code', address))) return c.json(oauthError('slow_down'), 429);
      const userAgent = (c.req.header('user-agent') ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, 200);
      return c.json(await startDeviceLogin(deps, { address, userAgent }), 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/device/token',
      summary: 'Poll for the token (RFC 8628, section 3.4)',
      description: `Form-encoded \`grant_type=${GRANT_TYPE}\` and \`device_code\`, or the same as JSON.`,
      security: [],
      responses: oauthAnswer(AccessToken, 'The token'),
    }),
    async (c) => {
      if (!(await deps.directory.allow('device-token', clientAddress(c.req.raw))))
        return c.json(oauthError('slow_down'), 429);
      const request = TokenRequest.safeParse(await readParameters(c));
      if (!request.success) {
        return c.json({ error: 'invalid_request', error_description: 'Send grant_type and device_code.' }, 400);
      }
      const token = await redeemDeviceLogin(deps, request.data.device_code);
      return token.ok ? c.json(token.value, 200) : c.json(oauthError(token.error), 400);
    },
  );
}

export function deviceRoutes(api: Api, { gatehouse }: ApiDeps, deps: UseCaseDeps): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/device/decision',
      summary: 'Approve or turn away a device login (browsers only)',
      request: { body: jsonBody(Decision) },
      responses: jsonAnswer(WaitingDevice, 'What was decided on'),
    }),
    async (c) => {
      // A token that could approve logins would outlive itself.
      if (c.get('signedIn').via !== 'browser') {
        return failure(c, { reason: 'forbidden', message: 'Approve device logins in the browser.' });
      }
      const { user_code, approve } = c.req.valid('json');
      return answer(
        c,
        await (approve ? gatehouse.approveDevice(whoAsks(c), user_code) : gatehouse.denyDevice(whoAsks(c), user_code)),
      );
    },
  );

  api.openapi(
    createRoute({
      method: 'delete',
      path: '/token',
      summary: 'Revoke the token that this request carries',
      responses: { 204: { description: 'It is good for nothing now' }, ...FAILURES },
    }),
    async (c) => {
      const hash = await bearerHash(c.req.raw);
      if (!hash) return failure(c, { reason: 'bad_request', message: 'Send the token to revoke as bearer token.' });
      await note(deps, { kind: 'token.revoked', actor: whoAsks(c).email, object: 'device', details: {} });
      await deps.directory.revokeApiToken(hash);
      return c.body(null, 204);
    },
  );
}

const oauthError = (error: DeviceTokenError) => ({ error, error_description: SENTENCES[error] });

async function readParameters(c: Context<ApiEnv>): Promise<unknown> {
  try {
    if (c.req.header('content-type')?.startsWith('application/json')) return await c.req.json();
    return await c.req.parseBody();
  } catch {
    return undefined;
  }
}
