// The portal's pages, mounted by the edge at `/`. Who may see what is decided by the use cases
// behind `Gatehouse`; here an address becomes a call and its answer a page.
//
// The edge adds the security headers, checks Origin and Sec-Fetch-Site of every POST, and serves
// /login, /logout, /ca.pem, /cli/gatehouse.mjs and /assets/*.

import { type Context, Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { CLI_PATH } from '../paths.ts';
import type { PortalDeps } from './deps.ts';
import { CommandLinePage } from './pages/command-line.tsx';
import { FaultPage, SignedOutPage } from './pages/fault.tsx';
import { ChooseProviderPage } from './pages/sign-in.tsx';
import { show, signedIn, THEME_COOKIE } from './page.tsx';
import { accessPages } from './routes/access.tsx';
import { approvalPages } from './routes/approvals.tsx';
import { administrationPages } from './routes/administration.tsx';
import { keyPages } from './routes/keys.tsx';
import { devicePages } from './routes/device.tsx';
import { peoplePages } from './routes/people.tsx';
import { retentionPages } from './routes/retention.tsx';
import { searchPages } from './routes/search.tsx';
import { sessionPages } from './routes/sessions.tsx';
import { sharePages } from './routes/shares.tsx';
import { viewRequestPages } from './routes/view-requests.tsx';

export type { PortalDeps } from './deps.ts';

export function portalRoutes(deps: PortalDeps): Hono {
  const app = new Hono();
  app.route('/', accessPages(deps));
  app.route('/', approvalPages(deps));
  app.route('/', sessionPages(deps));
  app.route('/', searchPages(deps));
  app.route('/', retentionPages(deps));
  app.route('/', viewRequestPages(deps));
  app.route('/', sharePages(deps));
  app.route('/', administrationPages(deps));
  app.route('/', devicePages(deps));
  app.route('/', keyPages(deps));
  app.route('/', peoplePages(deps));
  app.get('/signed-out', (c) => show({ c, deps }, 'Signed out', <SignedOutPage />));
  // For everybody: it holds nothing that is secret, and `gatehouse login` comes before anything else.
  app.get(CLI_PATH, (c) => {
    const { cliSha256 } = deps;
    if (cliSha256 === undefined) return portalFault(c, deps, 404);
    return show({ c, deps }, 'Command line', <CommandLinePage origin={new URL(c.req.url).origin} sha256={cliSha256} />);
  });
  app.post('/theme', async (c) => {
    const form = await c.req.parseBody();
    const theme = form.theme === 'light' || form.theme === 'dark' ? form.theme : 'auto';
    setCookie(c, THEME_COOKIE, theme, {
      path: '/',
      maxAge: 365 * 86_400,
      sameSite: 'Lax',
      secure: new URL(c.req.url).protocol === 'https:',
    });
    return c.redirect(localPath(form.return), 303);
  });
  return app;
}

/** An error in calm words, for the edge's own `notFound` and `onError` and for a failed sign-in. */
export function portalFault(
  c: Context,
  deps: PortalDeps,
  status: 400 | 403 | 404 | 500 | 503,
  message?: string,
): Response | Promise<Response> {
  const title = status === 404 ? 'Not found' : 'Something went wrong';
  return show({ c, deps }, title, <FaultPage status={status} {...(message === undefined ? {} : { message })} />, {
    status,
  });
}

/** For the edge's own sign-in, where there are two providers. */
export const portalChoice = (
  c: Context,
  deps: PortalDeps,
  choices: readonly { readonly name: string; readonly href: string }[],
): Response | Promise<Response> => show({ c, deps }, 'Sign in', <ChooseProviderPage choices={choices} />);

/** The page for an address that nothing answers: with the frame of whoever is signed in. */
export const portalNotFound = (deps: PortalDeps) =>
  signedIn(deps, async (visit) => show(visit, 'Not found', <FaultPage status={404} />, { status: 404 }));

/** Only a path of this origin: `//host`, `/\host` and anything with a scheme lead to `/`. */
function localPath(value: unknown): string {
  return typeof value === 'string' && /^\/(?![/\\])[^\s\\]*$/.test(value) ? value : '/';
}
