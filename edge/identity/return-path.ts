// Where to go after sign-in: a path of our own, whatever the address bar said.

import { SIGN_IN_PATH, SIGN_OUT_PATH } from '../paths.ts';

const MAX_LENGTH = 2000;

/** `wanted` when it is a path on `origin`, else `/`. Never another site, never back into sign-in. */
export function safeReturnPath(wanted: string | undefined, origin: string): string {
  // Browsers read `\` as `/` and drop tabs and line breaks, so `/\evil` and `/<tab>/evil` would leave.
  if (!wanted || wanted.length > MAX_LENGTH || !/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(wanted)) return '/';
  const url = URL.canParse(wanted, origin) ? new URL(wanted, origin) : undefined;
  if (url?.origin !== origin) return '/';
  if (url.pathname.startsWith('//')) return '/';
  const ours = [SIGN_IN_PATH, SIGN_OUT_PATH].some(
    (path) => url.pathname === path || url.pathname.startsWith(`${path}/`),
  );
  return ours ? '/' : `${url.pathname}${url.search}${url.hash}`;
}
