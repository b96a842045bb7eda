// Links that pass a session on. One leads to /shared#TOKEN. What stands behind # is sent to no server and in no Referer; the page's
// script takes it out of the address and posts it, it is kept in a cookie for as long as signing in takes, and is gone with
// the first use. From then on the session's own page opens.

import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { type SessionId, ShareId } from '../../../core/ids.ts';
import { parseDuration } from '../../../core/policy/document.ts';
import { secret } from '../../../core/secret.ts';
import { MAX_SHARE_NAMES, MakeShare } from '../../../core/sharing/share.ts';
import { COOKIE_ATTRIBUTES } from '../../identity/cookies.ts';
import { SHARED_PATH } from '../../paths.ts';
import { to } from '../components/parts.tsx';
import type { PortalDeps } from '../deps.ts';
import { forSession, show, showAnswer, showFault, signedIn, type Visit } from '../page.tsx';
import {
  SharedPage,
  type ShareForm,
  ShareFormPage,
  ShareMadePage,
  SharesPage,
  SignInForSharedPage,
} from '../pages/shared.tsx';

const LINK_COOKIE = '__Host-gatehouse-link';
/** Signing in may take a second factor. */
const LINK_COOKIE_SECONDS = 900;
const MAX_TOKEN = 100;
const OPEN_PATH = `${SHARED_PATH}/open`;

export function sharePages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  app.get(SHARED_PATH, (c) => show({ c, deps }, 'A shared session', <SharedPage />));

  app.post(SHARED_PATH, async (c) => {
    const { token } = await c.req.parseBody();
    const text = typeof token === 'string' ? token.trim().replace(/^.*#/, '') : '';
    if (!/^gsl_\w+$/.test(text) || text.length > MAX_TOKEN)
      return show({ c, deps }, 'A shared session', <SharedPage problem="That is not the end of such a link." />, {
        status: 400,
      });
    setCookie(c, LINK_COOKIE, text, { ...COOKIE_ATTRIBUTES, maxAge: LINK_COOKIE_SECONDS });
    if (await deps.signedIn(c.req.raw)) return c.redirect(OPEN_PATH, 303);
    // No redirect: form-action would not let a form lead on to the identity provider.
    return show({ c, deps }, 'A shared session', <SignInForSharedPage path={OPEN_PATH} />);
  });

  app.get(
    OPEN_PATH,
    signedIn(deps, async (visit) => {
      const { c } = visit;
      const token = getCookie(c, LINK_COOKIE);
      deleteCookie(c, LINK_COOKIE, COOKIE_ATTRIBUTES);
      if (token === undefined) return c.redirect(SHARED_PATH, 303);
      const opened = await gatehouse.openShare(visit.me.identity, secret(token));
      if (!opened.ok) return showFault(visit, opened.error);
      const { session, moment } = opened.value;
      return c.redirect(to('sessions', session) + (moment === undefined ? '' : `?at=${moment}`), 303);
    }),
  );

  app.get(
    '/sessions/:id/share',
    forSession(deps, (visit, id) => showForm(visit, id, { names: '', length: '' })),
  );

  // The link is in this response and in no other.
  app.post(
    '/sessions/:id/share',
    forSession(deps, async (visit, id) => {
      const body = await visit.c.req.parseBody();
      const form = { names: field(body.names), length: field(body.length) };
      const names = form.names.split(/[\s,;]+/).filter((name) => name !== '');
      const wanted = MakeShare.safeParse({
        ...(names.length > 0 && { with: names }),
        ...(/^[1-9]\d{0,2}[mhd]$/.test(form.length) && { seconds: parseDuration(form.length) / 1000 }),
      });
      if (!wanted.success) return showForm(visit, id, form, `Name at most ${MAX_SHARE_NAMES}, one a line.`);
      const made = await gatehouse.makeShare(visit.me.identity, id, wanted.data);
      if (made.ok) return show(visit, 'The link is made', <ShareMadePage {...made.value} now={deps.now()} />);
      const { reason, message } = made.error;
      return reason === 'bad_request' || reason === 'denied'
        ? showForm(visit, id, form, message)
        : showFault(visit, made.error);
    }),
  );

  app.get(
    '/shares',
    signedIn(deps, async (visit) => {
      const cursor = ShareId.safeParse(visit.c.req.query('cursor')).data;
      const { identity, auditor } = visit.me;
      return showAnswer(visit, await gatehouse.shares(identity, { cursor }), (page) =>
        show(visit, 'Shared links', <SharesPage page={page} auditor={auditor} cursor={cursor} />),
      );
    }),
  );

  app.post(
    '/shares/:share/revoke',
    signedIn(deps, async (visit) => {
      const id = ShareId.safeParse(visit.c.req.param('share'));
      if (!id.success) return showFault(visit, { reason: 'not_found', message: 'There is no such link among yours.' });
      const revoked = await gatehouse.revokeShare(visit.me.identity, id.data);
      return revoked.ok ? visit.c.redirect('/shares', 303) : showFault(visit, revoked.error);
    }),
  );
  app.get('/shares/:share/revoke', (c) => c.redirect('/shares', 303));

  return app;
}

async function showForm(visit: Visit, id: SessionId, form: ShareForm, problem?: string): Promise<Response> {
  // The look at the session that the form names.
  const detail = await visit.deps.gatehouse.viewSession(visit.me.identity, id, {});
  return showAnswer(visit, detail, (view) =>
    show(
      visit,
      'Share a session',
      <ShareFormPage session={view.detail.session} form={form} problem={problem} />,
      problem === undefined ? {} : { status: 400 },
    ),
  );
}

const field = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');
