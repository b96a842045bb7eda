// Who a request comes from: a browser with a session cookie, or a program with an API token.

import type { GrantId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { secret } from '../../core/secret.ts';
import { hashToken } from '../keys.ts';
import type { AsksBy } from '../ports/directory.ts';
import { SESSION_COOKIE } from './cookies.ts';

export interface SignedIn {
  readonly identity: Identity;
  /** `grant`: a program's tunnel token, which is for /tunnels alone. */
  readonly via: AsksBy | 'grant';
  /** Where it came by one: it may have no other. */
  readonly grant?: GrantId;
}

/** Says whose it is (DirectoryPort.visit). */
type Whose = (by: AsksBy, hash: string) => Promise<Identity | undefined>;

/** undefined: nobody, or no longer. A request with an Authorization header is judged by it alone. */
export async function whoIs(request: Request, whose: Whose): Promise<SignedIn | undefined> {
  if (request.headers.has('authorization')) {
    const hash = await bearerHash(request);
    const identity = hash && (await whose('token', hash));
    return identity ? { identity, via: 'token' } : undefined;
  }
  const hash = await sessionHash(request);
  const identity = hash && (await whose('browser', hash));
  return identity ? { identity, via: 'browser' } : undefined;
}

export async function bearerHash(request: Request): Promise<string | undefined> {
  const token = /^Bearer (gat_[a-z2-7]{32})$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  return token && hashToken(secret(token));
}

export async function sessionHash(request: Request): Promise<string | undefined> {
  const token = readCookie(request, SESSION_COOKIE);
  return token !== undefined && /^gbs_[a-z2-7]{32}$/.test(token) ? hashToken(secret(token)) : undefined;
}

export function readCookie(request: Request, name: string): string | undefined {
  const cookies = (request.headers.get('cookie') ?? '').split(/;\s*/);
  return cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);
}
