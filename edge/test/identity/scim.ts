// A directory that speaks SCIM, as the tests call it: with a token that an administrator made.

import { SELF } from 'cloudflare:test';
import { EDGE } from '../browser.ts';
import type { Caller } from '../people.ts';

export interface ScimUserBody {
  readonly id: string;
  readonly [attribute: string]: unknown;
}

export class TestDirectory {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  static async joined(administrator: Caller, name = 'entra'): Promise<TestDirectory> {
    const made = await administrator.send('POST', '/scim/tokens', { name });
    return new TestDirectory((await made.json<{ token: string }>()).token);
  }

  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return SELF.fetch(`${EDGE}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/scim+json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async get<T = Record<string, unknown>>(path: string): Promise<T> {
    return (await this.send('GET', path)).json<T>();
  }

  patch(path: string, ...Operations: readonly object[]): Promise<Response> {
    return this.send('PATCH', path, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations });
  }

  async add(name: string, more: object = {}): Promise<string> {
    const added = await this.send('POST', '/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: `${name}@example.com`,
      externalId: `ext-${name}`,
      ...more,
    });
    if (added.status !== 201) throw new Error(`adding ${name} answered ${added.status}: ${await added.text()}`);
    return (await added.json<ScimUserBody>()).id;
  }

  async addGroup(displayName: string, members: readonly string[] = []): Promise<string> {
    const body = { displayName, members: members.map((value) => ({ value })) };
    const added = await this.send('POST', '/Groups', body);
    if (added.status !== 201) throw new Error(`adding ${displayName} answered ${added.status}: ${await added.text()}`);
    return (await added.json<ScimUserBody>()).id;
  }
}
