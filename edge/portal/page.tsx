// From a use case's answer to a page: who asks, what the frame shows, and how a fault reads.

import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Me } from '../../core/api.ts';
import { SessionId } from '../../core/ids.ts';
import type { ReplayKind } from '../../core/protocols.ts';
import type { Result } from '../../core/result.ts';
import type { UseCaseFault } from '../gatehouse.ts';
import { Layout, type Shell, type Theme } from './components/layout.tsx';
import type { PortalDeps } from './deps.ts';
import { FaultPage, PurgedPage, StepUpPage } from './pages/fault.tsx';

export interface Visit {
  readonly c: Context;
  readonly deps: PortalDeps;
  readonly me: Me;
}

type Handler = (visit: Visit) => Promise<Response>;

export const FAULT_STATUS: Readonly<Record<UseCaseFault['reason'], ContentfulStatusCode>> = {
  not_found: 404,
  forbidden: 403,
  denied: 403,
  approval_needed: 403,
  step_up_needed: 403,
  bad_request: 400,
  unavailable: 503,
  conflict: 409,
  rate_limited: 429,
};

/** Runs `handler` for somebody who is signed in; sends everybody else to sign in and back. */
export const signedIn =
  (deps: PortalDeps, handler: Handler) =>
  async (c: Context): Promise<Response> => {
    const identity = await deps.signedIn(c.req.raw);
    if (!identity) {
      // What a form carried is lost by signing in, so the way back leads to the form itself.
      const back = c.req.method === 'GET' ? pathOf(c) : formPathOf(c);
      return c.redirect(`/login?return=${encodeURIComponent(back)}`, 303);
    }
    const me = await deps.gatehouse.me(identity);
    return me.ok ? handler({ c, deps, me: me.value }) : showFault({ c, deps }, me.error);
  };

/** As `signedIn`, for an address with a session's id. */
export const forSession = (
  deps: PortalDeps,
  handler: (visit: Visit, id: SessionId) => Promise<Response>,
): ((c: Context) => Promise<Response>) =>
  signedIn(deps, async (visit) => {
    const id = SessionId.safeParse(visit.c.req.param('id'));
    return id.success
      ? handler(visit, id.data)
      : showFault(visit, { reason: 'not_found', message: 'There is no such session among those you may see.' });
  });

/** Answers with a page. Nothing of the portal is ever cached: it is all about one person. */
export function show(
  visit: { c: Context; deps: PortalDeps; me?: Me },
  title: string,
  content: Child,
  options: { status?: ContentfulStatusCode; player?: ReplayKind } = {},
): Response | Promise<Response> {
  const shell: Shell = {
    me: visit.me,
    theme: themeOf(visit.c),
    path: visit.c.req.method === 'GET' ? pathOf(visit.c) : formPathOf(visit.c),
    assetVersion: visit.deps.assetVersion ?? '',
  };
  visit.c.header('cache-control', 'no-store');
  return visit.c.html(
    html`<!doctype html>${(
      <Layout shell={shell} title={title} player={options.player}>
        {content}
      </Layout>
    )}`,
    options.status ?? 200,
  );
}

/** A piece of a page, for an island to put in place. */
export function showFragment(visit: Visit, content: Child): Response | Promise<Response> {
  visit.c.header('cache-control', 'no-store');
  return visit.c.html(html`${content}`);
}

export function showFault(
  visit: { c: Context; deps: PortalDeps; me?: Me },
  fault: UseCaseFault,
): Response | Promise<Response> {
  const status = FAULT_STATUS[fault.reason];
  if (fault.purged)
    return show(visit, 'Purged', <PurgedPage purged={fault.purged} auditor={visit.me?.auditor === true} />, { status });
  if (fault.signInAgain) {
    const { rule } = fault.signInAgain;
    const back = visit.c.req.method === 'GET' ? pathOf(visit.c) : formPathOf(visit.c);
    return show(visit, 'Sign in again', <StepUpPage message={fault.message} rule={rule} back={back} />, { status });
  }
  return show(
    visit,
    FAULT_TITLES[status] ?? 'Something went wrong',
    <FaultPage status={status} message={fault.message} />,
    {
      status,
    },
  );
}

const FAULT_TITLES: Readonly<Record<number, string>> = {
  400: 'Not understood',
  403: 'Not for you',
  404: 'Not found',
  409: 'Already changed',
  429: 'Too many requests',
  500: 'Something went wrong',
  503: 'Not available just now',
};

/** Shows `page` of the answer, or its fault. */
export const showAnswer = <T,>(
  visit: Visit,
  answer: Result<T, UseCaseFault>,
  page: (value: T) => Response | Promise<Response>,
): Response | Promise<Response> => (answer.ok ? page(answer.value) : showFault(visit, answer.error));

export const THEME_COOKIE = 'gatehouse_theme';

function themeOf(c: Context): Theme {
  const chosen = getCookie(c, THEME_COOKIE);
  return chosen === 'light' || chosen === 'dark' ? chosen : 'auto';
}

function pathOf(c: Context): string {
  const url = new URL(c.req.url);
  return url.pathname + url.search;
}

/** The page a form was on: forms post to the address of their page, or below it. */
const formPathOf = (c: Context): string => new URL(c.req.url).pathname;
