// What holds for every request and answer, whichever route it meets: headers, size, content type,
// and that a browser's unsafe request came from our own pages.

import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { MAX_POLICY_BYTES } from '../../core/policy/parse.ts';
import { httpError } from '../http-errors.ts';
import { SESSION_COOKIE } from '../identity/cookies.ts';
import { readCookie } from '../identity/signed-in.ts';
import { API_PATH } from '../paths.ts';

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** A policy in JSON, with its line breaks escaped. Nothing else comes near. */
const MAX_BODY_BYTES = 2 * MAX_POLICY_BYTES;
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export function securityHeaders(publicUrl: string): MiddlewareHandler {
  const headers: Record<string, string> = {
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'cache-control': 'no-store',
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=63072000; includeSubDomains' }),
  };
  return async (c, next) => {
    await next();
    if (c.res.status === 101) return;
    for (const [name, value] of Object.entries(headers)) if (!c.res.headers.has(name)) c.header(name, value);
  };
}

/**
 * Cross-site request forgery: an unsafe request must come from our own pages. Sec-Fetch-Site says so
 * in every current browser; Origin is for others, and is `null` from pages without a referrer. Programs
 * with a bearer token send neither and carry no cookie that could be abused.
 */
export function sameSiteOnly(publicUrl: string): MiddlewareHandler {
  return async (c, next) => {
    if (SAFE_METHODS.has(c.req.method)) return next();
    const site = c.req.header('sec-fetch-site');
    const origin = c.req.header('origin');
    const carriesCookie = readCookie(c.req.raw, SESSION_COOKIE) !== undefined && !c.req.header('authorization');
    const ours =
      site !== undefined ? site === 'same-origin' : origin !== undefined ? origin === publicUrl : !carriesCookie;
    return ours ? next() : httpError('cross_site', 'This request did not come from a page of Gatehouse.');
  };
}

export const limitBody = (): MiddlewareHandler =>
  bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => httpError('too_large', `A body has at most ${MAX_BODY_BYTES} bytes.`),
  });

/** Under the API bodies are JSON, save for OAuth's forms. */
export function checkContentType(): MiddlewareHandler {
  return async (c, next) => {
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (SAFE_METHODS.has(c.req.method) || type === undefined || type === 'application/json') return next();
    const form = type === 'application/x-www-form-urlencoded' && c.req.path.startsWith(`${API_PATH}/device/`);
    return form ? next() : httpError('unsupported_media_type', 'Send application/json.');
  };
}
