// A browser as far as sign-in needs one: cookies by origin, redirects, forms. Requests to the edge's
// origin go to the Worker under test, all others to the network.

import { SELF } from 'cloudflare:test';

export const EDGE = 'http://localhost:8787';

export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly visited: string[] = [];

  async fetch(address: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(address);
    const jar = this.#jar(url.origin);
    const headers = new Headers(init.headers);
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    const request = new Request(url, { ...init, headers, redirect: 'manual' });
    const response = await (url.origin === EDGE ? SELF.fetch(request) : fetch(request));
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = cookie.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const gone = attributes.some(
        (attribute) => /^max-age=0$/i.test(attribute) || /^expires=thu, 01 jan 1970/i.test(attribute),
      );
      if (gone) jar.delete(name);
      else jar.set(name, pair.slice(name.length + 1));
    }
    return response;
  }

  /** Follows redirects and fills in the provider's login and consent forms as `person`, until the edge answers with anything but its callback. */
  async signIn(person: string, path = '/login'): Promise<Response> {
    let response = await this.fetch(EDGE + path);
    for (let step = 0; step < 20; step++) {
      const location = response.headers.get('location');
      if (location !== null) {
        const next = new URL(location, this.visited.at(-1) ?? EDGE);
        if (next.origin === EDGE && next.pathname !== '/login/callback') return response;
        this.visited.push(next.href);
        response = await this.fetch(next.href);
        continue;
      }
      if (new URL(this.visited.at(-1) ?? EDGE).origin === EDGE) return response;
      const page = await response.text();
      const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
      if (!action) throw new Error(`no form to fill in at ${this.visited.at(-1)}: ${page.slice(0, 200)}`);
      const form = new URLSearchParams();
      for (const [, name = '', value = ''] of page.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g))
        form.set(name, value);
      if (page.includes('name="login"')) {
        form.set('login', person);
        form.set('password', 'any');
      }
      const target = new URL(action, this.visited.at(-1));
      this.visited.push(target.href);
      response = await this.fetch(target.href, { method: 'POST', body: form });
    }
    throw new Error('too many redirects');
  }

  /** Through the provider's pages from `address` on, as `person`; the address at the edge that they lead to, not fetched. */
  async follow(address: string, person: string): Promise<string> {
    let next = new URL(address);
    let response = await this.fetch(next.href);
    for (let step = 0; step < 20; step++) {
      const location = response.headers.get('location');
      if (location !== null) {
        next = new URL(location, next);
        if (next.origin === EDGE) return next.href;
        response = await this.fetch(next.href);
        continue;
      }
      const page = await response.text();
      const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
      if (!action) throw new Error(`no form to fill in at ${next.href}`);
      const form = new URLSearchParams();
      for (const [, name = '', value = ''] of page.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g))
        form.set(name, value);
      if (page.includes('name="login"')) for (const name of ['login', 'password']) form.set(name, person);
      next = new URL(action, next);
      response = await this.fetch(next.href, { method: 'POST', body: form });
    }
    throw new Error('too many redirects');
  }

  cookie(origin: string, name: string): string | undefined {
    return this.#jar(origin).get(name);
  }

  setCookie(origin: string, name: string, value: string): void {
    this.#jar(origin).set(name, value);
  }

  #jar(origin: string): Map<string, string> {
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    return jar;
  }
}
