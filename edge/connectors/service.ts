// What a connector asks over plain HTTP: joining, its listener's certificate, and opening its link.

import type { z } from 'zod';
import type { SshCertificateRequest } from '../../core/api.ts';
import type {
  Certificate,
  CertificateRequest,
  HostCertified,
  Joined,
  JoinRequest,
} from '../../core/connectors/join.ts';
import { newId } from '../../core/ids.ts';
import { ok, type Result } from '../../core/result.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { MAX_PRINCIPALS } from '../../core/ssh/certificate.ts';
import { publicKeyLine, readPublicLine } from '../../core/ssh/public-key.ts';
import type { CertificateAuthority, CertificateFault } from '../authority/certificate-authority.ts';
import type { UseCaseFault } from '../gatehouse.ts';
import { hashToken } from '../keys.ts';
import { isLoopbackHost } from '../settings.ts';
import type { StoredConnector } from '../ports/directory.ts';
import { fault, note, noteCounted } from '../use-cases/deps.ts';
import type { IamJoinDeps } from './joining/iam-join.ts';
import { tellKeys } from '../connector-keys/tell-keys.ts';

export interface ConnectorServiceDeps extends IamJoinDeps {
  readonly authority: CertificateAuthority;
  /** CONNECTOR_JOIN_TOKEN. */
  readonly firstJoinToken: Secret<string> | undefined;
}

export async function joinConnector(
  deps: ConnectorServiceDeps,
  request: z.infer<typeof JoinRequest>,
  address: string,
): Promise<Result<z.infer<typeof Joined>, UseCaseFault>> {
  const hash = await hashToken(secret(request.token));
  if (deps.firstJoinToken && hash === (await hashToken(deps.firstJoinToken))) {
    // Of any site: whoever set it runs both.
    await deps.directory.invite(hash, 'settings', undefined, request.site);
  }
  const invitation = await deps.directory.invitation(hash, request.key);
  if (invitation === undefined) {
    await noteCounted(deps, {
      kind: 'attempt.refused',
      actor: 'gatehouse',
      object: 'connector-join',
      details: { reason: 'join_token_wrong', address },
    });
    return fault('forbidden', 'This join token is not good (any more). Ask an administrator for a new one.');
  }
  const { site } = invitation;
  // Whoever is of a site serves what its replicas do: that is for an administrator to say, and not for a file.
  if (request.site !== undefined && request.site !== site)
    return fault(
      'forbidden',
      `This join token is for ${site === undefined ? 'a connector without a site' : `site ${site}`}, and the connector says site ${request.site}. Make a token for that site.`,
    );
  const id = newId('con', deps.clock);
  await note(deps, {
    kind: 'connector.joined',
    actor: `connector:${id}`,
    object: request.name,
    details: { key: request.key, invitedBy: invitation.by, address, ...(site !== undefined && { site }) },
  });
  const joined = await deps.directory.join({ hash, id, name: request.name, key: request.key, site });
  if (joined.ok) {
    await tellKeys(deps, joined.value);
    return ok({ connector: joined.value });
  }
  return joined.error === 'key_known'
    ? fault('conflict', 'This key joined before. Use the identity it got then.')
    : fault('forbidden', 'This join token is not good (any more). Ask an administrator for a new one.');
}

/** Signs for the hosts this connector announced, and for loopback names where Gatehouse itself is on loopback. */
export async function certifyConnector(
  deps: ConnectorServiceDeps,
  connector: StoredConnector,
  request: z.infer<typeof CertificateRequest>,
): Promise<Result<z.infer<typeof Certificate>, UseCaseFault>> {
  const resources = await deps.directory.resourcesOf(connector.id);
  const allowed = new Set(resources.map(({ endpoint }) => bareHost(endpoint.host)));
  if (isLoopbackHost(new URL(deps.publicUrl).hostname)) for (const name of LOOPBACK_NAMES) allowed.add(name);
  await note(deps, {
    kind: 'connector.certified',
    actor: `connector:${connector.id}`,
    object: connector.name,
    details: { hosts: [...allowed].slice(0, 20).join(' ') },
  });
  const signed = await deps.authority.sign(request.csr, connector.id, allowed, deps.clock.now());
  return signed.ok ? signed : fault('bad_request', certificateSentence(signed.error));
}

const HOST_CERTIFICATE_MS = 30 * 86_400_000;
/** For clocks that run behind. */
const BACKDATED_MS = 10 * 60_000;

/** Of a key that this connector announced, for the hosts that it announced it with; what it says itself is not asked. */
export async function certifyHostKey(
  deps: ConnectorServiceDeps,
  connector: StoredConnector,
  { publicKey }: z.infer<typeof SshCertificateRequest>,
): Promise<Result<z.infer<typeof HostCertified>, UseCaseFault>> {
  const key = readPublicLine(publicKey);
  const line = key && publicKeyLine(key.type, key.blob);
  const announced = (await deps.directory.resourcesOf(connector.id)).filter(
    ({ endpoint }) => endpoint.hostKey === line,
  );
  const hosts = new Set(announced.map(({ endpoint }) => bareHost(endpoint.host)));
  if (!key || hosts.size === 0)
    return fault('bad_request', 'This is no host key that this connector announced. Link first, then ask.');
  if (isLoopbackHost(new URL(deps.publicUrl).hostname)) for (const name of LOOPBACK_NAMES) hosts.add(name);
  const principals = [...hosts].slice(0, MAX_PRINCIPALS);
  await note(deps, {
    kind: 'connector.certified',
    actor: `connector:${connector.id}`,
    object: connector.name,
    details: { hosts: principals.slice(0, 20).join(' '), hostKey: publicKey },
  });
  const now = deps.clock.now();
  const seconds = (ms: number) => BigInt(Math.floor(ms / 1000));
  const validBefore = seconds(now + HOST_CERTIFICATE_MS);
  const terms = {
    serial: new DataView(new Uint8Array(deps.clock.random(8)).buffer).getBigUint64(0),
    keyId: connector.id,
    principals,
    validAfter: seconds(now - BACKDATED_MS),
    validBefore,
    criticalOptions: new Map(),
    extensions: new Map(),
  };
  return ok({
    certificate: await deps.hostAuthority.certify(key, terms, deps.clock.random),
    until: new Date(Number(validBefore) * 1000).toISOString(),
  });
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];
const bareHost = (host: string): string => host.toLowerCase().replace(/^\[|\]$/g, '');

function certificateSentence(refused: CertificateFault): string {
  switch (refused.reason) {
    case 'request_malformed':
      return 'The certificate request is not a signed PKCS #10 request.';
    case 'key_weak':
      return 'The key must be EC P-256 or P-384, Ed25519, or RSA of 2048 bits or more.';
    case 'name_missing':
      return 'The request must name its hosts as subject alternative names, at most 100.';
    case 'name_not_allowed':
      return `The name ${refused.name} is not one of the hosts this connector announced. Link first, then ask.`;
  }
}
