// The browser's way in and out: to the identity provider, back from it, and signing out.

import { type Context, Hono } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { Clock } from '../clock.ts';
import {
  COOKIE_ATTRIBUTES,
  LOGIN_COOKIE,
  LOGIN_COOKIE_SECONDS,
  openAttempt,
  SESSION_COOKIE,
  sealAttempt,
} from '../identity/cookies.ts';
import { claimFaultWords } from '../identity/claims.ts';
import type { OidcProvider, SignInFault } from '../identity/oidc.ts';
import { safeReturnPath } from '../identity/return-path.ts';
import { readCookie, sessionHash } from '../identity/signed-in.ts';
import { hashToken, newToken } from '../keys.ts';
import { CALLBACK_PATH, SIGN_IN_PATH, SIGN_OUT_PATH } from '../paths.ts';
import { BROWSER_SESSION_MS } from '../storage/browser-sessions.ts';
import { note, noteCounted, type UseCaseDeps } from '../use-cases/deps.ts';
import { clientAddress } from './request.ts';

export interface SignInDeps {
  readonly useCases: Pick<UseCaseDeps, 'audit' | 'directory' | 'publicUrl'>;
  readonly provider: OidcProvider;
  readonly clock: Clock;
  /** 32 bytes, see keys.ts. */
  loginKey(): Promise<Uint8Array>;
  /** A page for a person. */
  failed(c: Context, status: 400 | 403 | 503, message: string): Response | Promise<Response>;
}

const START_AGAIN = 'Sign-in did not complete. Start again; if it keeps failing, tell whoever runs Gatehouse.';
const TOO_OFTEN = 'Too many sign-ins from your address. Wait a minute.';
const PROVIDER_AWAY = 'The identity provider does not answer right now. Try again in a minute.';

export function signInRoutes(deps: SignInDeps): Hono {
  const app = new Hono();
  const { directory, publicUrl } = deps.useCases;

  const fail = async (c: Context, reason: SignInFault) => {
    // Anybody can come here: counted, so that nobody fills the log.
    await noteCounted(deps.useCases, {
      kind: 'identity.sign_in_failed',
      actor: 'gatehouse',
      object: 'portal',
      details: { reason, address: clientAddress(c.req.raw) },
    });
    deleteCookie(c, LOGIN_COOKIE, COOKIE_ATTRIBUTES);
    if (reason === 'provider_unreachable') return deps.failed(c, 503, PROVIDER_AWAY);
    const words = claimFaultWords(reason);
    return words === undefined ? deps.failed(c, 400, START_AGAIN) : deps.failed(c, 403, words);
  };
  const tooOften = async (c: Context) => !(await directory.allow('sign-in', clientAddress(c.req.raw)));

  app.get(SIGN_IN_PATH, async (c) => {
    if (await tooOften(c)) return deps.failed(c, 503, TOO_OFTEN);
    const begun = await deps.provider.begin(safeReturnPath(c.req.query('return'), publicUrl));
    if (!begun.ok) return fail(c, begun.error);
    const sealed = await sealAttempt(begun.value.attempt, await deps.loginKey(), deps.clock.now());
    setCookie(c, LOGIN_COOKIE, sealed, { ...COOKIE_ATTRIBUTES, maxAge: LOGIN_COOKIE_SECONDS });
    return c.redirect(begun.value.redirect.href, 302);
  });

  app.get(CALLBACK_PATH, async (c) => {
    if (await tooOften(c)) return deps.failed(c, 503, TOO_OFTEN);
    const attempt = await openAttempt(readCookie(c.req.raw, LOGIN_COOKIE), await deps.loginKey(), deps.clock.now());
    if (!attempt) return fail(c, 'attempt_unknown');
    const callback = new URL(c.req.url);
    if (callback.searchParams.get('state') !== attempt.state) return fail(c, 'state_wrong');
    if (!(await directory.burn(`login ${attempt.state}`, deps.clock.now() + LOGIN_COOKIE_SECONDS * 1000))) {
      return fail(c, 'attempt_replayed');
    }
    const identity = await deps.provider.finish(callback, attempt);
    if (!identity.ok) return fail(c, identity.error);

    await note(deps.useCases, {
      kind: 'identity.signed_in',
      actor: identity.value.email,
      object: 'portal',
      details: {
        provider: identity.value.provider,
        subject: identity.value.subject,
        address: clientAddress(c.req.raw),
      },
    });
    const before = await sessionHash(c.req.raw);
    if (before) await directory.endBrowserSession(before);
    const token = newToken('gbs', deps.clock.random);
    await directory.startBrowserSession(await hashToken(token), identity.value);
    deleteCookie(c, LOGIN_COOKIE, COOKIE_ATTRIBUTES);
    setCookie(c, SESSION_COOKIE, token.reveal(), { ...COOKIE_ATTRIBUTES, maxAge: BROWSER_SESSION_MS / 1000 });
    return c.redirect(attempt.returnTo, 302);
  });

  app.post(SIGN_OUT_PATH, async (c) => {
    const hash = await sessionHash(c.req.raw);
    const who = hash && (await directory.browserSession(hash));
    if (hash && who) {
      await note(deps.useCases, { kind: 'identity.signed_out', actor: who.email, object: 'portal', details: {} });
      await directory.endBrowserSession(hash);
    }
    deleteCookie(c, SESSION_COOKIE, COOKIE_ATTRIBUTES);
    return c.redirect('/signed-out', 303);
  });

  return app;
}
