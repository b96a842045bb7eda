// What connectors call: joining (with a one-time token), certificates and the control link (with
// their own key). Nobody is signed in here.

import { createRoute } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { SshCertificateRequest } from '../../../core/api.ts';
import { Certificate, CertificateRequest, HostCertified, Joined, JoinRequest } from '../../../core/connectors/join.ts';
import { IamJoinRequest, IamNonce, IamNonceRequest } from '../../../core/connectors/iam-join.ts';
import { Rotated, RotationRequest } from '../../../core/connectors/key-rotation.ts';
import type { ConnectorId } from '../../../core/ids.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { authenticateConnector } from '../../connectors/connector-login.ts';
import { iamNonce, joinByIam } from '../../connectors/joining/iam-join.ts';
import { rotateConnectorKey } from '../../connectors/keys/rotation.ts';
import {
  type ConnectorServiceDeps,
  certifyConnector,
  certifyHostKey,
  joinConnector,
} from '../../connectors/service.ts';
import { errorBody, httpError, statusOf } from '../../http-errors.ts';
import { AUTHORITY_PATH, CONNECTOR_TUNNELS_PATH, LINK_PATH } from '../../paths.ts';
import type { StoredConnector } from '../../ports/directory.ts';
import { noteCounted } from '../../use-cases/deps.ts';
import { type Api, answer, jsonAnswer, jsonBody } from '../api.ts';
import { clientAddress } from '../request.ts';
import { joinedTunnel, type JoinTunnel } from './tunnels.ts';

export interface ConnectorRouteDeps {
  readonly service: ConnectorServiceDeps;
  burnToken(id: ConnectorId, jti: string, expires: number): Promise<boolean>;
  /** Hands the upgrade to the connector's own object. */
  openLink(connector: StoredConnector, request: Request): Promise<Response>;
}

export function connectorApiRoutes(api: Api, deps: ConnectorRouteDeps): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/join',
      summary: 'Join with a one-time token',
      security: [],
      request: { body: jsonBody(JoinRequest) },
      responses: jsonAnswer(Joined, "The connector's id"),
    }),
    async (c) => {
      const address = clientAddress(c.req.raw);
      if (!(await deps.service.directory.allow('join', address))) return c.json(...tooOften());
      return answer(c, await joinConnector(deps.service, c.req.valid('json'), address));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/join/iam/nonce',
      summary: 'What a connector signs to join by its AWS identity',
      security: [],
      request: { body: jsonBody(IamNonceRequest) },
      responses: jsonAnswer(IamNonce, 'Good once, for this key, for five minutes'),
    }),
    async (c) => {
      if (!(await deps.service.directory.allow('join', clientAddress(c.req.raw)))) return c.json(...tooOften());
      return answer(c, await iamNonce(deps.service, c.req.valid('json')));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/join/iam',
      summary: 'Join by an AWS identity: the parts of a signed GetCallerIdentity request',
      security: [],
      request: { body: jsonBody(IamJoinRequest) },
      responses: jsonAnswer(Joined, "The connector's id: the same for the same task"),
    }),
    async (c) => {
      const address = clientAddress(c.req.raw);
      if (!(await deps.service.directory.allow('join', address))) return c.json(...tooOften());
      return answer(c, await joinByIam(deps.service, c.req.valid('json'), address));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/rotation',
      summary: "A connector's change of keys, signed by the old one and the new",
      security: [],
      request: { body: jsonBody(RotationRequest) },
      responses: jsonAnswer(Rotated, 'The new key is the one that it has. Asked again, the answer is the same'),
    }),
    async (c) => {
      const address = clientAddress(c.req.raw);
      if (!(await deps.service.directory.allow('join', address))) return c.json(...tooOften());
      return answer(c, await rotateConnectorKey(deps.service, c.req.valid('json'), address));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/certificate',
      summary: "A certificate for the connector's listeners (signed in with its key)",
      security: [{ connector: [] }],
      request: { body: jsonBody(CertificateRequest) },
      responses: jsonAnswer(Certificate, 'PEM, good for 30 days'),
    }),
    async (c) => {
      const connector = await login(deps, c.req.raw);
      if (!connector.ok)
        return c.json(errorBody(connector.error, CONNECTOR_SENTENCES[connector.error]), statusOf(connector.error));
      return answer(c, await certifyConnector(deps.service, connector.value, c.req.valid('json')));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/host-certificate',
      summary: 'A certificate for a host key that the connector announced (signed in with its key)',
      security: [{ connector: [] }],
      request: { body: jsonBody(SshCertificateRequest) },
      responses: jsonAnswer(HostCertified, "OpenSSH's form, good for 30 days"),
    }),
    async (c) => {
      const connector = await login(deps, c.req.raw);
      if (!connector.ok)
        return c.json(errorBody(connector.error, CONNECTOR_SENTENCES[connector.error]), statusOf(connector.error));
      return answer(c, await certifyHostKey(deps.service, connector.value, c.req.valid('json')));
    },
  );
}

export function connectorRoutes(app: Hono, deps: ConnectorRouteDeps, joinTunnel: JoinTunnel): void {
  app.get(LINK_PATH, async (c) => {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
      return httpError('upgrade_required', 'This address speaks WebSocket, with connectors.');
    }
    const connector = await login(deps, c.req.raw);
    if (!connector.ok) return httpError(connector.error, CONNECTOR_SENTENCES[connector.error]);
    return deps.openLink(connector.value, c.req.raw);
  });
  app.get(`${CONNECTOR_TUNNELS_PATH}/:tunnel`, async (c) => {
    const connector = await login(deps, c.req.raw, 'connector-tunnel');
    if (!connector.ok) return httpError(connector.error, CONNECTOR_SENTENCES[connector.error]);
    return joinedTunnel(c.req.raw, c.req.param('tunnel'), 'connector', connector.value.id, joinTunnel);
  });
  app.get(AUTHORITY_PATH, async (c) => {
    c.header('content-type', 'application/x-pem-file');
    c.header('content-disposition', 'attachment; filename="gatehouse-ca.pem"');
    return c.body(await deps.service.authority.certificate());
  });
}

const CONNECTOR_SENTENCES = {
  connector_revoked:
    'This connector was revoked: its key is not taken any more. To serve these targets again, have a new connector join.',
  unauthorized: "The connector's token was not accepted. Check its clock, its key and the edge's address.",
  rate_limited: 'Too many tries. Wait a minute.',
} as const;

async function login(
  deps: ConnectorRouteDeps,
  request: Request,
  throttle: 'connector-login' | 'connector-tunnel' = 'connector-login',
): Promise<Result<StoredConnector, keyof typeof CONNECTOR_SENTENCES>> {
  const address = clientAddress(request);
  if (!(await deps.service.directory.allow(throttle, address))) return err('rate_limited');
  const connector = await authenticateConnector(request.headers.get('authorization') ?? undefined, {
    audience: deps.service.publicUrl,
    findConnector: (id) => deps.service.directory.connector(id),
    burn: deps.burnToken,
    now: () => deps.service.clock.now(),
  });
  if (connector.ok) return ok(connector.value);
  await noteCounted(deps.service, {
    kind: 'attempt.refused',
    actor: 'gatehouse',
    object: 'connector-link',
    details: { reason: connector.error, address },
  });
  return err(connector.error === 'connector_revoked' ? 'connector_revoked' : 'unauthorized');
}

const tooOften = () => [errorBody('rate_limited', CONNECTOR_SENTENCES.rate_limited), 429 as const] as const;
