// People of the tests, with API tokens as a device login would have given them.

import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { systemIdSource } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { hashToken, newToken } from '../keys.ts';
import { remote } from '../objects/rpc.ts';
import { newUserCode } from '../storage/device-codes.ts';
import { EDGE } from './browser.ts';
import { ISSUER_OF_TESTS } from './sessions.ts';

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  alice: ['demo:developers'],
  bob: ['demo:dba', 'demo:administrators'],
  carol: ['demo:auditors'],
  mallory: [],
};

export const person = (name: string, groups = GROUPS[name] ?? []): Identity => ({
  subject: `${ISSUER_OF_TESTS}#${name}`,
  email: `${name}@example.com`,
  name,
  groups: [...groups],
  provider: 'demo',
  authenticatedAt: '2026-11-20T10:00:00.000Z',
});

async function tokenOf(name: string, groups?: readonly string[]): Promise<string> {
  const directory = remote(env.DIRECTORY);
  const hash = await hashToken(newToken('gdc', systemIdSource.random));
  const userCode = newUserCode(systemIdSource.random);
  await directory.startDeviceLogin({ hash, userCode, address: 'tests', userAgent: 'tests' });
  await directory.decideDeviceLogin(userCode, person(name, groups));
  const token = newToken('gat', systemIdSource.random);
  await directory.redeemDeviceLogin(hash, await hashToken(token));
  return token.reveal();
}

export interface Caller {
  readonly token: string;
  get(path: string): Promise<Response>;
  send(method: string, path: string, body?: unknown): Promise<Response>;
}

/** Somebody who calls the API below /api/v1 with a token. `groups`: other ones than theirs, from now on. */
export async function callerAs(name: string, groups?: readonly string[]): Promise<Caller> {
  const token = await tokenOf(name, groups);
  const authorization = `Bearer ${token}`;
  return {
    token,
    get: (path) => SELF.fetch(`${EDGE}/api/v1${path}`, { headers: { authorization } }),
    send: (method, path, body) =>
      SELF.fetch(`${EDGE}/api/v1${path}`, {
        method,
        headers: { authorization, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
  };
}
