// API tokens for the demo people, got as a person gets them: the CLI's device code, approved in a
// browser that signed in through the identity provider. The browser here is fetch with a cookie
// jar; nothing is read from the edge's storage and no door is opened for it.

import { DeviceCode } from '../../core/api.ts';
import type { Secret } from '../../core/secret.ts';
import { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import { awaitApproval } from '../commands/login.ts';
import type { DemoPerson } from './people.ts';

const MAX_REDIRECTS = 15;
const PAGE_TIMEOUT_MS = 20_000;

/** The token, and when it ends. */
export async function signInAs(
  person: DemoPerson,
  portal: string,
): Promise<{ token: Secret<string>; expiresAt: string }> {
  const client = new ApiClient({ origin: portal });
  const code = await client.post('/device/code', undefined, DeviceCode);
  const browser = new Browser();
  let page = await browser.get(code.verification_uri_complete);
  // Wherever it is asked who it is, it says so; wherever it is asked to approve, it approves.
  for (let steps = 0; steps < 5; steps++) {
    const form = approvalForm(page) ?? signInForm(page, person);
    if (!form) break;
    page = await browser.post(form.action, form.fields);
    if (form.approves) return awaitApproval(client, code, 0);
  }
  const { origin, pathname } = new URL(page.url);
  throw new Failure(
    1,
    'sign_in_failed',
    `signing in as ${person.email} ended on ${origin}${pathname} (${page.status})`,
  );
}

interface Page {
  readonly url: string;
  readonly status: number;
  readonly html: string;
}
interface FilledForm {
  readonly action: string;
  readonly fields: URLSearchParams;
  readonly approves: boolean;
}

class Browser {
  /** By origin: a browser shares cookies between ports of a host, which nothing here relies on. */
  readonly #cookies = new Map<string, Map<string, string>>();

  get(url: string): Promise<Page> {
    return this.#follow(url, undefined);
  }

  post(url: string, fields: URLSearchParams): Promise<Page> {
    return this.#follow(url, fields);
  }

  async #follow(first: string, fields: URLSearchParams | undefined): Promise<Page> {
    let url = first;
    let body = fields;
    for (let hops = 0; hops < MAX_REDIRECTS; hops++) {
      const { origin } = new URL(url);
      const jar = this.#cookies.get(origin) ?? new Map<string, string>();
      this.#cookies.set(origin, jar);
      const response = await fetch(url, {
        method: body ? 'POST' : 'GET',
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body ? { origin, 'sec-fetch-site': 'same-origin' } : {}),
        },
        ...(body ? { body } : {}),
        signal: AbortSignal.timeout(PAGE_TIMEOUT_MS),
      });
      for (const cookie of response.headers.getSetCookie()) keep(jar, cookie);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) {
        return { url, status: response.status, html: await response.text() };
      }
      await response.body?.cancel();
      url = new URL(location, url).href;
      body = undefined;
    }
    throw new Failure(1, 'sign_in_failed', `too many redirects, last to ${new URL(url).origin}`);
  }
}

function keep(jar: Map<string, string>, header: string): void {
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
  const at = pair.indexOf('=');
  const name = pair.slice(0, at);
  const ended = attributes.some((attribute) => {
    const [key = '', value = ''] = attribute.split('=');
    return (
      (/^max-age$/i.test(key) && Number(value) <= 0) || (/^expires$/i.test(key) && Date.parse(value) <= Date.now())
    );
  });
  if (ended) jar.delete(name);
  else jar.set(name, pair.slice(at + 1));
}

/** The portal's device page: a form that holds the code, with a button that approves. */
function approvalForm(page: Page): FilledForm | undefined {
  return formsOf(page).find(({ approves }) => approves);
}

/** The demo provider's page: one button a person. */
function signInForm(page: Page, person: DemoPerson): FilledForm | undefined {
  const form = formsOf(page).find(({ buttons }) => buttons.some(({ value }) => value === person.key));
  form?.fields.set('person', person.key);
  return form;
}

function formsOf(page: Page): (FilledForm & { buttons: readonly { name: string; value: string }[] })[] {
  return [...page.html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, head = '', inside = '']) => {
    const fields = new URLSearchParams();
    for (const [, attributes = ''] of inside.matchAll(/<input\b([^>]*)>/g)) {
      const name = attribute(attributes, 'name');
      if (name !== undefined) fields.append(name, attribute(attributes, 'value') ?? '');
    }
    const buttons = [...inside.matchAll(/<button\b([^>]*)>/g)].map(([, attributes = '']) => ({
      name: attribute(attributes, 'name') ?? '',
      value: attribute(attributes, 'value') ?? '',
    }));
    const approve = buttons.find(({ value }) => value === 'approve');
    if (approve) fields.append(approve.name, approve.value);
    const action = new URL(attribute(head, 'action') ?? '', page.url).href;
    return { action, fields, buttons, approves: approve !== undefined };
  });
}

function attribute(text: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1];
  return value?.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#x27;': "'",
};
