// The browser's way in and out: choosing a provider where there are two, to it, back from it, and signing out.

import { type Context, Hono } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import {
  COOKIE_ATTRIBUTES,
  LOGIN_COOKIE,
  LOGIN_COOKIE_SECONDS,
  OidcAttempt,
  openAttempt,
  SESSION_COOKIE,
  sealAttempt,
} from '../../identity/cookies.ts';
import type { Identity } from '../../../core/identity.ts';
import type { StepUp } from '../../identity/step-up.ts';
import type { OidcProvider } from '../../identity/oidc.ts';
import { safeReturnPath } from '../../identity/return-path.ts';
import { readCookie, sessionHash } from '../../identity/signed-in.ts';
import { CALLBACK_PATH, SIGN_IN_PATH, SIGN_OUT_PATH } from '../../paths.ts';
import { note } from '../../use-cases/deps.ts';
import { type ArrivalDeps, arrive, failSignIn, tooOften } from './arrival.ts';
import { beginSaml, type SamlSignIn } from './saml.ts';

const NO_SUCH_RULE = 'There is no rule of that name that asks how you sign in. Go back, and ask for access again.';

export interface SignInDeps extends ArrivalDeps {
  /** At least one of the two. */
  readonly oidc: OidcSignIn | undefined;
  readonly saml: SamlSignIn | undefined;
  /** A page of providers to choose from, each with its link. */
  choose(c: Context, choices: readonly SignInChoice[]): Response | Promise<Response>;
}

interface OidcSignIn {
  readonly name: string;
  readonly provider: OidcProvider;
}

interface SignInChoice {
  readonly name: string;
  readonly href: string;
}

export function signInRoutes(deps: SignInDeps): Hono {
  const app = new Hono();
  const { directory, publicUrl } = deps.useCases;
  const { oidc, saml } = deps;
  const names = [oidc, saml].flatMap((way) => way?.name ?? []);

  app.get(SIGN_IN_PATH, async (c) => {
    const refused = await tooOften(c, deps);
    if (refused) return refused;
    const returnTo = safeReturnPath(c.req.query('return'), publicUrl);
    const rule = c.req.query('step_up');
    const hash = await sessionHash(c.req.raw);
    const who = hash && rule !== undefined ? await directory.browserSession(hash) : undefined;
    const stepUp = rule === undefined ? undefined : await stepUpOf(rule, who || undefined);
    if (rule !== undefined && !stepUp) return deps.failed(c, 400, NO_SUCH_RULE);
    // Whoever is signed in goes where they came from: elsewhere they are somebody else.
    const wanted = names.length === 1 ? names[0] : ((who || undefined)?.provider ?? c.req.query('with'));
    if (saml && wanted === saml.name) return beginSaml(c, deps, saml, returnTo, stepUp);
    if (oidc && wanted === oidc.name) return beginOidc(c, oidc, returnTo, stepUp);
    return deps.choose(
      c,
      names.map((name) => {
        const query = { with: name, return: returnTo, ...(rule !== undefined && { step_up: rule }) };
        return { name, href: `${SIGN_IN_PATH}?${new URLSearchParams(query)}` };
      }),
    );
  });

  /** By the policy in force: what stands in an address could ask for anything. */
  const stepUpOf = async (name: string, who: Identity | undefined): Promise<StepUp | undefined> => {
    const rule = (await deps.useCases.policies.current())?.document.rules.find((each) => each.name === name);
    const require = rule && rule.access !== 'deny' ? rule.access.require : undefined;
    return require && { require, ...(who && { subject: who.subject }) };
  };

  const beginOidc = async (c: Context, { provider }: OidcSignIn, returnTo: string, stepUp?: StepUp) => {
    const begun = await provider.begin(returnTo, stepUp);
    if (!begun.ok) return failSignIn(c, deps, begun.error);
    const sealed = await sealAttempt(begun.value.attempt, await deps.loginKey(), deps.clock.now());
    setCookie(c, LOGIN_COOKIE, sealed, { ...COOKIE_ATTRIBUTES, maxAge: LOGIN_COOKIE_SECONDS });
    return c.redirect(begun.value.redirect.href, 302);
  };

  if (oidc)
    app.get(CALLBACK_PATH, async (c) => {
      const refused = await tooOften(c, deps);
      if (refused) return refused;
      const sealed = readCookie(c.req.raw, LOGIN_COOKIE);
      const attempt = await openAttempt(sealed, OidcAttempt, await deps.loginKey(), deps.clock.now());
      if (!attempt) return failSignIn(c, deps, 'attempt_unknown');
      const callback = new URL(c.req.url);
      if (callback.searchParams.get('state') !== attempt.state) return failSignIn(c, deps, 'state_wrong');
      if (!(await directory.burn(`login ${attempt.state}`, deps.clock.now() + LOGIN_COOKIE_SECONDS * 1000))) {
        return failSignIn(c, deps, 'attempt_replayed');
      }
      const identity = await oidc.provider.finish(callback, attempt);
      return identity.ok ? arrive(c, deps, identity.value, attempt) : failSignIn(c, deps, identity.error);
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
