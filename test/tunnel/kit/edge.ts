// The real edge (workerd) with its identity provider and functions: what tunnels need. Can be restarted, as a release is.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startOidc, oidcIssuer } from '../../../cli/dev/oidc/oidc.ts';
import { DEMO_PEOPLE, DEMO_POLICY } from '../../../cli/dev/people.ts';
import { signInAs } from '../../../cli/dev/sign-in.ts';
import { ApiClient } from '../../../cli/api-client.ts';
import { buildWorker } from '../../../edge/build.ts';
import { type RunningEdge, startEdge } from '../../../edge/dev-server.ts';
import { CALLBACK_PATH } from '../../../edge/paths.ts';
import { secret } from '../../../core/secret.ts';
import { startFunctions, startLocalDynamoDb } from '../../../functions/local.ts';
import { freePort } from '../../harness/postgres/postgres.ts';

export interface TunnelEdge {
  readonly url: string;
  readonly joinToken: string;
  /** Stops it and starts it anew on the same storage. */
  restart(): Promise<void>;
  /** One of the demo's people, signed in. */
  clientOf(key: string): Promise<{ readonly client: ApiClient; readonly token: string }>;
  stop(): Promise<void>;
}

/** `publicUrl`: where clients see it, if not at its own port; `policy` in place of the demo's; more `settings`. */
export async function startTunnelEdge(
  directory: string,
  {
    publicUrl,
    policy = DEMO_POLICY,
    settings = {},
  }: {
    readonly publicUrl?: string;
    readonly policy?: string;
    readonly settings?: Readonly<Record<string, string>>;
  } = {},
): Promise<TunnelEdge & { readonly port: number }> {
  const [oidcPort, port] = [await freePort(), await freePort()];
  const url = publicUrl ?? `http://localhost:${port}`;
  const client = { clientId: 'gatehouse-portal', clientSecret: randomBytes(16).toString('hex') };
  const oidc = await startOidc({
    ...client,
    port: oidcPort,
    redirectUri: `${url}${CALLBACK_PATH}`,
    keyFile: join(directory, 'oidc.json'),
  });
  const dynamodb = await startLocalDynamoDb({});
  const functionsToken = randomBytes(24).toString('hex');
  const functions = await startFunctions({
    port: 0,
    objectsDirectory: join(directory, 'objects'),
    dynamoEndpoint: dynamodb.endpoint,
    token: secret(functionsToken),
    report: () => {},
  });
  const joinToken = `gjt_${randomBytes(20).toString('hex')}`;
  const options: Parameters<typeof startEdge>[0] = {
    worker: await buildWorker({ outputDirectory: join(directory, 'worker') }),
    port,
    persistDirectory: join(directory, 'edge'),
    settings: {
      PUBLIC_URL: url,
      OIDC_ISSUER: oidcIssuer(oidcPort),
      OIDC_CLIENT_ID: client.clientId,
      OIDC_CLIENT_SECRET: client.clientSecret,
      OIDC_EXTRA_SCOPES: 'groups',
      PROVIDER_NAME: 'demo',
      EDGE_SECRET: randomBytes(32).toString('base64'),
      POLICY: policy,
      FUNCTIONS_URL: functions.url,
      FUNCTIONS_TOKEN: functionsToken,
      CONNECTOR_JOIN_TOKEN: joinToken,
      ...settings,
    },
    // A connection that is cut on purpose is told as an error.
    onLog: () => {},
  };
  let edge: RunningEdge = await startEdge(options);
  return {
    url,
    port,
    joinToken,
    async restart() {
      await edge.close();
      edge = await startEdge(options);
    },
    async clientOf(key) {
      const person = DEMO_PEOPLE.find((it) => it.key === key);
      if (!person) throw new Error(`there is no ${key}`);
      const { token } = await signInAs(person, url);
      return { client: new ApiClient({ origin: url, token }), token: token.reveal() };
    },
    async stop() {
      await edge.close();
      await Promise.all([oidc.stop(), functions.close(), dynamodb.close()]);
    },
  };
}
