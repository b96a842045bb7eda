// Tokens as providers document them:
//   https://docs.github.com/en/actions/reference/security/oidc
//   https://docs.gitlab.com/ci/secrets/id_token_authentication/
//   https://buildkite.com/docs/agent/cli/reference/oidc
//   https://cloud.google.com/compute/docs/instances/verifying-instance-identity

import { env } from 'cloudflare:workers';
import { importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';

export const issuerAt = (name: string): string => `${env.WORKLOAD_ISSUER}/${name}`;
const AUDIENCE = 'http://localhost:8787';

export const askIssuer = async <T>(name: string, what: string): Promise<T> =>
  (await fetch(`${issuerAt(name)}/${what}`)).json<T>();

export const GITHUB = {
  sub: 'repo:Acme/Shop:ref:refs/heads/main',
  repository: 'Acme/Shop',
  repository_id: '5678',
  repository_owner: 'Acme',
  repository_owner_id: '1234',
  repository_visibility: 'private',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  ref_protected: 'true',
  event_name: 'push',
  workflow: 'deploy',
  workflow_ref: 'Acme/Shop/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_ref: 'Acme/Ci/.github/workflows/Migrate.yml@refs/tags/v2',
  run_id: '987654',
  run_number: '12',
  run_attempt: '1',
  actor: 'alice',
  actor_id: '42',
  sha: 'abc',
  runner_environment: 'github-hosted',
};

export const GITLAB = {
  sub: 'project_path:acme/web/shop:ref_type:branch:ref:main',
  project_path: 'acme/web/shop',
  project_id: '22',
  namespace_path: 'acme/web',
  namespace_id: '72',
  user_login: 'alice',
  user_email: 'alice@example.com',
  pipeline_id: '574',
  pipeline_source: 'push',
  job_id: '302',
  ref: 'main',
  ref_type: 'branch',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
};

export const BUILDKITE = {
  sub: 'organization:acme:pipeline:shop:ref:refs/heads/main:commit:abc:step:deploy',
  organization_slug: 'acme',
  pipeline_slug: 'shop',
  build_number: 175,
  build_branch: 'main',
  build_commit: 'abc',
  step_key: 'deploy',
  job_id: '018485f6-1f53-4f18-9b53-72428db4d239',
  agent_id: '018485f6-eec2-4b61-a7be-0e35ef563df0',
};

export const GCP = {
  sub: '112233',
  azp: '112233',
  email: 'deploy@acme.iam.gserviceaccount.com',
  email_verified: true,
};

interface How {
  readonly header?: object;
  /** Whose key signs; missing: the issuer's own. */
  readonly key?: JWK;
  readonly secret?: string;
  readonly alg?: string;
}

const seconds = () => Math.floor(Date.now() / 1000);

/** `claims` undefined in one of its values: the token does not have it. */
export async function mint(
  issuer: string,
  claims: Readonly<Record<string, unknown>>,
  { header, key, secret, alg = 'RS256' }: How = {},
): Promise<string> {
  const own = await askIssuer<JWK>(issuer, 'private');
  const payload: JWTPayload = {
    iss: issuerAt(issuer),
    aud: AUDIENCE,
    iat: seconds(),
    nbf: seconds(),
    exp: seconds() + 300,
    jti: crypto.randomUUID(),
    ...claims,
  };
  const signer = secret === undefined ? await importJWK(key ?? own, alg) : new TextEncoder().encode(secret);
  return new SignJWT(payload).setProtectedHeader({ typ: 'JWT', kid: own.kid ?? '', ...header, alg }).sign(signer);
}

const base64url = (value: unknown): string =>
  btoa(JSON.stringify(value)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** The same claims under another header, or others under the same signature. */
export function altered(token: string, change: { readonly header?: object; readonly claims?: object }): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const read = (part: string) => JSON.parse(atob(part.replace(/-/g, '+').replace(/_/g, '/')));
  return [
    change.header ? base64url({ ...read(header), ...change.header }) : header,
    change.claims ? base64url({ ...read(payload), ...change.claims }) : payload,
    signature,
  ].join('.');
}
