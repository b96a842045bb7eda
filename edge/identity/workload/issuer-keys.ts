// An issuer's public keys (JWKS): found by its discovery document, kept for minutes, fetched anew for a key that is not among
// them. Whoever sends tokens with made-up key ids, or while the issuer is away, causes one fetch in COOLDOWN_MS and no more.

import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { isCarried } from '../../settings.ts';

/** For both requests together. */
const FETCH_DEADLINE_MS = 5_000;
/** A key that the issuer takes back is good here for as long. */
const KEPT_MS = 5 * 60_000;
const COOLDOWN_MS = 10_000;
/** Of a discovery document or a key set. The largest in use have some 20 KiB. */
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_KEYS = 100;

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });
const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

type KeyFinder = ReturnType<typeof createLocalJWKSet>;

export class IssuerKeys {
  readonly #issuer: string;
  #kept: { readonly find: KeyFinder; readonly kids: ReadonlySet<unknown>; readonly at: number } | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  /** undefined: the issuer does not answer, or not as one. `kid`: of the token's header. */
  async keysFor(kid: string | undefined, now: number): Promise<KeyFinder | undefined> {
    const fresh = this.#kept && now - this.#kept.at < KEPT_MS && now >= this.#kept.at ? this.#kept : undefined;
    if (fresh && (kid === undefined || fresh.kids.has(kid))) return fresh.find;
    // Of requests that come at once each may fetch: in workerd none waits for another's answer.
    if (Math.abs(now - this.#triedAt) < COOLDOWN_MS) return fresh?.find;
    this.#triedAt = now;
    try {
      const keys = await this.#fetch();
      this.#kept = { find: createLocalJWKSet(keys), kids: new Set(keys.keys.map((key) => key.kid)), at: now };
    } catch (error) {
      console.error(`keys of ${this.#issuer} cannot be had: ${error instanceof Error ? error.message : 'unknown'}`);
      return fresh?.find;
    }
    return this.#kept.find;
  }

  async #fetch(): Promise<JSONWebKeySet> {
    const signal = AbortSignal.timeout(FETCH_DEADLINE_MS);
    const at = `${this.#issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const discovery = Discovery.parse(await fetchJson(at, signal));
    if (discovery.issuer !== this.#issuer) throw new Error('its discovery document is of another issuer');
    if (!isCarried(new URL(discovery.jwks_uri))) throw new Error('its keys are not behind https');
    return KeySet.parse(await fetchJson(discovery.jwks_uri, signal)) as JSONWebKeySet;
  }
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  // Followed, a redirect would have another host say whose keys are good.
  const response = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/json' } });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`${new URL(url).pathname} answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES)
      throw new Error(`${new URL(url).pathname} answered with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text());
}
