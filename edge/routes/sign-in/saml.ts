// SAML's addresses: our metadata, where responses are posted to, and that there is no single logout. Its messages come from
// the provider's site, so these stand before the check that a form is one of ours: what proves a response is its
// signature, and that it answers this browser's request.

import { type Context, Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { html, raw } from 'hono/html';
import {
  LOGIN_COOKIE_SECONDS,
  openAttempt,
  SAML_COOKIE,
  SAML_COOKIE_ATTRIBUTES,
  sealAttempt,
} from '../../identity/cookies.ts';
import { safeReturnPath } from '../../identity/return-path.ts';
import { SamlAttempt } from '../../identity/saml/attempt.ts';
import type { SamlProvider, SentRequest } from '../../identity/saml/provider.ts';
import type { StepUp } from '../../identity/step-up.ts';
import { readCookie } from '../../identity/signed-in.ts';
import { SAML_CONSUMER_PATH, SAML_LOGOUT_PATH, SAML_METADATA_PATH } from '../../paths.ts';
import { type ArrivalDeps, arrive, failSignIn, tooOften } from './arrival.ts';

export interface SamlSignIn {
  readonly name: string;
  /** Loads it at the first call. */
  provider(): Promise<SamlProvider>;
}

const BEGIN_HERE = 'Nothing was posted here. Sign in at the portal.';
const NO_LOGOUT =
  'There is no single logout here. Sign out at the portal; to end what somebody left open, an administrator revokes their grants.';

export function samlRoutes(deps: ArrivalDeps, { provider }: SamlSignIn): Hono {
  const app = new Hono();
  const { directory, publicUrl } = deps.useCases;

  app.get(SAML_METADATA_PATH, async (c) => {
    const metadata = await (await provider()).metadata();
    if (!metadata.ok) return failSignIn(c, deps, metadata.error);
    return c.body(metadata.value, 200, { 'content-type': 'application/samlmetadata+xml' });
  });

  app.post(SAML_CONSUMER_PATH, async (c) => {
    const refused = await tooOften(c, deps);
    if (refused) return refused;
    const now = deps.clock.now();
    const form = await readForm(c);
    const encoded = form.get('SAMLResponse');
    if (encoded === null) return failSignIn(c, deps, 'xml_refused');
    const attempt = await openAttempt(readCookie(c.req.raw, SAML_COOKIE), SamlAttempt, await deps.loginKey(), now);
    const arrival = await (await provider()).finish(encoded, attempt, now);
    if (!arrival.ok) return failSignIn(c, deps, arrival.error);
    const { identity, assertionKey, forgetAtMs, isAnswer } = arrival.value;
    // Only now: a response that was made up must not use up the browser's attempt.
    if (!(await directory.burn(await keyOf(assertionKey), forgetAtMs)))
      return failSignIn(c, deps, 'assertion_replayed');
    if (isAnswer && attempt) {
      const first = await directory.burn(`saml-request ${attempt.id}`, attempt.at + LOGIN_COOKIE_SECONDS * 1000);
      return first ? arrive(c, deps, identity, attempt) : failSignIn(c, deps, 'attempt_replayed');
    }
    return arrive(c, deps, identity, { returnTo: safeReturnPath(form.get('RelayState') ?? undefined, publicUrl) });
  });
  app.get(SAML_CONSUMER_PATH, (c) => deps.failed(c, 400, BEGIN_HERE));

  app.on(['GET', 'POST'], SAML_LOGOUT_PATH, (c) => deps.failed(c, 400, NO_LOGOUT));
  return app;
}

export async function beginSaml(
  c: Context,
  deps: ArrivalDeps,
  { provider }: SamlSignIn,
  returnTo: string,
  stepUp?: StepUp,
) {
  const now = deps.clock.now();
  const begun = await (await provider()).begin(returnTo, now, stepUp);
  if (!begun.ok) return failSignIn(c, deps, begun.error);
  const sealed = await sealAttempt(begun.value.attempt, await deps.loginKey(), now);
  setCookie(c, SAML_COOKIE, sealed, { ...SAML_COOKIE_ATTRIBUTES, maxAge: LOGIN_COOKIE_SECONDS });
  const { send } = begun.value;
  return send.kind === 'redirect' ? c.redirect(send.address.href, 302) : sendForm(c, send);
}

const SUBMIT = 'document.forms[0].submit();';

/** A page that posts itself, with a button where scripts are off. */
async function sendForm(c: Context, { address, message }: Extract<SentRequest, { kind: 'form' }>) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(SUBMIT)));
  const hash = btoa(String.fromCharCode(...digest));
  // Browsers hold redirects that follow a form to `form-action` as well, and providers redirect to other hosts of theirs.
  c.header(
    'content-security-policy',
    `default-src 'none'; script-src 'sha256-${hash}'; form-action https: ${new URL(address).origin}; frame-ancestors 'none'; base-uri 'none'`,
  );
  return c.html(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Signing in · Gatehouse</title></head>
<body>
<form method="post" action="${address}">
<input type="hidden" name="SAMLRequest" value="${message}">
<p><button type="submit">Continue to sign in</button></p>
</form>
<script>${raw(SUBMIT)}</script>
</body>
</html>`);
}

/** Fields that come twice are not read as either. */
async function readForm(c: Context): Promise<URLSearchParams> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return new URLSearchParams();
  const form = new URLSearchParams(await c.req.text());
  for (const name of ['SAMLResponse', 'RelayState']) if (form.getAll(name).length > 1) form.delete(name);
  return form;
}

/** Names of providers and ids of theirs are as long as they like. */
async function keyOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `saml-assertion ${Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
