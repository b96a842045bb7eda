// The portal on a port of its own, over the fake Gatehouse: the pages and assets as the edge ships
// them, under the edge's Content-Security-Policy. `node test/portal/site.ts` serves it to look at.

import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { build } from 'esbuild';
import { type Context, Hono, type Next } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { buildPortalAssets } from '../../edge/portal/build.ts';
import type { PortalDeps } from '../../edge/portal/deps.ts';
import { createFakeGatehouse, type FakeGatehouse, PEOPLE } from '../harness/fake-gatehouse.ts';

export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export interface PortalSite {
  readonly origin: string;
  readonly gatehouse: FakeGatehouse;
  /** Milliseconds; the pages' clock and the fake's. */
  clock: { now(): number };
  close(): Promise<void>;
}

interface PortalModule {
  portalRoutes(deps: PortalDeps): Hono;
  portalNotFound(deps: PortalDeps): (c: Context) => Promise<Response>;
}

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

/** Built once for all sites of a process. */
let built: ReturnType<typeof buildPortal> | undefined;

async function buildPortal() {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-portal-'));
  const assets = await buildPortalAssets(dir);
  const bundle = join(dir, 'portal.mjs');
  const root = join(import.meta.dirname, '../..');
  await build({
    entryPoints: [join(root, 'edge/portal/routes.tsx')],
    tsconfig: join(root, 'edge/tsconfig.json'),
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    logLevel: 'warning',
  });
  const { portalRoutes, portalNotFound } = (await import(bundle)) as PortalModule;
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return { dir, assets, portalRoutes, portalNotFound };
}

export async function startPortalSite(options: { port?: number; now?: () => number } = {}): Promise<PortalSite> {
  built ??= buildPortal();
  const { dir, assets, portalRoutes, portalNotFound } = await built;

  const clock = { now: options.now ?? Date.now };
  const gatehouse = createFakeGatehouse(() => clock.now());
  const deps: PortalDeps = {
    gatehouse,
    now: () => clock.now(),
    assetVersion: assets.version,
    async signedIn(request) {
      const name = /(?:^|; )person=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1];
      return name !== undefined && name in PEOPLE ? PEOPLE[name as keyof typeof PEOPLE] : undefined;
    },
  };

  const app = new Hono();
  app.use(async (c: Context, next: Next) => {
    if (c.req.method !== 'GET' && c.req.header('origin') !== new URL(c.req.url).origin)
      return c.text('cross-site', 403);
    await next();
    c.header('content-security-policy', POLICY);
  });
  app.get('/assets/:name', async (c) => {
    const name = c.req.param('name');
    if (!assets.files.includes(`assets/${name}`)) return c.notFound();
    return c.body(await readFile(join(dir, 'assets', name), 'utf8'), 200, {
      'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
    });
  });
  // Stands for the identity provider: signs in as `as`, alice when missing.
  app.get('/login', (c) => {
    setCookie(c, 'person', c.req.query('as') ?? 'alice', { httpOnly: true, path: '/' });
    return c.redirect(c.req.query('return') ?? '/', 303);
  });
  app.post('/logout', (c) => {
    if (getCookie(c, 'person')) setCookie(c, 'person', '', { path: '/', maxAge: 0 });
    return c.redirect('/signed-out', 303);
  });
  app.get('/ca.pem', (c) => c.text('-----BEGIN CERTIFICATE-----\n'));
  app.route('/', portalRoutes(deps));
  app.notFound((c) => portalNotFound(deps)(c));

  const server = serve({ fetch: app.fetch, port: options.port ?? 0, hostname: '127.0.0.1' });
  await new Promise<void>((resolve) => server.once('listening', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    gatehouse,
    clock,
    async close() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

if (import.meta.main) {
  const site = await startPortalSite({ port: Number(process.env.PORT ?? 0) });
  console.log(site.origin);
}
