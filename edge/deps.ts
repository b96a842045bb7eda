// The composition root: from bindings to an app.

import type { ConnectorId } from '../core/ids.ts';
import { systemIdSource } from '../core/ids.ts';
import type { AppDeps } from './app.ts';
import { createArchive } from './archive.ts';
import { signedArchiveFetch } from './archive-fetch.ts';
import { createAuditArchive } from './audit-archive.ts';
import { CertificateAuthority } from './authority/certificate-authority.ts';
import { SshAuthority } from './authority/ssh-authority.ts';
import type { Env } from './env.ts';
import type { Gatehouse } from './gatehouse.ts';
import { oidcSignIn, providersOf, samlSignIn } from './identity/providers.ts';
import { WorkloadVerifier } from './identity/workload/verifier.ts';
import { deriveKey, grantSalt } from './keys.ts';
import { CONNECTOR_HEADER, CONNECTOR_NAME_HEADER } from './ports/connector-link.ts';
import { remote } from './objects/rpc.ts';
import { witnessOf } from './objects/witness/days.ts';
import { TUNNEL_ADDRESS_HEADER, TUNNEL_END_HEADER, TUNNEL_OWNER_HEADER } from './ports/tunnel.ts';
import { clientAddress } from './routes/request.ts';
import { createPutKeys, tellKeys } from './connector-keys/tell-keys.ts';
import { type EdgeSettings, parseSettings } from './settings.ts';
import { accessRequestUseCases } from './use-cases/access-requests.ts';
import { accessUseCases } from './use-cases/access.ts';
import { slackApiOf } from './approvals/notifiers.ts';
import { administrationUseCases } from './use-cases/administration.ts';
import { certifyGrantUseCases } from './use-cases/keys/certify-grant.ts';
import { approvalUseCases } from './use-cases/approvals.ts';
import { PolicyCache } from './storage/policy-cache.ts';
import type { UseCaseDeps } from './use-cases/deps.ts';
import { deviceUseCases } from './use-cases/devices.ts';
import { endPersonUseCases } from './use-cases/people/end-person.ts';
import { scimTokenUseCases } from './use-cases/people/scim-tokens.ts';
import { endSessionUseCases } from './use-cases/end-session.ts';
import { connectorKeyUseCases } from './connectors/keys/key-use-cases.ts';
import { personKeyUseCases } from './use-cases/keys/person-keys.ts';
import { createRetentionArchive } from './retention-archive.ts';
import { reindexUseCases } from './use-cases/retention/reindex.ts';
import { retentionUseCases } from './use-cases/retention/retention.ts';
import { recordingUseCases } from './use-cases/recordings.ts';
import { searchUseCases } from './use-cases/search.ts';
import { shareUseCases } from './use-cases/views/shares.ts';
import { unlockUseCases } from './use-cases/views/unlocks.ts';
import { viewRequestUseCases } from './use-cases/views/requests.ts';
import { tunnelUseCases } from './use-cases/tunnels.ts';

/** Set by edge/build.ts. */
declare const GATEHOUSE_ASSET_VERSION: string | undefined;
declare const GATEHOUSE_CLI_SHA256: string | undefined;

/** Throws SettingsError when a setting is missing or wrong. */
export function createDeps(env: Env): AppDeps {
  const settings = parseSettings(env);
  const useCases = createUseCaseDeps(env, settings);
  const { clock, publicUrl } = useCases;
  const link = (id: ConnectorId) => env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(id));
  const assets = env.ASSETS;
  const slackApi = slackApiOf(settings);
  return {
    gatehouse: createGatehouse(useCases),
    useCases,
    connectors: {
      service: {
        ...useCases,
        authority: new CertificateAuthority(
          useCases.directory,
          settings.EDGE_SECRET,
          `Gatehouse authority of ${new URL(publicUrl).hostname}`.slice(0, 64),
        ),
        firstJoinToken: settings.CONNECTOR_JOIN_TOKEN,
        edgeSecret: settings.EDGE_SECRET,
        iamRoles: settings.CONNECTOR_IAM_ROLES,
        askSts: (request) => fetch(request),
      },
      burnToken: (id, jti, expires) => remote(env.CONNECTOR_LINK, id).burnToken(jti, expires),
      openLink: (connector, request) => {
        const headers = new Headers(request.headers);
        headers.delete('authorization');
        headers.set(CONNECTOR_HEADER, connector.id);
        headers.set(CONNECTOR_NAME_HEADER, connector.name);
        if (!connector.keysTold) void tellKeys(useCases, connector.id).catch(() => undefined);
        // Whatever runs here has a connector that links; without one there is nothing to purge.
        void remote(env.RETENTION)
          .wake()
          .catch(() => undefined);
        return link(connector.id).fetch(new Request(request, { headers }));
      },
    },
    joinTunnel: (tunnel, end, owner, request) => {
      const headers = new Headers({ upgrade: 'websocket' });
      headers.set(TUNNEL_END_HEADER, end);
      headers.set(TUNNEL_OWNER_HEADER, owner);
      headers.set(TUNNEL_ADDRESS_HEADER, clientAddress(request));
      return env.TUNNEL.get(env.TUNNEL.idFromName(tunnel)).fetch(request.url, { headers });
    },
    signIn: {
      useCases,
      clock,
      onlyProvisioned: settings.SCIM_REQUIRED,
      oidc: oidcSignIn(settings),
      saml: samlSignIn(settings),
      loginKey: () => deriveKey(settings.EDGE_SECRET, 'login-cookie'),
    },
    workloads: new WorkloadVerifier(settings.WORKLOAD_ISSUERS, publicUrl),
    slack:
      settings.SLACK_SIGNING_SECRET && (slackApi || settings.SLACK_WEBHOOK_URL)
        ? {
            interactions: {
              useCases,
              api: slackApi,
              members: settings.SLACK_MEMBERS,
              origins: [settings.SLACK_API_URL, settings.SLACK_WEBHOOK_URL?.reveal()].flatMap((url) =>
                url === undefined ? [] : new URL(url).origin,
              ),
            },
            signingSecret: settings.SLACK_SIGNING_SECRET,
            clock,
          }
        : undefined,
    assetVersion: typeof GATEHOUSE_ASSET_VERSION === 'undefined' ? undefined : GATEHOUSE_ASSET_VERSION,
    cliSha256: typeof GATEHOUSE_CLI_SHA256 === 'undefined' ? undefined : GATEHOUSE_CLI_SHA256,
    assets: assets && ((request) => assets.fetch(request)),
  };
}

function createGatehouse(deps: UseCaseDeps): Gatehouse {
  return {
    ...accessUseCases(deps),
    ...accessRequestUseCases(deps),
    ...certifyGrantUseCases(deps),
    ...personKeyUseCases(deps),
    ...connectorKeyUseCases(deps),
    ...recordingUseCases(deps),
    ...searchUseCases(deps),
    ...viewRequestUseCases(deps),
    ...unlockUseCases(deps),
    ...shareUseCases(deps),
    ...endSessionUseCases(deps),
    ...tunnelUseCases(deps),
    ...endPersonUseCases(deps),
    ...scimTokenUseCases(deps),
    ...retentionUseCases(deps),
    ...reindexUseCases(deps),
    ...administrationUseCases(deps),
    ...deviceUseCases(deps),
    ...approvalUseCases(deps),
  };
}

function createUseCaseDeps(env: Env, settings: EdgeSettings): UseCaseDeps {
  const directory: UseCaseDeps['directory'] = remote(env.DIRECTORY);
  return {
    publicUrl: settings.PUBLIC_URL,
    firstPolicy: settings.POLICY,
    ...providersOf(settings),
    workloads: settings.WORKLOAD_ISSUERS,
    policies: new PolicyCache(directory),
    directory,
    grants: remote(env.GRANTS),
    audit: remote(env.AUDIT_LOG),
    witness: witnessOf(env),
    approvals: (id) => remote(env.APPROVAL, id),
    retention: remote(env.RETENTION),
    retentionArchive: createRetentionArchive(settings),
    archive: createArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings)),
    putKeys: createPutKeys(settings),
    auditArchive: createAuditArchive(settings.FUNCTIONS_URL, signedArchiveFetch(settings)),
    links: {
      push: (id, message) => remote(env.CONNECTOR_LINK, id).push(message),
      standing: (id) => remote(env.CONNECTOR_LINK, id).standing(),
      unlink: (id, reason) => remote(env.CONNECTOR_LINK, id).unlink(reason),
      revoke: (id, message) => remote(env.CONNECTOR_LINK, id).revoke(message),
      askRotation: (id) => remote(env.CONNECTOR_LINK, id).askRotation(),
      endSession: (id, message) => remote(env.CONNECTOR_LINK, id).endSession(message),
      openTunnel: (id, ...tunnel) => remote(env.CONNECTOR_LINK, id).openTunnel(...tunnel),
      policyApplied: (id, version) => remote(env.CONNECTOR_LINK, id).policyApplied(version),
    },
    tunnelDialled: (tunnel, withinMs) => remote(env.TUNNEL, tunnel).dialled(withinMs),
    endTunnel: (tunnel, reason) => remote(env.TUNNEL, tunnel).end(reason),
    provisioning: remote(env.PROVISIONING),
    userAuthority: new SshAuthority(directory, settings.EDGE_SECRET, 'user'),
    hostAuthority: new SshAuthority(directory, settings.EDGE_SECRET, 'host'),
    clock: systemIdSource,
    grantSalt: (email, resource) => grantSalt(settings.EDGE_SECRET, email, resource),
    tunnelKey: () => deriveKey(settings.EDGE_SECRET, 'tunnel-token'),
  };
}
