// The Worker's one app: sign-in, JSON API, connectors' addresses, portal pages. Everything it works
// with is passed in (deps.ts wires it).

import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Gatehouse } from './gatehouse.ts';
import { httpError } from './http-errors.ts';
import { type SignedIn, whoIs } from './identity/signed-in.ts';
import { whoHoldsGrant } from './identity/workload/tunnel-token.ts';
import type { WorkloadVerifier } from './identity/workload/verifier.ts';
import {
  API_PATH,
  AUTHORITY_PATH,
  CLI_FILE,
  CLI_PATH,
  CONNECTOR_TUNNELS_PATH,
  LINK_PATH,
  SCIM_PATH,
  SLACK_PATH,
} from './paths.ts';
import { type PortalDeps, portalChoice, portalFault, portalNotFound, portalRoutes } from './portal/routes.tsx';
import { accessRoutes } from './routes/access.ts';
import { administrationRoutes } from './routes/administration.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { newApi } from './routes/api.ts';
import { checkContentType, limitBody, sameSiteOnly, securityHeaders } from './routes/border.ts';
import { connectorApiRoutes, type ConnectorRouteDeps, connectorRoutes } from './routes/connectors/connectors.ts';
import { deviceRoutes, openDeviceRoutes } from './routes/device.ts';
import { reindexRoutes } from './routes/reindex.ts';
import { retentionRoutes } from './routes/retention.ts';
import { keyRoutes } from './routes/keys.ts';
import { peopleRoutes } from './routes/people/people.ts';
import { scimRoutes } from './routes/scim/scim.ts';
import { searchRoutes } from './routes/search.ts';
import { sessionLogRoutes } from './routes/session-log.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { viewRoutes } from './routes/views/views.ts';
import { shareRoutes } from './routes/views/shares.ts';
import { slackRoutes, type SlackRouteDeps } from './routes/slack.ts';
import { samlRoutes } from './routes/sign-in/saml.ts';
import { type SignInDeps, signInRoutes } from './routes/sign-in/sign-in.ts';
import { workloadRoutes } from './routes/workloads/exchange.ts';
import { type JoinTunnel, tunnelRoutes } from './routes/connectors/tunnels.ts';
import { AuditUnavailable, type UseCaseDeps } from './use-cases/deps.ts';

export interface AppDeps {
  readonly gatehouse: Gatehouse;
  readonly useCases: UseCaseDeps;
  readonly connectors: ConnectorRouteDeps;
  /** Hands the upgrade to a tunnel's relay. */
  readonly joinTunnel: JoinTunnel;
  readonly signIn: Omit<SignInDeps, 'failed' | 'choose'>;
  readonly workloads: WorkloadVerifier;
  /** undefined: there is no bot, or nothing to check its clicks with. */
  readonly slack: SlackRouteDeps | undefined;
  readonly assetVersion: string | undefined;
  /** Of the command line that the assets hold, in hex. */
  readonly cliSha256: string | undefined;
  /** Style sheet, scripts and the command line; undefined: there are none in this build. */
  readonly assets: ((request: Request) => Promise<Response>) | undefined;
}

const SIGN_IN_FIRST = 'Sign in first: at the portal, or with `gatehouse login`.';
const INTERNAL = 'Something failed on our side. Try again; if it keeps failing, tell whoever runs Gatehouse.';
const NOT_JSON = 'The body is not what this address takes: expected JSON.';
const UNWRITTEN = 'The audit log cannot be written right now, so nothing is shown or done. Try again in a minute.';

export function createApp(deps: AppDeps): Hono {
  const { publicUrl } = deps.useCases;
  const app = new Hono();
  const portal: PortalDeps = {
    gatehouse: deps.gatehouse,
    // Tokens do not open pages: approving a device there would let a token make another.
    signedIn: async (request) => {
      const who = await whoIs(request, (by, hash) => deps.useCases.policies.visit(by, hash));
      return who?.via === 'browser' ? who.identity : undefined;
    },
    now: () => deps.useCases.clock.now(),
    ...(deps.assetVersion !== undefined && { assetVersion: deps.assetVersion }),
    ...(deps.cliSha256 !== undefined && { cliSha256: deps.cliSha256 }),
  };

  const signIn: SignInDeps = {
    ...deps.signIn,
    failed: (c, status, message) => portalFault(c, portal, status, message),
    choose: (c, choices) => portalChoice(c, portal, choices),
  };

  app.use((_c, next) => deps.useCases.policies.within(next));
  app.use(securityHeaders(publicUrl));
  // With limits and errors of its own; whoever calls is no browser and has no cookie.
  app.route(SCIM_PATH, scimRoutes(deps.useCases));
  app.use(limitBody());
  // Before the next: its forms are posted from the identity provider's pages.
  if (signIn.saml) app.route('/', samlRoutes(signIn, signIn.saml));
  app.use(sameSiteOnly(publicUrl));

  app.route(API_PATH, apiApp(deps));
  connectorRoutes(app, deps.connectors, deps.joinTunnel);
  if (deps.slack) slackRoutes(app, { ...deps.slack, gatehouse: deps.gatehouse });
  app.route('/', signInRoutes(signIn));
  if (deps.assets) {
    const { assets } = deps;
    app.get('/assets/*', async (c) => withLongCache(await assets(c.req.raw), c.req.query('v') !== undefined));
    app.get(CLI_PATH + CLI_FILE, async (c) => withLongCache(await assets(c.req.raw), false));
  }
  app.route('/', portalRoutes(portal));

  app.notFound((c) =>
    isProgram(c) ? httpError('not_found', 'There is nothing at this address.') : portalNotFound(portal)(c),
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status < 500) {
      return isProgram(c) ? httpError('bad_request', NOT_JSON) : portalFault(c, portal, 400);
    }
    const unwritten = error instanceof AuditUnavailable;
    report(c, error, unwritten);
    if (isProgram(c)) return unwritten ? httpError('unavailable', UNWRITTEN) : httpError('internal', INTERNAL);
    return portalFault(c, portal, unwritten ? 503 : 500, unwritten ? UNWRITTEN : INTERNAL);
  });
  return app;
}

function apiApp(deps: AppDeps) {
  const api = newApi();
  api.use(checkContentType());
  api.get('/health', async (c) => {
    const policy = await deps.useCases.policies.current();
    return c.json({ status: 'ok', policyVersion: policy?.version ?? 0 });
  });
  connectorApiRoutes(api, deps.connectors);
  openDeviceRoutes(api, deps.useCases);
  workloadRoutes(api, deps);
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token (`gat_...`), from a device login.',
  });
  api.openAPIRegistry.registerComponent('securitySchemes', 'connector', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: "A JWT signed with the connector's key.",
  });
  api.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Gatehouse', version: '1' },
    servers: [{ url: deps.useCases.publicUrl + API_PATH }],
    security: [{ token: [] }],
  });

  // Of a program: for its tunnels, and for no other address.
  for (const path of ['/tunnels', '/tunnels/:tunnel'])
    api.use(path, async (c, next) => {
      const holder = await whoHoldsGrant(c.req.raw, deps.useCases);
      if (holder) c.set('signedIn', holder);
      return next();
    });
  api.use(async (c, next) => {
    const who: SignedIn | undefined =
      c.get('signedIn') ?? (await whoIs(c.req.raw, (by, hash) => deps.useCases.policies.visit(by, hash)));
    if (!who) return httpError('unauthorized', SIGN_IN_FIRST);
    c.set('signedIn', who);
    return next();
  });
  accessRoutes(api, deps);
  keyRoutes(api, deps);
  approvalRoutes(api, deps);
  administrationRoutes(api, deps);
  retentionRoutes(api, deps);
  reindexRoutes(api, deps);
  sessionRoutes(api, deps);
  searchRoutes(api, deps);
  viewRoutes(api, deps);
  shareRoutes(api, deps);
  sessionLogRoutes(api, deps);
  tunnelRoutes(api, deps);
  peopleRoutes(api, deps);
  deviceRoutes(api, deps, deps.useCases);
  api.notFound(() => httpError('not_found', 'There is nothing at this address.'));
  return api;
}

/** Where it failed and never the message, which may quote what it failed on (law 11). */
function report(c: Context, error: Error, unwritten: boolean): void {
  const frames = unwritten ? [error.message] : (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  console.error([`${c.req.method} ${c.req.path} failed: ${error.name}`, ...frames.slice(0, 8)].join('\n'));
}

const isProgram = (c: Context): boolean =>
  c.req.path.startsWith(`${API_PATH}/`) ||
  c.req.path.startsWith(`${CONNECTOR_TUNNELS_PATH}/`) ||
  [LINK_PATH, AUTHORITY_PATH, SLACK_PATH].includes(c.req.path);

/** An address with a version in it never changes what it leads to. */
function withLongCache(response: Response, versioned: boolean): Response {
  const copy = new Response(response.body, response);
  copy.headers.set('cache-control', versioned && response.ok ? 'public, max-age=31536000, immutable' : 'no-cache');
  return copy;
}
