// Groups that a provider keeps out of its tokens, from where it has them. Whoever implements it answers with all groups or with a
// reason: a part of them would have rules fit that should not, and others miss (law 12).

import { z } from 'zod';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Claims } from '../claims.ts';

export type GroupSourceFault = 'groups_unreachable' | 'groups_refused' | 'groups_too_many' | 'groups_unreadable';

export interface GroupSource {
  /** Of whom the claims, validated, are. As policies name them, without the provider's name. */
  groupsOf(claims: Claims): Promise<Result<readonly string[], GroupSourceFault>>;
}

/** An identity has room for 1,000, of the directory's (SCIM) too. */
const MOST_GROUPS = 600;
const MAX_PAGES = 20;
const DEADLINE_MS = 10_000;
const MAX_BYTES = 2 * 1024 * 1024;

interface Page {
  readonly groups: readonly string[];
  readonly next: URL | undefined;
}

/** `read`: undefined: not in the form that is documented. */
export async function allPages(
  first: URL,
  headers: Readonly<Record<string, string>>,
  read: (body: unknown) => Page | undefined,
): Promise<Result<readonly string[], GroupSourceFault>> {
  const groups: string[] = [];
  let next: URL | undefined = first;
  for (let pages = 0; next; pages++) {
    if (pages === MAX_PAGES) return err('groups_too_many');
    const body = await askJson(new Request(next, { headers: { ...headers, accept: 'application/json' } }));
    if (!body.ok) return body;
    const page = read(body.value);
    // Our token goes nowhere else.
    if (!page || (page.next && page.next.origin !== first.origin)) return err('groups_unreadable');
    groups.push(...page.groups);
    if (groups.length > MOST_GROUPS) return err('groups_too_many');
    next = page.next;
  }
  return ok(groups);
}

/** Throttled, away, slow: not now. Refused: not until somebody sets it up. */
async function askJson(request: Request): Promise<Result<unknown, GroupSourceFault>> {
  try {
    const response = await fetch(request, { redirect: 'manual', signal: AbortSignal.timeout(DEADLINE_MS) });
    if (response.status === 429 || response.status >= 500) return err('groups_unreachable');
    if (!response.ok) return err('groups_refused');
    const text = await response.text();
    return text.length > MAX_BYTES ? err('groups_unreadable') : ok(JSON.parse(text));
  } catch (error) {
    return err(error instanceof SyntaxError ? 'groups_unreadable' : 'groups_unreachable');
  }
}

const AppToken = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number() });
/** Before its end, for the requests it is made for. */
const EARLIER_MS = 60_000;

/** Tokens of ours, each kept until a minute before it ends. */
export class AppTokens {
  readonly #kept = new Map<string, { readonly token: string; readonly untilMs: number }>();

  async get(address: string, form: () => Promise<Record<string, string>>): Promise<Result<string, GroupSourceFault>> {
    const kept = this.#kept.get(address);
    if (kept && kept.untilMs > Date.now()) return ok(kept.token);
    const body = await askJson(new Request(address, { method: 'POST', body: new URLSearchParams(await form()) }));
    if (!body.ok) return body;
    const token = AppToken.safeParse(body.value);
    if (!token.success) return err('groups_unreadable');
    const untilMs = Date.now() + token.data.expires_in * 1000 - EARLIER_MS;
    this.#kept.set(address, { token: token.data.access_token, untilMs });
    return ok(token.data.access_token);
  }
}
